"""Storage: one controller with one drive, which fails when the fault is injected."""

from typing import Any

from oobctl.lab.faults import DRIVE_FAILED
from oobctl.lab.ipmi_config import MANUFACTURER
from oobctl.lab.redfish_service.configuration import Configuration
from oobctl.lab.redfish_service.rack_link import RackLink
from oobctl.lab.redfish_service.readings import HEALTHY

_CONTROLLER, _DRIVE = "1", "0"
_CAPACITY_BYTES = 4 << 30


def sushy_configuration(configuration: Configuration) -> dict[str, Any]:
    """What sushy-tools' storage drivers read."""
    system = configuration.identity["system_uuid"]
    drive = {
        "Id": _DRIVE, "Name": "Drive 0", "CapacityBytes": _CAPACITY_BYTES, "Protocol": "NVMe", "MediaType": "SSD",
    }  # fmt: skip
    return {
        "SUSHY_EMULATOR_STORAGE": {system: [{"Id": _CONTROLLER, "Name": "Storage", "Drives": [_DRIVE]}]},
        "SUSHY_EMULATOR_DRIVES": {(system, _CONTROLLER): [drive]},
    }


class Drives:
    """Controller and drive as the overlay shows them."""

    def __init__(self, configuration: Configuration, link: RackLink) -> None:
        self._configuration = configuration
        self._link = link

    def amend_storage(self, body: dict[str, Any]) -> None:
        """Correct what sushy-tools says about the controller; it has no volumes."""
        body |= {
            "@odata.type": "#Storage.v1_10_0.Storage",
            "Name": "Storage controller 1",
            "Status": {"State": "Enabled", "Health": "OK", "HealthRollup": self._health()},
            "StorageControllers": [
                {
                    "@odata.id": f"{body['@odata.id']}#/StorageControllers/0",
                    "MemberId": "0",
                    "Name": "Storage controller 1",
                    "Manufacturer": MANUFACTURER,
                    "Model": "Virtual controller",
                    "SerialNumber": f"CTRL-{self._configuration.server}",
                    "FirmwareVersion": "2.11",
                    "Status": HEALTHY,
                }
            ],
        }
        body.pop("Volumes", None)

    def _health(self) -> str:
        return "Critical" if DRIVE_FAILED in self._link.faults() else "OK"

    def amend(self, body: dict[str, Any]) -> None:
        """Correct what sushy-tools says about the drive: what it is, and whether it has failed."""
        body |= {
            "Manufacturer": MANUFACTURER,
            "Model": "Virtual drive",
            "SerialNumber": f"DISK-{self._configuration.server}",
            "PartNumber": "VD-4",
            "Revision": "1.0",
            "MediaType": "SSD",
            "IndicatorLED": "Off",
            "Status": {"State": "Enabled", "Health": self._health()},
            "PhysicalLocation": {"PartLocation": {"LocationType": "Bay", "LocationOrdinalValue": 0}},
        }
        for irrelevant in ("RotationSpeedRPM", "HotspareType", "EncryptionAbility", "EncryptionStatus"):
            body.pop(irrelevant, None)
