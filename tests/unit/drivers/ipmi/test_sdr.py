"""Sensor data records from their bytes: every kind, shared ones, and damaged ones."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oobctl.drivers.ipmi import units
from oobctl.drivers.ipmi.conversion import Factors, Format
from oobctl.drivers.ipmi.repository import gather
from oobctl.drivers.ipmi.sdr import Damaged, FruLocator, SensorRecord, decode
from tests import sdr_records as r


def one(record: bytes) -> SensorRecord:
    [found] = decode(record)
    assert isinstance(found, SensorRecord)
    return found


LIMITS = bytes((10, 5, 2, 85, 95, 105))
FULL = r.full(
    0x21, "CPU1 Temp", number=7, entity=(3, 1), thresholds=LIMITS, readable=0x3B, compared=(3, 7),
    conversion=r.factors(2, -10, 1, -1),
)  # fmt: skip
COMPACT = r.compact(0x30, "PSU", entity=(10, 2), mask=0x000F)
EVENT = r.event_only(0x40, "Memory")
FRU = r.fru(5, "PSU1 FRU", entity=(10, 1))
EVERY = {"full": FULL, "compact": COMPACT, "event only": EVENT, "FRU": FRU}


def test_a_full_record_says_all_of_a_sensor_with_a_number() -> None:
    found = one(FULL)
    assert (found.record_id, found.number, found.name, found.entity, found.instance) == (7, 0x21, "CPU1 Temp", 3, 1)
    assert (found.sensor_type, found.event_type, found.units, found.readable) == (1, 1, "Cel", True)
    assert found.analog is not None
    assert found.analog.form is Format.UNSIGNED
    assert found.analog.factors == Factors(2, -10, 1, -1)
    assert found.analog.thresholds == (None, 5, 10, 85, 95, 105)  # the lower fatal one is not in the readable mask
    assert found.mask == 0b111011
    assert (found.source, found.event_only) == ("sensor 0x21", False)


def test_a_compact_record_has_states_and_no_number() -> None:
    found = one(COMPACT)
    assert (found.analog, found.units, found.mask, found.readable) == (None, None, 0x000F, False)
    assert (found.sensor_type, found.event_type, found.name) == (8, 0x6F, "PSU")


def test_an_event_only_record_can_not_be_read() -> None:
    found = one(EVENT)
    assert (found.event_only, found.readable, found.analog, found.sensor_type) == (True, False, None, 0x12)


def test_a_locator_says_where_a_fru_is() -> None:
    [found] = decode(FRU)
    assert found == FruLocator(1, 0x20, 0, 0, 5, True, 2, 10, 1, "PSU1 FRU")


@pytest.mark.parametrize("kind", [0x08, 0x09, 0x10, 0x12, 0x13, 0x14, 0xC0])
def test_a_record_of_another_kind_is_no_sensor_and_no_damage(kind: int) -> None:
    assert decode(r.record(kind, bytes(20))) == ()


def test_a_sensor_of_another_controller_is_told_apart_from_the_bmcs() -> None:
    assert one(r.full(0x21, "ME Temp", owner=(0x2C, 1))).source == "sensor 0x21 of 0x2C, LUN 1"


@pytest.mark.parametrize(
    ("share", "names", "instances"),
    [
        ((0x00, 0x00), ["Fan"], [1]),
        ((0x01, 0x05), ["Fan"], [1]),  # one sensor shares with nobody
        ((0x03, 0x81), ["Fan 1", "Fan 2", "Fan 3"], [1, 2, 3]),
        ((0x03, 0x01), ["Fan 1", "Fan 2", "Fan 3"], [1, 1, 1]),
        ((0x13, 0x99), ["Fan Z", "Fan AA", "Fan AB"], [1, 2, 3]),
        ((0x12, 0x00), ["Fan A", "Fan B"], [1, 1]),
    ],
)
def test_sensors_that_share_a_record_have_numbers_and_names_of_their_own(
    share: tuple[int, int], names: list[str], instances: list[int]
) -> None:
    for record in (r.compact(0x50, "Fan", share=share), r.event_only(0x50, "Fan", entity=(10, 1), share=share)):
        found = [item for item in decode(record) if isinstance(item, SensorRecord)]
        assert [item.name for item in found] == names
        assert [item.number for item in found] == list(range(0x50, 0x50 + len(names)))
        assert [item.instance for item in found] == instances


@pytest.mark.parametrize(
    ("access", "readable", "compared", "thresholds", "mask", "asked"),
    [
        (r.SETTABLE, 0x3F, (7, 7), (2, 5, 10, 85, 95, 105), 0x3F, True),
        (r.READABLE, 0x08, (0, 1), (None, None, None, 85, None, None), 0x08, True),
        (r.FIXED, 0x3F, (0, 0), (None,) * 6, 0x3F, False),  # there are some, and they can't be read
        (r.FIXED, 0x3F, (0, 2), (None,) * 6, 0x10, False),
        (0, 0x3F, (0, 0), (None,) * 6, 0, False),  # there are none
    ],
)
def test_thresholds_and_comparisons_are_those_that_the_record_allows(
    access: int, readable: int, compared: tuple[int, int], thresholds: tuple[Any, ...], mask: int, asked: bool
) -> None:
    found = one(r.full(1, "T", access=access, readable=readable, compared=compared, thresholds=LIMITS))
    assert found.analog is not None
    assert (found.analog.thresholds, found.mask, found.readable) == (thresholds, mask, asked)


@pytest.mark.parametrize(
    ("packed", "name"),
    [
        (b"\xc4Fan1", "Fan1"),
        (b"\xc2\xb5C", "\xb5C"),  # Latin-1
        (b"\x83\x66\xe8\x46", "FAN1"),  # 6-bit: 26h 21h 2Eh 11h
        (b"\x42\x12\xb3", "12-3"),  # BCD plus
        (b"\x04F\0\xfc\0", "F\xfc"),  # Unicode
        (b"\xc5A\0\n\x7fB", "A B"),  # what no page takes is left out
        (b"\xc0", "Sensor 0x01"),
    ],
)
def test_each_packing_of_a_name_is_unpacked(packed: bytes, name: str) -> None:
    record = r.compact(1, "")[5:-1]
    assert one(r.record(r.COMPACT, record + packed)).name == name


@pytest.mark.parametrize(
    ("bits", "base", "modifier", "unit"),
    [
        (0x00, 1, 0, "Cel"),
        (0x00, 18, 0, "RPM"),
        (0x00, 4, 0, "V"),
        (0x00, 0, 0, None),
        (0x01, 0, 0, "%"),
        (0x18, 0x46, 0, "By/s"),  # per second
        (0x02, 6, 22, "W/s"),  # divided by the modifier
        (0x04, 6, 24, "W.h"),  # times the modifier
        (0x20, 0x11, 0, "[cfm]/min"),
    ],
)
def test_units_are_put_together_from_base_modifier_and_rate(
    bits: int, base: int, modifier: int, unit: str | None
) -> None:
    assert units.ucum(bits, base, modifier) == unit


@pytest.mark.parametrize("kind", EVERY)
def test_a_record_cut_short_anywhere_is_damage_and_no_sensor(kind: str) -> None:
    whole = EVERY[kind]
    for length in range(len(whole)):
        with pytest.raises(Damaged):
            decode(whole[:length])
        with pytest.raises(Damaged):  # the header says so too: the name, at the end, is not all there
            decode(r.record(whole[3], whole[5:length]))


@pytest.mark.parametrize(
    "record",
    [
        r.record(r.FULL, FULL[5:], version=0x33),
        r.full(1, "X", units=(0, 93, 0)),
        r.full(1, "X", units=(0, 1, 200)),
        r.full(1, "X", linearization=0x0C),
        r.full(1, "X", linearization=0x6F),
        r.compact(0xFA, "X", share=(0x0F, 0)),  # more sensors than there are numbers
    ],
)
def test_what_the_standard_does_not_allow_is_damage(record: bytes) -> None:
    with pytest.raises(Damaged):
        decode(record)


@given(st.binary(max_size=80) | st.binary(max_size=70).map(lambda body: r.record(1 + len(body) % 3, body)))
def test_random_bytes_are_a_record_or_damage_and_never_a_failure(record: bytes) -> None:
    found = gather([record, FULL])
    assert [item.name for item in found.sensors][-1] == "CPU1 Temp"  # the next one is read all the same
    for sensor in found.sensors:
        assert sensor.name.isprintable()
        assert sensor.name
        assert 0 <= sensor.number <= 0xFF


def test_a_damaged_record_is_named_and_the_others_are_kept() -> None:
    found = gather([FULL, COMPACT[:-3], FRU])
    assert ([item.name for item in found.sensors], [item.name for item in found.frus]) == (["CPU1 Temp"], ["PSU1 FRU"])
    [problem] = found.problems
    assert problem == "The sensor data record 1 is cut short: 32 of 35 bytes, and was left out."
