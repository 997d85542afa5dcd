"""What a server is made of, over Redfish: from the system and its chassis down to the firmware."""

from collections.abc import Callable, Iterable

from oobctl.drivers.interfaces import Fence
from oobctl.drivers.readings import InventoryReport, Part
from oobctl.drivers.redfish import parts
from oobctl.drivers.redfish.answers import links
from oobctl.drivers.redfish.fields import Resource
from oobctl.drivers.redfish.firmware import firmware_parts
from oobctl.drivers.redfish.network import network_parts
from oobctl.drivers.redfish.session import RedfishSession
from oobctl.drivers.redfish.storage import storages
from oobctl.drivers.redfish.supplies import fans, power_supplies
from oobctl.drivers.redfish.tree import Member, Tree, same
from oobctl.drivers.redfish.walk import Walk


class RedfishInventory:
    """interfaces.Inventory of one ComputerSystem."""

    def __init__(self, session: RedfishSession, tree: Tree, fence: Fence) -> None:
        self._session, self._tree = session, tree

    def read(self) -> InventoryReport:
        """Every part once. An absent one is told where it leaves a labelled slot empty. Raises BmcError's subclasses
        where the system itself can't be read; what else can't be is in the problems.
        """
        walk = Walk(self._session, self._tree)
        system = walk.ours()
        chassis, managers = walk.chassis(), walk.managers()
        found = [parts.system(system, walk.system_path)]
        found += _made(chassis, parts.chassis)
        found += _made(managers, parts.bmc)
        found += _made(walk.members(system, "Processors", "list its processors"), parts.processor)
        found += _made(walk.members(system, "Memory", "list its memory"), parts.memory)
        found += _storage(walk, system, chassis)
        found += network_parts(walk, system, chassis)
        for one in chassis:
            found += _made(power_supplies(walk, one.resource), parts.power_supply)
            found += _made(fans(walk, one.resource), parts.fan)
        listed = _firmware(walk, [*chassis, *managers])
        found += firmware_parts(listed, self._session.login.profile.inventory.firmware_ids)
        return InventoryReport(tuple(part for part in found if parts.is_there(part)), tuple(walk.problems))


def _made(members: Iterable[Member], make: Callable[[Resource, str], Part]) -> list[Part]:
    return [make(member.resource, member.path) for member in members]


def _storage(walk: Walk, system: Resource, chassis: list[Member]) -> list[Part]:
    found = []
    for one in storages(walk, system, chassis):
        found += _made(one.controllers, parts.storage_controller)
        found += _made(one.drives, parts.drive)
    return found


def _firmware(walk: Walk, ours: list[Member]) -> list[Member]:
    """The FirmwareInventory; where several systems share the BMC, without what is another system's alone."""
    service = walk.one(walk.root, "UpdateService", "describe its update service")
    listed = walk.members(service.resource, "FirmwareInventory", "list its firmware") if service else []
    if walk.alone:
        return listed
    mine = [walk.system_path, *(member.path for member in ours)]
    return [member for member in listed if _is_ours(member.resource, mine)]


def _is_ours(firmware: Resource, ours: list[str]) -> bool:
    """Whether it relates to nothing, or to something of ours."""
    about = links(firmware, "RelatedItem")
    return not about or any(_is_under(path, one) for path in about for one in ours)


def _is_under(path: str, top: str) -> bool:
    return same(path, top) or path.casefold().startswith(top.casefold().rstrip("/") + "/")
