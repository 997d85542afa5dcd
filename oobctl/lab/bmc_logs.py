"""What a BMC writes into its two logs: Sel has the hardware's events, Lclog what was asked of BMC and server."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oobctl.lab import faults
from oobctl.lab import ipmi_sensors as sensors
from oobctl.lab.chassis_log import Source
from oobctl.lab.errors import LabRefused
from oobctl.lab.event_log import EventLog

SEL, LCLOG = "Sel", "Lclog"


@dataclass(frozen=True)
class _FaultEvent:
    """How a fault is logged. `origin`: the Redfish resource that has it; severity: while it lasts."""

    name: str
    begun: str
    over: str
    severity: str
    origin: str
    sensor: sensors.Sensor


_FAULT_EVENTS: Mapping[str, _FaultEvent] = {
    faults.PSU_FAILED: _FaultEvent(
        "PowerSupplyFailed", "Power supply 1 has failed.", "Power supply 1 works again.", "Critical",
        "/redfish/v1/Chassis/1/PowerSubsystem/PowerSupplies/1", sensors.PSU_1,
    ),
    faults.DIMM_ECC: _FaultEvent(
        "MemoryCorrectableErrors", "The memory module DIMM_A1 corrects bit errors.",
        "The memory module DIMM_A1 has no more bit errors.", "Warning", "/redfish/v1/Systems/1/Memory/1", sensors.DIMM,
    ),
    faults.FAN_FAILED: _FaultEvent(
        "FanFailed", "Fan 1 stands still.", "Fan 1 turns again.", "Critical",
        "/redfish/v1/Chassis/1/ThermalSubsystem/Fans/1", sensors.FAN_1,
    ),
    faults.OVER_TEMPERATURE: _FaultEvent(
        "TemperatureAboveUpperCriticalThreshold",
        f"The inlet air is {faults.FAILED_INLET_CELSIUS} degrees Celsius warm, above its upper critical threshold.",
        "The temperature of the inlet air is normal again.", "Critical",
        "/redfish/v1/Chassis/1/Sensors/InletTemp", sensors.INLET_TEMPERATURE,
    ),
    faults.DRIVE_FAILED: _FaultEvent(
        "DriveFailed", "The drive in bay 0 has failed.", "The drive in bay 0 works again.", "Critical",
        "/redfish/v1/Systems/1/Storage/1/Drives/0", sensors.DRIVE,
    ),
    faults.INTRUSION: _FaultEvent(
        "ChassisIntrusion", "The chassis was opened.", "The chassis is closed again.", "Critical",
        "/redfish/v1/Chassis/1", sensors.INTRUSION,
    ),
}  # fmt: skip
_VIA: Mapping[Source, str] = {
    "ipmi": "over IPMI",
    "redfish": "over Redfish",
    "lab": "at the server",
    "guest": "by the guest",
}


class BmcLogs:
    """The logs of one BMC."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._logs = {name: EventLog(folder / f"{name.lower()}.jsonl") for name in (SEL, LCLOG)}

    def of(self, name: str) -> EventLog:
        """Raises LabRefused where there is no log of that name."""
        if name not in self._logs:
            raise LabRefused(f"The BMC has no log {name!r}.")
        return self._logs[name]

    def hardware_fault(self, fault: str, *, begun: bool) -> None:
        """A hardware fault began or is over; the BMC's own faults leave no entry."""
        event = _FAULT_EVENTS.get(fault)
        if event is None:
            return
        self.of(SEL).add(
            event.name if begun else f"{event.name}Over",
            event.begun if begun else event.over,
            severity=event.severity if begun else "OK",
            code="Assert" if begun else "Deassert",
            origin=event.origin,
            sensor_type=event.sensor.kind.replace("_", " "),
            sensor_number=event.sensor.number,
        )

    def server_event(self, name: str, message: str) -> None:
        """Something that happened to the server itself."""
        self.of(SEL).add(name, message, severity="OK", origin="/redfish/v1/Systems/1")

    def asked(self, source: Source, command: str, **parameters: Any) -> None:
        """A command that reached the chassis or the BMC; parameters are put behind it."""
        words = [command, *(f"{name}={value}" for name, value in parameters.items() if value not in (None, "", 0))]
        self.note("Command", f"Asked {_VIA[source]}: {' '.join(words)}.")

    def note(self, name: str, message: str, *, severity: str = "OK") -> None:
        """Something about the BMC."""
        self.of(LCLOG).add(name, message, severity=severity, origin="/redfish/v1/Managers/1")
