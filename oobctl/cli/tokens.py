"""`oobctl token`: what programs act with. Made with a limit on what and for how long, listed, ended."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy import select

from oobctl import administer, clock
from oobctl.access import SYSTEM
from oobctl.cli.api import call, named
from oobctl.constants import Permission, Role
from oobctl.errors import NotFound
from oobctl.installation import PROVIDER
from oobctl.store import User, database

app = typer.Typer(no_args_is_help=True)
_DAYS, _MOST_DAYS = "90", 3650


@app.command("add")
def add_token(
    name: Annotated[str, typer.Argument(help="What the token is for.")],
    account: Annotated[str | None, typer.Option(help="The account it acts in.")] = None,
    role: Annotated[Role | None, typer.Option(help="What it may do there.")] = None,
    user: Annotated[
        str | None, typer.Option(help="The member it acts for, with what they may. None: under its own name.")
    ] = None,
    permission: Annotated[
        list[Permission] | None, typer.Option(help="No more than this; may be given several times.")
    ] = None,
    expires: Annotated[
        str, typer.Option(help="After so many days, at an RFC 3339 time, or `never` (say that with care).")
    ] = _DAYS,
    administrator: Annotated[
        str | None,
        typer.Option(help="Make it for this administrator, on the machine of the database, without a token."),
    ] = None,
) -> None:
    """Make a bearer token. It is shown this once."""
    until = _until(expires)
    if administrator is not None:
        if account or role or user:
            raise typer.BadParameter("--administrator says whose it is: leave --account, --role and --user out.")
        print(_for_administrator(name, administrator, permission or None, until))
        return
    if account is None or role is None:
        raise typer.BadParameter("Say what it may: --account ACCOUNT --role ROLE. (Or --administrator NAME.)")
    body = {"name": name, "account": account, "role": role, "user": user, "permissions": permission or None}
    body["expires_at"] = clock.rfc3339(until)
    print(call("POST", "/tokens", body={key: value for key, value in body.items() if value is not None})["secret"])


@app.command("list")
def list_tokens() -> None:
    """The tokens, newest first, without their secrets: nobody has those."""
    table = Table("Id", "Name", "Account", "Role", "Acts for", "No more than", "Until", box=None)
    for item in call("GET", "/tokens")["items"]:
        until = f"revoked {item['revoked_at']}" if item["revoked_at"] else item["expires_at"] or "never ends"
        limits = "-" if item["permissions"] is None else ", ".join(item["permissions"]) or "nothing"
        table.add_row(item["id"], item["name"], item["account"], item["role"], item["user"] or "-", limits, until)
    Console().print(table)


@app.command("revoke")
def revoke_token(token: Annotated[str, typer.Argument(help="Its id, as `oobctl token list` shows it.")]) -> None:
    """End a token at once."""
    call("DELETE", f"/tokens/{named(token)}")
    print(f"The token {token} lets nobody in any more.")


def _for_administrator(name: str, who: str, permissions: list[Permission] | None, until: datetime | None) -> str:
    with database().read() as session:
        if session.scalar(select(User).where(User.name == who)) is None:
            raise NotFound(f"There is no user {who!r}. Run: oobctl init --administrator {who}")
    limits: dict[str, Any] = {"permissions": permissions, "expires_at": until}
    return administer.add_token(SYSTEM, name, PROVIDER, Role.ADMINISTRATOR, user=who, **limits)[1]


def _until(text: str) -> datetime | None:
    """When it ends; None: never."""
    if text == "never":
        return None
    if text.isdecimal() and 0 < int(text) <= _MOST_DAYS:
        return clock.now() + timedelta(days=int(text))
    try:
        at = None if text.isdecimal() else datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None or at <= clock.now():
        raise typer.BadParameter(
            f"{text!r} is neither days (1 to {_MOST_DAYS}) nor a time to come, like 2030-01-31T12:00:00Z; nor `never`."
        )
    return at.astimezone(UTC)
