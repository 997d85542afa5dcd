"""What the tests of behaviours are held against."""

from collections.abc import Iterator

import httpx
import pytest

from tests.integration.trees.asking import behaving


@pytest.fixture
def plain() -> Iterator[httpx.Client]:
    """What the service does without any behaviour."""
    with behaving() as (_bmc, client):
        yield client
