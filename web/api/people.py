"""What becomes of accounts and users: suspended, disabled, dismissed, given a new password."""

from pydantic import BaseModel, Field, SecretStr

from oobctl import administer
from web.api.blueprint import ADMINISTRATION, blueprint
from web.api.requests import Closed
from web.identity import current_actor


class AccountPath(BaseModel):
    account: str = Field(description="The account's id or name.", max_length=128)


class UserPath(BaseModel):
    user: str = Field(description="The user's id or name.", max_length=128)


class MemberPath(AccountPath, UserPath):
    pass


class PasswordBody(Closed):
    password: SecretStr = Field(max_length=1024)


@blueprint.put(
    "/accounts/<account>/suspension", tags=[ADMINISTRATION], summary="Suspend an account", responses={204: None}
)
def suspend_account(path: AccountPath) -> tuple[str, int]:
    """Its users may look, and do nothing."""
    administer.suspend_account(current_actor(), path.account)
    return "", 204


@blueprint.delete(
    "/accounts/<account>/suspension", tags=[ADMINISTRATION], summary="End a suspension", responses={204: None}
)
def resume_account(path: AccountPath) -> tuple[str, int]:
    administer.resume_account(current_actor(), path.account)
    return "", 204


@blueprint.delete(
    "/accounts/<account>/members/<user>", tags=[ADMINISTRATION], summary="End a membership", responses={204: None}
)
def end_membership(path: MemberPath) -> tuple[str, int]:
    """The user's tokens for that account end with it."""
    administer.end_membership(current_actor(), path.user, path.account)
    return "", 204


@blueprint.put("/users/<user>/disablement", tags=[ADMINISTRATION], summary="Disable a user", responses={204: None})
def disable_user(path: UserPath) -> tuple[str, int]:
    """Signed out everywhere; neither they nor their tokens are let in."""
    administer.disable_user(current_actor(), path.user)
    return "", 204


@blueprint.delete(
    "/users/<user>/disablement", tags=[ADMINISTRATION], summary="Let a disabled user in again", responses={204: None}
)
def enable_user(path: UserPath) -> tuple[str, int]:
    administer.enable_user(current_actor(), path.user)
    return "", 204


@blueprint.put("/users/<user>/password", tags=[ADMINISTRATION], summary="Set a password", responses={204: None})
def set_password(path: UserPath, body: PasswordBody) -> tuple[str, int]:
    """The user is signed out everywhere."""
    administer.set_password(current_actor(), path.user, body.password.get_secret_value())
    return "", 204
