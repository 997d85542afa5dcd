"""Samples as lines: whatever a BMC calls a thing, the text reads back as it was, one sample a line."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain

from oobctl.constants import Health, ReadingType, State
from oobctl.drivers.readings import Sensor, SensorReport, as_json
from web.metrics.lines import LONGEST_LABEL, Lines, labels, text_of
from web.metrics.names import HELP
from web.metrics.sensors import add_sensors, id_of

NAMES = st.text(min_size=1, max_size=LONGEST_LABEL)


@given(NAMES, st.floats() | st.integers(-(2**53), 2**53))
def test_a_sample_reads_back_as_it_was(name: str, value: float) -> None:
    lines = Lines("web01", "1")
    lines.add("ipmi_sensor_value", value, labels(name=name))
    text = "".join(text_of(HELP, {key: [part] for key, part in lines.together().items()}))
    for parse, end in ((plain, ""), (open_metrics, "# EOF\n")):
        (family,) = parse(text + end)
        (sample,) = family.samples
        assert sample.labels == {"instance": "web01", "name": name}
        assert sample.value == value or (math.isnan(sample.value) and math.isnan(value))


def test_what_is_no_text_is_replaced_and_what_is_long_is_cut() -> None:
    assert labels(name="\ud800x") == 'name="?x"'
    assert len(labels(name="x" * 1000)) == len('name=""') + LONGEST_LABEL
    assert labels(name="", id=None) == ""


def test_all_lines_of_a_name_stand_together_in_pieces() -> None:
    parts = {"ipmi_up": ["ipmi_up{} 1\n"] * 50, "oobctl_bmc_silent": ["oobctl_bmc_silent{} 0\n"]}
    pieces = list(text_of(HELP, parts, piece=200))
    assert len(pieces) > 2
    text = "".join(pieces)
    assert text.count("# TYPE ipmi_up gauge\n") == 1
    assert text.index("# TYPE oobctl_bmc_silent gauge") > text.rindex("ipmi_up{}")


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("sensor 0x20", "32"),
        ("sensor 0x20 of 0x22, LUN 1", "32.34.1"),
        ("/redfish/v1/Chassis/1/Sensors/Inlet", "Inlet"),
        ("/redfish/v1/Chassis/1/Thermal#/Temperatures/0", "0"),
    ],
)
def test_a_sensors_id_is_what_the_bmc_has_for_it(source: str, found: str) -> None:
    assert id_of(source) == found


def sample_of(*sensors: Sensor) -> str:
    lines = Lines("", "")
    add_sensors(lines, as_json(SensorReport(sensors)))
    return "".join(lines.together().values())


@pytest.mark.parametrize(
    ("units", "kind", "context", "value", "lines"),
    [
        ("Cel", ReadingType.TEMPERATURE, None, 24.0, {"ipmi_temperature_celsius": 24.0, "ipmi_temperature_state": 1.0}),
        ("RPM", ReadingType.ROTATIONAL, None, 900.0, {"ipmi_fan_speed_rpm": 900.0, "ipmi_fan_speed_state": 1.0}),
        ("%", ReadingType.PERCENT, "fan 1", 25.0, {"ipmi_fan_speed_ratio": 0.25, "ipmi_fan_speed_state": 1.0}),
        ("%", ReadingType.PERCENT, "CPU", 25.0, {"ipmi_sensor_value": 25.0, "ipmi_sensor_state": 1.0}),
        ("V", ReadingType.VOLTAGE, None, 12.0, {"ipmi_voltage_volts": 12.0, "ipmi_voltage_state": 1.0}),
        ("A", ReadingType.CURRENT, None, 3.0, {"ipmi_current_amperes": 3.0, "ipmi_current_state": 1.0}),
        ("W", ReadingType.POWER, None, 70.0, {"ipmi_power_watts": 70.0, "ipmi_power_state": 1.0}),
        (None, ReadingType.DISCRETE, None, None, {"ipmi_sensor_value": math.nan, "ipmi_sensor_state": 1.0}),
        ("[degF]", ReadingType.TEMPERATURE, None, 70.0, {"ipmi_sensor_value": 70.0, "ipmi_sensor_state": 1.0}),
    ],
)
def test_a_unit_has_the_exporters_name(
    units: str | None, kind: ReadingType, context: str | None, value: float | None, lines: dict[str, float]
) -> None:
    sensor = Sensor("S", kind, value, units, Health.WARNING, State.ENABLED, "sensor 0x01", context=context)
    found = {sample.name: sample.value for family in plain(sample_of(sensor)) for sample in family.samples}
    assert found == pytest.approx(lines, nan_ok=True)


@given(st.lists(st.tuples(NAMES, st.sampled_from(["0", "1"]), st.sampled_from(["A", "B"])), max_size=12))
def test_no_two_samples_are_alike(found: list[tuple[str, str, str]]) -> None:
    sensors = [
        Sensor(name, ReadingType.TEMPERATURE, 1.0, "Cel", Health.OK, State.ENABLED, f"/redfish/v1/Chassis/{part}/{end}")
        for name, end, part in found
    ]
    lines = [line.rpartition(" ")[0] for line in sample_of(*sensors).split("\n") if line]
    assert len(lines) == len(set(lines))
