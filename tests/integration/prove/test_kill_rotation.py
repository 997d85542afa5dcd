"""kill -9 of the worker at every point of a password rotation: nobody is locked out, no password is sent twice."""

import random
from collections.abc import Iterator

import pytest

from oobctl.control import find
from oobctl.lab.rack import RackInfo
from tests.conftest import mend
from tests.databases import Databases
from tests.guard import Guard
from tests.installation import Installation
from tests.integration.prove.conftest import PROVE, SEED, SHORT
from tests.integration.prove.killer import OF_A_CHANGE, OF_A_JOB, OF_A_NEXT_PASSWORD, OF_A_PROOF, OF_A_STEP, Point
from tests.integration.prove.rotation import ACTION, ONE_LIST, SPEAKS, RotationTable, bmcs, problems_of
from tests.profiles import write_profiles

FEW = 1


def points() -> list[Point]:
    """Every boundary of every step, one BMC after the other; then every point inside them at each BMC; seeded."""
    chance = random.Random(SEED)
    names, steps = list(SPEAKS), [step.name for step in find(ACTION).steps]
    found = [(at, -1) for at in OF_A_JOB]
    found += [(at, position) for position in range(len(steps)) for at in OF_A_STEP if at != "later"]
    made = [Point(at, names[number % len(names)], step) for number, (at, step) in enumerate(found)]
    boundaries = len(made)
    prepare, change, prove = map(steps.index, ("prepare", "set_password", "prove"))
    made += [Point(at, name, prepare) for name, at in zip(names, OF_A_NEXT_PASSWORD, strict=False)]
    for name, protocols in SPEAKS.items():
        for nth in range(1, len(protocols) + 1):
            if nth == 1 or name != ONE_LIST:  # what was set over one protocol is not sent over the other one
                made += [Point(at, name, change, _delay(at, chance), nth=nth) for at in OF_A_CHANGE]
            made += [Point(at, name, prove, nth=nth) for at in OF_A_PROOF]
    both = [name for name, protocols in SPEAKS.items() if len(protocols) > 1]
    made += [Point(at, name, change) for name in both for at in ("trying", "tried")]  # whether the second one has it
    others, one_list = (
        [point for point in made[boundaries:] if (point.server == ONE_LIST) is is_it] for is_it in (False, True)
    )
    return made if PROVE else chance.sample(others, FEW) + chance.sample(one_list, FEW)


def _delay(at: str, chance: random.Random) -> float:
    """A send takes some milliseconds."""
    return chance.uniform(0, 0.03) if at == "sending" else 0.0


@pytest.fixture(scope="module")
def rotations(
    databases: Databases, rack: RackInfo, guard: Guard, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RotationTable]:
    """One BMC of each kind, enrolled; no worker runs."""
    home = tmp_path_factory.mktemp("rotations")
    variables = {"hwprofiles": str(write_profiles(home / "hwprofiles", SHORT)), "dead_after_seconds": "2"}
    url = databases.migrated("sqlite")
    mend(rack)
    with bmcs(home, guard, rack) as doors, Installation(guard, home, url, variables) as installation:
        installation.initialise().add_people()
        for name, ways in doors.items():
            installation.add_server(name, [door.spec for door in ways.values()])
        worker = installation.start_worker()
        installation.enroll()
        worker.terminate()
        assert worker.wait_ended() == 0
        yield RotationTable(installation, doors)
    databases.drop(url)


@pytest.mark.prove
@pytest.mark.parametrize("point", points(), ids=lambda point: f"{point}-{point.server}")
def test_a_rotation_whose_worker_is_killed_is_proven_and_locks_nobody_out(
    rotations: RotationTable, point: Point
) -> None:
    assert problems_of(rotations.round(point)) == []
