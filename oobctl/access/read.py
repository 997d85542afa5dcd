"""Which jobs and records an actor may read: of their own account, of every server, or of every account."""

from sqlalchemy import ColumnElement, and_, or_, true

from oobctl.access.actor import Actor
from oobctl.access.decide import held, visible_servers
from oobctl.constants import Permission
from oobctl.store import AuditRecord, Job, Server


def may_read(actor: Actor) -> bool:
    """Whether they may read what others did: their role has VIEW, and a token's limits name it.

    Here another permission does not imply it: a token made for power alone acts, and reads what it did itself.
    """
    return Permission.VIEW in held(actor)


def sees_every_account(actor: Actor) -> bool:
    """Whether they may read every account's record, sign-ins and administration too: AUDIT, within a token's limits."""
    return Permission.AUDIT in held(actor)


def sees_every_server(actor: Actor) -> bool:
    """Whether they may read what was done to any server, for their work: staff with VIEW. Not the sign-ins of users."""
    return actor.is_staff and may_read(actor)


def readable_jobs(actor: Actor) -> ColumnElement[bool]:
    """A condition on Job: everybody's own; their account's on servers they still see; staff all of them."""
    own = Job.actor_id == actor.id
    if sees_every_account(actor) or sees_every_server(actor):
        return true()
    if actor.is_staff or not may_read(actor):
        return own
    visible = visible_servers(actor).with_only_columns(Server.id)
    return or_(own, and_(Job.account_id == actor.account_id, Job.server_id.in_(visible)))


def readable_records(actor: Actor) -> ColumnElement[bool]:
    """A condition on AuditRecord: everybody's own; their account's; staff those of servers; AUDIT all."""
    own = AuditRecord.actor_id == actor.id
    if sees_every_account(actor):
        return true()
    if sees_every_server(actor):
        return or_(own, AuditRecord.server_id.is_not(None))
    if actor.is_staff or not may_read(actor):
        return own
    return or_(own, AuditRecord.account_id == actor.account_id)
