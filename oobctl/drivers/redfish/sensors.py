"""Sensors over Redfish: Sensors, ThermalSubsystem, PowerSubsystem and EnvironmentMetrics; Thermal and Power."""

from dataclasses import dataclass, field

from oobctl.constants import PowerState
from oobctl.drivers import plausible
from oobctl.drivers.interfaces import Fence
from oobctl.drivers.readings import SensorReport
from oobctl.drivers.redfish import sensor_values as values
from oobctl.drivers.redfish.answers import link, links
from oobctl.drivers.redfish.fields import Resource, name_of, number, place_of, words
from oobctl.drivers.redfish.sensor_set import SensorSet
from oobctl.drivers.redfish.session import RedfishSession
from oobctl.drivers.redfish.supplies import entries
from oobctl.drivers.redfish.tree import Member, Tree
from oobctl.drivers.redfish.walk import Walk
from oobctl.errors import NotSupported

_PLACES = ("Sensors", "ThermalSubsystem", "PowerSubsystem", "EnvironmentMetrics", "Thermal", "Power")
_WHOLE = "power of the whole chassis"


class RedfishSensors:
    """interfaces.Sensors of all chassis of one ComputerSystem."""

    def __init__(self, session: RedfishSession, tree: Tree, fence: Fence) -> None:
        self._session, self._tree = session, tree

    def read(self) -> SensorReport:
        """Each sensor once, from the newer place where it stands in two (DSP2046: Sensor, Thermal, Power).

        Raises NotSupported where no chassis has a place for sensors.
        """
        walk = Walk(self._session, self._tree)
        chassis = walk.chassis()
        if not walk.problems and not any(link(one.resource, place) for one in chassis for place in _PLACES):
            raise NotSupported("This BMC's Redfish service has no sensors: no chassis of this system lists any.")
        found = SensorSet()
        for gather in (_sensors, _cooling, _supplies, _surroundings, _thermal, _power):
            for one in chassis:
                gather(walk, one, found)
        sensors, doubts = plausible.settled(found.all())
        for doubt in doubts:
            walk.problems.append(doubt)
        return SensorReport(sensors, tuple(walk.problems))


@dataclass(frozen=True)
class _Part:
    """What an excerpt is about: the chassis, or a fan or power supply in it (then with its path).

    status: the resource whose Status counts. aliases: names that its sensors may have.
    """

    chassis: str
    name: str
    status: Resource = field(default_factory=dict)
    aliases: tuple[str | None, ...] = ()
    path: str | None = None
    supply: bool = False


def _sensors(walk: Walk, chassis: Member, found: SensorSet) -> None:
    for member in walk.members(chassis.resource, "Sensors", "list its sensors"):
        _add(member, chassis.path, found)


def _add(member: Member, chassis: str, found: SensorSet) -> None:
    resource = member.resource
    names = [words(resource, "Name"), words(resource, "Id"), *links(resource, "RelatedItem")]
    found.add(values.sensor(resource, member.path), chassis, names)


def _cooling(walk: Walk, chassis: Member, found: SensorSet) -> None:
    """ThermalSubsystem: its ThermalMetrics and Fans."""
    subsystem = walk.one(chassis.resource, "ThermalSubsystem", "describe its cooling")
    if subsystem is None or not walk.first(subsystem.path):
        return
    metrics = walk.one(subsystem.resource, "ThermalMetrics", "tell its temperatures")
    if metrics is not None:
        whole = _Part(chassis.path, name_of(chassis.resource, chassis.path))
        listed = list(values.excerpts(metrics.resource))
        _excerpts(walk, metrics.path, listed or list(values.summary(metrics.resource)), whole, found)
    fans = walk.members(subsystem.resource, "Fans", "list its fans")
    for fan, label in zip(fans, _labels([fan.resource for fan in fans], "Fan"), strict=True):
        names = (words(fan.resource, "Name"), words(fan.resource, "Id"), place_of(fan.resource), fan.path)
        part = _Part(chassis.path, label, fan.resource, names, path=fan.path)
        _excerpts(walk, fan.path, list(values.excerpts(fan.resource)), part, found)


def _supplies(walk: Walk, chassis: Member, found: SensorSet) -> None:
    """PowerSubsystem: the Metrics of its PowerSupplies."""
    subsystem = walk.one(chassis.resource, "PowerSubsystem", "describe its power")
    if subsystem is None or not walk.first(subsystem.path):
        return
    supplies = walk.members(subsystem.resource, "PowerSupplies", "list its power supplies")
    labels = _labels([supply.resource for supply in supplies])
    for supply, label in zip(supplies, labels, strict=True):
        metrics = walk.one(supply.resource, "Metrics", "tell a power supply's readings")
        if metrics is not None:
            part = _Part(chassis.path, label, supply.resource, path=supply.path, supply=True)
            _excerpts(walk, metrics.path, list(values.excerpts(metrics.resource)), part, found)


def _surroundings(walk: Walk, chassis: Member, found: SensorSet) -> None:
    metrics = walk.one(chassis.resource, "EnvironmentMetrics", "tell its surroundings")
    if metrics is not None and walk.first(metrics.path):
        part = _Part(chassis.path, name_of(chassis.resource, chassis.path))
        _excerpts(walk, metrics.path, list(values.excerpts(metrics.resource)), part, found)


def _excerpts(walk: Walk, path: str, excerpts: list[values.Excerpt], part: _Part, found: SensorSet) -> None:
    """Excerpts of one resource; a Sensor that one was taken from is asked for where it has not been yet."""
    for excerpt in excerpts:
        source = excerpt.source
        if source is not None and "#" not in source and not found.knows(source):
            for member in walk.all_of([source], "tell a sensor"):
                if "Reading" in member.resource:
                    _add(member, part.chassis, found)
        if source is not None and excerpt.paired and found.kind_at(source) not in {None, excerpt.quantity.type}:
            source = None  # a fan's percent beside its RPM
        name = excerpt.device or f"{part.name} {excerpt.quantity.words}"
        sensor = values.made(name, excerpt.quantity, excerpt.value, part.status, f"{path}#/{excerpt.pointer}")
        aliases = [excerpt.device, *part.aliases]
        if part.supply:
            aliases += _supply_names(part.status, excerpt.quantity)
        elif excerpt.pointer == "PowerWatts":
            aliases.append(_WHOLE)
        found.add_excerpt(sensor, part.chassis, aliases, source, part.path)


def _supply_names(supply: Resource, quantity: values.Quantity) -> list[str | None]:
    """How a quantity of a power supply is known in the older and the newer place: by its serial number, or name."""
    kind = values.OUTPUT_POWER.words if quantity is values.AVERAGE_OUTPUT else quantity.words
    said = (words(supply, "SerialNumber"), words(supply, "Name"))
    return [f"{name} {kind}" for name in said if name is not None]


def _thermal(walk: Walk, chassis: Member, found: SensorSet) -> None:
    """Thermal: Temperatures and Fans."""
    thermal = walk.one(chassis.resource, "Thermal", "tell its temperatures")
    if thermal is None or not walk.first(thermal.path):
        return
    for one in entries(thermal, "Temperatures"):
        found.add_older(values.temperature(one.resource, one.path), chassis.path, [words(one.resource, "Name")])
    for one in entries(thermal, "Fans"):
        names = [words(one.resource, "Name"), words(one.resource, "FanName")]
        found.add_older(values.fan(one.resource, one.path), chassis.path, names)


def _power(walk: Walk, chassis: Member, found: SensorSet) -> None:
    """Power: Voltages, PowerSupplies and PowerControl."""
    power = walk.one(chassis.resource, "Power", "tell its voltages and power")
    if power is None or not walk.first(power.path):
        return
    for one in entries(power, "Voltages"):
        found.add_older(values.voltage(one.resource, one.path), chassis.path, [words(one.resource, "Name")])
    supplies = entries(power, "PowerSupplies")
    for one, label in zip(supplies, _labels([one.resource for one in supplies]), strict=True):
        for key, quantity, value in values.supply(one.resource):
            if key == "LineInputVoltage" and _is_a_voltage(power, one.path, value):
                continue
            sensor = values.made(f"{label} {quantity.words}", quantity, value, one.resource, f"{one.path}/{key}")
            found.add_older(sensor, chassis.path, _supply_names(one.resource, quantity))
    on = walk.ours().get("PowerState") == PowerState.ON
    for place, one in enumerate(entries(power, "PowerControl")):
        name, context = words(one.resource, "Name") or "Power consumed", words(one.resource, "PhysicalContext")
        watts = values.consumed(one.resource, on)
        sensor = values.made(name, values.POWER, watts, one.resource, one.path, context=context)
        found.add_older(sensor, chassis.path, [name, None if place else _WHOLE])


def _is_a_voltage(power: Member, supply: str, value: object) -> bool:
    """Whether a power supply's input is among the voltages, which say what they are about."""
    volts = number(value)
    for one in entries(power, "Voltages"):
        about = any(path.replace("#/", "#") == supply.replace("#/", "#") for path in links(one.resource, "RelatedItem"))
        if about and volts is not None and number(one.resource.get("ReadingVolts")) == volts:
            return True
    return False


def _labels(entries: list[Resource], kind: str = "Power supply") -> list[str]:
    """A name for each power supply or fan that tells it from the others."""
    names = [words(entry, "Name") or kind for entry in entries]
    more = [place_of(entry) or words(entry, "Id", "MemberId") or str(place) for place, entry in enumerate(entries)]
    return [name if names.count(name) == 1 else f"{name} {place}" for name, place in zip(names, more, strict=True)]
