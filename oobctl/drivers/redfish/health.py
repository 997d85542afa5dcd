"""Is anything broken, over Redfish: the BMC's rollups where they say OK, else part by part."""

from oobctl.constants import Health, PartKind
from oobctl.drivers.interfaces import Fence
from oobctl.drivers.readings import HealthReport
from oobctl.drivers.redfish.fields import Resource, health_of, inner, rows, worse
from oobctl.drivers.redfish.health_parts import Tally
from oobctl.drivers.redfish.session import RedfishSession
from oobctl.drivers.redfish.storage import Found, storages
from oobctl.drivers.redfish.supplies import entries, newer
from oobctl.drivers.redfish.tree import Member, Tree
from oobctl.drivers.redfish.walk import Walk

_SUBSYSTEMS = (
    ("Power", "PowerSubsystem", "PowerSupplies", "PowerSupplyRedundancy", PartKind.POWER_SUPPLY),
    ("Thermal", "ThermalSubsystem", "Fans", "FanRedundancy", PartKind.FAN),
)
_SUMMARIES = (
    ("ProcessorSummary", "Processors", PartKind.PROCESSOR),
    ("MemorySummary", "Memory", PartKind.MEMORY),
)


class RedfishHealth:
    """interfaces.HealthStatus of one ComputerSystem."""

    def __init__(self, session: RedfishSession, tree: Tree, fence: Fence) -> None:
        self._session, self._tree = session, tree

    def read(self) -> HealthReport:
        """System, controller, chassis, power supplies and fans each time; the rest where no rollup says that it is OK.

        Where something is not OK, and nothing that was read says what, all parts are read (DSP2046, Resource.Status).
        """
        walk, tally = Walk(self._session, self._tree), Tally()
        system = walk.ours()
        tally.whole(PartKind.SYSTEM, Member(walk.system_path, system))
        chassis = walk.chassis()
        for one in chassis:
            tally.whole(PartKind.CHASSIS, one)
        for manager in walk.managers():
            tally.part(PartKind.OTHER, manager)
        for one in chassis:
            _power_and_cooling(walk, one, tally, quiet=_is_quiet(one.resource))
        _inside(walk, system, chassis, tally, quiet=_is_quiet(system))
        if tally.unexplained:
            _search(walk, system, chassis, tally)
        return tally.report(tuple(walk.problems))


def _search(walk: Walk, system: Resource, chassis: list[Member], tally: Tally) -> None:
    """Read what was rolled up: something in it is not OK. What was read is not asked for again."""
    _inside(walk, system, chassis, tally, quiet=False, closer=True)
    for one in chassis:
        _power_and_cooling(walk, one, tally, quiet=False)
        if worse(health_of(one.resource, rollup=True), Health.OK):
            for member in walk.members(one.resource, "Sensors", "list its sensors"):
                tally.sensor(member)


def _is_quiet(resource: Resource) -> bool:
    """Whether the BMC rolled up all that is under this, and found it OK."""
    rolled = inner(resource, "Status").get("HealthRollup")
    return isinstance(rolled, str) and health_of(resource, rollup=True) is Health.OK


def _power_and_cooling(walk: Walk, chassis: Member, tally: Tally, *, quiet: bool) -> None:
    """Power and Thermal are one question each; the subsystems are many, and asked for where nothing rolled them up."""
    for old, subsystem, collection, groups, kind in _SUBSYSTEMS:
        found = walk.one(chassis.resource, old, "tell its power and cooling")
        if found is not None:
            _older(found, kind, tally)
        elif not quiet:
            described = walk.one(chassis.resource, subsystem, "tell its power and cooling")
            if described is not None:
                tally.redundancy(kind, rows(described.resource, groups), described.path)
            for member in newer(walk, chassis.resource, subsystem, collection):
                tally.part(kind, member)


def _older(resource: Member, kind: PartKind, tally: Tally) -> None:
    """The entries of Power or Thermal. Sensors are no parts: told only where they are not OK."""
    for key in ("PowerSupplies", "Fans"):
        for member in entries(resource, key):
            tally.part(kind, member)
    for key in ("Temperatures", "Voltages"):
        for member in entries(resource, key):
            tally.sensor(member)
    tally.redundancy(kind, rows(resource.resource, "Redundancy"), resource.path)


def _inside(
    walk: Walk, system: Resource, chassis: list[Member], tally: Tally, *, quiet: bool, closer: bool = False
) -> None:
    """Processors, memory and storage. closer: whatever rollups say."""
    for summary, collection, kind in _SUMMARIES:
        rolled = health_of(inner(system, summary), rollup=True)
        if rolled is Health.OK and not closer:
            tally.summary(kind, collection)
        elif not quiet:
            for member in walk.members(system, collection, f"list its {collection.lower()}"):
                tally.part(kind, member)
    if not quiet:
        for found in storages(walk, system, chassis, skip=lambda storage: _is_quiet(storage) and not closer):
            _storage(found, tally)


def _storage(found: Found, tally: Tally) -> None:
    if found.storage is not None:
        tally.whole(PartKind.STORAGE_CONTROLLER, found.storage)
    for controller in found.controllers:
        tally.part(PartKind.STORAGE_CONTROLLER, controller)
    for drive in found.drives:
        tally.part(PartKind.DRIVE, drive)
