"""What tests of readings have in common: a BMC of a changed tree, and short ways to what is read of it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from oobctl.constants import Health, PartKind
from oobctl.drivers.connect import ConnectedBmc
from oobctl.drivers.readings import PartHealth
from tests.trees import Served, connected, serve

SYSTEM, CHASSIS, SHELF = "/redfish/v1/Systems/1", "/redfish/v1/Chassis/1", "/redfish/v1/Chassis/Shelf"
FANS, SUPPLIES = f"{SHELF}/ThermalSubsystem/Fans", f"{SHELF}/PowerSubsystem/PowerSupplies"
DRIVES = f"{SYSTEM}/Storage/1/Drives"


@contextmanager
def at(tree: Mapping[str, Any], *behaviours: str, **rows: Any) -> Iterator[tuple[Served, ConnectedBmc]]:
    with serve(tree, behaviours) as bmc, connected(bmc, **rows) as found:
        yield bmc, found


def link(path: str) -> dict[str, str]:
    return {"@odata.id": path}


def names(there: ConnectedBmc) -> set[str]:
    return {one.name for one in there.sensors.read().sensors}


def kinds(there: ConnectedBmc) -> dict[PartKind, int]:
    parts = there.inventory.read().parts
    return {kind: sum(part.kind is kind for part in parts) for kind in {part.kind for part in parts}}


def bad(there: ConnectedBmc) -> list[PartHealth]:
    return [part for part in there.health.read().parts if part.health is not Health.UNKNOWN]
