"""The system driver of sushy-tools' app for one lab server: what sushy-tools itself serves, from the rack."""

from typing import Any

from sushy_tools import error
from sushy_tools.emulator.resources.systems.base import AbstractSystemsDriver

from oobctl.lab.redfish_service.configuration import Configuration
from oobctl.lab.redfish_service.rack_link import RackLink

SYSTEM = "1"


class LabSystems(AbstractSystemsDriver):  # type: ignore[misc]
    """The one system behind this BMC, under the fixed id 1 as most vendors have it."""

    def __init__(self, configuration: Configuration, link: RackLink) -> None:
        self._server = configuration
        self._link = link

    def _known(self, identity: str) -> None:
        if identity not in (SYSTEM, self._server.identity["system_uuid"]):
            raise error.NotFound(f"System {identity} was not found")

    @property
    def driver(self) -> str:
        return "oobctl lab"

    @property
    def systems(self) -> list[str]:
        return [SYSTEM]

    def uuid(self, identity: str) -> str:
        self._known(identity)
        return self._server.identity["system_uuid"]

    def name(self, identity: str) -> str:
        self._known(identity)
        return self._server.server

    def get_power_state(self, identity: str) -> str:
        self._known(identity)
        return str(self._link.view()["power_state"])

    def set_power_state(self, identity: str, state: str) -> None:
        """Never reached: the overlay has ComputerSystem.Reset of its own."""
        raise error.NotSupportedError(f"Reset type {state}")

    def get_boot_device(self, identity: str) -> str:
        self._known(identity)
        return str(self._link.view()["override"]["target"])

    def set_boot_device(self, identity: str, boot_source: str) -> None:
        self._link.command("boot-override", target=boot_source)

    def get_boot_mode(self, identity: str) -> str:
        self._known(identity)
        return str(self._link.view()["override"]["mode"])

    def set_boot_mode(self, identity: str, boot_mode: str) -> None:
        self._link.command("boot-override", mode=boot_mode)

    def get_total_memory(self, identity: str) -> float:
        return 0.5

    def get_total_cpus(self, identity: str) -> int:
        return 1

    def get_nics(self, identity: str) -> list[dict[str, Any]]:
        self._known(identity)
        mac = self._server.identity["nic_mac"]
        return [{"id": mac, "mac": mac}]
