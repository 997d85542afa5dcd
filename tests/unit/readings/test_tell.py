"""Who is told what of a server's readings, on both databases: staff all, a tenant what was read in their time."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete

from oobctl import clock, readings
from oobctl.access import Actor
from oobctl.constants import Capability, Health, Role
from oobctl.drivers.readings import BiosReport
from oobctl.errors import NotAllowed, NotFound, OobctlError, WrongState
from oobctl.readings import Report, baselines, tell
from oobctl.store import Assignment, Server, database
from tests.installation import Installation
from tests.unit.readings import samples

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def server_id(installation: Installation) -> str:
    """A server that one account had until noon, and the customer has since 14:00."""
    found = installation.servers["web01"]
    with database().write() as session:
        session.execute(delete(Assignment).where(Assignment.server_id == found))
        stranger, customer = (installation.actor(name).account_id for name in ("stranger", "customer"))
        for account, since, until in ((stranger, 8, 12), (customer, 14, None)):
            session.add(
                Assignment(server_id=found, account_id=account, from_at=at(since), until_at=until and at(until))
            )
    return found


def at(hour: float) -> datetime:
    return NOON + timedelta(hours=hour - 12)


def keep(server_id: str, capability: Capability, found: Report | OobctlError, hour: float) -> None:
    with database().write() as session:
        readings.keep(session, server_id, capability, found, at(hour))


def told(actor: Actor, server_id: str, capability: Capability = Capability.SENSORS) -> tell.Told:
    with database().read() as session:
        return tell.latest(session, actor, session.get_one(Server, server_id), capability)


def test_the_moment_of_the_last_change_of_hands(installation: Installation, server_id: str) -> None:
    spare, ahead = installation.servers["spare01"], installation.servers["db01"]
    with database().write() as session:
        session.execute(delete(Assignment).where(Assignment.server_id.in_([spare, ahead])))
        account = installation.actor("customer").account_id
        session.add(Assignment(server_id=spare, account_id=account, from_at=at(8), until_at=at(13)))
        end = clock.now() + timedelta(days=1)
        session.add(Assignment(server_id=ahead, account_id=account, from_at=at(9), until_at=end))
    with database().read() as session:
        moments = tell.handed_over(session, [server_id, spare, ahead, installation.servers["other01"]])
    assert (moments[server_id], moments[spare], moments[ahead]) == (at(14), at(13), at(9))


@pytest.mark.parametrize(("hour", "seen"), [(11, False), (13, False), (14, True), (15, True)])
def test_a_tenant_is_told_what_was_read_in_their_time(
    installation: Installation, server_id: str, hour: float, seen: bool
) -> None:
    keep(server_id, Capability.SENSORS, samples.SENSORS, hour)
    keep(server_id, Capability.HEALTH, samples.HEALTH, hour)
    assert (told(installation.actor("customer"), server_id).content is not None) is seen
    assert told(installation.actor("technician"), server_id).read_at == at(hour)
    with database().read() as session:
        healths = [tell.health(session, installation.actor(name), [server_id]) for name in ("customer", "technician")]
    everything = {server_id: tell.HealthTold(Health.WARNING, at(hour), None)}
    assert healths == [everything if seen else {}, everything]


def test_a_failure_of_the_tenants_time_hides_what_was_read_before_it(
    installation: Installation, server_id: str
) -> None:
    keep(server_id, Capability.SENSORS, samples.SENSORS, 11)
    keep(server_id, Capability.SENSORS, OobctlError("Nothing."), 15)
    found = told(installation.actor("customer"), server_id)
    assert (found.content, found.read_at, found.tried_at) == (None, None, at(15))
    assert (found.problem or {})["message"] == "Nothing."


def test_entries_of_the_tenants_time_and_no_older_ones(installation: Installation, server_id: str) -> None:
    keep(server_id, Capability.EVENT_LOG, samples.log(samples.entry(1), samples.entry(2), whole=("SEL",)), 11)
    dated = [samples.entry(3, created=at(13)), samples.entry(4, created=at(14)), samples.entry(5)]
    keep(server_id, Capability.EVENT_LOG, samples.log(*dated), 15)
    seen = {}
    with database().read() as session:
        server = session.get_one(Server, server_id)
        for name in ("customer", "technician"):
            rows, _ = tell.entries(session, installation.actor(name), server)
            counted = tell.counts(session, installation.actor(name), server)
            seen[name] = ([row.entry_id for row in rows], counted)
    assert seen["customer"] == (["5", "4"], {"SEL": {"Critical": 2}})
    assert sorted(seen["technician"][0]) == ["1", "2", "3", "4", "5"]


def test_entries_come_in_pages_without_a_gap(installation: Installation, server_id: str) -> None:
    keep(server_id, Capability.EVENT_LOG, samples.log(*(samples.entry(number) for number in range(25))), 15)
    seen: list[str] = []
    after, pages = None, 0
    with database().read() as session:
        server = session.get_one(Server, server_id)
        while pages == 0 or after:
            rows, after = tell.entries(session, installation.actor("customer"), server, after=after, limit=10)
            seen += [row.entry_id for row in rows]
            pages += 1
    assert (pages, seen) == (3, [str(number) for number in reversed(range(25))])


@pytest.mark.parametrize("capability", [Capability.USERS, Capability.SECURITY])
def test_the_bmcs_users_and_security_are_told_to_staff_alone(
    installation: Installation, server_id: str, capability: Capability
) -> None:
    for name in ("customer", "operator", "viewer"):
        with pytest.raises(NotAllowed, match="Only staff"):
            told(installation.actor(name), server_id, capability)
    for name in ("technician", "admin", "auditor"):
        assert told(installation.actor(name), server_id, capability) == tell.Told()


def test_a_token_that_may_nothing_is_told_nothing(installation: Installation, server_id: str) -> None:
    customer = installation.actor("customer")
    token = Actor("token", customer.id, "t", customer.account_id, Role.OWNER, permissions=())
    with pytest.raises(NotAllowed, match="limited to nothing"):
        told(token, server_id)


def test_a_baseline_belongs_to_the_tenant_in_whose_time_it_was_saved(
    installation: Installation, server_id: str
) -> None:
    customer, technician = installation.actor("customer"), installation.actor("technician")
    keep(server_id, Capability.BIOS, samples.BIOS, 15)
    first = baselines.save(customer, server_id, "golden")
    with pytest.raises(WrongState, match="already"):
        baselines.save(customer, server_id, "golden")
    with database().write() as session:  # as if it had been saved by the tenant before
        session.merge(first).saved_at = at(11)
    second = baselines.save(customer, server_id, "golden")
    assert second.id != first.id
    keep(server_id, Capability.BIOS, BiosReport({"BootMode": "Bios"}, {}, None, ()), 16)
    with database().read() as session:
        server = session.get_one(Server, server_id)
        assert [row.id for row in baselines.listed(session, customer, server)] == [second.id]
        assert len(baselines.listed(session, technician, server)) == 2
        _, _, differing = baselines.compare(session, customer, server, "golden")
        assert [one.name for one in differing] == ["BootMode", "Cores", "Unlisted"]
        with pytest.raises(NotFound):
            baselines.compare(session, customer, server, "silver")


def test_settings_that_were_read_in_another_tenants_time_are_not_saved(
    installation: Installation, server_id: str
) -> None:
    keep(server_id, Capability.BIOS, samples.BIOS, 11)
    with pytest.raises(WrongState, match="not read yet"):
        baselines.save(installation.actor("customer"), server_id, "golden")
