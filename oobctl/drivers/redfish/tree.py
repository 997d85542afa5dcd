"""The way through a Redfish service by its links: from the root to our system, its chassis and its controller."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from oobctl.drivers.redfish.answers import Reply, link, links
from oobctl.drivers.redfish.session import RedfishSession
from oobctl.errors import BmcBadAnswer, BmcError, BmcRefused, ConfigurationError, NotSupported
from oobctl.profiles.quirks import Quirk

_MOST_PAGES = 1000
_CHASSIS = re.compile(r"/Chassis/([^/#?]+)", re.IGNORECASE)
_STORAGE_CHASSIS = re.compile(r"raid|enclosure", re.IGNORECASE)


@dataclass(frozen=True)
class Member:
    """One member of a collection: its resource, or why it could not be read."""

    path: str
    resource: dict[str, Any]
    problem: str | None = None


class Enough(NotSupported):
    """The service has more resources than any server: the rest of it is not read."""


class Tree:
    """Paths are remembered, contents are not. `system_path`: which ComputerSystem; None: the only one."""

    def __init__(self, session: RedfishSession, system_path: str | None) -> None:
        self._session, self._wanted = session, system_path

    @cached_property
    def system_paths(self) -> tuple[str, ...]:
        """The paths of all ComputerSystems of the service. Raises NotSupported where it has no such collection."""
        systems = link(self._session.open(), "Systems")
        if systems is None:
            raise NotSupported("This BMC's Redfish service has no Systems.")
        return tuple(self.paths(systems, "list its systems"))

    @cached_property
    def system_path(self) -> str:
        """The path of our ComputerSystem.

        Raises ConfigurationError where there are several and none was named, NotSupported where there is none.
        """
        if self._wanted:
            return self._wanted
        members = self.system_paths
        if len(members) > 1:
            raise ConfigurationError(
                f"The BMC has {len(members)} systems ({', '.join(members)}). Say which one is this server's: "
                "oobctl endpoint set SERVER redfish --system-path PATH"
            )
        if not members:
            raise NotSupported("This BMC's Redfish service lists no system.")
        return members[0]

    def system(self, *, now: bool = False) -> Reply:
        """Our ComputerSystem. now: as it is, whatever its ETag says."""
        return self._session.get(self.system_path, what="describe its system", now=now)

    @cached_property
    def chassis_path(self) -> str | None:
        """The chassis of our system, by link; else the only one of the service; None where there is none."""
        return self._linked("Chassis", "Chassis")

    @cached_property
    def bmc_path(self) -> str | None:
        """The management controller of our system, by link; else the only one of the service."""
        return self._linked("ManagedBy", "Managers")

    def _linked(self, key: str, collection: str) -> str | None:
        linked = [path for path in links(self.system().resource(), "Links", key) if self.safe(path)]
        if linked:
            return linked[0]
        path = link(self._session.root, collection)
        if path is None:
            return None
        members = self.paths(path, f"list its {collection}")
        return members[0] if len(members) == 1 and self.safe(members[0]) else None

    def manager_paths(self, problems: list[str]) -> list[str]:
        """The controllers of our system, by its links; else those that name it; else all where it is the only one."""
        linked = links(self.resource(self.system_path, "describe its system"), "Links", "ManagedBy")
        if linked:
            return _once(linked)
        listed = self._listed("Managers", problems)
        if self.alone:
            return listed
        return [path for path in listed if self._named(self._quietly(path, problems), "ManagerForServers")]

    def chassis_paths(self, problems: list[str]) -> list[str]:
        """The chassis that our system stands in and is made of, without those that may not be asked for.

        All of the service's where it has one system. Else those that the system or they themselves link to each other,
        and what these contain or are contained in, as long as it names no other system (DSP2046, Chassis, Links).
        """
        linked = links(self.resource(self.system_path, "describe its system"), "Links", "Chassis")
        known = _once(path for path in [*linked, *self._listed("Chassis", problems)] if self.safe(path))
        if self.alone:
            return known
        resources = {path: self._quietly(path, problems) for path in known}
        ours = [path for path in known if _among(path, linked) or self._named(resources[path], "ComputerSystems")]
        for path in ours:  # grows while it is gone through
            ours += [found for found in _beside(path, resources) if found not in ours]
        return [path for path in known if path in ours]

    @cached_property
    def alone(self) -> bool:
        """Whether our system is the only one of the service."""
        try:
            return len(self.system_paths) < 2
        except (BmcRefused, BmcBadAnswer, NotSupported):
            return True

    def _listed(self, collection: str, problems: list[str]) -> list[str]:
        path = link(self._session.open(), collection)
        try:
            return [] if path is None else self.paths(path, f"list its {collection}")
        except (BmcRefused, BmcBadAnswer, NotSupported) as error:
            problems.append(problem_of(str(path), error))
            return []

    def _quietly(self, path: str, problems: list[str]) -> dict[str, Any]:
        """A resource, empty where it can't be read: why is added to problems."""
        member = self.member(path, "describe its parts")
        if member.problem is not None:
            problems.append(member.problem)
        return member.resource

    def _named(self, resource: dict[str, Any], key: str) -> bool:
        """Whether a resource's links name our system."""
        return _among(self.system_path, links(resource, "Links", key))

    def each(self, path: str, what: str) -> Iterator[Member]:
        """The members of a collection, one by one, over all of its pages (@odata.nextLink).

        One that can't be read is given with its problem. A collection that holds its members inline is not asked for
        them again. Raises BmcError's subclasses for the collection itself, and where the BMC is gone.
        """
        given: set[str] = set()
        for item in self._items(path, what):
            inline, found = self._inline(item), self._path_of(item)
            if found is not None and found.rstrip("/") in given:  # pages overlap, or a member is listed twice
                continue
            given |= {found.rstrip("/")} if found is not None else set()
            if inline is not None:
                yield inline
            elif found is not None:
                yield self.member(found, what)

    def paths(self, path: str, what: str) -> list[str]:
        """The paths of a collection's members, each once; the members are not asked for. Raises as `each` does."""
        return _once(found for item in self._items(path, what) if (found := self._path_of(item)) is not None)

    def _items(self, path: str, what: str) -> Iterator[Any]:
        """What stands in Members, over all pages; each page is asked for once, however their links run."""
        pages: set[str] = set()
        following: str | None = path
        while following is not None and following.rstrip("/") not in pages and len(pages) < _MOST_PAGES:
            pages.add(following.rstrip("/"))
            page = self.resource(following, what)
            members = page.get("Members")
            yield from members if isinstance(members, list) else []
            following = link(page, "Members@odata.nextLink") or link(page, "@odata.nextLink")

    def read_all(self, path: str | None, what: str, problems: list[str]) -> list[Member]:
        """The readable members of a collection; none where there is no path. What went wrong is added to problems."""
        if path is None:
            return []
        found = []
        try:
            for member in self.each(path, what):
                if member.problem is None:
                    found.append(member)
                else:
                    problems.append(member.problem)
        except (BmcRefused, BmcBadAnswer, NotSupported) as error:
            problems.append(problem_of(path, error))
        return found

    def _path_of(self, item: Any) -> str | None:
        if isinstance(item, str) and not self._session.login.profile.has(Quirk.BARE_STRING_MEMBERS):
            return None
        return link({"it": item}, "it")

    def _inline(self, item: Any) -> Member | None:
        """A member that stands in its collection with all that it has."""
        if isinstance(item, dict) and len(item.keys() - {"@odata.id", "@odata.type"}) > 1:
            return Member(self._path_of(item) or "", item)
        return None

    def member(self, path: str, what: str) -> Member:
        """One resource, or its problem. Raises where the BMC is gone."""
        try:
            return Member(path, self.resource(path, what))
        except (BmcRefused, BmcBadAnswer, NotSupported) as error:
            return Member(path, {}, problem_of(path, error))

    def resource(self, path: str, what: str) -> dict[str, Any]:
        """A resource. Raises NotSupported where a question for it can harm the BMC, and BmcError's subclasses."""
        if not self.safe(path):
            raise NotSupported(f"{path} is not asked for: a question to a storage chassis can restart this BMC.")
        return self._session.resource(path, what=what)

    def safe(self, path: str) -> bool:
        """Whether the path may be asked for: chassis of storage, and what is in them, may not on some BMCs."""
        if not self._session.login.profile.has(Quirk.STORAGE_CHASSIS_UNSAFE):
            return True
        chassis = _CHASSIS.search(path)
        return chassis is None or _STORAGE_CHASSIS.search(chassis[1]) is None

    def action(self, resource: dict[str, Any], name: str, parameter: str) -> tuple[str, list[str] | None]:
        """The target of an action and the values its parameter takes (DSP0266, section 7.6.3.2); None: not told.

        Raises NotSupported where the resource has no such action.
        """
        actions = resource.get("Actions")
        action = actions.get(f"#{name}") if isinstance(actions, dict) else None
        target = action.get("target") if isinstance(action, dict) else None
        if not isinstance(action, dict) or not isinstance(target, str):
            raise NotSupported(f"This BMC has no action {name}.")
        if link({"it": target}, "it") is None:
            raise BmcBadAnswer(f"The target of the BMC's action {name} is no path of its service.")
        return target, self._values(action, parameter)

    def _values(self, action: dict[str, Any], parameter: str) -> list[str] | None:
        values = action.get(f"{parameter}@Redfish.AllowableValues")
        info = link(action, "@Redfish.ActionInfo")
        told_there = self._session.login.profile.has(Quirk.RESET_VALUES_IN_ACTION_INFO)
        if not isinstance(values, list) and told_there and info is not None:
            parameters = self._session.resource(info, what="say what its actions take").get("Parameters")
            for item in parameters if isinstance(parameters, list) else []:
                if isinstance(item, dict) and item.get("Name") == parameter:
                    values = item.get("AllowableValues")
        return [str(value) for value in values] if isinstance(values, list) else None


def problem_of(path: str, error: BmcError) -> str:
    """Why one resource was not read, for a report's problems."""
    return error.message if path in error.message or isinstance(error, Enough) else f"{path}: {error.message}"


def same(one: str, other: str) -> bool:
    """Whether two paths name one resource: some services end them with a slash, or change their case."""
    return one.rstrip("/").casefold() == other.rstrip("/").casefold()


def _among(path: str, others: list[str]) -> bool:
    return any(same(path, other) for other in others)


def _once(paths: Iterable[str]) -> list[str]:
    found: dict[str, str] = {}
    for path in paths:
        found.setdefault(path.rstrip("/").casefold(), path)
    return list(found.values())


def _beside(path: str, chassis: dict[str, dict[str, Any]]) -> list[str]:
    """The chassis that contain this one or are in it, by the links of either, and name no system at all."""
    return [
        other
        for other, resource in chassis.items()
        if (_among(other, _inside(chassis[path])) or _among(path, _inside(resource)))
        and not links(resource, "Links", "ComputerSystems")
    ]


def _inside(chassis: dict[str, Any]) -> list[str]:
    above = link(chassis, "Links", "ContainedBy")
    return [*links(chassis, "Links", "Contains"), *([above] if above is not None else [])]
