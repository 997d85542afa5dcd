"""What ipmi_sim and its SDR compiler are told about sensors and FRU devices."""

from collections.abc import Sequence

from oobctl.lab.ipmi_sensors import Analog, Discrete, FruLocator, Sensor, Thresholds

WATCHDOG = 0  # ipmi_sim logs the watchdog's events under this sensor number
# sdrcomp 2.0.33 numbers the words after 1/x one too high: its cube(x) writes 10, which is the square root (table 43-1).
_SDRCOMP_WORDS = {"sqrt(x)": "cube(x)"}
_WATCHDOG_EVENTS = "000000000001111 000000000000000 000000000001111 000000000000000"

_BMC_SDR = """sdr type 18
device_slave_address 0x20
device_channel_number 0
chassis true
fru_inventory true
sel true
sdr true
sensor true
entity_id system_board
entity_instance 1
id_string "BMC"
endsdr
"""

_WATCHDOG_SDR = f"""sdr type 3
sensor_owner_id 0x20
sensor_owner_lun 0
channel_number 0
sensor_number {WATCHDOG}
entity_id system_management_software
entity_instance 1
sensor_type Watchdog_2
event_reading_type_code 0x6f
sensor_direction n/a
id_string "Watchdog"
endsdr
"""


def sdr_source(sensors: Sequence[Sensor], frus: Sequence[FruLocator] = ()) -> str:
    """The source that `sdrcomp -8` compiles into the BMC's sensor data repository; with FRUs, the watchdog too."""
    lines = [_BMC_SDR]
    for sensor in sensors:
        lines += _sdr_analog(sensor) if isinstance(sensor, Analog) else _sdr_discrete(sensor)
    for fru in frus:
        lines += _sdr_fru(fru)
    return "\n".join([*lines, _WATCHDOG_SDR] if frus else lines)


def _sdr_head(record: int, sensor: Sensor, reading_type: int) -> list[str]:
    scanned = "true" if not isinstance(sensor, Analog) or sensor.scanned else "false"
    return [
        f"sdr type {record}",
        "sensor_owner_id 0x20",
        "sensor_owner_lun 0",
        "channel_number 0",
        f"sensor_number {sensor.number}",
        f"entity_id {sensor.entity}",
        f"entity_instance {sensor.instance}",
        f"sensor_type {sensor.kind}",
        f"event_reading_type_code {reading_type:#x}",
        "init_scanning true",
        "init_events true",
        "init_sensor_type true",
        "default_event_gen_on true",
        f"default_sensor_scan_on {scanned}",
        "sensor_auto_rearm true",
        "sensor_event_msg_ctrl per_state",
    ]


def _sdr_thresholds(side: str, going: str, thresholds: Thresholds) -> list[str]:
    lines = []
    for level, value in thresholds.levels():
        if value is None:
            continue
        name = side + level
        lines += [f"{name}_thrsh_readable true", f"return_{name} true", f"{name}_thresh {value}"]
        lines += [f"assert_{name}{going} true", f"deassert_{name}{going} true"]
    return lines


def _sdr_analog(sensor: Analog) -> list[str]:
    lines = _sdr_head(1, sensor, 1)
    lines += ["init_thresholds true", "sensor_hysteresis settable", "sensor_threshold_access settable"]
    lines += [f"analog_data_format {'2s_complement' if sensor.signed else 'unsigned'}"]
    lines += ["rate_unit none", "modifier_unit none", f"percentage {str(sensor.percentage).lower()}"]
    lines += [f"base_unit {sensor.unit}", "modifier_unit_code unspecified"]
    lines += [f"linearization {_SDRCOMP_WORDS.get(sensor.linearization, sensor.linearization)}"]
    lines += [f"m {sensor.factor}", "tolerance 0", f"b {sensor.offset}", "accuracy 0", "accuracy_exp 0"]
    lines += ["sensor_direction input", f"r_exp {sensor.exponent}", f"b_exp {sensor.offset_exponent}"]
    low, high = (0x80, 0x7F) if sensor.signed else (0, 255)
    lines += [f"sensor_maximum {high}", f"sensor_minimum {low}", f'id_string "{sensor.name}"']
    if sensor.upper:
        lines += _sdr_thresholds("u", "gh", sensor.upper)
    if sensor.lower:
        lines += _sdr_thresholds("l", "gl", sensor.lower)
    return [*lines, "endsdr", ""]


def _sdr_discrete(sensor: Discrete) -> list[str]:
    lines = [*_sdr_head(2, sensor, sensor.reading_type), f'id_string "{sensor.name}"']
    for offset in sensor.offsets:
        lines += [f"event{offset}_state_ret true", f"assert_event{offset} true", f"deassert_event{offset} true"]
    return [*lines, "endsdr", ""]


def _sdr_fru(fru: FruLocator) -> list[str]:
    return [
        "sdr type 17",
        "device_access_address 0x20",
        f"fru_device_address {fru.number}",
        "logical_fru true",
        "lun 0",
        "private_bus_id 0",
        "channel_number 0",
        "device_type 0x10",
        "device_type_modifier 0",
        f"fru_entity_id {fru.entity}",
        f"fru_entity_instance {fru.instance}",
        f'id_string "{fru.name}"',
        "endsdr",
        "",
    ]


def emulator_commands(sensors: Sequence[Sensor]) -> list[str]:
    """The ipmi_sim commands that create the watchdog and the sensors with their healthy readings."""
    lines = [
        f"sensor_add 0x20 0 {WATCHDOG} 35 0x6f event-only",
        f"sensor_set_event_support 0x20 0 {WATCHDOG} enable scanning per-state {_WATCHDOG_EVENTS}",
    ]
    for sensor in sensors:
        lines += _emulate_analog(sensor) if isinstance(sensor, Analog) else _emulate_discrete(sensor)
    return lines


def _emulate_analog(sensor: Analog) -> list[str]:
    none = Thresholds()
    levels = [value for _, value in (sensor.lower or none).levels()]
    levels += [value for _, value in (sensor.upper or none).levels()]
    levels.reverse()  # ipmi_sim's words begin with the highest
    readable = "".join("0" if value is None else "1" for value in levels)
    # Two events per threshold: a lower one is left by going low, an upper one by going high.
    pairs = zip(levels, ("10", "10", "10", "01", "01", "01"), strict=True)
    events = "000" + "".join("00" if value is None else event for value, event in pairs)
    at = f"0x20 0 {sensor.number}"
    scanning = "scanning" if sensor.scanned else "no-scanning"
    return [
        f"sensor_add {at} {sensor.kind_code} 0x01",
        f"sensor_set_value {at} {sensor.raw} 0",
        f"sensor_set_threshold {at} settable {readable} {' '.join(str(value or 0) for value in levels)}",
        f"sensor_set_event_support {at} enable {scanning} per-state {events} {events} {events} {events}",
    ]


def _emulate_discrete(sensor: Discrete) -> list[str]:
    mask = "".join("1" if offset in sensor.offsets else "0" for offset in reversed(range(15)))
    at = f"0x20 0 {sensor.number}"
    lines = [
        f"sensor_add {at} {sensor.kind_code} {sensor.reading_type:#x}",
        f"sensor_set_event_support {at} enable scanning per-state {mask} {mask} {mask} {mask}",
    ]
    if sensor.initial is not None:
        lines.append(f"sensor_set_bit_clr_rest {at} {sensor.initial} 0")
    return lines
