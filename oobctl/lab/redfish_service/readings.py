"""What is measured in the chassis: one set of numbers, for the older resources and the newer ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from oobctl.lab import faults
from oobctl.lab.redfish_service.rack_link import RackLink

HEALTHY = {"State": "Enabled", "Health": "OK"}
WARNING = {"State": "Enabled", "Health": "Warning"}
FAILED = {"State": "Enabled", "Health": "Critical"}
PSU_FAILED = {"State": "UnavailableOffline", "Health": "Critical"}
STANDBY = {"State": "StandbyOffline", "Health": "OK"}
ABSENT = {"State": "Absent"}

FAN_LOWER_CRITICAL = 600
FAN_FULL_SPEED = 12_000


@dataclass(frozen=True)
class Measured:
    """A sensor's reading; the limits by Redfish's names (UpperCaution, LowerCritical, ...)."""

    id: str
    name: str
    kind: str
    units: str
    reading: float | None
    context: str
    status: dict[str, str]
    limits: tuple[tuple[str, float], ...] = ()

    def limit(self, name: str) -> float | None:
        return dict(self.limits).get(name)


class Readings:
    """All readings at one moment."""

    def __init__(self, view: dict[str, Any]) -> None:
        active = view["faults"]
        self.on: bool = view["power_state"] == "On"
        self.hardware_faults: frozenset[str] = frozenset(active) & faults.HARDWARE
        self.psu_lost = faults.PSU_FAILED in active
        self.fan_stuck = faults.FAN_FAILED in active
        self.hot = faults.OVER_TEMPERATURE in active
        self.watts: float = 120 if self.on else 8
        self.psu_watts: tuple[float, float] = (0, self.watts) if self.psu_lost else (self.watts / 2, self.watts / 2)
        inlet = faults.FAILED_INLET_CELSIUS if self.hot else faults.HEALTHY_INLET_CELSIUS
        self.temperatures: Sequence[Measured] = (
            _temperature("CPU1Temp", "CPU1 Temp", "CPU", 45 if self.on else 25, 85, 95),
            _temperature("InletTemp", "Inlet Temp", "Intake", inlet, 38, 42),
            _temperature("ExhaustTemp", "Exhaust Temp", "Exhaust", inlet + 7 if self.on else inlet, 70, 75),
            _temperature("DimmA1Temp", "DIMM A1 Temp", "Memory", 36 if self.on else 25, 80, 85),
            Measured("DimmB2Temp", "DIMM B2 Temp", "Temperature", "Cel", None, "Memory", ABSENT),
        )
        stuck = FAILED if self.fan_stuck else HEALTHY
        self.fans: Sequence[Measured] = (
            self._fan(1, 0 if self.fan_stuck else 4200, stuck),
            self._fan(2, 4300, HEALTHY),
        )
        rail = (("LowerCritical", 10.8), ("LowerCaution", 11.4), ("UpperCaution", 12.6), ("UpperCritical", 13.2))
        self.voltages: Sequence[Measured] = (
            Measured("Volt12V", "+12V", "Voltage", "V", 12.0, "SystemBoard", HEALTHY, rail),
            Measured("VoltVBAT", "VBAT", "Voltage", "V", 3.016, "Battery", HEALTHY, (("LowerCritical", 2.5),)),
        )
        self.power: Sequence[Measured] = (
            Measured("TotalPower", "System Input Power", "Power", "W", self.watts, "Chassis", HEALTHY),
            *(self._psu(number) for number in (1, 2)),
        )

    @classmethod
    def now(cls, link: RackLink) -> "Readings":
        return cls(link.view())

    @property
    def all(self) -> tuple[Measured, ...]:
        return (*self.temperatures, *self.fans, *self.voltages, *self.power)

    @property
    def health(self) -> str:
        """The server's, rolled up from its parts."""
        if self.hardware_faults - {faults.DIMM_ECC}:
            return "Critical"
        return "Warning" if self.hardware_faults else "OK"

    def psu_status(self, number: int) -> dict[str, str]:
        return PSU_FAILED if number == 1 and self.psu_lost else HEALTHY

    @property
    def redundancy_status(self) -> dict[str, str]:
        return WARNING if self.psu_lost else HEALTHY

    def _fan(self, number: int, rpm: float, status: dict[str, str]) -> Measured:
        limits = (("LowerCritical", FAN_LOWER_CRITICAL), ("LowerCaution", 800))
        shown = status if self.on or status is FAILED else STANDBY
        reading = rpm if self.on else 0
        return Measured(f"Fan{number}", f"Fan{number}", "Rotational", "RPM", reading, "SystemBoard", shown, limits)

    def _psu(self, number: int) -> Measured:
        watts, status = self.psu_watts[number - 1], self.psu_status(number)
        return Measured(f"PSU{number}Power", f"PSU{number} Input Power", "Power", "W", watts, "PowerSupply", status)


def _temperature(name: str, label: str, context: str, celsius: float, caution: float, critical: float) -> Measured:
    status = FAILED if celsius >= critical else WARNING if celsius >= caution else HEALTHY
    limits = (("UpperCaution", caution), ("UpperCritical", critical))
    return Measured(name, label, "Temperature", "Cel", celsius, context, status, limits)
