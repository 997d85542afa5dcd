"""A BMC that answers nonsense to everything: each reading ends, with a report or with one of the tree's errors."""

import random
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oobctl import profiles
from oobctl.constants import Health, State
from oobctl.drivers import loops
from oobctl.drivers.ipmi.event_log import IpmiEventLog
from oobctl.drivers.ipmi.health import IpmiHealth
from oobctl.drivers.ipmi.inventory import IpmiInventory
from oobctl.drivers.ipmi.lan import Answer
from oobctl.drivers.ipmi.power_metering import IpmiPowerMetering
from oobctl.drivers.ipmi.repository import forget
from oobctl.drivers.ipmi.security import IpmiSecurity
from oobctl.drivers.ipmi.sensors import IpmiSensors
from oobctl.drivers.ipmi.session import IpmiSession
from oobctl.drivers.ipmi.users import IpmiUsers
from oobctl.drivers.readings import as_json
from oobctl.errors import BmcError
from oobctl.vault import Secret
from tests import sdr_records as r
from tests.unit.drivers.ipmi.test_repository import Records

CAPABILITIES = (
    IpmiSensors, IpmiEventLog, IpmiHealth, IpmiInventory, IpmiPowerMetering, IpmiUsers, IpmiSecurity,
)  # fmt: skip
CODES = [0xC0, 0xC1, 0xC5, 0xC8, 0xCA, 0xCB, 0xCC, 0xD4, 0xFF]
SDR_COMMANDS = {(0x0A, 0x20), (0x0A, 0x22), (0x0A, 0x23), (0x06, 0x01)}


class Noise(Records):
    """Random codes and bytes, of any length; the sensors' records are good ones where `honest`."""

    def __init__(self, dice: random.Random, *, honest: bool) -> None:
        super().__init__(
            (r.full(1, "CPU1 Temp", readable=0x3F), r.compact(7, "PSU1", number=2), r.fru(3, "F", number=3))
        )
        self.dice, self.honest = dice, honest

    def noisy(self) -> IpmiSession:
        endpoint = SimpleNamespace(address="192.0.2.9", port=623)
        login = SimpleNamespace(
            endpoint=endpoint, profile=profiles.find("generic-ipmi"), secret=Secret("admin", "secret")
        )
        session = SimpleNamespace(login=login, known={}, exchange=self.exchange, read=self.read)
        return cast(IpmiSession, session)

    def read(self, netfn: int, command: int, data: bytes = b"", *, what: str) -> bytes:
        return self.exchange(netfn, command, data).data

    def exchange(self, netfn: int, command: int, data: bytes = b"", **more: Any) -> Answer:
        if self.honest and (netfn, command) in SDR_COMMANDS:
            return super().exchange(netfn, command, data, **more)
        if self.dice.random() < 0.2:
            return Answer(self.dice.choice(CODES), b"")
        return Answer(0, self.dice.randbytes(self.dice.choice([0, 1, 2, 3, 4, 7, 11, 16, 18, 40])))


@pytest.fixture(scope="module", autouse=True)
def _at_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loops, "sleep", lambda _seconds: None)
        yield


@settings(max_examples=40, deadline=None)
@given(st.integers(), st.booleans())
def test_noise_ends_in_a_report_or_an_error_of_the_tree(seed: int, honest: bool) -> None:
    for capability in CAPABILITIES:
        forget()
        reader: Any = capability(Noise(random.Random(seed), honest=honest).noisy(), lambda _seconds: None)
        try:
            report = reader.read()
        except BmcError:
            continue
        assert as_json(report) is not None
        assert all(problem.endswith(".") for problem in report.problems)


@settings(max_examples=40, deadline=None)
@given(st.integers())
def test_no_sensor_that_was_not_read_is_shown_as_ok(seed: int) -> None:
    forget()
    try:
        report = IpmiSensors(Noise(random.Random(seed), honest=True).noisy(), lambda _seconds: None).read()
    except BmcError:
        return
    for sensor in report.sensors:
        if sensor.state is not State.ENABLED:
            assert (sensor.reading, sensor.health) == (None, Health.UNKNOWN)
