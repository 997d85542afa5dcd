"""What the tests stand on: databases of both kinds, the virtual rack, and one guard over all that they start."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

from oobctl.config import settings
from oobctl.errors import ConfigurationError
from oobctl.lab import rack as virtual_rack
from oobctl.lab.rack import RackInfo
from oobctl.store import Database, database, use
from tests.databases import KINDS, Cluster, Databases
from tests.furnished import Furnished
from tests.guard import Guard
from tests.installation import Installation
from tests.nets import own_net
from tests.profiles import Derived

# No test is about time: a loaded computer takes longer for one example.
hypothesis.settings.register_profile("oobctl", deadline=None)
hypothesis.settings.load_profile("oobctl")


@pytest.fixture(scope="session")
def guard() -> Iterator[Guard]:
    """Ends what the tests started, also when this process is killed."""
    found = Guard()
    yield found
    found.close()


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory, guard: Guard) -> Iterator[Databases]:
    found = Databases(tmp_path_factory.mktemp("databases"), guard)
    yield found
    found.close()


@pytest.fixture
def cluster(guard: Guard) -> Iterator[Cluster]:
    """A PostgreSQL server of the test's own, to be stopped and started."""
    found = Cluster(guard)
    found.start()
    yield found
    found.remove()


@pytest.fixture(params=KINDS)
def database_kind(request: pytest.FixtureRequest) -> str:
    """Parametrised: the test runs once on SQLite and once on PostgreSQL."""
    return str(request.param)


@pytest.fixture
def database_url(database_kind: str, databases: Databases) -> Iterator[str]:
    """A new database of each kind, with its tables."""
    url = databases.migrated(database_kind)
    yield url
    databases.drop(url)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An OOBCTL_HOME of the test's own, and no other setting. This process works on its database until the end."""
    for name in [name for name in os.environ if name.startswith("OOBCTL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OOBCTL_HOME", str(tmp_path))
    settings.cache_clear()
    use(None)
    yield tmp_path
    with contextlib.suppress(ConfigurationError):  # a test of wrong settings
        database().close()
    use(None)
    settings.cache_clear()


@pytest.fixture
def db(home: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Database:
    """This process's database, of each kind, with its tables."""
    monkeypatch.setenv("OOBCTL_DATABASE_URL", database_url)
    settings.cache_clear()
    return database()


@pytest.fixture
def sqlite(home: Path, databases: Databases, monkeypatch: pytest.MonkeyPatch) -> Database:
    """This process's database with its tables, for tests in which the kind makes no difference."""
    monkeypatch.setenv("OOBCTL_DATABASE_URL", databases.migrated("sqlite"))
    settings.cache_clear()
    return database()


@pytest.fixture
def derived(home: Path, monkeypatch: pytest.MonkeyPatch) -> Derived:
    """Makes profiles based on a shipped one, with quirks taken out or put in: `derived(without=["bad-dates"])`."""

    def use_folder(folder: Path) -> None:
        monkeypatch.setenv("OOBCTL_HWPROFILES", str(folder))
        settings.cache_clear()

    return Derived(home / "derived", use_folder)


@pytest.fixture(scope="session")
def furnish(databases: Databases, guard: Guard, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Furnished]:
    """Per kind of database, an installation with people and servers, to be copied."""
    made: dict[str, Furnished] = {}

    def make(kind: str) -> Furnished:
        if kind not in made:
            made[kind] = Furnished(guard, databases, tmp_path_factory.mktemp(f"furnished-{kind}"), kind)
        return made[kind]

    return make


@pytest.fixture
def installation(
    database_kind: str, furnish: Callable[[str], Furnished], databases: Databases, tmp_path: Path
) -> Iterator[Installation]:
    """An installation of the test's own, on each kind of database, with people and servers that nobody answers for."""
    yield from furnish(database_kind).installation(databases, tmp_path / "home")


@pytest.fixture
def sqlite_installation(
    furnish: Callable[[str], Furnished], databases: Databases, tmp_path: Path
) -> Iterator[Installation]:
    """The same on SQLite alone, where the kind of database makes no difference."""
    yield from furnish("sqlite").installation(databases, tmp_path / "home")


@pytest.fixture
def new_installation(guard: Guard, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Installation]:
    """Installation(database_url, **settings): to be used with `with`. One at a time."""

    def make(database_url: str, **variables: str) -> Installation:
        return Installation(guard, tmp_path_factory.mktemp("installation"), database_url, variables)

    return make


@pytest.fixture(scope="session")
def rack(tmp_path_factory: pytest.TempPathFactory, guard: Guard) -> Iterator[RackInfo]:
    """The virtual rack with its three servers, for the whole session."""
    home = tmp_path_factory.mktemp("rack")
    guard.end_rack(home)
    yield virtual_rack.up(home, net=own_net())
    virtual_rack.down(home)


@pytest.fixture(scope="module")
def many(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, guard: Guard) -> Iterator[RackInfo]:
    """BMCs without machines behind them, as many as the module's BMCS says."""
    home = tmp_path_factory.mktemp("many")
    guard.end_rack(home)
    yield virtual_rack.up(home, net=own_net(2), servers=[], light=request.module.BMCS)
    virtual_rack.down(home)


@pytest.fixture
def healthy_rack(rack: RackInfo) -> Iterator[RackInfo]:
    """The rack with every server healthy, powered on and without a boot override."""
    mend(rack)
    yield rack
    for name in rack.servers:
        virtual_rack.clear(rack.home, name)


def mend(rack: RackInfo) -> None:
    """No fault, no override, power on."""
    for name in rack.servers:
        virtual_rack.clear(rack.home, name)
        virtual_rack.command(rack.home, name, "boot-override", target="None")
        virtual_rack.command(rack.home, name, "power-on")
