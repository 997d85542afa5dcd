"""Tokens and grants, for administrators."""

from typing import Any

from flask import Response
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from oobctl import administer
from oobctl.constants import Permission
from oobctl.store import Account, Grant, Server, Token, User, database
from web.api.accounts import created
from web.api.blueprint import ADMINISTRATION, blueprint, plain, require_administrator
from web.api.requests import GrantBody, IdPath, TokenBody
from web.identity import current_actor
from web.shapes import GrantShape, NewToken, TokenShape


class TokenList(BaseModel):
    items: list[TokenShape]
    next: str | None = None


class GrantList(BaseModel):
    items: list[GrantShape]
    next: str | None = None


@blueprint.get("/tokens", tags=[ADMINISTRATION], summary="Tokens, newest first", responses={200: TokenList})
def list_tokens() -> dict[str, Any]:
    """Without their secrets, which are stored nowhere."""
    require_administrator()
    with database().read() as session:
        shapes = [_token(session, row) for row in session.scalars(select(Token).order_by(Token.id.desc()))]
    return plain(TokenList(items=shapes))


@blueprint.post("/tokens", tags=[ADMINISTRATION], summary="Make a token", responses={201: NewToken})
def add_token(body: TokenBody) -> Response:
    """The secret is shown this once."""
    token, secret = administer.add_token(
        current_actor(),
        body.name,
        body.account,
        body.role,
        user=body.user,
        permissions=body.permissions,
        expires_at=body.expires_at,
    )
    with database().read() as session:
        return created(NewToken(**_token(session, token).model_dump(), secret=secret))


@blueprint.delete("/tokens/<id>", tags=[ADMINISTRATION], summary="End a token at once", responses={204: None})
def revoke_token(path: IdPath) -> tuple[str, int]:
    administer.revoke_token(current_actor(), path.id)
    return "", 204


@blueprint.get("/grants", tags=[ADMINISTRATION], summary="Grants, newest first", responses={200: GrantList})
def list_grants() -> dict[str, Any]:
    require_administrator()
    with database().read() as session:
        shapes = [_grant(session, row) for row in session.scalars(select(Grant).order_by(Grant.id.desc()))]
    return plain(GrantList(items=shapes))


@blueprint.post("/grants", tags=[ADMINISTRATION], summary="Grant a permission on a server", responses={201: GrantShape})
def add_grant(body: GrantBody) -> Response:
    """One permission on one server for one user, beyond their role, until it expires."""
    grant = administer.add_grant(current_actor(), body.server, body.user, body.permission, body.expires_at)
    with database().read() as session:
        return created(_grant(session, grant))


@blueprint.delete("/grants/<id>", tags=[ADMINISTRATION], summary="End a grant at once", responses={204: None})
def revoke_grant(path: IdPath) -> tuple[str, int]:
    administer.revoke_grant(current_actor(), path.id)
    return "", 204


def _token(session: Session, row: Token) -> TokenShape:
    user = session.get(User, row.user_id) if row.user_id else None
    return TokenShape(
        id=row.id,
        name=row.name,
        account=session.get_one(Account, row.account_id).name,
        role=row.role,
        user=user.name if user else None,
        permissions=None if row.permissions is None else [Permission(name) for name in row.permissions],
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )


def _grant(session: Session, row: Grant) -> GrantShape:
    user = session.get(User, row.user_id) if row.user_id else None
    token = session.get(Token, row.token_id) if row.token_id else None
    return GrantShape(
        id=row.id,
        server=session.get_one(Server, row.server_id).name,
        user=user.name if user else None,
        token=token.name if token else None,
        permission=row.permission,
        granted_by=row.granted_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )
