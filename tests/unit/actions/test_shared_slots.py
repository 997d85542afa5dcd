"""A slot of virtual media that several servers share: who may empty it, and who is told what is in it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from oobctl import clock, control
from oobctl.access import SYSTEM, Actor
from oobctl.constants import Capability, JobState, Role
from oobctl.images import Image, catalogue, serving
from oobctl.readings import tell
from oobctl.store import Account, Assignment, Database, Job, Server, database
from tests.carrying import begin, carry_out, end, job
from tests.trees import Served, connect_to, serve, with_another, written
from tests.unit.actions.test_release_shared import FIRST, SECOND, SLOTS, both, insert, two_systems

CD = f"{SLOTS}/Cd1"
TENANT = Actor(kind="user", id="tenant", name="tenant", account_id="tenants", role=Role.OWNER)


class Shared(NamedTuple):
    """The BMC, its two servers (`mine` is the second system), and a job of the first one's that the rows name."""

    bmc: Served
    mine: str
    other: str
    earlier: Job

    def holds(self) -> str | None:
        """The name of the image in the slot."""
        found = self.bmc.state.media()[CD]
        return found and found.rpartition("/")[2]


@pytest.fixture
def shared(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shared]:
    monkeypatch.setattr(serving, "check", lambda *_: 1)
    monkeypatch.setattr(catalogue, "all_images", lambda: [Image("mine.iso", 1, Path("mine.iso"))])
    with serve(two_systems()) as bmc:
        mine, other = both(bmc)
        yield Shared(bmc, mine, other, carry_out("server.inspect", mine, capabilities=["health"]))


def by_customer(action: str, server_id: str, **parameters: Any) -> Job:
    """As carry_out, for somebody who is no staff."""
    job_id = control.submit(SYSTEM, action, server_id, parameters).id
    runner, run = begin(job_id)
    run.acted = replace(run.acted, by_staff=False)
    try:
        end(runner, run, 0)
    finally:
        runner.close(run)
    return job(job_id)


def said(of: Job) -> str:
    """All that a customer can read of a job."""
    evidence = {name: value for name, value in (of.evidence or {}).items() if name != "staff"}
    return repr((evidence, of.error, [step.detail for step in of.steps]))


def test_a_customer_empties_no_slot_for_an_image_of_theirs_that_another_server_uses(shared: Shared) -> None:
    insert(shared.other, "other.iso", shared.earlier)
    refused = by_customer("media.insert", shared.mine, image="mine.iso", slot="Cd1")
    assert (refused.state, (refused.error or {})["code"]) == (JobState.FAILED, "wrong_state")
    named = by_customer("media.eject", shared.mine, slot="Cd1")
    assert (named.state, (named.error or {})["code"]) == (JobState.FAILED, "wrong_state")
    assert shared.holds() == "other.iso"


def test_staff_empty_a_slot_by_its_name_and_the_record_names_the_image_to_staff_alone(shared: Shared) -> None:
    insert(shared.other, "other.iso", shared.earlier)
    assert carry_out("media.eject", shared.mine).state is JobState.FAILED
    named = carry_out("media.eject", shared.mine, slot="Cd1")
    assert (named.state, shared.holds()) == (JobState.SUCCEEDED, None), named.error
    assert (named.evidence or {})["staff"]["taken_out"] == {"Virtual CD": "other.iso"}
    assert "other.iso" not in said(named)


def test_what_another_server_was_given_stays_though_ours_has_the_same_name(shared: Shared) -> None:
    insert(shared.mine, "same.iso", shared.earlier, closed_at=clock.now())
    carry_out("media.eject", shared.mine, slot="Cd1")
    insert(shared.other, "same.iso", shared.earlier)
    refused = by_customer("media.eject", shared.mine)
    assert (refused.state, shared.holds()) == (JobState.FAILED, "same.iso")


def test_in_a_slot_of_its_own_system_everything_is_the_servers(sqlite: Database) -> None:
    slots = f"{SECOND}/VirtualMedia"
    tree = with_another(written(), FIRST, "2", UUID="7b0c1d9e-0000-4000-8000-000000005002", SerialNumber="EX-2")
    with serve(tree) as bmc:
        mine, _other = both(bmc)
        there = connect_to(mine)
        there.virtual_media.insert("Cd1", "https://media.example/key/by-hand.iso")
        there.close()
        ejected = by_customer("media.eject", mine)
        left = bmc.state.media()[f"{slots}/Cd1"]
    assert (ejected.state, left) == (JobState.SUCCEEDED, None), ejected.error
    assert "by-hand.iso" in said(ejected)


def test_a_customer_reads_no_name_of_another_servers_image(shared: Shared) -> None:
    insert(shared.other, "other.iso", shared.earlier)
    refused = by_customer("media.eject", shared.mine)
    assert "Virtual CD something not of this server" in said(refused)
    assert "other.iso" not in said(refused)
    with database().write() as session:
        session.add(Account(id="tenants", name="tenants"))
        session.flush()
        for server_id in (shared.mine, shared.other):
            session.add(Assignment(server_id=server_id, account_id="tenants", from_at=clock.now()))
    for server_id in (shared.mine, shared.other):
        carry_out("server.inspect", server_id, capabilities=["virtual_media"])
    assert told(shared.mine, staff=False) == (True, None)
    assert told(shared.other, staff=False) == (True, "other.iso")
    assert told(shared.mine, staff=True) == (True, "other.iso")


def told(server_id: str, *, staff: bool) -> tuple[bool, str | None]:
    """What is in the CD's slot, as somebody who has the server, or staff, read it."""
    with database().read() as session:
        server = session.get_one(Server, server_id)
        reader = SYSTEM if staff else TENANT
        content = tell.latest(session, reader, server, Capability.VIRTUAL_MEDIA).content or {}
    [slot] = [slot for slot in content["slots"] if slot["slot"] == "Cd1"]
    return slot["inserted"], slot["image"]
