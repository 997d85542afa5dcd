"""What a next tenant is told of a server's readings: nothing that was read before it was theirs."""

from datetime import timedelta

from flask.testing import FlaskClient

from oobctl import administer, clock, readings
from oobctl.access import SYSTEM
from oobctl.constants import Capability, Health
from oobctl.drivers.readings import EventLogReport, HealthReport, MediaReport, MediaSlot
from oobctl.store import Assignment, Reading, Server, database
from tests.unit.readings import samples
from tests.unit.web.conftest import SignIn
from tests.unit.web.seed import Seed, everything_read, read
from tests.unit.web.test_readings import PATHS, STAFFS, Bearer, get


def hand_over(seed: Seed, name: str, account: str) -> None:
    """And a worker has cleared what the last tenant set."""
    administer.assign(SYSTEM, seed.servers[name], account)
    with database().write() as session:
        session.get_one(Server, seed.servers[name]).uncleared_since = None


def test_a_next_tenant_sees_nothing_that_was_read_before_and_staff_all(
    anonymous: FlaskClient, bearer: Bearer, seed: Seed
) -> None:
    with database().write() as session:  # as an inspection and the monitor left it
        readings.keep(session, seed.servers["build01"], Capability.HEALTH, samples.HEALTH, clock.now())
    everything_read(seed, "build01")
    everything_read(seed, "mail01")
    saved = anonymous.post("/api/v1/servers/mail01/bios/baselines", json={"name": "mine"}, headers=bearer("owner"))
    assert saved.status_code == 201
    hand_over(seed, "mail01", "other")
    for path, member in PATHS.items():
        if path not in STAFFS:
            found = get(anonymous, f"/servers/mail01/{path}", bearer("stranger"))
            assert (found["read_at"], found["tried_at"], found["problem"]) == (None, None, None), path
            assert not found[member], path
        if path != "power-metering":
            assert get(anonymous, f"/servers/mail01/{path}", bearer("technician"))[member], path
    assert get(anonymous, "/servers/mail01/event-log", bearer("stranger"))["counts"] == {}
    assert get(anonymous, "/servers/mail01/bios/baselines", bearer("stranger"))["items"] == []
    assert len(get(anonymous, "/servers/mail01/bios/baselines", bearer("admin"))["items"]) == 1
    detail = get(anonymous, "/servers/mail01", bearer("stranger"))
    assert (detail["health"], detail["health_read_at"]) == ("Unknown", None)
    assert get(anonymous, "/servers/mail01", bearer("admin"))["health"] == "Warning"
    listed = {item["name"]: item["health"] for item in get(anonymous, "/servers", bearer("stranger"))["items"]}
    assert listed["mail01"] == "Unknown"


def test_a_former_tenants_baseline_keeps_no_name_from_the_next_one(
    anonymous: FlaskClient, bearer: Bearer, seed: Seed
) -> None:
    everything_read(seed, "mail01")
    path = "/api/v1/servers/mail01/bios/baselines"
    assert anonymous.post(path, json={"name": "golden"}, headers=bearer("owner")).status_code == 201
    hand_over(seed, "mail01", "other")
    read(seed, "mail01", Capability.BIOS, samples.BIOS, age=-1)
    assert anonymous.post(path, json={"name": "golden"}, headers=bearer("stranger")).status_code == 201
    assert len(get(anonymous, "/servers/mail01/bios/baselines", bearer("stranger"))["items"]) == 1
    assert get(anonymous, "/servers/mail01/bios/diff?baseline=golden", bearer("owner"), 404)


def test_a_next_tenant_sees_what_is_read_and_noted_from_then_on(
    anonymous: FlaskClient, bearer: Bearer, seed: Seed
) -> None:
    everything_read(seed, "mail01")
    hand_over(seed, "mail01", "other")
    later = clock.now() + timedelta(seconds=2)
    log = samples.log(
        samples.entry(6, created=clock.now() + timedelta(seconds=1)),
        samples.entry(7, "Chassis opened", created=clock.now() - timedelta(days=1)),  # found late, and older
    )
    media = MediaReport((MediaSlot("Cd", "Virtual CD", ("CD",), False),))
    with database().write() as session:
        readings.keep(session, seed.servers["mail01"], Capability.EVENT_LOG, log, later)
        readings.keep(session, seed.servers["mail01"], Capability.VIRTUAL_MEDIA, media, later)
        health = HealthReport(Health.OK, (), known=3, unknown=0)
        readings.keep(session, seed.servers["mail01"], Capability.HEALTH, health, later)
    items = get(anonymous, "/servers/mail01/event-log", bearer("stranger"))["items"]
    assert [item["entry_id"] for item in items] == ["6"]
    assert len(get(anonymous, "/servers/mail01/event-log", bearer("admin"))["items"]) == 7
    assert get(anonymous, "/servers/mail01/virtual-media", bearer("stranger"))["slots"][0]["inserted"] is False
    assert get(anonymous, "/servers/mail01", bearer("stranger"))["health"] == "OK"


def test_a_next_tenant_is_not_told_of_a_beginning_before_the_server_was_theirs(
    anonymous: FlaskClient, bearer: Bearer, seed: Seed
) -> None:
    critical = HealthReport(Health.CRITICAL, (), known=3, unknown=0)
    read(seed, "mail01", Capability.HEALTH, HealthReport(Health.OK, (), known=3, unknown=0), age=60)
    read(seed, "mail01", Capability.HEALTH, critical, age=30)
    hand_over(seed, "mail01", "other")
    read(seed, "mail01", Capability.HEALTH, critical, age=-1)
    theirs = get(anonymous, "/servers/mail01", bearer("stranger"))
    assert (theirs["health"], theirs["health_since"]) == ("Critical", None)
    assert get(anonymous, "/servers/mail01", bearer("admin"))["health_since"] is not None


def test_a_log_whose_entries_are_older_than_the_tenancy_is_not_called_empty(sign_in: SignIn, seed: Seed) -> None:
    everything_read(seed, "mail01")
    hand_over(seed, "mail01", "other")
    log = EventLogReport((), {})
    read(seed, "mail01", Capability.EVENT_LOG, log, age=-1)
    body = sign_in("stranger").get(f"/servers/{seed.servers['mail01']}/hardware/event-log").text
    assert "The BMC noted nothing since the server is yours." in body
    assert "log is empty" not in body


def test_a_tenant_who_comes_back_sees_nothing_of_those_between(
    anonymous: FlaskClient, bearer: Bearer, seed: Seed
) -> None:
    everything_read(seed, "mail01")
    for account in ("other", "shop"):
        hand_over(seed, "mail01", account)
    assert get(anonymous, "/servers/mail01/sensors", bearer("owner"))["sensors"] is None
    with database().read() as session:
        assert len(session.query(Assignment).filter_by(server_id=seed.servers["mail01"]).all()) == 3
        assert session.get(Reading, (seed.servers["mail01"], Capability.SENSORS)) is not None


def test_a_next_tenant_sees_nothing_of_what_sensors_read_before_over_time(
    anonymous: FlaskClient, bearer: Bearer, seed: Seed
) -> None:
    read(seed, "mail01", Capability.SENSORS, samples.SENSORS, age=20)
    begin = clock.rfc3339(clock.now() - timedelta(days=30))
    path = f"/servers/mail01/sensors?from={begin}"
    assert get(anonymous, path, bearer("owner"))["history"]["series"]
    hand_over(seed, "mail01", "other")
    found = get(anonymous, path, bearer("stranger"))["history"]
    assert (found["times"], found["series"]) == ([], [])
    assert get(anonymous, path, bearer("technician"))["history"]["series"]
