"""One reading's way through the service: each resource asked for once, no more than there can be, troubles gathered."""

from collections.abc import Iterator, Mapping
from typing import Any

from oobctl.drivers.redfish.answers import link
from oobctl.drivers.redfish.session import RedfishSession
from oobctl.drivers.redfish.tree import Enough, Member, Tree
from oobctl.errors import (
    BmcBadAnswer,
    BmcBusy,
    BmcError,
    BmcRefused,
    BmcSessionsExhausted,
    BmcUnreachable,
    NotSupported,
)

MOST_RESOURCES = 2000
_MOST_PROBLEMS = 50
_PATIENCE = 2  # resources at which a BMC that answers otherwise may be slow, busy or hang up; at the third it is gone


class Problems(list[str]):
    """Sentences, each once, and no more than a person would read."""

    def append(self, problem: str) -> None:
        if len(self) < _MOST_PROBLEMS and problem not in self:
            super().append(problem)
        if len(self) == _MOST_PROBLEMS:
            super().append("More went wrong than is listed here.")


class Walk(Tree):
    """A Tree that remembers what it read: for the time of one reading alone."""

    def __init__(self, session: RedfishSession, tree: Tree) -> None:
        super().__init__(session, tree.system_path)
        self.alone = tree.alone
        self.problems = Problems()
        self.requests = 0
        self._seen: set[str] = set()
        self._answered, self._patience = False, _PATIENCE
        self._known: dict[str, dict[str, Any] | BmcError] = {}

    def resource(self, path: str, what: str) -> dict[str, Any]:
        """A resource, from the BMC the first time. The fragment of a path is left out. Raises as Tree's does."""
        path = path.partition("#")[0]
        key = path.rstrip("/")
        if key not in self._known:
            self._known[key] = self._ask(path, what)
        found = self._known[key]
        if isinstance(found, BmcError):
            raise found
        return found

    def _ask(self, path: str, what: str) -> dict[str, Any] | BmcError:
        if self.requests >= MOST_RESOURCES:
            return Enough(f"The BMC has more than {MOST_RESOURCES} resources to read; the rest was left out.")
        self.requests += 1
        try:
            found = super().resource(path, what)
        except (BmcRefused, BmcBadAnswer, NotSupported) as error:
            return error
        except (BmcBusy, BmcUnreachable) as error:
            if not self._answered or not self._patience or isinstance(error, BmcSessionsExhausted):
                raise
            self._patience -= 1
            return BmcRefused(error.message, **error.details)
        self._answered = True
        return found

    def _items(self, path: str, what: str) -> Iterator[Any]:
        for item in super()._items(path, what):
            inline = self._inline(item)
            if inline is not None and inline.path:
                self._known.setdefault(inline.path.rstrip("/"), inline.resource)
            yield item

    @property
    def root(self) -> dict[str, Any]:
        """The service root, as the session has it."""
        return self._session.open()

    def first(self, path: str) -> bool:
        """True the first time, for what several chassis link to."""
        new = path.rstrip("/") not in self._seen
        self._seen.add(path.rstrip("/"))
        return new

    def ours(self) -> dict[str, Any]:
        """Our ComputerSystem. Raises BmcError's subclasses where it can't be read."""
        return self.resource(self.system_path, "describe its system")

    def chassis(self) -> list[Member]:
        """The readable chassis of our system."""
        return self.all_of(self.chassis_paths(self.problems), "describe its chassis")

    def managers(self) -> list[Member]:
        """The readable controllers of our system."""
        return self.all_of(self.manager_paths(self.problems), "describe itself")

    def one(self, resource: Mapping[str, Any], key: str, what: str) -> Member | None:
        """The resource that a property links to; None where there is no link, or it can't be read."""
        path = link(resource, key)
        found = self.all_of([path] if path is not None else [], what)
        return found[0] if found else None

    def members(self, resource: Mapping[str, Any], key: str, what: str) -> list[Member]:
        """The readable members of the collection that a property links to."""
        return self.read_all(link(resource, key), what, self.problems)

    def all_of(self, paths: list[str], what: str) -> list[Member]:
        """The readable ones of these resources; why others are not is added to the problems."""
        found = []
        for path in paths:
            member = self.member(path, what)
            if member.problem is None:
                found.append(member)
            else:
                self.problems.append(member.problem)
        return found
