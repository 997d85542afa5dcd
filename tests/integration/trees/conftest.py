"""A BMC that is the tree written by hand, a connection to it, and what the tests of behaviours are held against."""

from collections.abc import Iterator

import httpx
import pytest

from oobctl.drivers.connect import ConnectedBmc
from oobctl.store import Database
from tests.integration.trees.asking import behaving
from tests.trees import Served, connected, serve


@pytest.fixture
def bmc(sqlite: Database) -> Iterator[Served]:
    with serve() as served:
        yield served


@pytest.fixture
def there(bmc: Served) -> Iterator[ConnectedBmc]:
    with connected(bmc) as found:
        yield found


@pytest.fixture
def plain() -> Iterator[httpx.Client]:
    """What the service does without any behaviour."""
    with behaving() as (_bmc, client):
        yield client
