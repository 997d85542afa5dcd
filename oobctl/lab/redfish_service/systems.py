"""ComputerSystem: identity, the boot override, the reset action, the identify LED."""

from typing import Any

import flask

from oobctl.lab import qemu
from oobctl.lab.bios import ASSET_TAG
from oobctl.lab.boot_override import ENABLED, MODE_OF, MODES, TARGETS
from oobctl.lab.chassis import LED_STATES
from oobctl.lab.errors import LabRefused
from oobctl.lab.faults import DIMM_ECC
from oobctl.lab.ipmi_config import MANUFACTURER, PRODUCT
from oobctl.lab.redfish_service.answers import (
    failure,
    in_wrong_state,
    json_body,
    nothing,
    value_not_in_list,
)
from oobctl.lab.redfish_service.bios_resources import BIOS
from oobctl.lab.redfish_service.configuration import Configuration
from oobctl.lab.redfish_service.hardware import BIOS_VERSION, MEMORY, PROCESSORS
from oobctl.lab.redfish_service.log_services import SYSTEM_LOGS
from oobctl.lab.redfish_service.rack_link import RackLink
from oobctl.lab.redfish_service.readings import HEALTHY, WARNING, Readings
from oobctl.lab.redfish_service.system_driver import SYSTEM

PATH = f"/redfish/v1/Systems/{SYSTEM}"
_ALLOWED = "@Redfish.AllowableValues"
_COMMANDS = {
    "On": "power-on",
    "ForceOn": "power-on",
    "ForceOff": "power-off",
    "GracefulShutdown": "shutdown",
    "GracefulRestart": "restart",
    "ForceRestart": "reset",
    "PowerCycle": "power-cycle",
    "Nmi": "nmi",
}
_BOOT_PROPERTIES = {
    "BootSourceOverrideTarget": ("target", TARGETS),
    "BootSourceOverrideEnabled": ("enabled", ENABLED),
    "BootSourceOverrideMode": ("mode", tuple(MODES)),
}


class Systems:
    """The system's resource as the overlay shows and changes it."""

    def __init__(self, configuration: Configuration, link: RackLink) -> None:
        self._configuration = configuration
        self._link = link

    def amend(self, body: dict[str, Any]) -> None:
        """Correct what sushy-tools says about the system."""
        view, identity = self._link.view(), self._configuration.identity
        settings = self._link.bmc("bios")["current"]
        health = Readings(view).health
        body |= {
            "@odata.type": "#ComputerSystem.v1_13_0.ComputerSystem",
            "UUID": identity["system_uuid"],
            "SerialNumber": identity["serial"],
            "Manufacturer": MANUFACTURER,
            "Model": PRODUCT,
            "SKU": self._configuration.server,
            "AssetTag": settings[ASSET_TAG],
            "BiosVersion": BIOS_VERSION,
            "SystemType": "Physical",
            "PowerState": view["power_state"],
            "LastResetTime": view["last_reset"],
            "IndicatorLED": view["led"],
            "LocationIndicatorActive": view["led"] != "Off",
            "Boot": _boot(view["override"]),
            "Bios": {"@odata.id": BIOS},
            "Processors": {"@odata.id": PROCESSORS},
            "Memory": {"@odata.id": MEMORY},
            "LogServices": {"@odata.id": SYSTEM_LOGS},
            "Status": {"State": "Enabled", "Health": health, "HealthRollup": health},
            "ProcessorSummary": {"Count": 1, "Model": "Virtual processor", "Status": HEALTHY},
            "MemorySummary": {
                "TotalSystemMemoryGiB": qemu.MEMORY_MB / 1024,
                "Status": WARNING if DIMM_ECC in view["faults"] else HEALTHY,
            },
            "Links": {
                "Chassis": [{"@odata.id": "/redfish/v1/Chassis/1"}],
                "ManagedBy": [{"@odata.id": "/redfish/v1/Managers/1"}],
            },
        }
        body.pop("SecureBoot", None)  # sushy-tools links it and has nothing there
        body["Actions"]["#ComputerSystem.Reset"][f"ResetType{_ALLOWED}"] = list(_COMMANDS)

    def patch(self) -> flask.Response:
        """PATCH: Boot, IndicatorLED, LocationIndicatorActive; all is checked before anything changes."""
        body = json_body()
        changes: dict[str, str] = {}
        for name, value in (body.get("Boot") or {}).items():
            if name not in _BOOT_PROPERTIES:
                return failure(400, "PropertyUnknown", f"The property {name} is not in the list of properties.", name)
            key, allowed = _BOOT_PROPERTIES[name]
            if value not in allowed:
                return value_not_in_list(value, name)
            changes[key] = value
        led = led_of(body)
        if led is not None and led not in LED_STATES:
            return value_not_in_list(led, "IndicatorLED")
        if not changes and led is None:
            return failure(400, "PropertyMissing", "The request has no property that can be changed.")
        if changes:
            self._link.command("boot-override", **changes)
        if led is not None:
            self._link.command("identify", led=led)
        return nothing()

    def reset(self) -> flask.Response:
        """POST ComputerSystem.Reset."""
        reset_type = json_body().get("ResetType")
        if reset_type is None:
            message = "The action ComputerSystem.Reset requires the parameter ResetType."
            return failure(400, "ActionParameterMissing", message, "ComputerSystem.Reset", "ResetType")
        if reset_type not in _COMMANDS:
            return value_not_in_list(reset_type, "ResetType")
        try:
            self._link.command(_COMMANDS[reset_type])
        except LabRefused as refusal:
            return in_wrong_state(refusal.message)
        return nothing()

    def default_mode(self) -> str:
        """The firmware that the system boots by itself: UEFI or Legacy."""
        return MODE_OF["uefi" if self._configuration.firmware == "uefi" else "bios"]


def led_of(body: dict[str, Any]) -> str | None:
    """The LED state that a PATCH asks for, by the old property or the new one; None when it asks for none."""
    if "LocationIndicatorActive" in body:
        return "Lit" if body["LocationIndicatorActive"] else "Off"
    led = body.get("IndicatorLED")
    return None if led is None else str(led)


def _boot(override: dict[str, str]) -> dict[str, Any]:
    values = {name: override[key] for name, (key, _allowed) in _BOOT_PROPERTIES.items()}
    allowed = {f"{name}{_ALLOWED}": list(allowed) for name, (_key, allowed) in _BOOT_PROPERTIES.items()}
    return {**values, **allowed}
