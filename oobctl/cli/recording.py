"""`oobctl recording`: whose consoles are recorded, what there is, and, at a gateway's computer, its files."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy import select

from oobctl.cli.api import call, named
from oobctl.config import settings
from oobctl.consoles.recording import kept
from oobctl.consoles.recording.sealed import Flag, Reader, sha256_of
from oobctl.constants import RecordConsoles, SerialLog
from oobctl.errors import ConfigurationError, NotFound, WrongState
from oobctl.store import Recording, Server, database
from oobctl.store.migrate import check
from oobctl.vault import read_key

app = typer.Typer(no_args_is_help=True)
ServerName = Annotated[str, typer.Argument(help="The server's name or id.")]
Whose = Annotated[str, typer.Argument(help="off, staff, on; or inherit: as the account, or the site's setting, says.")]


@app.command("list")
def show(server: ServerName) -> None:
    """The recordings of a server's consoles, the newest first."""
    items = call("GET", f"/servers/{named(server)}/recordings")["items"]
    if not items:
        print(f"There is no recording of {server}'s consoles. Begin some: oobctl recording server {server} on")
        return
    table = Table("Recording", "Of", "Began", "Bytes", "")
    for one in items:
        state = "removed" if one["removed_at"] else "" if one["ended_at"] else "goes on"
        table.add_row(one["id"], one["kind"], one["began_at"], f"{one['size'] or 0:,}", state)
    Console().print(table)


@app.command("server")
def record_server(server: ServerName, whose: Whose) -> None:
    """Say whose consoles of a server are recorded, until it changes hands."""
    call("PUT", f"/servers/{named(server)}/record-consoles", body={"record": _whose(whose)})
    print(f"Consoles of {server} that are recorded from now on: {whose}.")


@app.command("account")
def record_account(account: Annotated[str, typer.Argument(help="The account's name or id.")], whose: Whose) -> None:
    """Say whose consoles of an account's servers are recorded."""
    call("PUT", f"/accounts/{named(account)}/record-consoles", body={"record": _whose(whose)})
    print(f"Consoles of {account}'s servers that are recorded from now on: {whose}.")


@app.command("serial-log")
def set_serial_log(
    server: ServerName,
    when: Annotated[SerialLog, typer.Argument(help="off; failure: while a job runs, kept where it fails; always.")],
) -> None:
    """Keep what a server writes to its serial line."""
    call("PUT", f"/servers/{named(server)}/serial-log", body={"when": when})
    print(f"The serial log of {server} is kept: {when}.")


@app.command()
def verify() -> None:
    """Compare the files at this computer with the SHA-256 that the records have. Fails where one was changed."""
    check(database())
    with database().read() as session:
        rows = list(session.scalars(select(Recording).where(Recording.sha256.is_not(None)).order_by(Recording.id)))
    here = [row for row in rows if row.removed_at is None and kept.path_of(row.id).exists()]
    away = sum(row.removed_at is None for row in rows) - len(here)
    changed = [row.id for row in here if sha256_of(kept.path_of(row.id)) != row.sha256]
    for recording_id in changed:
        print(f"CHANGED: {kept.path_of(recording_id)}")
    more = f"; {away} are not at this computer" if away else ""
    print(f"{len(here) - len(changed)} of {len(here)} files are as they were recorded{more}.")
    if changed:
        raise typer.Exit(1)


@app.command()
def export(
    recording: Annotated[str, typer.Argument(help="The recording's id.")],
    file: Annotated[Path, typer.Argument(help="A new file: FBS 1.0 of a screen, asciicast v2 of a serial line.")],
) -> None:
    """Write a recording as a file for other players. At a computer that has its file and the site's key."""
    check(database())
    with database().read() as session:
        row = session.get(Recording, recording)
        site_id = session.get_one(Server, row.server_id).site_id if row is not None else ""
    if row is None or not kept.path_of(row.id).exists():
        raise NotFound(f"No file of the recording {recording} is in {settings().recordings}.")
    key = read_key(settings().keys / f"{site_id}.key")
    try:
        with file.open("xb") as target, Reader(kept.path_of(row.id), key) as reader:
            for entry in reader.entries():
                if not entry.flags & (Flag.EVENTS | Flag.LAST):
                    target.write(reader.read(entry))
    except FileExistsError:
        raise WrongState(f"{file} exists already. Choose another name.") from None
    except OSError as error:
        raise ConfigurationError(f"{file} could not be written: {error.strerror}.") from error
    print(f"Written: {file}")


def _whose(word: str) -> str | None:
    if word == "inherit":
        return None
    try:
        return RecordConsoles(word)
    except ValueError:
        raise typer.BadParameter(f"{word!r} is none of off, staff, on, inherit.") from None
