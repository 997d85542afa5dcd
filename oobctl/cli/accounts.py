"""`oobctl account`, `oobctl user`: who may do what."""

from typing import Annotated

import typer

from oobctl.cli.api import call, named
from oobctl.cli.passwords import new_password
from oobctl.constants import Role
from oobctl.errors import NotFound

account = typer.Typer(no_args_is_help=True)
user = typer.Typer(no_args_is_help=True)
AccountName = Annotated[str, typer.Argument(help="The account's name or id.")]
UserName = Annotated[str, typer.Argument(help="The user's name or id.")]


@account.command("add")
def add_account(name: Annotated[str, typer.Argument(help="The customer's name.")]) -> None:
    """Add an account."""
    print(f"The account {call('POST', '/accounts', body={'name': name})['name']} is added.")


@account.command("suspend")
def suspend_account(name: AccountName) -> None:
    """Let the account's users look from now on, and do nothing."""
    call("PUT", f"/accounts/{named(name)}/suspension")
    print(f"{name} is suspended.")


@account.command("resume")
def resume_account(name: AccountName) -> None:
    """End a suspension."""
    call("DELETE", f"/accounts/{named(name)}/suspension")
    print(f"{name} may act again.")


@account.command("dismiss")
def end_membership(name: AccountName, user: UserName) -> None:
    """End a user's membership in the account; their tokens for it end with it."""
    call("DELETE", f"/accounts/{named(name)}/members/{named(user)}")
    print(f"{user} is no member of {name} any more.")


@user.command("disable")
def disable_user(name: UserName) -> None:
    """Sign a user out everywhere and let them, and their tokens, in no more."""
    call("PUT", f"/users/{named(name)}/disablement")
    print(f"{name} is disabled.")


@user.command("enable")
def enable_user(name: UserName) -> None:
    """Let a disabled user in again."""
    call("DELETE", f"/users/{named(name)}/disablement")
    print(f"{name} can sign in again.")


@user.command("password")
def set_password(name: UserName) -> None:
    """Set a user's password, and sign them out everywhere. It is asked for, or read from stdin."""
    _check_there("user", name)  # before somebody types a password
    call("PUT", f"/users/{named(name)}/password", body={"password": new_password(name)})
    print(f"The password of {name} is changed; wherever they were signed in, they are signed out.")


@user.command("add")
def add_user(
    name: Annotated[str, typer.Argument(help="What the user signs in with.")],
    account: Annotated[str, typer.Option(help="The account.")],
    role: Annotated[Role, typer.Option(help="Their role in it.")] = Role.OWNER,
) -> None:
    """Add a user to an account. The password is asked for, or read from stdin."""
    _check_there("account", account)  # before somebody types a password
    body = {"name": name, "password": new_password(name), "account": account, "role": role}
    call("POST", "/users", body=body)
    print(f"{name} can sign in, as {role} of {account}.")


def _check_there(what: str, name: str) -> None:
    """Raises NotFound where no account, or no user, has that name or id."""
    if not any(name in (item["name"], item["id"]) for item in call("GET", f"/{what}s")["items"]):
        raise NotFound(f"There is no {what} {name!r}.")
