"""The BMC itself over Redfish: who it and its system are, and Manager.Reset (DSP2046, Manager)."""

from collections.abc import Mapping
from typing import Any

from oobctl.constants import ResetType
from oobctl.drivers.identity import normalise_mac, told
from oobctl.drivers.interfaces import Fence, Identity
from oobctl.drivers.redfish.answers import link, text
from oobctl.drivers.redfish.session import RedfishSession
from oobctl.drivers.redfish.tree import Tree
from oobctl.drivers.unsent import surely_not_sent
from oobctl.errors import BmcBadAnswer, BmcRefused, NotSupported, OutcomeUnknown


class RedfishBmc:
    """interfaces.BmcDevice of the management controller that serves one ComputerSystem."""

    def __init__(self, session: RedfishSession, tree: Tree, fence: Fence) -> None:
        self._session, self._tree, self._fence = session, tree, fence

    def identity(self) -> Identity:
        """What the service tells of the system and the controller; None for each part that it does not tell."""
        system = self._tree.system().resource()
        device = self._device()
        root = self._session.root
        return told(
            system_uuid=text(system, "UUID"),
            serial=text(system, "SerialNumber"),
            bmc_guid=text(device, "UUID") or text(device, "ServiceEntryPointUUID"),
            bmc_mac=self._mac(device),
            manufacturer=text(system, "Manufacturer"),
            model=text(system, "Model"),
            board=self._board(),
            bmc_firmware=text(device, "FirmwareVersion"),
            bmc_model=text(device, "Model"),
            root_vendor=text(root, "Vendor"),
            root_product=text(root, "Product"),
            oem=(*_oem(root), *_oem(device)),
            bios_version=text(system, "BiosVersion"),
        )

    def reset(self, reset: ResetType) -> None:
        """GracefulRestart or ForceRestart, whichever the BMC lists; sent once."""
        with surely_not_sent():
            target, values = self._tree.action(self._device(), "Manager.Reset", "ResetType")
            if values is not None and reset not in values:
                raise NotSupported(f"This BMC's reset takes {', '.join(values)}, and not {reset}.")
        try:
            self._session.post_once(target, {"ResetType": reset}, self._fence, what="reset itself")
        except OutcomeUnknown:
            self._session.give_up()
            raise
        self._session.give_up()

    def _device(self) -> dict[str, Any]:
        path = self._tree.bmc_path
        return self._session.resource(path, what="describe itself") if path is not None else {}

    def _board(self) -> str | None:
        """The chassis's model: some put the mainboard's there, and call the system by the maker's name alone."""
        try:
            path = self._tree.chassis_path
            chassis = self._session.resource(path, what="describe its chassis") if path is not None else {}
        except (BmcBadAnswer, BmcRefused, NotSupported):
            return None
        return text(chassis, "Model")

    def _mac(self, device: dict[str, Any]) -> str | None:
        """The first MAC address of the controller's interfaces."""
        collection = link(device, "EthernetInterfaces")
        if collection is None:
            return None
        try:
            for path in self._tree.paths(collection, "list its interfaces"):
                interface = self._session.resource(path, what="describe its interface")
                mac = normalise_mac(text(interface, "MACAddress") or text(interface, "PermanentMACAddress"))
                if mac is not None:
                    return mac
        except (BmcRefused, NotSupported):  # one that is busy may tell it the next time
            return None
        return None


def _oem(resource: Mapping[str, Any]) -> list[str]:
    """The keys of Oem: a maker's parts bear its name (DSP0266, section 9.9)."""
    parts = resource.get("Oem")
    return [str(key) for key in parts if not str(key).startswith("@")] if isinstance(parts, dict) else []
