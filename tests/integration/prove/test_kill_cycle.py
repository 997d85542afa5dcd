"""kill -9 of the worker at every point of a power cycle: every job ends, off once, on once, recorded once."""

import random

import pytest

from oobctl.control import find
from tests.integration.prove.conftest import PROVE, SEED
from tests.integration.prove.killer import OF_A_JOB, OF_A_SEND, OF_A_STEP, Point
from tests.integration.prove.table import Table, judge_cycle, problems_of

SERVERS = ("web01", "db01", "app01")
ROUNDS, FEW = 50, 4


def points() -> list[Point]:
    """Every boundary of every step once, each on another server, then random moments inside the steps; seeded."""
    chance = random.Random(SEED)
    steps = find("power.cycle").steps
    acting = [position for position, step in enumerate(steps) if step.name in {"ensure_off", "ensure_on"}]
    found = [(at, -1) for at in OF_A_JOB]
    found += [(at, position) for position in range(len(steps)) for at in OF_A_STEP if at != "later"]
    found += [(at, position) for position in acting for at in OF_A_SEND]
    while len(found) < ROUNDS:
        found.append(("later", chance.randrange(len(steps))))
    made = [
        Point(at, SERVERS[number % 3], step, _delay(at, chance)) for number, (at, step) in enumerate(found[:ROUNDS])
    ]
    return made if PROVE else chance.sample(made, FEW)


def _delay(at: str, chance: random.Random) -> float:
    """Sends take milliseconds, steps some hundred."""
    return {"sending": chance.uniform(0, 0.03), "later": chance.uniform(0, 0.4)}.get(at, 0.0)


@pytest.mark.prove
@pytest.mark.parametrize("point", points(), ids=str)
def test_a_killed_cycle_ends_proven_off_once_and_on_once(table: Table, point: Point) -> None:
    rows = table.round(point, "power.cycle")
    for row in rows:
        judge_cycle(row)
    assert problems_of(rows) == []
