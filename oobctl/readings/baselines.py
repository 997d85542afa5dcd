"""BIOS settings that somebody saved under a name, and what differs from them now."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from oobctl import clock
from oobctl.access import Actor, find_server, may
from oobctl.audit import record, refusals
from oobctl.audit.tags import Tag
from oobctl.constants import Capability, Permission
from oobctl.errors import InvalidParameter, NotAllowed, NotFound, WrongState
from oobctl.readings import tell
from oobctl.store import BiosBaseline, Server, database

Changed = TypeVar("Changed")
MOST = 50
"""Baselines of one server that its tenant can have."""
_LONGEST = 64
_NO_NAMES = frozenset({".", ".."})  # in the path of an address they lead elsewhere: it could not be removed by name


@dataclass(frozen=True)
class Difference:
    """A setting that is not what was saved. None where it is on one side alone."""

    name: str
    saved: Any
    now: Any
    pending: Any


def save(actor: Actor, server: str, name: str, *, replace: bool = False) -> BiosBaseline:
    """Save the settings as last read. replace: in the place of those of that name.

    Raises NotFound, NotAllowed (recorded), InvalidParameter, WrongState where the BIOS was not read, the name is taken
    or there are MOST.
    """
    if not 0 < len(name) <= _LONGEST or not name.isprintable() or name != name.strip() or name in _NO_NAMES:
        raise InvalidParameter(
            f"A baseline's name has 1 to {_LONGEST} visible characters, and is neither . nor .. alone.", field="name"
        )
    return _allowed(
        actor, server, name, Tag.SERVER_BIOS_BASELINE,
        lambda session, found, reason: _save(session, actor, found, name, replace, reason),
    )  # fmt: skip


def remove(actor: Actor, server: str, name: str) -> None:
    """Remove a baseline; the settings stay as they are. Raises NotFound, NotAllowed (recorded)."""
    _allowed(
        actor, server, name, Tag.SERVER_BIOS_BASELINE_REMOVE,
        lambda session, found, reason: _remove(session, actor, found, name, reason),
    )  # fmt: skip


def _allowed(
    actor: Actor, server: str, name: str, tag: Tag, change: Callable[[Session, Server, str], Changed]
) -> Changed:
    """Make a change in a transaction, the server's row locked. Raises NotFound, NotAllowed after a record of it."""
    with database().write() as session:
        found = find_server(session, actor, server)
        session.refresh(found, with_for_update=True)  # two of one name at once: the second one waits and is told
        decision = may(session, actor, Permission.BIOS, found)
        if decision.allowed:
            return change(session, found, decision.reason)
        refused = NotAllowed(f"You may not change saved BIOS settings of {found.name}: {decision.reason}.")
        refusals.add(session, actor, tag, server=found, parameters={"name": name[:200]}, reason=refused.message)
    raise refused


def _remove(session: Session, actor: Actor, server: Server, name: str, reason: str) -> None:
    row = _named(session, actor, server, name)
    record.event(
        session, actor, Tag.SERVER_BIOS_BASELINE_REMOVE, server=server, parameters={"name": name}, reason=reason,
        evidence={"settings": len(row.values), "saved_by": row.saved_by, "saved_at": clock.rfc3339(row.saved_at)},
    )  # fmt: skip
    session.delete(row)


def _named(session: Session, actor: Actor, server: Server, name: str) -> BiosBaseline:
    query = _visible(session, actor, server).where(BiosBaseline.name == name).order_by(BiosBaseline.saved_at.desc())
    row = session.scalars(query.limit(1)).first()
    if row is None:
        raise NotFound(f"{server.name} has no baseline {name!r:.80}.")
    return row


def _save(session: Session, actor: Actor, server: Server, name: str, replace: bool, reason: str) -> BiosBaseline:
    told = tell.latest(session, actor, server, Capability.BIOS)
    if told.content is None:
        raise _not_read(server, told)
    kept = {row.name: row for row in session.scalars(_visible(session, actor, server).order_by(BiosBaseline.saved_at))}
    row = kept.get(name)
    if row is not None and not replace:
        raise WrongState(f"There is a baseline {name!r} of {server.name} already. Choose another name, or replace it.")
    if row is None and len(kept) >= MOST:
        raise WrongState(f"{server.name} has {MOST} baselines, and no more are kept. Replace one of them.")
    if row is None:
        row = BiosBaseline(server_id=server.id, name=name)
    row.account_id = record.account_of(session, server.id)
    row.values, row.saved_by, row.saved_at = told.content["values"], actor.name, clock.now()
    session.add(row)
    session.flush()
    record.event(
        session, actor, Tag.SERVER_BIOS_BASELINE, server=server, parameters={"name": name, "replace": replace},
        reason=reason, evidence={"settings": len(row.values), "read_at": clock.rfc3339(told.read_at)},
    )  # fmt: skip
    return row


def listed(session: Session, actor: Actor, server: Server) -> list[BiosBaseline]:
    """The baselines by name. Customers: those that were saved since they have the server. Raises NotAllowed."""
    tell.check_may_read(session, actor, server, Capability.BIOS)
    return list(session.scalars(_visible(session, actor, server).order_by(BiosBaseline.name, BiosBaseline.saved_at)))


def compare(
    session: Session, actor: Actor, server: Server, name: str
) -> tuple[BiosBaseline, tell.Told, list[Difference]]:
    """What differs from a baseline, as last read. Raises NotAllowed, NotFound, WrongState where nothing was read."""
    told = tell.latest(session, actor, server, Capability.BIOS)
    row = _named(session, actor, server, name)
    if told.content is None:
        raise _not_read(server, told)
    now, pending = told.content["values"], told.content["pending"]
    differing = sorted(key for key in row.values.keys() | now.keys() if row.values.get(key) != now.get(key))
    return row, told, [Difference(key, row.values.get(key), now.get(key), pending.get(key)) for key in differing]


def _visible(session: Session, actor: Actor, server: Server) -> Select[BiosBaseline]:
    query = select(BiosBaseline).where(BiosBaseline.server_id == server.id)
    since = None if actor.is_staff else tell.handed_over(session, [server.id]).get(server.id)
    return query if since is None else query.where(BiosBaseline.saved_at >= since)


def _not_read(server: Server, told: tell.Told) -> WrongState:
    because = f" {told.problem['message']}" if told.problem else " Ask for server.inspect, then try again."
    return WrongState(f"The BIOS settings of {server.name} were not read yet.{because}")
