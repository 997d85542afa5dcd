"""Counting parts by their health, and saying why one is not OK. Pure."""

from oobctl.constants import Health, PartKind, State
from oobctl.drivers.readings import HealthReport, PartHealth
from oobctl.drivers.redfish.fields import (
    Resource,
    health_of,
    inner,
    name_of,
    number,
    place_of,
    rows,
    state_of,
    words,
    worse,
    worst,
)
from oobctl.drivers.redfish.tree import Member
from oobctl.units import unit

_GONE = frozenset({State.ABSENT, State.DISABLED})
_UNTOLD = "The BMC does not tell its health."


class Tally:
    """Parts as they were read. Wholes (system, chassis, storage) are rolled up from parts: told where no part is."""

    def __init__(self) -> None:
        self.parts: list[PartHealth] = []
        self.wholes: list[PartHealth] = []
        self._paths: set[str] = set()

    def part(self, kind: PartKind, member: Member) -> None:
        """One part, counted once. What is absent, or switched off and says nothing, is none."""
        self._count(self.parts, kind, member)

    def whole(self, kind: PartKind, member: Member) -> None:
        """What other parts are rolled up in."""
        self._count(self.wholes, kind, member)

    def _count(self, into: list[PartHealth], kind: PartKind, member: Member) -> None:
        found = judged(kind, member)
        silent = found.state is State.DISABLED and found.health is Health.UNKNOWN
        if found.state is not State.ABSENT and not silent and self._is_new(member.path):
            into.append(found)

    def _is_new(self, path: str) -> bool:
        new = path not in self._paths
        self._paths.add(path)
        return new

    def summary(self, kind: PartKind, name: str) -> None:
        """All parts of a kind, that the BMC rolled up and found OK."""
        self.parts.append(PartHealth(kind, name, Health.OK, State.ENABLED))

    def sensor(self, member: Member) -> None:
        """A sensor counts only where it is not OK; one that is switched off says nothing."""
        found = judged(PartKind.OTHER, member)
        if found.state not in _GONE and worse(found.health, Health.OK) and self._is_new(member.path):
            self.parts.append(found)

    def redundancy(self, kind: PartKind, groups: list[Resource], path: str) -> None:
        """Groups of parts that stand in for each other; one that tells nothing is left out."""
        for place, group in enumerate(groups):
            health, state = health_of(group, rollup=True), state_of(group)
            if health is not Health.UNKNOWN and state not in _GONE and self._is_new(f"{path}#{kind}{place}"):
                name = words(group, "Name", "GroupName", "RedundancyType") or "Redundancy"
                lost = _complaint(group) or "The redundancy is lost."
                because = lost if worse(health, Health.OK) else None
                self.parts.append(PartHealth(kind, name, health, state, because=because))

    @property
    def unexplained(self) -> bool:
        """Whether a whole is worse than every part that was read."""
        return bool(self._unexplained())

    def _unexplained(self) -> list[PartHealth]:
        known = worst(part.health for part in self.parts)
        return [whole for whole in self.wholes if worse(whole.health, Health.OK) and worse(whole.health, known)]

    def report(self, problems: tuple[str, ...]) -> HealthReport:
        """The worst of all; by name what is not OK, the worst first, what is not known last."""
        everything = [*self.wholes, *self.parts]
        untold = [one for one in everything if one.health is Health.UNKNOWN]
        bad = [part for part in self.parts if worse(part.health, Health.OK)]
        listed = [*self._unexplained(), *bad]
        listed.sort(key=lambda part: part.health is not Health.CRITICAL)
        return HealthReport(
            health=worst(one.health for one in everything),
            parts=(*listed, *untold),
            known=len(everything) - len(untold),
            unknown=len(untold),
            problems=problems,
        )


def judged(kind: PartKind, member: Member) -> PartHealth:
    """One part's health: the worse of its own and of its rollup, and Warning where a drive foresees its end."""
    resource = member.resource
    health, state = health_of(resource, rollup=True), state_of(resource)
    because = _complaint(resource)
    if resource.get("FailurePredicted") is True and state not in _GONE:
        health, because = worst((health, Health.WARNING)), because or "It foresees its own failure."
    if health is Health.UNKNOWN:
        because = _UNTOLD
    elif health is Health.OK:
        because = None
    else:
        because = because or _reading(resource) or f"The BMC says that it is {health}."
    name = words(resource, "Name", "FanName") or name_of(resource, member.path)
    location = words(resource, "DeviceLocator", "Socket") or place_of(resource)
    return PartHealth(kind, name, health, state, location, because)


def _complaint(resource: Resource) -> str | None:
    """What Status.Conditions say (DSP2046, Resource.Condition), the first of them."""
    said = (words(condition, "Message", "MessageId") for condition in rows(inner(resource, "Status"), "Conditions"))
    return next((found for found in said if found is not None), None)


def _reading(resource: Resource) -> str | None:
    """What a sensor that complains reads."""
    for key, units in (("ReadingCelsius", "Cel"), ("ReadingVolts", "V"), ("Reading", words(resource, "ReadingUnits"))):
        value = number(resource.get(key))
        if value is not None:
            return f"It reads {value:g} {unit(units or '')}".rstrip() + "."
    return None
