"""Sensors that no simulator at hand has: not linear ones, refusals of every kind, answers cut short."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from oobctl.constants import Health, State
from oobctl.drivers.ipmi.lan import Answer
from oobctl.drivers.ipmi.repository import Memory, forget
from oobctl.drivers.ipmi.sdr import SensorRecord, decode
from oobctl.drivers.ipmi.sensors import IpmiSensors, SensorReader
from oobctl.drivers.ipmi.session import IpmiSession
from oobctl.errors import BmcBusy, BmcRefused
from tests import sdr_records as r
from tests.unit.drivers.ipmi.test_repository import Records

FACTORS, THRESHOLDS, READING = 0x23, 0x27, 0x2D
READ = Answer(0, bytes((40, 0x40, 0xC0)))


class Bmc(Records):
    """As well with answers about sensors; a command that has none is refused."""

    def __init__(self, *records: bytes, **answers: Answer) -> None:
        super().__init__(records)
        self.answers = answers

    def exchange(self, netfn: int, command: int, data: bytes = b"", **more: Any) -> Answer:
        if netfn != 0x04:
            return super().exchange(netfn, command, data, **more)
        self.asked.append((command, data))
        key = {FACTORS: "factors", THRESHOLDS: "thresholds", READING: f"reading_{data[0]}"}[command]
        return self.answers.get(key, Answer(0xC1, b""))


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("oobctl.drivers.loops.sleep", lambda _seconds: None)
    forget()
    yield
    forget()


def sensors(bmc: Bmc) -> IpmiSensors:
    return IpmiSensors(bmc.session(), lambda _seconds: None)


def factors(m: int) -> Answer:
    return Answer(0, b"\xff" + r.factors(m))


def test_a_sensor_that_is_not_linear_is_converted_by_the_factors_of_its_raw_byte() -> None:
    bmc = Bmc(r.full(1, "Curve", linearization=0x70), reading_1=READ, factors=factors(3))
    [found] = sensors(bmc).read().sensors
    assert found.reading == 120.0
    sensors(bmc).read()
    assert bmc.asked.count((FACTORS, bytes((1, 40)))) == 1  # and they are kept


@pytest.mark.parametrize("answer", [Answer(0xC1, b""), Answer(0, b"\xff\x01")])
def test_a_sensor_that_is_not_linear_is_unknown_where_its_factors_are(answer: Answer) -> None:
    report = sensors(Bmc(r.full(1, "Curve", linearization=0x70), reading_1=READ, factors=answer)).read()
    [found] = report.sensors
    assert (found.reading, found.health) == (None, Health.UNKNOWN)
    assert "is not linear, and the BMC does not say how 0x28 is converted" in report.problems[0]


def test_the_records_thresholds_hold_where_the_bmc_does_not_tell_its_own() -> None:
    record = r.full(1, "Temp", readable=0x38, compared=(0, 7), thresholds=bytes((0, 0, 0, 85, 95, 105)))
    [found] = sensors(Bmc(record, reading_1=READ)).read().sensors
    assert (found.thresholds.upper_caution, found.thresholds.upper_fatal) == (85.0, 105.0)
    forget()
    [found] = (
        sensors(Bmc(record, reading_1=READ, thresholds=Answer(0, bytes((0x10, 0, 0, 0, 0, 90, 0))))).read().sensors
    )
    assert (found.thresholds.upper_caution, found.thresholds.upper_critical) == (None, 90.0)


@pytest.mark.parametrize(
    ("answer", "state", "said"),
    [
        (Answer(0xCB, b""), State.ABSENT, None),
        (Answer(0xCD, b""), State.UNKNOWN, "answered 0xCD"),
        (Answer(0xD5, b""), State.UNKNOWN, "answered 0xD5"),
        (Answer(0x85, b""), State.UNKNOWN, "answered 0x85"),
        (Answer(0, b""), State.UNKNOWN, "was read in 0 bytes"),
        (Answer(0, b"\x28"), State.UNKNOWN, "was read in 1 bytes"),
    ],
)
def test_one_sensor_that_can_not_be_read_costs_no_other(answer: Answer, state: State, said: str | None) -> None:
    report = sensors(Bmc(r.full(1, "One"), r.full(2, "Two", number=2), reading_1=answer, reading_2=READ)).read()
    one, two = report.sensors
    assert (one.reading, one.health, one.state) == (None, Health.UNKNOWN, state)
    assert two.reading == 40.0
    assert len(report.problems) == (said is not None)
    assert all(str(said) in problem for problem in report.problems)


@pytest.mark.parametrize(("code", "error"), [(0xC0, BmcBusy), (0xC3, BmcBusy), (0xD2, BmcBusy), (0xD4, BmcRefused)])
def test_a_bmc_that_gives_no_sensor_at_all_is_an_error(code: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        sensors(
            Bmc(r.full(1, "One"), r.full(2, "Two", number=2), **{f"reading_{n}": Answer(code, b"") for n in (1, 2)})
        ).read()


def test_a_bmc_whose_sensors_are_all_absent_is_none() -> None:
    report = sensors(Bmc(r.full(1, "One"), reading_1=Answer(0xCB, b""))).read()
    assert (report.sensors[0].state, report.problems) == (State.ABSENT, ())


def test_a_sensor_of_another_unit_of_the_bmc_is_asked_of_that_one() -> None:
    asked: list[int] = []

    def exchange(_netfn: int, _command: int, _data: bytes, *, what: str, lun: int) -> Answer:
        asked.append(lun)
        return READ

    [record] = decode(r.full(1, "Temp", owner=(0x20, 3), access=0))
    assert isinstance(record, SensorRecord)
    session = cast(IpmiSession, SimpleNamespace(exchange=exchange))
    assert SensorReader(session, Memory()).sensor(record).reading == 40.0
    assert asked == [3]
