"""A BMC with every kind of sensor that a simulator can show: its records, its console commands, its FRUs."""

from tests import sdr_records as r

NONE = "0" * 15
UPPER, LOWER = "000101010000000", "000000000010101"
BOTH = "000101010010101"
TEMPERATURE, VOLTAGE, CURRENT, FAN, PROCESSOR, SUPPLY, UNIT = 1, 2, 3, 4, 7, 8, 9
DISCRETE = "000000001111111"


def _threshold(
    sensor: int, kind: int, raw: int, *, readable: int = 0, held: bytes = bytes(6), lun: int = 0
) -> list[str]:
    """Console commands of a threshold sensor. held: lower caution to upper fatal, as in a record."""
    at = f"0x20 {lun} {sensor}"
    mask = UPPER if readable == 0x38 else LOWER if readable == 0x07 else BOTH if readable else NONE
    lines = [f"sensor_add {at} {kind} 1", f"sensor_set_value {at} {raw} 0"]
    if readable:
        values = " ".join(map(str, reversed((*held[:3], *held[3:]))))
        lines.append(f"sensor_set_threshold {at} settable {readable:06b} {values}")
    return [*lines, f"sensor_set_event_support {at} enable scanning per-state {mask} {mask} {mask} {mask}"]


def _discrete(sensor: int, kind: int, event_type: int, *offsets: int, scanning: str = "scanning") -> list[str]:
    at = f"0x20 0 {sensor}"
    support = f"{DISCRETE} {DISCRETE} {DISCRETE} {DISCRETE}"
    lines = [f"sensor_add {at} {kind} {event_type}"]
    lines.append(f"sensor_set_event_support {at} enable {scanning} per-state {support}")
    return lines + [f"sensor_set_bit {at} {offset} 1 0" for offset in offsets]


_HOT = bytes((10, 5, 0, 85, 95, 105))
_VOLTS = bytes((57, 54, 51, 63, 66, 69))
_COLD = bytes((0xF6, 0xF1, 0xEC, 40, 45, 50))  # -10, -15, -20

RECORDS = (
    r.full(1, "CPU1 Temp", number=1, entity=(3, 1), thresholds=_HOT, readable=0x3F, compared=(7, 7)),
    r.full(2, "Inlet Temp", number=2, entity=(55, 1), form=2, thresholds=_COLD, readable=0x3F, compared=(7, 7)),
    r.full(3, "Fan1", number=3, sensor_type=FAN, entity=(29, 1), units=(0, 18, 0), thresholds=bytes((8, 6, 4, 0, 0, 0)),
           readable=0x07, compared=(7, 0), conversion=r.factors(100)),
    r.full(4, "+12V", number=4, sensor_type=VOLTAGE, units=(0, 4, 0), thresholds=_VOLTS, readable=0x3F, compared=(7, 7),
           conversion=r.factors(2, exponent=-1)),
    r.full(5, "Ones", number=5, form=1),
    r.full(6, "Offset", number=6, sensor_type=VOLTAGE, units=(0, 4, 0), conversion=r.factors(4, -40, 1, -1)),
    r.full(7, "Fine", number=7, sensor_type=VOLTAGE, units=(0, 4, 0), conversion=r.factors(195, 0, 0, -4)),
    r.full(8, "Square", number=8, sensor_type=CURRENT, units=(0, 5, 0), linearization=8,
           conversion=r.factors(exponent=-1)),
    r.full(9, "Root", number=9, sensor_type=CURRENT, units=(0, 5, 0), linearization=0x0A),
    r.full(10, "Inverse", number=10, sensor_type=CURRENT, units=(0, 5, 0), linearization=7),
    r.full(11, "Pwr Consumption", number=11, sensor_type=CURRENT, units=(0, 6, 0),
           thresholds=bytes((0, 0, 0, 180, 200, 220)), readable=0x38, compared=(0, 7), conversion=r.factors(4)),
    r.full(12, "Load", number=12, sensor_type=FAN, units=(1, 0, 0), access=0),
    r.full(13, "Airflow", number=13, sensor_type=11, units=(0, 17, 0), access=0),
    r.compact(20, "PSU1 Status", number=20),
    r.compact(21, "PSU2 Status", number=21, entity=(10, 2)),
    r.compact(22, "PSU Redundancy", number=22, event_type=0x0B, entity=(19, 1)),
    r.compact(23, "DIMM_A1", number=23, sensor_type=0x0C, entity=(32, 1)),
    r.compact(24, "Drive0", number=24, sensor_type=0x0D, entity=(4, 1)),
    r.compact(25, "CPU1 Status", number=25, sensor_type=PROCESSOR, entity=(3, 1)),
    r.compact(26, "CPU1 Prochot", number=26, sensor_type=PROCESSOR, event_type=3, entity=(3, 1)),
    r.compact(27, "Intrusion", number=27, sensor_type=5, entity=(23, 1)),
    r.compact(28, "Off", number=28, sensor_type=SUPPLY, entity=(10, 3)),
    r.compact(30, "Bay", number=30, sensor_type=0x0D, entity=(4, 2), share=(0x03, 0x81)),
    r.event_only(40, "System Event", number=40),
    r.fru(1, "PSU1 FRU", number=60, entity=(10, 1)),
    r.fru(2, "PSU2 FRU", number=61, entity=(10, 2)),
    r.full(14, "Of LUN 1", number=70, owner=(0x20, 1)),  # here one of the peers gives up
    r.full(15, "Not there", number=71),
    r.full(50, "ME Temp", number=72, owner=(0x2C, 0)),
)  # fmt: skip

COMMANDS = (
    *_threshold(1, TEMPERATURE, 45, readable=0x3F, held=_HOT),
    *_threshold(2, TEMPERATURE, 0xFB, readable=0x3F, held=_COLD),
    *_threshold(3, FAN, 42, readable=0x07, held=bytes((8, 6, 4, 0, 0, 0))),
    *_threshold(4, VOLTAGE, 60, readable=0x3F, held=_VOLTS),
    *_threshold(5, TEMPERATURE, 0xFA),
    *_threshold(6, VOLTAGE, 200),
    *_threshold(7, VOLTAGE, 64),
    *_threshold(8, CURRENT, 25),
    *_threshold(9, CURRENT, 144),
    *_threshold(10, CURRENT, 4),
    *_threshold(11, CURRENT, 30, readable=0x38, held=bytes((0, 0, 0, 180, 200, 220))),
    *_threshold(12, FAN, 37),
    *_threshold(13, 11, 55),
    *_threshold(14, TEMPERATURE, 33, lun=1),
    *_discrete(20, SUPPLY, 0x6F, 0),
    *_discrete(21, SUPPLY, 0x6F),
    *_discrete(22, SUPPLY, 0x0B, 0),
    *_discrete(23, 0x0C, 0x6F, 6),
    *_discrete(24, 0x0D, 0x6F, 0),
    *_discrete(25, PROCESSOR, 0x6F, 7),
    *_discrete(26, PROCESSOR, 3, 0),
    *_discrete(27, 5, 0x6F),
    *_discrete(28, SUPPLY, 0x6F, 0, scanning="no-scanning"),
    *_discrete(30, 0x0D, 0x6F, 0),
    *_discrete(31, 0x0D, 0x6F, 0, 1),
    *_discrete(32, 0x0D, 0x6F),
)

FAULTS = (
    "sensor_set_bit 0x20 0 20 1 1 1",
    "sensor_set_value 0x20 0 1 97 1",
    "sensor_set_value 0x20 0 3 3 1",
    "sensor_set_value 0x20 0 4 64 1",
    "sensor_set_bit 0x20 0 23 0 1 1",
    "sensor_set_bit 0x20 0 24 1 1 1",
    "sensor_set_bit 0x20 0 26 1 1 1",
    "sensor_set_bit 0x20 0 26 0 0 0",
    "sensor_set_bit_clr_rest 0x20 0 22 1 1",
    "sensor_set_bit 0x20 0 27 0 1 1",
)

RECOVERIES = (
    "sensor_set_value 0x20 0 1 45 1",
    "sensor_set_value 0x20 0 3 42 1",
    "sensor_set_bit 0x20 0 20 1 0 1",
    "sensor_set_bit_clr_rest 0x20 0 22 0 1",
)

ENTRIES = (  # type, date, generator, format, sensor type and number, event/reading type, event data
    "sel_add 0x20 2 0 0 0 0x61 0x41 0 4 0x12 40 0x6f 1 255 255",
    "sel_add 0x20 2 0 0 0 0x61 0x20 0 4 0x22 99 0x6f 5 255 255",
    "sel_add 0x20 2 0 0 0 0x61 0x20 0 4 0x08 99 0x03 1 255 255",
    "sel_add 0x20 0xc1 0 0 0 0x61 0xa2 2 0 1 2 3 4 5 6",
    "sel_add 0x20 0xe5 0 1 2 3 4 5 6 7 8 9 10 11 12",
)
