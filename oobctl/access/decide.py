"""May this actor do that to this server: yes or no, with the reason."""

from dataclasses import dataclass

from sqlalchemy import Select, func, or_, select, true
from sqlalchemy.orm import Session

from oobctl import clock
from oobctl.access.actor import Actor
from oobctl.access.roles import ROLE_PERMISSIONS
from oobctl.constants import Lifecycle, Lock, Permission, Role
from oobctl.errors import InvalidParameter, NotFound
from oobctl.store import Account, Assignment, Grant, Server


@dataclass(frozen=True)
class Decision:
    allowed: bool
    reason: str


def is_staff(actor: Actor) -> bool:
    return actor.is_staff


def visible_servers(actor: Actor) -> Select[Server]:
    """The servers that the actor may know of: all for staff, else those assigned to their account or granted.

    Any permission implies that one knows of the servers it is for: a token limited to power finds what it switches.
    """
    if not held(actor):
        return select(Server).where(Server.id.in_(_granted(actor)))
    if actor.is_staff:
        return select(Server).where(true())
    now = clock.now()
    assigned = select(Assignment.server_id).where(
        Assignment.account_id == actor.account_id,
        Assignment.from_at <= now,
        or_(Assignment.until_at.is_(None), Assignment.until_at > now),
    )
    return select(Server).where(or_(Server.id.in_(assigned), Server.id.in_(_granted(actor))))


def find_server(session: Session, actor: Actor, name_or_id: str) -> Server:
    """The server of that id or name, among those that the actor may know of.

    Raises NotFound, the same for unknown and foreign ones; InvalidParameter where two accounts use that name.
    """
    servers = visible_servers(actor)
    found = session.scalars(servers.where(Server.id == name_or_id)).one_or_none()
    if found is not None:
        return found
    retired_last = (Server.lifecycle == Lifecycle.RETIRED, Server.id)
    named = session.scalars(servers.where(Server.name == name_or_id).order_by(*retired_last).limit(2)).all()
    if not named:
        raise NotFound(f"There is no server {name_or_id!r} among yours. See the list of servers for their names.")
    if len(named) > 1 and named[1].lifecycle is not Lifecycle.RETIRED:  # a retired server leaves its name to others
        raise InvalidParameter(f"Several servers are named {name_or_id!r}. Use the server's id.", field="server")
    return named[0]


def holds(actor: Actor, permission: Permission) -> Decision:
    """Whether the actor's role and limits give the permission, whatever the server, and why (not)."""
    if permission in held(actor):
        return Decision(True, _said(actor, f"{actor.role or 'system'}: permission {permission}"))
    return Decision(False, _refusal(actor, permission))


def may(session: Session, actor: Actor, permission: Permission, server: Server, lock: Lock = Lock.SERVER) -> Decision:
    """Whether the actor has the permission on a server that they can see, and why (not)."""
    if lock is Lock.BMC and not actor.is_staff and _servers_behind(session, server.bmc_id) > 1:
        return Decision(False, "this BMC serves several servers, so only staff may act on it")
    if server.lifecycle is Lifecycle.SUSPENDED and not actor.is_staff and permission is not Permission.VIEW:
        return Decision(False, f"{server.name} is suspended; ask your provider")
    if permission is not Permission.VIEW and not actor.is_staff and is_suspended(session, actor):
        return Decision(False, "your account is suspended; ask your provider")
    if permission in _with_view(held(actor)):
        if actor.is_staff:
            return Decision(True, _said(actor, f"{actor.role or 'system'}: permission {permission} for every server"))
        if _assigned(session, actor, server):
            return Decision(True, _said(actor, f"{actor.role} of the account that has {server.name}"))
    grant = session.scalars(
        _granted_rows(actor).where(Grant.server_id == server.id, Grant.permission == permission)
    ).first()
    if grant is not None:
        until = f" until {clock.rfc3339(grant.expires_at)}" if grant.expires_at else ""
        return Decision(True, f"granted by {grant.granted_by}{until}")
    return Decision(False, _refusal(actor, permission))


def held(actor: Actor) -> frozenset[Permission]:
    """What the role gives, within a token's limits."""
    if actor.kind == "system":
        return frozenset(Permission)
    role = ROLE_PERMISSIONS[actor.role] if actor.role else frozenset()
    return role if actor.permissions is None else role & frozenset(actor.permissions)


def _with_view(permissions: frozenset[Permission]) -> frozenset[Permission]:
    """Whoever may do something to a server may look at it."""
    return permissions | {Permission.VIEW} if permissions else permissions


def _in_scope(actor: Actor, permission: Permission) -> bool:
    return actor.permissions is None or permission in actor.permissions


def _said(actor: Actor, text: str) -> str:
    return f"token of {text}" if actor.kind == "token" else text


def _refusal(actor: Actor, permission: Permission) -> str:
    if actor.kind == "token" and not _in_scope(actor, permission):
        return f"this token is limited to {', '.join(actor.permissions or ()) or 'nothing'}; this needs {permission}"
    ask = "the owner of the account"
    if actor.is_staff or actor.role is Role.OWNER:
        ask = "an administrator" if actor.is_staff else "your provider"
    return f"the role {actor.role} has no permission {permission}; ask {ask}"


def _assigned(session: Session, actor: Actor, server: Server) -> bool:
    now = clock.now()
    current = select(Assignment.id).where(
        Assignment.server_id == server.id,
        Assignment.account_id == actor.account_id,
        Assignment.from_at <= now,
        or_(Assignment.until_at.is_(None), Assignment.until_at > now),
    )
    return session.scalar(current.limit(1)) is not None


def is_suspended(session: Session, actor: Actor) -> bool:
    """Whether the account in which they act is: its users may look, and do nothing."""
    account = session.get(Account, actor.account_id)
    return account is not None and account.suspended_at is not None


def _servers_behind(session: Session, bmc_id: str) -> int:
    count = select(func.count()).select_from(Server).where(Server.bmc_id == bmc_id)
    return session.scalar(count.where(Server.lifecycle != Lifecycle.RETIRED)) or 0


def _granted_rows(actor: Actor) -> Select[Grant]:
    holder = Grant.user_id == (actor.user_id or actor.id)
    if actor.kind == "token":
        holder = or_(holder, Grant.token_id == actor.id)
    now = clock.now()
    valid = or_(Grant.expires_at.is_(None), Grant.expires_at > now)
    rows = select(Grant).where(holder, Grant.revoked_at.is_(None), valid)
    return rows if actor.permissions is None else rows.where(Grant.permission.in_(actor.permissions))


def _granted(actor: Actor) -> Select[str]:
    return _granted_rows(actor).with_only_columns(Grant.server_id)
