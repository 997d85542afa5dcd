"""What a server draws, over Redfish: Power's PowerControl, EnvironmentMetrics, PowerSubsystem and Controls."""

from dataclasses import replace

from oobctl.constants import PowerState
from oobctl.drivers.interfaces import Fence
from oobctl.drivers.readings import PowerMeter, PowerMeteringReport
from oobctl.drivers.redfish.answers import link
from oobctl.drivers.redfish.fields import Resource, inner, name_of, number, words
from oobctl.drivers.redfish.sensor_values import consumed
from oobctl.drivers.redfish.session import RedfishSession
from oobctl.drivers.redfish.supplies import entries
from oobctl.drivers.redfish.tree import Member, Tree
from oobctl.drivers.redfish.walk import Walk
from oobctl.errors import NotSupported

_PLACES = ("Power", "PowerSubsystem", "EnvironmentMetrics", "Controls")


class RedfishPowerMetering:
    """interfaces.PowerMetering of all chassis of one ComputerSystem."""

    def __init__(self, session: RedfishSession, tree: Tree, fence: Fence) -> None:
        self._session, self._tree = session, tree

    def read(self) -> PowerMeteringReport:
        """A meter per PowerControl; per chassis where only the newer places tell of it; per Control that limits power.

        Raises NotSupported where no chassis has a place for any of them (DSP2046: Power, EnvironmentMetrics, Control).
        """
        walk = Walk(self._session, self._tree)
        chassis = walk.chassis()
        if not walk.problems and not any(link(one.resource, place) for one in chassis for place in _PLACES):
            raise NotSupported("This BMC's Redfish service does not tell what the server draws.")
        on = walk.ours().get("PowerState") == PowerState.ON
        found = [meter for one in chassis for meter in _of_chassis(walk, one, on)]
        return PowerMeteringReport(tuple(found), tuple(walk.problems))


def _of_chassis(walk: Walk, chassis: Member, on: bool) -> list[PowerMeter]:
    meters = []
    power = walk.one(chassis.resource, "Power", "tell what it draws")
    if power is not None and walk.first(power.path):
        meters = [control_meter(one.resource, on) for one in entries(power, "PowerControl")]
    newer, source = _newer(walk, chassis, on)
    if meters:
        meters[0] = completed(meters[0], newer)
    elif newer.consumed_watts is not None or newer.limit_watts is not None:
        meters = [newer]
    return meters + _controls(walk, chassis, source)


def control_meter(control: Resource, on: bool) -> PowerMeter:
    """An entry of Power.PowerControl. Of a server that is on, zeros are no measurement."""
    metrics = inner(control, "PowerMetrics")
    minutes = number(metrics.get("IntervalInMin"))

    def watts(key: str) -> float | None:
        value = number(metrics.get(key))
        return None if on and not value else value

    return PowerMeter(
        name=words(control, "Name") or "Power consumed",
        consumed_watts=consumed(control, on),
        average_watts=watts("AverageConsumedWatts"),
        minimum_watts=watts("MinConsumedWatts"),
        maximum_watts=watts("MaxConsumedWatts"),
        interval_seconds=number(minutes * 60) if minutes else None,
        capacity_watts=number(control.get("PowerCapacityWatts")) or None,
        limit_watts=number(inner(control, "PowerLimit").get("LimitInWatts")) or None,
    )


def completed(meter: PowerMeter, newer: PowerMeter) -> PowerMeter:
    """The older meter, with what it does not know from the newer place of the same chassis."""
    return replace(
        meter,
        consumed_watts=newer.consumed_watts if meter.consumed_watts is None else meter.consumed_watts,
        capacity_watts=newer.capacity_watts if meter.capacity_watts is None else meter.capacity_watts,
        limit_watts=newer.limit_watts if meter.limit_watts is None else meter.limit_watts,
    )


def _newer(walk: Walk, chassis: Member, on: bool) -> tuple[PowerMeter, str | None]:
    """EnvironmentMetrics and PowerSubsystem of a chassis, and the Control that its limit was taken from."""
    surroundings = walk.one(chassis.resource, "EnvironmentMetrics", "tell what it draws")
    subsystem = walk.one(chassis.resource, "PowerSubsystem", "tell what it can draw")
    metrics: Resource = surroundings.resource if surroundings is not None and walk.first(surroundings.path) else {}
    watts = number(inner(metrics, "PowerWatts").get("Reading"))
    limit = inner(metrics, "PowerLimitWatts")
    meter = PowerMeter(
        name=name_of(chassis.resource, chassis.path),
        consumed_watts=None if on and not watts else watts,
        capacity_watts=number(subsystem.resource.get("CapacityWatts")) or None if subsystem is not None else None,
        limit_watts=set_point(limit),
    )
    return meter, link(limit, "DataSourceUri")


def _controls(walk: Walk, chassis: Member, known: str | None) -> list[PowerMeter]:
    """The Controls of power, without the one that is known already."""
    found = []
    for control in walk.members(chassis.resource, "Controls", "list its controls"):
        limit = set_point(control.resource) if words(control.resource, "ControlType") == "Power" else None
        if limit is not None and control.path != known and walk.first(control.path):
            name = words(control.resource, "Id") or name_of(control.resource, control.path)
            watts = number(inner(control.resource, "Sensor").get("Reading"))
            found.append(PowerMeter(name=name, consumed_watts=watts, limit_watts=limit))
    return found


def set_point(control: Resource) -> float | None:
    """The limit of a Control, or of its excerpt, in watts; None where it is not in force."""
    if words(control, "ControlMode") == "Disabled" or (words(control, "SetPointUnits") or "W") != "W":
        return None
    return number(control.get("SetPoint")) or None
