"""The sensors of a lab BMC as data; numbers, types and states as in IPMI 2.0 chapters 41 to 43."""

from collections.abc import Sequence
from dataclasses import dataclass

SENSOR_SPECIFIC = 0x6F  # event/reading types, IPMI 2.0 table 42-1
REDUNDANCY = 0x0B


@dataclass(frozen=True)
class Thresholds:
    """Raw values: non-critical, critical, non-recoverable; None where the sensor has no such threshold."""

    non_critical: int | None = None
    critical: int | None = None
    non_recoverable: int | None = None

    def levels(self) -> tuple[tuple[str, int | None], ...]:
        """Each with sdrcomp's letters for it."""
        return (("nc", self.non_critical), ("c", self.critical), ("nr", self.non_recoverable))


@dataclass(frozen=True)
class Analog:
    """A threshold sensor; reading = L[(factor * raw + offset * 10**offset_exponent) * 10**exponent] in `unit`.

    L is `linearization`: linear, 1/x or sqrt(x). `signed`: raw is two's complement. Not `scanned`: it has no reading.
    """

    number: int
    name: str
    kind: str
    kind_code: int
    entity: str
    instance: int
    unit: str
    raw: int
    factor: int = 1
    exponent: int = 0
    offset: int = 0
    offset_exponent: int = 0
    upper: Thresholds | None = None
    lower: Thresholds | None = None
    signed: bool = False
    linearization: str = "linear"
    percentage: bool = False
    scanned: bool = True


@dataclass(frozen=True)
class Discrete:
    """A sensor of states; `initial` is the offset that is set at start, None for none."""

    number: int
    name: str
    kind: str
    kind_code: int
    entity: str
    instance: int
    offsets: tuple[int, ...]
    initial: int | None = None
    reading_type: int = SENSOR_SPECIFIC


@dataclass(frozen=True)
class FruLocator:
    """A FRU device behind the BMC, and the part that it describes."""

    number: int
    name: str
    entity: str
    instance: int


_CPU = Thresholds(85, 95, 105)
_INLET = Thresholds(38, 42, 46)
_FAN = Thresholds(8, 6, 4)
_FAN_UNIT = ("Fan", 4, "fan_cooling_device")
_TEMPERATURE = ("Temperature", 1)
_VOLTAGE = ("Voltage", 2)
_POWER = ("Other_Units_Based_Sensor", 11)
_MEMORY_STATES = (0, 1, 4, 5, 6)
_DRIVE_STATES = (0, 1, 2, 5, 7)

CPU_TEMPERATURE = Analog(1, "CPU1 Temp", *_TEMPERATURE, "processor", 1, "degrees_C", 45, upper=_CPU)
INLET_TEMPERATURE = Analog(2, "Inlet Temp", *_TEMPERATURE, "system_board", 1, "degrees_C", 24, upper=_INLET)
FAN_1 = Analog(3, "Fan1", *_FAN_UNIT, 1, "RPM", 42, factor=100, lower=_FAN)
FAN_2 = Analog(4, "Fan2", *_FAN_UNIT, 2, "RPM", 43, factor=100, lower=_FAN)
VOLTAGE = Analog(
    5, "+12V", *_VOLTAGE, "system_board", 1, "Volts", 60, factor=2, exponent=-1,
    upper=Thresholds(63, 66, 69), lower=Thresholds(57, 54, 51),
)  # fmt: skip
POWER = Analog(
    6, "Pwr Consumption", "Current", 3, "system_board", 1, "Watts", 30, factor=4, upper=Thresholds(180, 200, 220)
)
PSU_1 = Discrete(7, "PSU1 Status", "Power_Supply", 8, "power_supply", 1, (0, 1, 2, 3), initial=0)
PSU_2 = Discrete(8, "PSU2 Status", "Power_Supply", 8, "power_supply", 2, (0, 1, 2, 3), initial=0)
DIMM = Discrete(9, "DIMM_A1", "Memory", 12, "memory_module", 1, _MEMORY_STATES, initial=6)
DRIVE = Discrete(10, "Drive0", "Drive_Slot", 13, "disk_or_disk_bay", 1, _DRIVE_STATES, initial=0)
CPU = Discrete(11, "CPU1 Status", "Processor", 7, "processor", 1, (0, 1, 5, 7), initial=7)

# What a server has more than a light BMC. ipmi_sim compares raw values without their sign, so the thresholds of a
# signed sensor have to be on its reading's side of zero.
CPU_MARGIN = Analog(
    12, "CPU1 Margin", *_TEMPERATURE, "processor", 1, "degrees_C", 0x100 - 42, signed=True,
    upper=Thresholds(0x100 - 8, 0x100 - 3),
)  # fmt: skip
DIMM_TEMPERATURE = Analog(
    13, "DIMM_A1 Temp", *_TEMPERATURE, "memory_module", 1, "degrees_C", 36, upper=Thresholds(80, 85)
)
EXHAUST_TEMPERATURE = Analog(
    14, "Exhaust Temp", *_TEMPERATURE, "system_board", 2, "degrees_C", 142, factor=5, exponent=-1, offset=-40,
    offset_exponent=1, upper=Thresholds(220, 230),
)  # fmt: skip
PSU_FAN = Analog(15, "PSU1 Fan", "Fan", 4, "power_supply", 1, "RPM", 200, exponent=-6, linearization="1/x")
CHIPSET_VOLTAGE = Analog(
    16, "+1.05V PCH", *_VOLTAGE, "system_board", 1, "Volts", 33, factor=9, exponent=-3, offset=75, offset_exponent=1,
    upper=Thresholds(41, 44), lower=Thresholds(25, 22),
)  # fmt: skip
SMALL_VOLTAGE = Analog(
    17, "+3.3V", *_VOLTAGE, "system_board", 1, "Volts", 194, factor=17, exponent=-3,
    upper=Thresholds(205, 214, 220), lower=Thresholds(183, 174, 168),
)  # fmt: skip
BATTERY = Analog(
    18, "VBAT", *_VOLTAGE, "battery", 1, "Volts", 232, factor=13, exponent=-3, lower=Thresholds(208, 192)
)  # fmt: skip
PSU_CURRENT = Analog(19, "PSU1 Current", "Current", 3, "power_supply", 1, "Amps", 21, factor=25, exponent=-2)
PSU_1_POWER = Analog(20, "PSU1 Power In", *_POWER, "power_supply", 1, "Watts", 42, factor=15, exponent=-1)
PSU_2_POWER = Analog(21, "PSU2 Power In", *_POWER, "power_supply", 2, "Watts", 38, factor=15, exponent=-1)
PSU_LOAD = Analog(22, "PSU1 Load", *_POWER, "power_supply", 1, "unspecified", 13, percentage=True)
EMPTY_SLOT_TEMPERATURE = Analog(
    23, "DIMM_B2 Temp", *_TEMPERATURE, "memory_module", 4, "degrees_C", 0, upper=Thresholds(80, 85), scanned=False
)
AIRFLOW = Analog(24, "Airflow", *_POWER, "system_chassis", 1, "CFM", 100, factor=16, linearization="sqrt(x)")
INTRUSION = Discrete(30, "Intrusion", "Physical_Security", 5, "system_chassis", 1, (0,))
REDUNDANCY_STATE = Discrete(
    31, "PS Redundancy", "Power_Unit", 9, "power_unit", 1, (0, 1), initial=0, reading_type=REDUNDANCY
)
DIMM_B1 = Discrete(32, "DIMM_B1", "Memory", 12, "memory_module", 2, _MEMORY_STATES, initial=6)
EMPTY_BAY = Discrete(33, "Drive1", "Drive_Slot", 13, "disk_or_disk_bay", 2, _DRIVE_STATES)

Sensor = Analog | Discrete

SMALL: Sequence[Sensor] = (
    CPU_TEMPERATURE, INLET_TEMPERATURE, FAN_1, FAN_2, VOLTAGE, POWER, PSU_1, PSU_2, DIMM, DRIVE, CPU,
)  # fmt: skip
FULL: Sequence[Sensor] = (
    *SMALL, CPU_MARGIN, DIMM_TEMPERATURE, EXHAUST_TEMPERATURE, PSU_FAN, CHIPSET_VOLTAGE, SMALL_VOLTAGE, BATTERY,
    PSU_CURRENT, PSU_1_POWER, PSU_2_POWER, PSU_LOAD, EMPTY_SLOT_TEMPERATURE, AIRFLOW, INTRUSION, REDUNDANCY_STATE,
    DIMM_B1, EMPTY_BAY,
)  # fmt: skip

FRUS: Sequence[FruLocator] = (
    FruLocator(1, "DIMM_A1 FRU", "memory_module", 1),
    FruLocator(2, "DIMM_B1 FRU", "memory_module", 2),
    FruLocator(3, "PSU1 FRU", "power_supply", 1),
    FruLocator(4, "PSU2 FRU", "power_supply", 2),
)
