"""What the server draws: DCMI's answer from its bytes, and which sensor in watts is the whole server's."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oobctl.constants import Health, ReadingType, State
from oobctl.drivers.ipmi.lan import Answer
from oobctl.drivers.ipmi.power_metering import dcmi_meter, whole_server
from oobctl.drivers.readings import PowerMeter, Sensor
from oobctl.errors import BmcBusy

ANSWER = bytes.fromhex("dc 9600 5a00 c800 9100 00000060 e8030000 40")
WATTS = Sensor("", ReadingType.POWER, 100.0, "W", Health.OK, State.ENABLED, "sensor 0x01")


def test_dcmis_statistics_are_read() -> None:
    assert dcmi_meter(Answer(0, ANSWER)) == PowerMeter(
        "System", 150.0, average_watts=145.0, minimum_watts=90.0, maximum_watts=200.0, interval_seconds=1.0
    )


@pytest.mark.parametrize(
    "answer",
    [
        Answer(0xC1, b""),
        Answer(0, b""),
        Answer(0, ANSWER[:-1]),
        Answer(0, ANSWER[:-1] + b"\0"),  # it does not measure now
        Answer(0, b"\x00" + ANSWER[1:]),  # another group's answer
    ],
)
def test_a_bmc_that_does_not_measure_has_no_dcmi_meter(answer: Answer) -> None:
    assert dcmi_meter(answer) is None


def test_a_busy_bmc_has_not_said_that_it_lacks_it() -> None:
    with pytest.raises(BmcBusy):
        dcmi_meter(Answer(0xC0, b""))


@given(st.binary(max_size=30))
def test_random_bytes_are_a_meter_or_none(data: bytes) -> None:
    found = dcmi_meter(Answer(0, data))
    assert found is None or 0 <= (found.consumed_watts or 0) <= 0xFFFF


@pytest.mark.parametrize(
    ("names", "whole"),
    [
        (["PS1 Input Power", "PS2 Input Power", "System Power"], "System Power"),
        (["Pwr Consumption"], "Pwr Consumption"),
        (["CPU Power", "Total Power", "Power Meter"], "Total Power"),
        (["Sys Power", "Input Power"], "Sys Power"),
        (["PSU1 Power", "Power Supply 2 Power"], None),  # one supply is not the server
        (["CPU1 Power", "MEM Power"], None),
        ([], None),
    ],
)
def test_only_a_sensor_that_is_surely_the_whole_servers_is_taken(names: list[str], whole: str | None) -> None:
    found = whole_server([replace(WATTS, name=name) for name in names])
    assert (found.name if found else None) == whole


def test_a_sensor_in_another_unit_measures_no_power() -> None:
    assert whole_server([replace(WATTS, name="System Power", units="A")]) is None
