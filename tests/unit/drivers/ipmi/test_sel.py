"""Records of the system event log in words: threshold, discrete and OEM events, dates, and damaged ones."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oobctl.constants import Health
from oobctl.drivers.ipmi import sel
from oobctl.drivers.ipmi.repository import gather
from oobctl.drivers.ipmi.sdr import Damaged, SensorRecord
from oobctl.drivers.ipmi.sensor_reading import value_of
from oobctl.drivers.readings import EventLogEntry
from tests import sdr_records as r

OK, WARNING, CRITICAL, UNKNOWN = Health.OK, Health.WARNING, Health.CRITICAL, Health.UNKNOWN
ENDED = 0x80
SENSORS = sel.names(
    gather(
        [
            r.full(0x10, "Fan1", sensor_type=4, units=(0, 18, 0), conversion=r.factors(100)),
            r.compact(0x20, "PSU1 Status"),
            r.event_only(0x30, "Memory", sensor_type=0x0C),
            r.full(0x40, "ME Temp", owner=(0x2C, 0)),
            r.full(0x10, "Fan of LUN 1", sensor_type=4, owner=(0x20, 1)),
        ]
    ).sensors
)


def record(
    number: int, sensor_type: int, event: int, *data: int, when: int = 0x60000000, owner: tuple[int, int] = (0x20, 0)
) -> bytes:
    """A system event of a sensor, with the event/reading type and direction, and event data 1 to 3."""
    head = bytes((0x12, 0x01, 0x02)) + when.to_bytes(4, "little") + bytes((*owner, 0x04))
    return head + bytes((sensor_type, number, event)) + bytes(data).ljust(3, b"\xff")


def convert(sensor: SensorRecord, raw: int) -> float | None:
    return value_of(sensor.analog, raw) if sensor.analog else None


def told(*what: int, **more: int) -> EventLogEntry:
    return sel.decode(record(*what, **more), SENSORS, convert)  # type: ignore[arg-type]


def test_a_threshold_event_names_its_sensor_and_converts_reading_and_threshold() -> None:
    found = told(0x10, 0x04, 0x01, 0x52, 3, 6)
    assert found.message == "Fan1: Lower Critical going low (reading 300 rpm, threshold 600 rpm)"
    assert (found.severity, found.asserted, found.component) == (CRITICAL, True, "Fan1")
    assert (found.log, found.entry_id, found.message_id) == ("SEL", "274", "ipmi.01.04.2")
    assert found.created == datetime.fromtimestamp(0x60000000, UTC)
    assert found.raw == record(0x10, 0x04, 0x01, 0x52, 3, 6).hex()


def test_an_event_whose_bytes_hold_no_reading_shows_none() -> None:
    assert told(0x10, 0x04, 0x01, 0x02, 3, 6).message == "Fan1: Lower Critical going low"
    assert told(0x10, 0x04, 0x01, 0x42, 3, 6).message == "Fan1: Lower Critical going low (reading 300 rpm)"
    assert told(0x10, 0x04, 0x01, 0x52, 0xFF, 0xFF).message == "Fan1: Lower Critical going low"


@pytest.mark.parametrize(
    ("what", "message", "severity", "asserted"),
    [
        ((0x20, 0x08, 0x6F, 0x01), "PSU1 Status: Failure detected", CRITICAL, True),
        ((0x20, 0x08, 0x6F | ENDED, 0x01), "PSU1 Status: Failure detected (ended)", OK, False),
        ((0x20, 0x08, 0x6F, 0xC6, 0x03), "PSU1 Status: Config Error: Power Supply Rating Mismatch", CRITICAL, True),
        ((0x30, 0x0C, 0x6F, 0x30, 0xFF, 0x05), "Memory: Correctable ECC: module 5", WARNING, True),
        ((0x30, 0x0C, 0x6F, 0xA1, 0x51, 0x02), "Memory: Uncorrectable ECC: data 2 0x51, data 3 0x02", CRITICAL, True),
        (
            (0x77, 0x0F, 0x6F, 0xC2, 0x13),
            "System Firmware Progress 0x77: Unknown Progress: System boot initiated",
            OK,
            True,
        ),
        (
            (0x77, 0x21, 0x6F, 0xF0, 0x00, 0x03),
            "Slot or Connector 0x77: Fault Status: PCI slot number 3",
            CRITICAL,
            True,
        ),
        (
            (0x77, 0x23, 0x6F, 0xC1, 0x24),
            "Watchdog 0x77: Hard reset: timer of SMS or operating system, interrupt NMI",
            CRITICAL,
            True,
        ),
        ((0x77, 0x2A, 0x6F, 0xF0, 0x02, 0x01), "Session Audit 0x77: Session activated: user 2, channel 1", OK, True),
        ((0x77, 0x10, 0x6F, 0x35, 0xFF, 90), "Event Logging Disabled 0x77: Log almost full: 90 % full", WARNING, True),
        ((0x77, 0x1D, 0x6F, 0xC7, 0x04), "System Boot Initiated 0x77: System Restart: Watchdog expiration", OK, True),
        ((0x77, 0x08, 0x0B, 0x01), "Power Supply 0x77: Redundancy Lost", CRITICAL, True),
        ((0x77, 0x07, 0x03, 0x01), "Processor 0x77: State Asserted", CRITICAL, True),
        ((0x77, 0xC5, 0x6F, 0x01), "sensor type 0xC5 0x77: state 1 of type 0x6F", UNKNOWN, True),
        ((0x77, 0x08, 0x72, 0x01, 2, 3), "Power Supply 0x77: OEM event 0x72, data 01 02 03", UNKNOWN, True),
        ((0x77, 0x08, 0x72 | ENDED, 0x01), "Power Supply 0x77: OEM event 0x72, data 01 ff ff (ended)", UNKNOWN, False),
        ((0x10, 0x04, 0x01, 0x00), "Fan1: Lower Non-critical going low", WARNING, True),
        ((0x10, 0x04, 0x01 | ENDED, 0x02), "Fan1: Lower Critical going low (ended)", OK, False),
        ((0x10, 0x04, 0x01, 0x01), "Fan1: Lower Non-critical going high", OK, True),
        ((0x10, 0x04, 0x01, 0x03), "Fan1: Lower Critical going high", WARNING, True),  # it is below the caution limit
        ((0x10, 0x04, 0x01 | ENDED, 0x05), "Fan1: Lower Non-recoverable going high (ended)", CRITICAL, False),
    ],
)  # fmt: skip
def test_an_event_in_words_with_its_severity(
    what: tuple[int, ...], message: str, severity: Health, asserted: bool
) -> None:
    found = told(*what)
    assert (found.message, found.severity, found.asserted) == (message, severity, asserted)


def test_the_sensor_is_found_by_owner_lun_and_number() -> None:
    assert sel.decode(record(0x10, 4, 0x01, 0x02, owner=(0x20, 1)), SENSORS, convert).component == "Fan of LUN 1"
    assert sel.decode(record(0x40, 1, 0x01, 0x02, owner=(0x2C, 0)), SENSORS, convert).component == "ME Temp"


def test_what_the_firmware_reports_by_a_sensor_of_the_bmc_has_that_ones_name() -> None:
    firmware = (0x31, 0x00)
    assert sel.decode(record(0x30, 0x0C, 0x6F, 0x00, owner=firmware), SENSORS, convert).component == "Memory"
    assert sel.decode(record(0x40, 1, 0x01, 0x02, owner=firmware), SENSORS, convert).component == "Temperature 0x40"


def test_a_number_that_belongs_to_another_kind_of_sensor_gives_no_name() -> None:
    assert told(0x20, 0x04, 0x01, 0x02).component == "Fan 0x20"


@pytest.mark.parametrize("when", [0, 0x1868, 0x1FFFFFFF, 0xFFFFFFFF])
def test_a_date_from_before_the_clock_was_set_is_none(when: int) -> None:
    assert told(0x20, 0x08, 0x6F, 0x01, when=when).created is None


def test_the_first_date_of_a_clock_that_is_set_is_one() -> None:
    assert told(0x20, 0x08, 0x6F, 0x01, when=0x20000000).created == datetime(1987, 1, 5, 18, 48, 32, tzinfo=UTC)


def test_makers_records_are_kept_with_their_bytes() -> None:
    dated = bytes((1, 0, 0xC1)) + (0x60000000).to_bytes(4, "little") + bytes((0xA2, 0x02, 0x00, 1, 2, 3, 4, 5, 6))
    found = sel.decode(dated, SENSORS, convert)
    assert found.message == "OEM record 0xC1 of the maker 674: 01 02 03 04 05 06"
    assert found.created == datetime.fromtimestamp(0x60000000, UTC)
    assert (found.severity, found.asserted, found.component, found.raw) == (UNKNOWN, None, None, dated.hex())
    plain = bytes((1, 0, 0xF0)) + bytes(range(13))
    found = sel.decode(plain, SENSORS, convert)
    assert (found.created, found.message) == (None, f"OEM record 0xF0: {bytes(range(13)).hex(' ')}")
    unknown = bytes((1, 0, 0x55)) + bytes(range(13))
    assert sel.decode(unknown, SENSORS, convert).message.startswith("Record of the unknown type 0x55")


def test_a_panic_that_linux_wrote_down_is_told() -> None:
    found = sel.decode(bytes((9, 0, 0xF0, 0x20, 0)) + b"Fatal excep", SENSORS, convert)
    assert (found.message, found.severity) == ("Linux kernel panic: Fatal excep", CRITICAL)
    found = sel.decode(bytes((9, 0, 0xF0, 0x20, 1)) + b"tion\0\0\0\0\0\0\0", SENSORS, convert)
    assert found.message == "Linux kernel panic: tion"


@given(st.binary(max_size=20), st.integers(min_value=0, max_value=16))
def test_random_and_cut_records_are_entries_or_damage_and_never_a_failure(noise: bytes, cut: int) -> None:
    for data in (noise, record(0x10, 0x04, 0x01, 0x52, 3, 6)[:cut], b"\x01\x00\x02" + noise):
        try:
            found = sel.decode(data, SENSORS, convert)
        except Damaged:
            assert len(data) != sel.SIZE
        else:
            assert found.raw == data.hex()
            assert found.message
