"""What a captured tree holds, counted over its files by their types: nothing of the drivers' code is used here."""

import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Tree = Mapping[str, Any]
Expected = tuple[float | None, str, str]
"""A sensor's reading, its unit, and its health."""

_FAN_UNITS = {"Percent": "%", "RPM": "RPM"}
_PLACEHOLDER = re.compile(r"to be filled.*|default string|0*|n/?a|none|unknown", re.IGNORECASE)
_SUPPLY_KEYS = {
    "LineInputVoltage": ("InputVoltage", "V"),
    "PowerInputWatts": ("InputPowerWatts", "W"),
    "PowerOutputWatts": ("OutputPowerWatts", "W"),
    "LastPowerOutputWatts": ("OutputPowerWatts", "W"),
}
_MODULES = {"Card", "Cartridge", "Component", "Module"}


@dataclass
class Holds:
    """parts: how many of each kind. serials: per kind. sensors: by the path they are told under."""

    parts: Counter[str] = field(default_factory=Counter)
    serials: dict[str, set[str]] = field(default_factory=dict)
    slots: set[str] = field(default_factory=set)
    macs: set[str] = field(default_factory=set)
    sensors: dict[str, Expected] = field(default_factory=dict)
    sources: set[str] = field(default_factory=set)
    watts: list[float | None] = field(default_factory=list)
    worst: str = "Unknown"
    broken: Counter[str] = field(default_factory=Counter)


def holds(tree: Tree, system: str, without: Collection[str] = ()) -> Holds:
    """Count all that belongs to one ComputerSystem, without these chassis."""
    found = Holds()
    _Count(tree, system, found, without).everything()
    return found


def kind(resource: Any) -> str:
    """Memory of #Memory.v1_7_1.Memory."""
    said = resource.get("@odata.type") if isinstance(resource, dict) else None
    return str(said or "").lstrip("#").partition(".")[0]


def state(resource: Mapping[str, Any]) -> str:
    return str((resource.get("Status") or {}).get("State"))


class _Count:
    def __init__(self, tree: Tree, system: str, found: Holds, without: Collection[str]) -> None:
        self.tree, self.system, self.found = tree, system, found
        systems = [item["@odata.id"] for item in tree["/redfish/v1/Systems"]["Members"]]
        listed = [item["@odata.id"].rstrip("/") for item in tree["/redfish/v1/Chassis"]["Members"]]
        self.alone = len(systems) == 1
        self.chassis = [path for path in listed if path not in without and (self.alone or self._names_us(path))]
        links = tree[system].get("Links") or {}
        self.managers = [item["@odata.id"].rstrip("/") for item in links.get("ManagedBy") or []]

    def _names_us(self, path: str) -> bool:
        links = self.tree[path].get("Links") or {}
        return {"@odata.id": self.system} in (links.get("ComputerSystems") or [])

    def of(self, wanted: str, *tops: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """The resources of a type below these paths; what waits to be applied (Settings) is none."""
        for path, resource in self.tree.items():
            if kind(resource) == wanted and any(_in(path, top) for top in tops) and not path.endswith("/Settings"):
                yield path, resource

    def everything(self) -> None:
        self._take("system", [self.tree[self.system]])
        chassis = [self.tree[path] for path in self.chassis]
        self._take("board", [one for one in chassis if one.get("ChassisType") in _MODULES])
        self._take("chassis", [one for one in chassis if one.get("ChassisType") not in _MODULES])
        self._take("other", [self.tree[path] for path in self.managers])
        self._take("processor", [found for _path, found in self.of("Processor", self.system)])
        self._memory()
        self._storage()
        self._network()
        self._take("power_supply", [one for path in self.chassis for one in self.supplies(path)])
        self._take("fan", [one for path in self.chassis for one in self.fans(path)])
        self._firmware()
        for path in self.chassis:
            self._sensors(path)
            for control in self._listed(f"{path}/Power", "PowerControl"):
                self.found.watts.append(control.get("PowerConsumedWatts") or None)  # all of them are on

    def _take(self, name: str, resources: list[dict[str, Any]]) -> None:
        """Count parts that are there, with their serial numbers and health."""
        for resource in resources:
            if state(resource) == "Absent":
                continue
            self.found.parts[name] += 1
            serial = str(resource.get("SerialNumber") or "").strip()
            if not _PLACEHOLDER.fullmatch(serial):
                self.found.serials.setdefault(name, set()).add(serial)
            self._health(name, resource)

    def _health(self, name: str, resource: dict[str, Any]) -> None:
        status = resource.get("Status") or {}
        for word in ("Critical", "Warning", "OK"):
            if word in (status.get("Health"), status.get("HealthRollup")):
                ranks = ("Unknown", "OK", "Warning", "Critical")
                self.found.worst = max(self.found.worst, word, key=ranks.index)
                self.found.broken[name] += word != "OK"
                break

    def _memory(self) -> None:
        modules = [
            found
            for path, found in self.of("Memory", self.system)
            if path.rpartition("/")[0] == f"{self.system}/Memory"
        ]
        self._take("memory", modules)
        empty = [one for one in modules if state(one) == "Absent" and one.get("DeviceLocator")]
        self.found.parts["memory"] += len(empty)
        self.found.slots = {str(one["DeviceLocator"]).strip() for one in modules if one.get("DeviceLocator")}

    def _storage(self) -> None:
        for path, storage in self.of("Storage", self.system):
            newer = [found for _path, found in self.of("StorageController", path)]
            self._take("storage_controller", newer or storage.get("StorageControllers") or [])
        drives = [found for _path, found in self.of("Drive", self.system, *self.chassis)]
        self._take("drive", list({one["SerialNumber"]: one for one in drives}.values()))

    def _network(self) -> None:
        adapters = list(self.of("NetworkAdapter", *self.chassis))
        below = [(path, found) for path, found in self.tree.items() if any(_in(path, top) for top, _one in adapters)]
        on_adapters = {mac for _path, found in below for mac in _macs(found)}
        lone = []
        for _path, interface in self.of("EthernetInterface", self.system):
            macs = set(_macs(interface))
            lone += [interface] if not macs & on_adapters else []
            self.found.macs |= macs
        self.found.macs |= on_adapters
        self._take("network_interface", [*(found for _path, found in adapters), *lone])
        self.found.broken.pop("network_interface", None)  # no part of what health reads

    def supplies(self, chassis: str) -> list[dict[str, Any]]:
        newer = [found for _path, found in self.of("PowerSupply", f"{chassis}/PowerSubsystem")]
        return newer or self._listed(f"{chassis}/Power", "PowerSupplies")

    def fans(self, chassis: str) -> list[dict[str, Any]]:
        newer = [found for _path, found in self.of("Fan", f"{chassis}/ThermalSubsystem")]
        return newer or self._listed(f"{chassis}/Thermal", "Fans")

    def _listed(self, path: str, key: str) -> list[dict[str, Any]]:
        return list(self.tree.get(path, {}).get(key) or [])

    def _firmware(self) -> None:
        mine = [self.system, *self.chassis, *self.managers]
        found: dict[str, dict[str, Any]] = {}
        for path, one in self.of("SoftwareInventory", "/redfish/v1/UpdateService/FirmwareInventory"):
            about = [item["@odata.id"] for item in one.get("RelatedItem") or []]
            if self.alone or not about or any(item == top or _in(item, top) for item in about for top in mine):
                # An iDRAC lists what is installed twice, as Current-... and as Installed-...: that is one firmware.
                found.setdefault(re.sub("^(Current|Installed)-", "", str(one.get("Id") or path)), one)
        before = self.found.worst
        self._take("firmware", list(found.values()))
        self.found.worst = before  # firmware is no part of what health reads
        self.found.broken.pop("firmware", None)

    # --- sensors

    def _sensors(self, chassis: str) -> None:
        left: Counter[tuple[str, str]] = Counter()
        for path, one in self.of("Sensor", f"{chassis}/Sensors"):
            units = str(one.get("ReadingUnits") or "")
            self._sensor(path, one.get("Reading"), units, one, discrete="Reading" not in one)
            left[(one["Name"], units)] += 1
        older: list[tuple[str, str, str, Callable[[dict[str, Any]], str]]] = [
            ("Thermal", "Temperatures", "ReadingCelsius", lambda one: "Cel"),
            ("Thermal", "Fans", "Reading", lambda one: _FAN_UNITS[one["ReadingUnits"]]),
            ("Power", "Voltages", "ReadingVolts", lambda one: "V"),
            ("Power", "PowerControl", "PowerConsumedWatts", lambda one: "W"),
        ]
        for resource, key, value, units_of in older:
            for place, one in enumerate(self._listed(f"{chassis}/{resource}", key)):
                name = (one.get("Name") or "", units_of(one))
                if left[name] > 0:
                    left[name] -= 1
                    continue
                said = one.get(value)
                said = None if key == "PowerControl" and said == 0 else said  # a server that is on draws something
                self._sensor(f"{chassis}/{resource}#/{key}/{place}", said, name[1], one)
        self._supply_sensors(chassis)
        self._excerpts(chassis)

    def _supply_sensors(self, chassis: str) -> None:
        newer = {one["SerialNumber"]: path for path, one in self.of("PowerSupply", f"{chassis}/PowerSubsystem")}
        voltages = self._listed(f"{chassis}/Power", "Voltages")
        about = {
            (item["@odata.id"], one.get("ReadingVolts")) for one in voltages for item in one.get("RelatedItem") or []
        }
        for place, one in enumerate(self._listed(f"{chassis}/Power", "PowerSupplies")):
            metrics = self.tree.get(f"{newer.get(one.get('SerialNumber'))}/Metrics", {})
            for key, (excerpt, units) in _SUPPLY_KEYS.items():
                is_average = key.startswith("Last") and one.get("PowerOutputWatts") is not None
                is_voltage = key == "LineInputVoltage" and (one["@odata.id"], one.get(key)) in about
                if key in one and excerpt not in metrics and not is_average and not is_voltage:
                    self._sensor(f"{chassis}/Power#/PowerSupplies/{place}/{key}", one[key], units, one)

    def _excerpts(self, chassis: str) -> None:
        """Where all excerpts of sensors were taken from; a limit is a Control's."""
        for path, one in self.tree.items():
            if _in(path, chassis) and kind(one) in {
                "ThermalMetrics",
                "EnvironmentMetrics",
                "PowerSupplyMetrics",
                "Fan",
            }:
                self.found.sources |= {uri for uri in _sources(one) if "/Sensors/" in uri}

    def _sensor(self, path: str, value: Any, units: str, one: dict[str, Any], *, discrete: bool = False) -> None:
        known = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        reading = float(value) if known and state(one) not in {"Absent", "Disabled"} else None
        health = str((one.get("Status") or {}).get("Health") or "Unknown")
        if state(one) == "Absent" or (reading is None and health == "OK" and not discrete):
            health = "Unknown"
        self.found.sensors[path] = (reading, units, health)


def _in(path: str, top: str) -> bool:
    return path.startswith(f"{top}/")


def _macs(value: Any, key: str = "") -> Iterator[str]:
    """Every MAC address in a resource that stands under a name for one."""
    if isinstance(value, dict):
        for name, inside in value.items():
            yield from _macs(inside, name)
    elif isinstance(value, list):
        for inside in value:
            yield from _macs(inside, key)
    elif isinstance(value, str) and ("MACAddress" in key or key == "AssociatedNetworkAddresses"):
        is_one = re.fullmatch(r"([0-9a-f]{2}[:-]){5}[0-9a-f]{2}", value.lower()) and set(value) - set("0:-")
        yield from [value.lower().replace("-", ":")] if is_one else []


def _sources(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inside in value.items():
            if name == "DataSourceUri" and isinstance(inside, str):
                yield inside
            else:
                yield from _sources(inside)
    elif isinstance(value, list):
        for inside in value:
            yield from _sources(inside)
