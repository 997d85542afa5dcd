"""Storage: one controller with its drives, of which the first fails when the fault is injected."""

from typing import Any

from oobctl.lab.faults import DRIVE_FAILED
from oobctl.lab.ipmi_config import MANUFACTURER
from oobctl.lab.plan import DISK_BYTES
from oobctl.lab.redfish_service.configuration import Configuration
from oobctl.lab.redfish_service.rack_link import RackLink
from oobctl.lab.redfish_service.readings import HEALTHY

_CONTROLLER, _FIRST = "1", "0"


def sushy_configuration(configuration: Configuration) -> dict[str, Any]:
    """What sushy-tools' storage drivers read."""
    system = configuration.identity["system_uuid"]
    names = [str(number) for number in range(len(configuration.disks))]
    drives = [
        {"Id": name, "Name": f"Drive {name}", "CapacityBytes": DISK_BYTES, "Protocol": "NVMe", "MediaType": "SSD"}
        for name in names
    ]
    return {
        "SUSHY_EMULATOR_STORAGE": {system: [{"Id": _CONTROLLER, "Name": "Storage", "Drives": names}]},
        "SUSHY_EMULATOR_DRIVES": {(system, _CONTROLLER): drives},
    }


class Drives:
    """Controller and drives as the overlay shows them."""

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
        """Correct what sushy-tools says about a drive: what it is, and whether it has failed."""
        number = int(body["Id"])
        body |= {
            "Manufacturer": MANUFACTURER,
            "Model": "Virtual drive",
            "SerialNumber": self._configuration.disks[number],
            "PartNumber": "VD-4",
            "Revision": "1.0",
            "MediaType": "SSD",
            "IndicatorLED": "Off",
            "Status": {"State": "Enabled", "Health": self._health() if body["Id"] == _FIRST else "OK"},
            "PhysicalLocation": {"PartLocation": {"LocationType": "Bay", "LocationOrdinalValue": number}},
        }
        for irrelevant in ("RotationSpeedRPM", "HotspareType", "EncryptionAbility", "EncryptionStatus"):
            body.pop(irrelevant, None)
