"""Parts of a server out of Redfish resources: one function per kind. Pure."""

from oobctl.constants import FirmwareState, PartKind, State
from oobctl.drivers.readings import Part, Scalar
from oobctl.drivers.redfish.fields import (
    Resource,
    details,
    health_of,
    inner,
    known_words,
    name_of,
    named_place,
    place_of,
    rows,
    state_of,
    whole,
    words,
)

_MIB = 1024 * 1024
_BOARDS = frozenset({"Card", "Cartridge", "Component", "Module"})
_SAYS_NOTHING = frozenset({"software inventory", "firmware inventory", "softwareinventory"})


def system(resource: Resource, path: str) -> Part:
    """A ComputerSystem; its firmware is the BIOS."""
    more: dict[str, Scalar] = {}
    more |= details(resource, "SystemType", "SKU", "AssetTag", "BiosVersion", "HostName")
    more |= details(inner(resource, "MemorySummary"), "TotalSystemMemoryGiB")
    return _part(PartKind.SYSTEM, resource, path, firmware=words(resource, "BiosVersion"), more=more)


def chassis(resource: Resource, path: str) -> Part:
    """A Chassis; a card or module in another one is a board."""
    kind = PartKind.BOARD if words(resource, "ChassisType") in _BOARDS else PartKind.CHASSIS
    return _part(kind, resource, path, more=details(resource, "ChassisType", "SKU", "AssetTag"))


def bmc(resource: Resource, path: str) -> Part:
    """A Manager: the BMC itself."""
    more = details(resource, "ManagerType")
    return _part(PartKind.OTHER, resource, path, firmware=words(resource, "FirmwareVersion"), more=more)


def processor(resource: Resource, path: str) -> Part:
    """A Processor (a CPU, a GPU and others, by ProcessorType)."""
    keys = ("ProcessorType", "TotalCores", "TotalThreads", "MaxSpeedMHz", "OperatingSpeedMHz", "InstructionSet")
    location = words(resource, "Socket") or place_of(resource)
    model = known_words(resource, "Model", "Version")
    firmware = words(resource, "FirmwareVersion")
    more = details(resource, *keys)
    return _part(PartKind.PROCESSOR, resource, path, location=location, model=model, firmware=firmware, more=more)


def memory(resource: Resource, path: str) -> Part:
    """A Memory: a module, or the slot of one."""
    keys = ("MemoryDeviceType", "BaseModuleType", "OperatingSpeedMhz", "RankCount", "ErrorCorrection")
    location = words(resource, "DeviceLocator", "SocketLocator") or place_of(resource)
    mebibytes = whole(resource.get("CapacityMiB")) or whole(resource.get("SizeMB"))
    return _part(
        PartKind.MEMORY,
        resource,
        path,
        location=location,
        firmware=words(resource, "FirmwareRevision"),
        capacity=mebibytes * _MIB if mebibytes else None,
        more=details(resource, *keys),
    )


def drive(resource: Resource, path: str) -> Part:
    """A Drive of Storage, or a Device of SimpleStorage."""
    keys = (
        "MediaType",
        "Protocol",
        "RotationSpeedRPM",
        "CapableSpeedGbs",
        "NegotiatedSpeedGbs",
        "PredictedMediaLifeLeftPercent",
        "FailurePredicted",
        "HotspareType",
        "DriveFormFactor",
    )
    return _part(
        PartKind.DRIVE,
        resource,
        path,
        location=place_of(resource) or named_place(resource),
        firmware=words(resource, "Revision", "FirmwareVersion"),
        capacity=whole(resource.get("CapacityBytes")),
        more=details(resource, *keys),
    )


def storage_controller(resource: Resource, path: str) -> Part:
    """A StorageController, from its own resource or from the older list in Storage."""
    more = details(resource, "SpeedGbps") | details(inner(resource, "CacheSummary"), "TotalCacheSizeMiB")
    firmware = words(resource, "FirmwareVersion")
    return _part(PartKind.STORAGE_CONTROLLER, resource, path, firmware=firmware, more=more)


def power_supply(resource: Resource, path: str) -> Part:
    """A PowerSupply, new or old."""
    keys = ("PowerCapacityWatts", "PowerSupplyType", "SparePartNumber", "HotPluggable", "LineInputVoltageType")
    place, version = place_of(resource) or named_place(resource), words(resource, "FirmwareVersion")
    more = details(resource, *keys)
    return _part(PartKind.POWER_SUPPLY, resource, path, location=place, firmware=version, more=more)


def fan(resource: Resource, path: str) -> Part:
    """A Fan, new or old."""
    name = words(resource, "Name", "FanName")
    more = details(resource, "PhysicalContext", "HotPluggable")
    return _part(PartKind.FAN, resource, path, name=name, more=more)


def firmware(resource: Resource, path: str, installed: FirmwareState = FirmwareState.INSTALLED) -> Part:
    """A SoftwareInventory; one that all call "Software Inventory" is called by its Id.

    What is not installed says so in the detail FirmwareState.
    """
    name, ident = words(resource, "Name"), words(resource, "Id")
    if name is None or name.casefold() in _SAYS_NOTHING:
        name = ident or name
    more = details(resource, "Id", "Updateable", "SoftwareId", "LowestSupportedVersion")
    if installed is not FirmwareState.INSTALLED:
        more["FirmwareState"] = str(installed)
    return _part(PartKind.FIRMWARE, resource, path, name=name, firmware=words(resource, "Version"), more=more)


def adapter(resource: Resource, path: str, macs: tuple[str, ...], more: dict[str, Scalar]) -> Part:
    """A NetworkAdapter with the MAC addresses of all of its ports and functions."""
    inside = rows(resource, "Controllers")
    version = next((found for one in inside if (found := words(one, "FirmwarePackageVersion"))), None)
    place = place_of(resource) or next((found for one in inside if (found := place_of(one))), None)
    return _part(PartKind.NETWORK_INTERFACE, resource, path, location=place, firmware=version, macs=macs, more=more)


def interface(resource: Resource, path: str, macs: tuple[str, ...]) -> Part:
    """An EthernetInterface that belongs to no adapter that the BMC knows."""
    more = details(resource, "LinkStatus", "SpeedMbps", "InterfaceEnabled")
    return _part(PartKind.NETWORK_INTERFACE, resource, path, macs=macs, more=more)


def is_there(part: Part) -> bool:
    """Whether a part is to be told: an absent one only where it leaves a labelled place empty."""
    return part.state is not State.ABSENT or part.location is not None


def _part(
    kind: PartKind,
    resource: Resource,
    path: str,
    *,
    name: str | None = None,
    location: str | None = None,
    model: str | None = None,
    firmware: str | None = None,
    capacity: int | None = None,
    macs: tuple[str, ...] = (),
    more: dict[str, Scalar] | None = None,
) -> Part:
    return Part(
        kind=kind,
        name=name or name_of(resource, path),
        source=path,
        location=location or place_of(resource),
        manufacturer=known_words(resource, "Manufacturer"),
        model=model or known_words(resource, "Model"),
        part_number=known_words(resource, "PartNumber", "SKU", "SparePartNumber"),
        serial=known_words(resource, "SerialNumber"),
        firmware=firmware,
        capacity_bytes=capacity,
        mac_addresses=macs,
        state=state_of(resource),
        health=health_of(resource),
        details=more or {},
    )
