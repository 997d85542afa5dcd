"""Users of a BMC that nobody knows: not ours, no temporary one of ours, neither there at first nor acknowledged since.

A guest's root can make a user of its BMC over KCS, and be let in long after the guest is gone.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from oobctl.constants import BmcRole, Capability
from oobctl.drivers.security import RANKS
from oobctl.errors import InvalidParameter, WrongState
from oobctl.store import Bmc, BmcUser, Reading, Server

FACT = "unknown_users"
"""The name of the difference; its `should` is always `none`."""

Users = list[dict[str, Any]]
"""As a report has them as JSON (drivers.readings.BmcUser)."""


def unknown(session: Session, bmc_id: str, content: Mapping[str, Any], at: datetime) -> Users | None:
    """Who of the users in a security report nobody knows; None where they could not be read.

    at: when the reading began. The first reading says who is known. Who is gone is known no more, so that one who comes
    back is news; a report with problems may leave out somebody who is there.
    """
    users: Users | None = content["users"]
    if users is None:
        return None
    bmc = session.get_one(Bmc, bmc_id, populate_existing=True)
    temporary = _temporary(session, bmc_id, at)
    others = [user for user in users if not user["ours"] and not _is_one_of(user, temporary)]
    known = {user["name"]: user["role"] for user in others} if bmc.known_users is None else dict(bmc.known_users)
    if not content["problems"]:
        known = {name: role for name, role in known.items() if any(user["name"] == name for user in users)}
    known |= {user["name"]: user["role"] for user in users if user["ours"]}  # also while one protocol's is not known
    if known != bmc.known_users:
        bmc.known_users = known
    return [user for user in others if not _is_one_of(user, known)]


def _temporary(session: Session, bmc_id: str, at: datetime) -> dict[str, str]:
    there = or_(BmcUser.removed_at.is_(None), BmcUser.removed_at > at)
    query = select(BmcUser.name, BmcUser.role).where(BmcUser.bmc_id == bmc_id, there)
    return {row.name: row.role for row in session.execute(query)}


def _is_one_of(user: Mapping[str, Any], names: Mapping[str, str]) -> bool:
    """Whether it is one of these, and may do no more than that one."""
    role = names.get(user["name"])
    return role is not None and RANKS[BmcRole(user["role"])] <= RANKS[BmcRole(role)]


def as_drift(users: Users) -> list[dict[str, Any]]:
    """The difference that they make."""
    said = ", ".join(f"{user['name']} ({user['role']})" for user in users)
    return [{"fact": FACT, "is": said, "should": "none"}] if users else []


def acknowledge(session: Session, server: Server, name: str) -> dict[str, Any]:
    """From now on the BMC's user of that name, with the role that it has now, is known. Returns it.

    Raises WrongState where the users were not read yet, InvalidParameter where no unknown one has that name.
    """
    rows, here = _readings(session, server)
    found = next((user for user in here.get("unknown_users") or [] if user["name"] == name), None)
    if found is None:
        names = ", ".join(user["name"] for user in here.get("unknown_users") or []) or "none"
        raise InvalidParameter(
            f"The BMC of {server.name} has no unknown user {name!r:.80}. There are: {names}.", field="name"
        )
    bmc = session.get_one(Bmc, server.bmc_id, populate_existing=True)
    bmc.known_users = {**(bmc.known_users or {}), name: found["role"]}
    for row in rows:
        if row.content is not None and row.content.get("unknown_users"):
            _say(row, [user for user in row.content["unknown_users"] if not _is_one_of(user, bmc.known_users)])
    return dict(found)


def doubt(session: Session, server: Server, name: str) -> dict[str, Any]:
    """The BMC's user of that name is known no more, whoever said that it was: it is a difference again. Returns it.

    Raises WrongState where the users were not read yet, InvalidParameter where no known one has that name.
    """
    rows, here = _readings(session, server)
    there = known(session, server.bmc_id, here)
    found = next((user for user in there if user["name"] == name), None)
    if found is None:
        names = ", ".join(user["name"] for user in there) or "none"
        raise InvalidParameter(
            f"The BMC of {server.name} has no known user {name!r:.80} that is not ours. There are: {names}.",
            field="name",
        )
    bmc = session.get_one(Bmc, server.bmc_id, populate_existing=True)
    bmc.known_users = {one: role for one, role in (bmc.known_users or {}).items() if one != name}
    for row in rows:
        if row.content is not None and row.content.get("users") is not None:
            others = [user for user in row.content.get("unknown_users") or [] if user["name"] != name]
            again = [user for user in row.content["users"] if user["name"] == name and not user["ours"]]
            _say(row, [*others, *again])
    return dict(found)


def known(session: Session, bmc_id: str, content: Mapping[str, Any]) -> Users:
    """Who of the users in a security report is known, and neither ours nor told as unknown there."""
    names = session.get_one(Bmc, bmc_id).known_users or {}
    ours = {user["name"] for user in content.get("users") or [] if user["ours"]}
    unknown_names = {user["name"] for user in content.get("unknown_users") or []}
    left = names.keys() - ours - unknown_names
    return [user for user in content.get("users") or [] if user["name"] in left]


def _readings(session: Session, server: Server) -> tuple[list[Reading], dict[str, Any]]:
    """The security readings of all servers of the BMC, locked, and what this server's says. Raises WrongState."""
    behind = select(Server.id).where(Server.bmc_id == server.bmc_id)
    query = select(Reading).where(Reading.server_id.in_(behind), Reading.capability == Capability.SECURITY)
    rows = list(session.scalars(query.order_by(Reading.server_id).with_for_update()))
    here = next((row.content for row in rows if row.server_id == server.id and row.content is not None), None)
    if here is None or here.get("users") is None:
        raise WrongState(f"The users of the BMC of {server.name} were not read yet. Read its security first.")
    return rows, here


def _say(row: Reading, unknown_users: Users) -> None:
    assert row.content is not None
    rest = [one for one in row.content.get("drift") or [] if one["fact"] != FACT]
    row.content = {**row.content, "unknown_users": unknown_users, "drift": rest + as_drift(unknown_users)}
