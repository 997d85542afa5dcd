"""All that a Redfish service gives to read, from its root along its links: bounded, and nothing but GET."""

import re
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from oobctl.drivers.redfish.answers import Reply, link
from oobctl.drivers.redfish.entry import ROOT
from oobctl.drivers.redfish.session import RedfishSession
from oobctl.errors import BmcAuthFailed, BmcError, BmcIdentityChanged
from oobctl.profiles.quirks import Quirk

_UNSAFE = re.compile(r"/Chassis/[^/]*(RAID|Enclosure)", re.IGNORECASE)  # Quirk.STORAGE_CHASSIS_UNSAFE
_LEFT_OUT = re.compile(  # what is large and standard, what others have open, and what reading alone changes
    r"/(JsonSchemas|Sessions|TaskMonitors?|Actions|Attachments?|Dump/Entries|additionaldata)(/|$)|\$metadata|\$entity",
    re.IGNORECASE,
)
_ENTRIES = re.compile(r"/Entries(/|\?|$)", re.IGNORECASE)
_LINKS = frozenset({"@odata.id", "Uri", "@Redfish.ActionInfo"})
_MOST_ENTRIES = 50  # of each log
_GIVE_UP_AFTER = 5  # failures one after another: it is gone


@dataclass(frozen=True)
class Bounds:
    """How much is read at most, in all and in seconds."""

    resources: int = 5000
    size: int = 32 * 1024 * 1024
    seconds: float = 900.0


@dataclass(frozen=True)
class Page:
    """One resource as it was answered; else why there is none."""

    path: str
    content: Any = None
    problem: str | None = None


class Crawl:
    """Iterate over it once. `ended`: why it stopped before all was read."""

    def __init__(self, session: RedfishSession, bounds: Bounds) -> None:
        self._session, self._bounds = session, bounds
        profile = session.login.profile
        self._careful = profile.generic or profile.has(Quirk.STORAGE_CHASSIS_UNSAFE)
        self._waiting = deque([ROOT])
        self._seen = {ROOT.rstrip("/")}
        self._entries: dict[str, int] = {}
        self.ended: str | None = None

    def __iter__(self) -> Iterator[Page]:
        until = time.monotonic() + self._bounds.seconds
        count = size = failures = 0
        while self._waiting:
            if count >= self._bounds.resources or size > self._bounds.size or time.monotonic() > until:
                self.ended = f"{len(self._waiting)} more resources were known when the limit was reached."
                return
            page, length = self._read(self._waiting.popleft())
            count, size = count + 1, size + length
            failures = 0 if page.problem is None else failures + 1
            yield page
            if failures >= _GIVE_UP_AFTER and not length:
                self.ended = f"{failures} resources in a row could not be read: {page.problem}"
                return
            for path in _links(page.content):
                self._note(path)

    def _read(self, path: str) -> tuple[Page, int]:
        try:
            reply: Reply = self._session.get(path, what="show a resource")
            return Page(path, reply.resource()), len(reply.body)
        except (BmcAuthFailed, BmcIdentityChanged):  # it won't be another one for the next resource
            raise
        except BmcError as error:
            return Page(path, problem=error.message), 0 if error.retryable else 1  # a refusal shows that it is there

    def _note(self, path: str) -> None:
        path = path.partition("#")[0]
        key = path.rstrip("/")
        if key in self._seen or _LEFT_OUT.search(path) or (self._careful and _UNSAFE.search(path)):
            return
        self._seen.add(key)
        if _ENTRIES.search(path) and not self._is_wanted(key):
            return
        self._waiting.append(path)

    def _is_wanted(self, path: str) -> bool:
        """The first entries of each log."""
        log = path.rpartition("/")[0]
        self._entries[log] = self._entries.get(log, 0) + 1
        return self._entries[log] <= _MOST_ENTRIES


def _links(content: Any, key: str = "") -> Iterator[str]:
    """Every path that a resource names, in the order in which it does."""
    if isinstance(content, Mapping):
        for name, value in content.items():
            yield from _links(value, str(name))
    elif isinstance(content, list):
        for item in content:
            yield from _links(item, key)
    elif isinstance(content, str) and (key in _LINKS or key == "Members" or key.endswith("@odata.nextLink")):
        path = link({"it": content}, "it")
        if path is not None:
            yield path
