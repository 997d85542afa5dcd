"""What the system is made of: processor, memory modules, network card, and the firmware of its parts."""

from functools import partial
from typing import Any

import flask

from oobctl.lab import qemu
from oobctl.lab.bios import attributes
from oobctl.lab.faults import DIMM_ECC
from oobctl.lab.ipmi_config import MANUFACTURER, parts
from oobctl.lab.redfish_service.answers import collection, resource
from oobctl.lab.redfish_service.configuration import Configuration
from oobctl.lab.redfish_service.rack_link import RackLink
from oobctl.lab.redfish_service.readings import HEALTHY, WARNING
from oobctl.lab.redfish_service.routes import serve

SYSTEM = "/redfish/v1/Systems/1"
MEMORY, PROCESSORS = f"{SYSTEM}/Memory", f"{SYSTEM}/Processors"
UPDATE = "/redfish/v1/UpdateService"
FIRMWARE = f"{UPDATE}/FirmwareInventory"
BMC_VERSION, NIC_VERSION = "1.00", "21.80.9"
BIOS_VERSION = str(attributes()["SystemBiosVersion"]["DefaultValue"])
_SLOTS = {1: "DIMM_A1", 2: "DIMM_B1"}


class Hardware:
    """Read-only resources about parts; one memory module shows its fault."""

    def __init__(self, configuration: Configuration, link: RackLink) -> None:
        self._configuration = configuration
        self._parts = {part.number: part for part in parts(configuration.server)}
        self._link = link

    def install(self, app: flask.Flask) -> None:
        versions = {"BMC": self._bmc, "BIOS": self._bios, "NIC.1": self._nic}
        app.view_functions["processors_collection"] = lambda identity: flask.jsonify(
            collection(PROCESSORS, "Processor", [f"{PROCESSORS}/CPU1"])
        )
        app.view_functions["processor"] = lambda identity, processor_id: flask.jsonify(self.processor())
        serve(
            app,
            {
                MEMORY: lambda: collection(MEMORY, "Memory", [f"{MEMORY}/{n}" for n in _SLOTS]),
                **{f"{MEMORY}/{n}": partial(self.module, n) for n in _SLOTS},
                FIRMWARE: lambda: collection(FIRMWARE, "SoftwareInventory", [f"{FIRMWARE}/{n}" for n in versions]),
                **{f"{FIRMWARE}/{name}": make for name, make in versions.items()},
            },
        )

    def amend_network_card(self, body: dict[str, Any]) -> None:
        """Correct what sushy-tools says about a network card."""
        body |= {
            "@odata.type": "#EthernetInterface.v1_6_0.EthernetInterface",
            "Name": "NIC 1 Port 1",
            "LinkStatus": "LinkUp",
            "SpeedMbps": 1000,
            "FullDuplex": True,
            "InterfaceEnabled": True,
        }

    def amend_update_service(self, body: dict[str, Any]) -> None:
        """Nothing can be updated here: the service has its inventory alone."""
        for absent in ("Actions", "HttpPushUri", "SoftwareInventory", "MaxImageSizeBytes"):
            body.pop(absent, None)

    def memory_status(self) -> dict[str, str]:
        return WARNING if DIMM_ECC in self._link.faults() else HEALTHY

    def module(self, number: int) -> dict[str, Any]:
        part, slot = self._parts[number], _SLOTS[number]
        body = resource(f"{MEMORY}/{number}", "Memory", "v1_11_0", Id=str(number), Name=slot)
        return body | {
            "Manufacturer": part.manufacturer,
            "PartNumber": part.part,
            "SerialNumber": part.serial,
            "CapacityMiB": qemu.MEMORY_MB // len(_SLOTS),
            "MemoryType": "DRAM",
            "MemoryDeviceType": "DDR4",
            "BaseModuleType": "UDIMM",
            "ErrorCorrection": "SingleBitECC",
            "OperatingSpeedMhz": 3200,
            "RankCount": 1,
            "DeviceLocator": slot,
            "MemoryLocation": {"Socket": 1, "MemoryController": 1, "Channel": number, "Slot": 1},
            "Location": {"PartLocation": {"ServiceLabel": slot, "LocationType": "Slot"}},
            "Status": self.memory_status() if number == 1 else HEALTHY,
        }

    def processor(self) -> dict[str, Any]:
        body = resource(f"{PROCESSORS}/CPU1", "Processor", "v1_11_0", Id="CPU1", Name="CPU1")
        return body | {
            "ProcessorType": "CPU",
            "ProcessorArchitecture": "x86",
            "InstructionSet": "x86-64",
            "Manufacturer": "QEMU",
            "Model": "Virtual processor",
            "Socket": "CPU1",
            "TotalCores": 1,
            "TotalThreads": 1,
            "MaxSpeedMHz": 2400,
            "Status": HEALTHY,
        }

    # --- firmware -----------------------------------------------------------------------------------------------

    def _bmc(self) -> dict[str, Any]:
        return _firmware("BMC", "BMC firmware", BMC_VERSION, "/redfish/v1/Managers/1")

    def _bios(self) -> dict[str, Any]:
        return _firmware("BIOS", "BIOS", BIOS_VERSION, f"{SYSTEM}/Bios")

    def _nic(self) -> dict[str, Any]:
        mac = self._configuration.identity["nic_mac"]
        return _firmware("NIC.1", f"Network card 1 - {mac}", NIC_VERSION, f"{SYSTEM}/EthernetInterfaces/{mac}")


def _firmware(name: str, label: str, version: str, item: str) -> dict[str, Any]:
    body = resource(f"{FIRMWARE}/{name}", "SoftwareInventory", "v1_4_0", Id=name, Name=label)
    return body | {
        "Version": version,
        "Manufacturer": MANUFACTURER,
        "Updateable": False,
        "SoftwareId": f"OOBLAB-{name}",
        "RelatedItem": [{"@odata.id": item}],
        "Status": HEALTHY,
    }
