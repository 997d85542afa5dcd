"""A rack for the tests of this folder."""

import pytest

from oobctl.lab.rack import RackInfo
from tests.integration.lab.lab_clients import Server


@pytest.fixture
def lab(healthy_rack: RackInfo) -> RackInfo:
    return healthy_rack


@pytest.fixture
def web01(lab: RackInfo) -> Server:
    return Server(lab, "web01")


@pytest.fixture
def db01(lab: RackInfo) -> Server:
    return Server(lab, "db01")


@pytest.fixture
def app01(lab: RackInfo) -> Server:
    return Server(lab, "app01")
