"""kill -9 of the worker around commands that must not be repeated, and around those that may."""

import random
from collections.abc import Sequence

import pytest
from sqlalchemy import select

from oobctl.constants import JobState
from oobctl.control import find
from oobctl.store import BootOverride, database
from tests.conftest import mend
from tests.installation import steps_of
from tests.integration.prove.conftest import PROVE, SEED
from tests.integration.prove.killer import OF_A_SEND, Point
from tests.integration.prove.table import Row, Table, boot, problems_of

SERVERS = ("web01", "db01", "app01")
OVER_REDFISH = ("db01", "app01")  # the rack's IPMI simulator has no restart of itself
FEW = 1


def around(action: str, step: str, servers: Sequence[str] = SERVERS) -> list[Point]:
    """Before, during and after the step that sends, and at the job's end, on one server after the other; seeded."""
    chance = random.Random(SEED)
    steps = [found.name for found in find(action).steps]
    position = steps.index(step)
    found = [(at, position) for at in ("before", "begun", *OF_A_SEND, "done", "kept", "recorded")]
    found += [("before", position + 1)] if position + 1 < len(steps) else []
    found += [("finishing", -1), ("finished", -1)]
    made = [
        Point(at, servers[number % len(servers)], step, chance.uniform(0, 0.03) if at == "sending" else 0.0)
        for number, (at, step) in enumerate(found)
    ]
    return made if PROVE else chance.sample(made, FEW)


def judge_once(row: Row, command: str) -> None:
    """Never twice. Said to have happened: once. Not known: a person is asked, and it was not sent again."""
    count = sum(entry["command"] == command for entry in row.commands)
    if row.job.state is JobState.SUCCEEDED:
        if count != 1:
            row.problems.append(f"it is {row.job.state}, and the chassis got {count} x {command}")
    elif row.job.state is not JobState.NEEDS_ATTENTION or (row.job.error or {})["code"] != "outcome_unknown":
        row.problems.append(f"the job is {row.job.state}: {row.job.error}; {steps_of(row.job)}")
    elif count > 1:
        row.problems.append(f"it was sent {count} times")


@pytest.mark.prove
@pytest.mark.parametrize("point", around("power.reset", "send_reset"), ids=str)
def test_a_reset_whose_worker_is_killed_is_never_sent_twice(table: Table, point: Point) -> None:
    rows = table.round(point, "power.reset")
    for row in rows:
        judge_once(row, "reset")
    killed = next(row for row in rows if row.server == point.server)
    if point.at in {"before", "begun", "granting", "kept", "recorded", "finishing", "finished"}:
        assert killed.job.state is JobState.SUCCEEDED, "it was not under way when the worker died"
    else:
        assert killed.job.state is JobState.NEEDS_ATTENTION, "whether it arrived can't be known"
        assert [record.outcome for record in table.installation.records(killed.job.id)][-1] == "interrupted"
    assert problems_of(rows) == []


@pytest.mark.prove
@pytest.mark.parametrize("point", around("boot.set", "ensure_override"), ids=str)
def test_a_boot_override_whose_worker_is_killed_is_set_and_watched_once(table: Table, point: Point) -> None:
    mend(table.rack)
    rows = table.round(point, "boot.set", {"source": "Pxe", "enabled": "Once"})
    for row in rows:
        if (row.job.state, row.job.outcome) != (JobState.SUCCEEDED, "pending"):
            row.problems.append(f"the job is {row.job.state} ({row.job.outcome}): {row.job.error}")
        with database().read() as session:
            watched = session.scalars(select(BootOverride.id).where(BootOverride.job_id == row.job.id)).all()
        if len(watched) != 1:
            row.problems.append(f"it is watched {len(watched)} times")
        if not any(entry["command"] == "boot override" for entry in row.commands):
            row.problems.append("the chassis has no override")
    assert problems_of(rows) == []


@pytest.mark.prove
@pytest.mark.parametrize("point", around("power.shutdown", "ask_shutdown"), ids=str)
def test_a_shutdown_whose_worker_is_killed_ends_off_and_is_never_forced(table: Table, point: Point) -> None:
    mend(table.rack)  # an override left over would boot something else
    boot(table.rack, list(table.rack.servers))
    rows = table.round(point, "power.shutdown")
    mend(table.rack)
    for row in rows:
        if (row.job.state, row.job.outcome) != (JobState.SUCCEEDED, "proven"):
            row.problems.append(f"the job is {row.job.state} ({row.job.outcome}): {row.job.error}")
        if any(entry["command"] == "power off" for entry in row.commands):
            row.problems.append("it was forced off")
    assert problems_of(rows) == []


@pytest.mark.prove
@pytest.mark.parametrize("point", around("bmc.reset", "send_reset", OVER_REDFISH), ids=str)
def test_a_bmc_reset_whose_worker_is_killed_is_never_sent_twice(table: Table, point: Point) -> None:
    rows = table.round(point, "bmc.reset", names=OVER_REDFISH)
    for row in rows:
        judge_once(row, "bmc reset")
    assert problems_of(rows) == []
