"""What the store knows of servers, read in few statements: their rows, and when each capability was read."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from oobctl.constants import Capability, Lifecycle, PowerState, Protocol
from oobctl.errors import NotSupported
from oobctl.store import Bmc, Endpoint, Reading, Server, Site
from web.metrics.lines import Lines, labels

_OURS = (Server.lifecycle != Lifecycle.RETIRED,)
_AT_ONCE = 200  # contents of so many servers are held at one time


@dataclass(frozen=True)
class About:
    """What hardly ever changes of a server: all labels are made of it. instance: its name, and no other server's."""

    protocols: frozenset[Protocol]
    instance: str
    id: str
    site: str
    profile: str
    manufacturer: str | None
    model: str | None
    bmc_manufacturer: str | None
    bmc_firmware: str | None
    system_path: str | None

    def lines(self) -> Lines:
        """For samples of this server."""
        return Lines(self.instance, self.id)

    @property
    def system(self) -> str:
        """redfish_exporter's labels of a system, as far as they are known."""
        path = (self.system_path or "").rstrip("/")
        return labels(resource="system", system_id=path.rpartition("/")[2])


@dataclass(frozen=True)
class Now:
    """What changes of a server by itself."""

    lifecycle: Lifecycle
    power_state: PowerState
    power_read_at: datetime | None
    silent_since: datetime | None


@dataclass(frozen=True)
class Tried:
    """When a capability was last read (None: never), and whether the newest try failed or found that it is lacking."""

    read_at: datetime | None
    failed: bool
    lacking: bool


def servers(session: Session, server_id: str | None) -> list[tuple[About, Now]]:
    """The servers that are ours still, in the order in which they came; or that one."""
    which = _OURS if server_id is None else (*_OURS, Server.id == server_id)
    speaks = _protocols(session, which)
    instances = _instances(session, which)
    about = (Server.id, Site.name, Bmc.profile, Server.manufacturer, Server.model)
    of_bmc = (Bmc.manufacturer, Bmc.firmware, Server.system_path, Server.bmc_id)
    now = (Server.lifecycle, Server.power_state, Server.power_read_at, Server.silent_since)
    query = select(*about, *of_bmc, *now).where(*which).order_by(Server.id)
    query = query.join(Bmc, Bmc.id == Server.bmc_id).join(Site, Site.id == Server.site_id)
    rows: list[Any] = [tuple(row) for row in session.execute(query)]
    # A server that was added between two of these statements is told the next time.
    known = [row for row in rows if row[0] in instances]
    return [(About(frozenset(speaks[row[8]]), instances[row[0]], *row[:8]), Now(*row[9:])) for row in known]


def _protocols(session: Session, which: tuple[ColumnElement[bool], ...]) -> dict[str, set[Protocol]]:
    """Per BMC what it speaks."""
    found: dict[str, set[Protocol]] = defaultdict(set)
    query = select(Endpoint.bmc_id, Endpoint.protocol).join(Server, Server.bmc_id == Endpoint.bmc_id).where(*which)
    for bmc_id, protocol in session.execute(query):
        found[bmc_id].add(protocol)
    return found


def _instances(session: Session, which: tuple[ColumnElement[bool], ...]) -> dict[str, str]:
    """Per server its name; where another of that name was there before, its id with it: so none is called anew."""
    named = Server.name.in_(select(Server.name).where(*which))
    taken: set[str] = set()
    found = {}
    for number, name in session.execute(select(Server.id, Server.name).where(*_OURS, named).order_by(Server.id)):
        found[number] = f"{name}@{number}" if name in taken else name
        taken.add(name)
    return found


def tried(session: Session, server_id: str | None) -> dict[str, dict[Capability, Tried]]:
    """Per server what was tried to be read of it."""
    query = select(Reading.server_id, Reading.capability, Reading.read_at, Reading.problem["code"].as_string())
    query = query if server_id is None else query.where(Reading.server_id == server_id)
    found: dict[str, dict[Capability, Tried]] = defaultdict(dict)
    for number, capability, read_at, code in session.execute(query):
        lacking = code == NotSupported.code
        found[number][capability] = Tried(read_at, code is not None and not lacking, lacking)
    return found


def contents(
    session: Session, capability: Capability, server_ids: Sequence[str]
) -> Iterator[tuple[str, datetime | None, dict[str, Any] | None]]:
    """Per server when that capability was read, and what was."""
    for start in range(0, len(server_ids), _AT_ONCE):
        these = Reading.server_id.in_(server_ids[start : start + _AT_ONCE])
        query = select(Reading.server_id, Reading.read_at, Reading.content)
        for row in session.execute(query.where(these, Reading.capability == capability)):
            yield row[0], row[1], row[2]
