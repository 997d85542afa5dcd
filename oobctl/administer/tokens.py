"""Tokens and grants: making them, ending them."""

from datetime import datetime

from oobctl import clock
from oobctl.access import Actor, create_token
from oobctl.access.roles import ROLE_PERMISSIONS
from oobctl.administer.change import change, checked_name, find_account, find_user
from oobctl.administer.users import check_role, find_membership
from oobctl.audit.tags import Tag
from oobctl.constants import Permission, Role
from oobctl.errors import InvalidParameter, NotFound
from oobctl.store import Grant, Server, Token


def add_token(
    actor: Actor,
    name: str,
    account: str,
    role: Role,
    *,
    user: str | None = None,
    permissions: list[Permission] | None = None,
    expires_at: datetime | None = None,
) -> tuple[Token, str]:
    """A new bearer token and its secret, shown this once.

    Raises NotAllowed, NotFound, InvalidParameter (field `user` where they are no member of the account, `role` where
    they have less than it, `expires_at` where it would never let anybody in).
    """
    checked_name(name)
    _check_to_come(expires_at)
    with change(actor, Tag.ACCOUNT_TOKEN_ADD) as this:
        owner = find_account(this.session, account)
        check_role(owner, role)
        holder = find_user(this.session, user) if user else None
        if holder is not None:
            try:
                membership = find_membership(this.session, holder, owner)
            except NotFound as error:
                raise InvalidParameter(f"{error.message} The token could never be used.", field="user") from error
            if not ROLE_PERMISSIONS[role] <= ROLE_PERMISSIONS[membership.role]:
                raise InvalidParameter(
                    f"{holder.name} is {membership.role} in {owner.name}: a token that acts for them can't be {role}, "
                    "which may do more.",
                    field="role",
                )
        token, secret = create_token(
            this.session, name=name, account_id=owner.id, role=role, user_id=holder.id if holder else None,
            permissions=permissions, expires_at=expires_at,
        )  # fmt: skip
        this.note(name=name, account=owner.name, role=role, user=user, permissions=permissions)
        return token, secret


def revoke_token(actor: Actor, token_id: str) -> None:
    """End a token at once. Raises NotAllowed, NotFound."""
    with change(actor, Tag.ACCOUNT_TOKEN_REVOKE) as this:
        token = this.session.get(Token, token_id)
        if token is None:
            raise NotFound(f"There is no token {token_id!r}.")
        token.revoked_at = token.revoked_at or clock.now()
        this.note(name=token.name)


def add_grant(actor: Actor, server: str, user: str, permission: Permission, expires_at: datetime | None) -> Grant:
    """One permission on one server for one user, until it expires or the server changes hands.

    Raises NotAllowed, NotFound, InvalidParameter (field `expires_at` where that is over).
    """
    _check_to_come(expires_at)
    with change(actor, Tag.ACCOUNT_GRANT_ADD) as this:
        found, holder = this.server(server), find_user(this.session, user)
        grant = Grant(
            server_id=found.id, user_id=holder.id, permission=permission, granted_by=actor.name, expires_at=expires_at
        )
        this.session.add(grant)
        this.note(server=found, user=user, permission=permission, expires_at=clock.rfc3339(expires_at))
        return grant


def revoke_grant(actor: Actor, grant_id: str) -> None:
    """End a grant at once. Raises NotAllowed, NotFound."""
    with change(actor, Tag.ACCOUNT_GRANT_REVOKE) as this:
        grant = this.session.get(Grant, grant_id)
        if grant is None:
            raise NotFound(f"There is no grant {grant_id!r}.")
        grant.revoked_at = grant.revoked_at or clock.now()
        this.note(server=this.session.get_one(Server, grant.server_id), permission=grant.permission)


def _check_to_come(expires_at: datetime | None) -> None:
    if expires_at is not None and expires_at <= clock.now():
        raise InvalidParameter(
            f"It would end at {clock.rfc3339(expires_at)}, which is over. Give a time to come, or none.",
            field="expires_at",
        )
