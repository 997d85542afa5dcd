"""The captured trees, read by the drivers and beside it what they hold: `python -m tests.tables.trees`."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from oobctl.drivers.interfaces import Bmc
from oobctl.drivers.readings import HealthReport, InventoryReport, PowerMeteringReport, SensorReport
from oobctl.lab.redfish_service.trees.load import load
from tests.tables.holds import Holds, holds
from tests.tables.printing import lines, show
from tests.trees import captured, connected, serve

SYSTEMS = [
    ("dell", "/redfish/v1/Systems/System.Embedded.1"),
    ("hpe", "/redfish/v1/Systems/1"),
    ("supermicro", "/redfish/v1/Systems/1"),
    ("redfishctl_supermicro_x10", "/redfish/v1/Systems/1"),
    ("nvidia_gb200", "/redfish/v1/Systems/System_0"),
    ("nvidia_gb200", "/redfish/v1/Systems/HGX_Baseboard_0"),
]
"""Every system of the captured trees. Of each, all that is counted is the system's own."""
PROFILES = {
    "dell": "dell-idrac9",
    "hpe": "hpe-ilo5",
    "supermicro": "supermicro-x13",
    "redfishctl_supermicro_x10": "supermicro-x10",
    "nvidia_gb200": "openbmc",
}
UNSAFE = {"dell": ("/redfish/v1/Chassis/Enclosure.Internal.0-1",)}
"""Chassis that may not be asked for at such a BMC: what they hold of their own is not counted."""


@dataclass(frozen=True)
class Read:
    """What the drivers read of one system, and how many questions each capability took."""

    inventory: InventoryReport
    sensors: SensorReport
    health: HealthReport
    metering: PowerMeteringReport
    asked: dict[str, list[str]]


def read(name: str, system: str) -> Read:
    """Serve the tree and read it over TLS, as a BMC that is enrolled in this process's database."""
    profile = PROFILES[name]
    with serve(captured(name)) as bmc, connected(bmc, name=name, profile=profile, system_path=system) as there:
        asked: dict[str, list[str]] = {}

        def count(capability: str) -> None:
            before = sum(map(len, asked.values()))
            gets = [request.path.rstrip("/") for request in bmc.asked("GET")]
            asked[capability] = gets[before:]

        bmc_there: Bmc = there
        bmc_there.power.read()
        count("power")
        inventory = there.inventory.read()
        count("inventory")
        sensors = there.sensors.read()
        count("sensors")
        health = there.health.read()
        count("health")
        metering = there.power_metering.read()
        count("power_metering")
        return Read(inventory, sensors, health, metering, asked)


@lru_cache(maxsize=8)
def held(name: str, system: str) -> Holds:
    """What the files of the tree hold of one system."""
    return holds(load(captured(name)), system, UNSAFE.get(name, ()))


def rows(found: Read, there: Holds) -> Iterator[tuple[str, object, object]]:
    """(what, in the tree, read)."""
    parts = Counter(str(part.kind) for part in found.inventory.parts)
    for kind in sorted(there.parts | parts):
        yield f"parts: {kind}", there.parts[kind], parts[kind]
    serials = {(part.kind, part.serial) for part in found.inventory.parts if part.serial}
    yield "serial numbers", sum(map(len, there.serials.values())), len(serials)
    macs = {mac for part in found.inventory.parts for mac in part.mac_addresses}
    yield "MAC addresses", len(there.macs), len(macs)
    yield "sensors", len(there.sensors), len(found.sensors.sensors)
    told = sum(reading is not None for reading, _units, _health in there.sensors.values())
    yield "sensors with a reading", told, sum(sensor.reading is not None for sensor in found.sensors.sensors)
    read = {sensor.source: sensor.reading for sensor in found.sensors.sensors}
    same = sum(source in read and read[source] == reading for source, (reading, _u, _h) in there.sensors.items())
    yield "sensors whose value is the tree's", len(there.sensors), same
    yield "health", there.worst, str(found.health.health)
    yield (
        "watts drawn",
        sum(filter(None, there.watts)),
        sum(meter.consumed_watts or 0 for meter in found.metering.meters[: len(there.watts)]),
    )


def table() -> Iterator[str]:
    """One line a figure, and at the end of each tree what it took and what could not be read."""
    for name, system in SYSTEMS:
        found = read(name, system)
        yield f"\n{name} {system} by {PROFILES[name]}"
        yield from lines(rows(found, held(name, system)), 36, 10)
        took = ", ".join(f"{capability} {len(paths)}" for capability, paths in found.asked.items())
        yield f"  requests: {took}"
        for problem in dict.fromkeys([*found.inventory.problems, *found.sensors.problems, *found.health.problems]):
            yield f"  not read: {problem}"


if __name__ == "__main__":
    show(table)
