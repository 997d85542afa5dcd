"""Sites, accounts and users, for administrators."""

from typing import Any

from flask import Response, jsonify
from pydantic import BaseModel
from sqlalchemy import select

from oobctl import administer
from oobctl.store import Account, Site, User, database
from web.api.blueprint import ADMINISTRATION, blueprint, plain, require_administrator
from web.api.requests import AccountBody, UserBody
from web.identity import current_actor
from web.shapes import AccountShape, SiteShape, UserShape


class SiteList(BaseModel):
    items: list[SiteShape]
    next: str | None = None


class AccountList(BaseModel):
    items: list[AccountShape]
    next: str | None = None


class UserList(BaseModel):
    items: list[UserShape]
    next: str | None = None


@blueprint.get("/sites", tags=[ADMINISTRATION], summary="Sites, by name", responses={200: SiteList})
def list_sites() -> dict[str, Any]:
    require_administrator()
    with database().read() as session:
        rows = session.scalars(select(Site).order_by(Site.name)).all()
    shapes = [SiteShape(id=row.id, name=row.name, created_at=row.created_at) for row in rows]
    return plain(SiteList(items=shapes))


@blueprint.get("/accounts", tags=[ADMINISTRATION], summary="Accounts, by name", responses={200: AccountList})
def list_accounts() -> dict[str, Any]:
    require_administrator()
    with database().read() as session:
        rows = session.scalars(select(Account).order_by(Account.name)).all()
    return plain(AccountList(items=[_account(row) for row in rows]))


@blueprint.post("/accounts", tags=[ADMINISTRATION], summary="Add an account", responses={201: AccountShape})
def add_account(body: AccountBody) -> Response:
    return created(_account(administer.add_account(current_actor(), body.name)))


@blueprint.get("/users", tags=[ADMINISTRATION], summary="Users, by name", responses={200: UserList})
def list_users() -> dict[str, Any]:
    require_administrator()
    with database().read() as session:
        rows = session.scalars(select(User).order_by(User.name)).all()
    return plain(UserList(items=[_user(row) for row in rows]))


@blueprint.post("/users", tags=[ADMINISTRATION], summary="Add a user", responses={201: UserShape})
def add_user(body: UserBody) -> Response:
    password = body.password.get_secret_value()
    return created(_user(administer.add_user(current_actor(), body.name, password, body.account, body.role)))


def created(shape: BaseModel) -> Response:
    """201 and the new thing."""
    response = jsonify(plain(shape))
    response.status_code = 201
    return response


def _account(row: Account) -> AccountShape:
    return AccountShape(
        id=row.id, name=row.name, kind=row.kind, created_at=row.created_at, suspended_at=row.suspended_at
    )


def _user(row: User) -> UserShape:
    return UserShape(id=row.id, name=row.name, created_at=row.created_at, disabled_at=row.disabled_at)
