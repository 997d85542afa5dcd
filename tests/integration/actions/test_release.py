"""A hand-over leaves nothing: what the last tenant set at the BMC is gone before the next one can meet it."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select, update

from oobctl import administer
from oobctl.access import SYSTEM
from oobctl.audit.tags import Tag
from oobctl.constants import Capability, JobState, Outcome
from oobctl.readings import tell
from oobctl.store import AuditRecord, Job, Server, database
from tests.installation import CUSTOMER, eventually
from tests.integration.actions.conftest import OnTree
from tests.integration.actions.conftest import give as hand_over
from web.discretion import told

OTHER = "Other Customer"
SYSTEM_PATH, CD = "/redfish/v1/Systems/1", "/redfish/v1/Systems/1/VirtualMedia/Cd1"


def cleared(on_tree: OnTree) -> bool:
    return on_tree.road.server("db01").uncleared_since is None


def idle(on_tree: OnTree) -> bool:
    with database().read() as session:
        mine = select(Job).where(Job.server_id == on_tree.road.servers["db01"])
        return all(job.state.ended for job in session.scalars(mine))


@pytest.fixture(autouse=True)
def _back(on_tree: OnTree) -> Iterator[None]:
    yield
    hand_over(on_tree, CUSTOMER)
    eventually(lambda: cleared(on_tree) and idle(on_tree))


def give(on_tree: OnTree) -> Job:
    """Hand the server over; returns the job that cleared it, at its end."""
    administer.assign(SYSTEM, "db01", OTHER)
    eventually(lambda: cleared(on_tree) and idle(on_tree))
    with database().read() as session:
        mine = select(Job.id).where(Job.server_id == on_tree.road.servers["db01"], Job.action == "server.release")
        newest = session.scalars(mine.order_by(Job.id.desc())).first()
    assert newest is not None
    return on_tree.road.job(newest)


def override(on_tree: OnTree) -> str:
    return str(on_tree.bmc.state.resources.at(SYSTEM_PATH)["Boot"]["BootSourceOverrideEnabled"])


def test_the_next_tenant_meets_no_image_no_override_and_no_pending_bios_value_of_the_last_one(on_tree: OnTree) -> None:
    other = "Bios" if on_tree.bmc.state.bios()["BootMode"] == "Uefi" else "Uefi"
    wanted: tuple[tuple[str, dict[str, object]], ...] = (
        ("media.insert", {"image": "rescue.iso"}),
        ("boot.set", {"source": "Cd", "enabled": "Continuous"}),
        ("bios.set", {"values": {"BootMode": other}}),
    )
    for action, parameters in wanted:
        job = on_tree.road.do(action, "db01", parameters)
        assert job.state is JobState.SUCCEEDED, job.error
    assert on_tree.bmc.state.media()[CD] is not None
    assert on_tree.bmc.state.pending_bios() != {}
    released = give(on_tree)
    assert (released.state, released.outcome) == (JobState.SUCCEEDED, Outcome.PROVEN), released.error
    assert (on_tree.bmc.state.media()[CD], override(on_tree)) == (None, "Disabled")
    assert on_tree.bmc.state.pending_bios() == {}
    bios, media = (seen(on_tree, capability) for capability in (Capability.BIOS, Capability.VIRTUAL_MEDIA))
    assert bios.content is not None
    assert bios.content["pending"] == {}
    assert media.content is not None
    assert not any(slot["inserted"] for slot in media.content["slots"])
    words = str(told([released.evidence, [step.detail for step in released.steps]], staff=False))
    assert not any(secret in words for secret in ("rescue.iso", "BootMode", other))


def test_a_server_that_changes_hands_twice_in_a_second_is_cleared_twice(on_tree: OnTree) -> None:
    administer.assign(SYSTEM, "db01", OTHER)
    first = on_tree.road.server("db01").uncleared_since
    assert first is not None
    eventually(lambda: cleared(on_tree) and idle(on_tree))
    with database().write() as session:
        again = first.replace(microsecond=(first.microsecond + 1) % 1_000_000)
        session.get_one(Server, on_tree.road.servers["db01"]).uncleared_since = again
    eventually(lambda: cleared(on_tree) and idle(on_tree))


def seen(on_tree: OnTree, capability: Capability) -> tell.Told:
    """What the next tenant is told."""
    with database().read() as session:
        server = session.get_one(Server, on_tree.road.servers["db01"])
        return tell.latest(session, on_tree.road.actor("stranger"), server, capability)


def test_until_it_is_cleared_the_next_tenant_is_told_nothing_of_bios_and_media(on_tree: OnTree) -> None:
    give(on_tree)
    assert seen(on_tree, Capability.BIOS).content is not None
    with database().write() as session:
        mine = Server.id == on_tree.road.servers["db01"]
        since = session.scalars(select(Server).where(mine)).one().created_at
        session.execute(update(Server).where(mine).values(uncleared_since=since))
        server = session.scalars(select(Server).where(mine).execution_options(populate_existing=True)).one()
        stranger = on_tree.road.actor("stranger")
        found = [tell.latest(session, stranger, server, one) for one in (Capability.BIOS, Capability.VIRTUAL_MEDIA)]
        session.rollback()
    assert [one.read_at for one in found] == [None, None]


def test_what_the_bmc_does_not_let_go_of_is_put_to_staff_and_the_rest_is_cleared(
    on_tree: OnTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert on_tree.road.do("media.insert", "db01", {"image": "rescue.iso"}).state is JobState.SUCCEEDED
    assert on_tree.road.do("boot.set", "db01", {"source": "Cd", "enabled": "Continuous"}).state is JobState.SUCCEEDED
    actions = on_tree.bmc.state.resources.at(CD).pop("Actions")
    try:
        released = give(on_tree)
    finally:
        on_tree.bmc.state.resources.at(CD)["Actions"] = actions
    assert (released.state, (released.error or {})["code"]) == (JobState.FAILED, "state_not_reached")
    assert override(on_tree) == "Disabled"
    with database().read() as session:
        record = session.scalars(select(AuditRecord).where(AuditRecord.tag == Tag.SERVER_LEFT)).one()
    assert (list(record.parameters["left"]), record.account_id) == (["virtual media"], None)


def test_what_the_next_tenant_has_set_since_is_theirs(on_tree: OnTree) -> None:
    with database().write() as session:
        mine = Server.id == on_tree.road.servers["db01"]
        since = session.scalars(select(Server).where(mine)).one().created_at
    assert on_tree.road.do("media.insert", "db01", {"image": "rescue.iso"}).state is JobState.SUCCEEDED
    with database().write() as session:
        session.execute(update(Server).where(mine).values(uncleared_since=since))
    eventually(lambda: cleared(on_tree) and idle(on_tree))
    assert on_tree.bmc.state.media()[CD] is not None
