"""All that is told of servers: what is read anew is put into lines once, and told until it is old."""

import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from oobctl import clock
from oobctl.constants import Capability, Protocol
from oobctl.errors import TooManyRequests
from oobctl.readings import rounds
from oobctl.store import database
from web.freshness import is_heard
from web.metrics import rows
from web.metrics.contents import TOLD, redfish_health, system_firmware
from web.metrics.live import Seen, live
from web.metrics.rows import About, Now, Tried

_READ = (*TOLD, Capability.INVENTORY)
_MOST_AT_ONCE = 3  # threads of the panel that may be busy with all servers, or wait for one that is

Parts = dict[str, list[str]]
"""Per name of a metric its lines, a text or two a server."""


@dataclass(frozen=True)
class _Kept:
    """One reading as lines: of that moment, and of a server that was called so. firmware: of an inventory alone."""

    read_at: datetime | None
    about: About
    lines: Mapping[str, str]
    firmware: str = "N/A"


_AllKept = Mapping[tuple[str, Capability], _Kept]


@dataclass
class Fleet:
    """All servers. What was made of a reading is kept until there is a newer one: some 30 KB a server."""

    _kept: _AllKept = field(default_factory=dict)
    _turn: threading.Lock = field(default_factory=threading.Lock)
    _places: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(_MOST_AT_ONCE))

    def all(self) -> Parts:
        """The lines of all servers. Raises TooManyRequests where several ask for all of them at this moment."""
        with self._one_by_one(), database().read() as session:
            parts, self._kept = _parts(session, None, self._kept)
        return parts

    @contextmanager
    def _one_by_one(self) -> Iterator[None]:
        """The second finds almost all of it made by the first."""
        if not self._places.acquire(blocking=False):
            raise TooManyRequests(f"{_MOST_AT_ONCE} others read all metrics at this moment. Try again in some seconds.")
        try:
            with self._turn:
                yield
        finally:
            self._places.release()


def of_one(session: Session, server_id: str) -> Parts:
    """The lines of that server."""
    return _parts(session, server_id, {})[0]


def _parts(session: Session, server_id: str | None, before: _AllKept) -> tuple[Parts, _AllKept]:
    """The lines, and what is to be kept for the next time."""
    found, tried = rows.servers(session, server_id), rows.tried(session, server_id)
    kept = _renewed(session, {about.id: about for about, _ in found}, tried, before)
    parts: Parts = defaultdict(list)
    every = _Intervals()
    at = clock.now()
    for about, now in found:
        mine = {name: kept[about.id, name] for name in _READ if (about.id, name) in kept}
        fresh = _fresh(about, now, tried[about.id], every, at)
        inventory = mine.get(Capability.INVENTORY)
        seen = Seen(about, now, tried[about.id], fresh, inventory.firmware if inventory else "N/A", at)
        # What is old is not told as if it were now: it is left out.
        for lines in (live(seen), *(one.lines for name, one in mine.items() if name in fresh)):
            for metric, text in lines.items():
                parts[metric].append(text)
    return parts, kept


class _Intervals(dict[tuple[str, Capability], float | None]):
    """How often a capability is read, looked up once a profile and capability."""

    def __missing__(self, key: tuple[str, Capability]) -> float | None:
        self[key] = rounds.interval(*key)
        return self[key]


def _fresh(
    about: About, now: Now, tried: Mapping[Capability, Tried], every: _Intervals, at: datetime
) -> frozenset[Capability]:
    if not is_heard(now.lifecycle, now.silent_since):
        return frozenset()
    read = {Capability.POWER: now.power_read_at} | {name: one.read_at for name, one in tried.items()}
    return frozenset(name for name, moment in read.items() if rounds.is_current(moment, every[about.profile, name], at))


def _renewed(
    session: Session,
    servers: Mapping[str, About],
    tried: Mapping[str, Mapping[Capability, Tried]],
    before: _AllKept,
) -> _AllKept:
    """What was made before, where it is of the newest reading still; else made anew. What is gone falls out."""
    kept = {}
    for capability in _READ:
        read = {number: tried[number][capability].read_at for number in servers if capability in tried.get(number, {})}
        others = []
        for number, read_at in read.items():
            held = before.get((number, capability))
            if held is not None and (held.read_at, held.about) == (read_at, servers[number]):
                kept[number, capability] = held
            elif read_at is not None:
                others.append(number)
        for number, read_at, content in rows.contents(session, capability, others):
            if content is not None:
                kept[number, capability] = _made(servers[number], capability, read_at, content)
    return kept


def _made(about: About, capability: Capability, read_at: datetime | None, content: dict[str, Any]) -> _Kept:
    if capability is Capability.INVENTORY:
        return _Kept(read_at, about, {}, system_firmware(content))
    lines = about.lines()
    TOLD[capability](lines, content)
    if capability is Capability.HEALTH and Protocol.REDFISH in about.protocols:
        lines.add_known("redfish_system_health_state", redfish_health(content), about.system)
    return _Kept(read_at, about, lines.together())
