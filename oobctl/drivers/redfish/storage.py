"""Storage controllers and drives: Storage with its Controllers and Drives, SimpleStorage, and the drives of chassis."""

from collections.abc import Callable
from dataclasses import dataclass, field

from oobctl.drivers.redfish.answers import links
from oobctl.drivers.redfish.fields import Resource, known_words, place_of, words
from oobctl.drivers.redfish.supplies import entries
from oobctl.drivers.redfish.tree import Member, same
from oobctl.drivers.redfish.walk import Walk


@dataclass
class Found:
    """One Storage (or SimpleStorage), its controllers and its drives. None: drives that belong to no storage."""

    storage: Member | None
    controllers: list[Member] = field(default_factory=list)
    drives: list[Member] = field(default_factory=list)


def storages(
    walk: Walk, system: Resource, chassis: list[Member], *, skip: Callable[[Resource], bool] = lambda storage: False
) -> list[Found]:
    """All of a system (DSP2046, Storage), each drive once. SimpleStorage only where Storage lists no drive.

    skip: says of a Storage that its parts need not be asked for.
    """
    found: list[Found] = []
    skipped = False
    for storage in walk.members(system, "Storage", "list its storage"):
        if skip(storage.resource):
            found.append(Found(storage))
            skipped = True
        else:
            known = [drive for one in found for drive in one.drives]
            found.append(Found(storage, _controllers(walk, storage), _drives(walk, storage, known)))
    if not skipped:
        known = [drive for one in found for drive in one.drives]
        found.append(Found(None, drives=_of_chassis(walk, chassis, known)))
        if not any(one.drives for one in found):
            found += _simple(walk, system)
    return found


def _controllers(walk: Walk, storage: Member) -> list[Member]:
    """Controllers, else the older list StorageControllers: the same ones, where a service has both."""
    newer = walk.members(storage.resource, "Controllers", "list its storage controllers")
    older = entries(storage, "StorageControllers")
    ids = {words(member.resource, "Id") for member in newer}
    missing = len(older) - len(newer)
    return newer + [one for one in older if words(one.resource, "MemberId") not in ids][: max(missing, 0)]


def _drives(walk: Walk, storage: Member, known: list[Member]) -> list[Member]:
    """The drives of one storage without those of another: two controllers can reach one drive."""
    return walk.all_of(_unknown(links(storage.resource, "Drives"), known), "describe its drives")


def _of_chassis(walk: Walk, chassis: list[Member], known: list[Member]) -> list[Member]:
    """Drives that only a chassis lists. One that Storage has too may have another path here, but no other serial."""
    found: list[Member] = []
    for one in chassis:
        listed = walk.all_of(_unknown(links(one.resource, "Links", "Drives"), known), "describe its drives")
        for drive in [*listed, *walk.members(one.resource, "Drives", "list its drives")]:
            if not any(_is_same(drive, other) for other in [*known, *found]):
                found.append(drive)
    return found


def _unknown(paths: list[str], known: list[Member]) -> list[str]:
    return [path for path in paths if not any(same(path, drive.path) for drive in known)]


def _is_same(one: Member, other: Member) -> bool:
    if same(one.path, other.path):
        return True
    serials = known_words(one.resource, "SerialNumber"), known_words(other.resource, "SerialNumber")
    if all(serials):
        return serials[0] == serials[1]
    places = place_of(one.resource), place_of(other.resource)
    return not any(serials) and places[0] is not None and places[0] == places[1]


def _simple(walk: Walk, system: Resource) -> list[Found]:
    """SimpleStorage: a controller with Devices inside (DSP2046, SimpleStorage)."""
    listed = walk.members(system, "SimpleStorage", "list its storage")
    return [Found(one, drives=entries(one, "Devices")) for one in listed]
