"""One virtual rack for all tests of the drivers, BMCs of a test's own, and an installation for each test."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from oobctl.config import settings
from oobctl.constants import SessionPurpose
from oobctl.drivers.ipmi.repository import forget
from oobctl.lab.rack import RackInfo
from oobctl.store import use
from tests.guard import Guard
from tests.integration.drivers.rows import Rows, open_database
from tests.integration.drivers.simulator import Bench, Simulator
from tests.profiles import write_profiles


@pytest.fixture
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process's home and database are the test's own, and no BMC's sensors are remembered."""
    monkeypatch.setenv("OOBCTL_HOME", str(tmp_path))
    monkeypatch.delenv("OOBCTL_DATABASE_URL", raising=False)
    settings.cache_clear()
    database = open_database(tmp_path / "oobctl.db")
    use(database)
    forget()
    try:
        yield
    finally:
        use(None)
        database.close()
        settings.cache_clear()


@pytest.fixture(params=[SessionPurpose.ACT, SessionPurpose.POLL])
def purpose(request: pytest.FixtureRequest) -> SessionPurpose:
    """What acts and what polls have each a client of their own."""
    found: SessionPurpose = request.param
    return found


@pytest.fixture
def rows(healthy_rack: RackInfo, _installed: None) -> Rows:
    return Rows(healthy_rack)


@pytest.fixture
def simulate(
    _installed: None, tmp_path: Path, guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Bench]]:
    """simulate(records=..., commands=..., frus=...): a BMC of the test's own, and a connection to it.

    profile: what is different in its profile ("users.longest_password": 20).
    """
    made: list[Bench] = []

    def make(profile: dict[str, Any] | None = None, **what: Any) -> Bench:
        if profile:
            monkeypatch.setenv("OOBCTL_HWPROFILES", str(write_profiles(tmp_path / "profiles", profile)))
            settings.cache_clear()
        folder = tmp_path / f"simulator-{len(made)}"
        folder.mkdir()
        simulator = Simulator(folder, **what)
        guard.end_group(simulator.pid)
        made.append(Bench(simulator))
        return made[-1]

    yield make
    for bench in made:
        bench.stop()
