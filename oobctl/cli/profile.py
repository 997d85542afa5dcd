"""`oobctl profile`: are the hardware profiles right, which one fits a BMC, and a recording for a bug report."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from oobctl import profiles
from oobctl.access import SYSTEM
from oobctl.audit import record
from oobctl.audit.tags import Tag
from oobctl.constants import Capability, Evidence, SessionPurpose
from oobctl.drivers import recording
from oobctl.drivers.connect import ConnectedBmc, connect
from oobctl.drivers.interfaces import Identity
from oobctl.drivers.redfish import Bounds
from oobctl.errors import ConfigurationError, NotFound
from oobctl.ids import new_id
from oobctl.profiles import Match, Profile
from oobctl.store import Server, database

app = typer.Typer(no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The server's name or id.")]

_WIDEST = 140
_MOST_PROBLEMS = 3
_MARKS = {Evidence.CAPTURED: "capt", Evidence.SIMULATED: "sim", Evidence.DOCUMENTED: "doc"}
_LEGEND = (
    "capt: read on a captured BMC of its kind. sim: done at a simulated BMC that has the quirks of the profile. "
    "doc: from documents alone. -: it has none."
)


@app.command()
def check() -> None:
    """Read every profile: the shipped ones and those of OOBCTL_HWPROFILES. Exit code 1 where one is wrong."""
    found, problems = profiles.check()
    console = _console()
    if found:
        console.print(_table(found))
        console.print(_LEGEND)
    for problem in problems:
        typer.echo(f"oobctl: {problem}", err=True)
    if problems:
        raise typer.Exit(1)
    quirks = {quirk for profile in found for quirk in profile.quirks}
    console.print(f"{len(found)} profiles are right; they name {len(quirks)} quirks.", highlight=False)


def _table(found: list[Profile]) -> Table:
    longest = max((len(profile.name) for profile in found), default=0)
    table = Table(Column("Profile", no_wrap=True, min_width=longest), box=None, padding=(0, 1))
    for capability in Capability:
        table.add_column(capability.replace("_", "\n"))
    for profile in found:
        table.add_row(profile.name, *(_mark(profile, capability) for capability in Capability))
    return table


def _mark(profile: Profile, capability: Capability) -> str:
    return _MARKS[profile.evidence_of(capability)] if profile.offers(capability) else "-"


@app.command("match")
def match_server(server: Name) -> None:
    """Ask a server's BMC who it is, and say which profile fits it, why, and what rejected the others."""
    with _connected(server, "match") as bmc:
        identity, found = _matched(bmc)
    console = _console()
    console.print(f"{server} has the profile {bmc.profile.name}.", highlight=False)
    console.print("Its BMC says:", highlight=False)
    for name, value in vars(identity).items():
        if value:
            console.print(f"  {name.replace('_', ' ')}: {_words(value)}", highlight=False, markup=False)
    console.print(f"It fits {found.profile.name}. {found.reason}", highlight=False, markup=False)
    _print_quirks(console, found.profile, identity.bmc_firmware)
    for rejected in found.rejected:
        if rejected.because in found.reason:
            continue  # told there
        console.print(f"Not {rejected.profile}: {rejected.because}.", highlight=False, markup=False)
    if found.profile.name != bmc.profile.name:
        again = f"Enroll it again and it gets that one: oobctl server act {server} server.enroll"
        console.print(again, highlight=False, markup=False)


def _print_quirks(console: Console, profile: Profile, firmware: str | None) -> None:
    """Those that this firmware has, and those that it is too new or too old for."""
    held = profile.for_firmware(firmware).quirks
    gone = [f"{quirk} ({note.firmware})" for quirk, note in profile.quirks.items() if quirk not in held]
    for title, listed in (("Quirks of it", list(held)), ("Not with this firmware", gone)):
        if listed:
            console.print(f"{title}: {', '.join(listed)}.", highlight=False, markup=False)


@app.command("record")
def record_server(
    server: Name,
    output: Annotated[Path | None, typer.Option(help="The archive to write (.tar.gz).")] = None,
    seconds: Annotated[float, typer.Option(help="How long it may take at most, per protocol.", min=1)] = 900,
) -> None:
    """Capture what a server's BMC tells, with placeholders for whatever is its own, for a bug report."""
    console = _console()
    if output is not None:
        _check_free(output)  # before a BMC is asked for minutes
    with _connected(server, "record") as bmc, console.status("asking who it is") as status:
        identity, found = _matched(bmc)
        path = output or Path(f"oobctl-record-{found.profile.name}.tar.gz")
        _check_free(path)
        about = {
            "profile": bmc.profile.name,
            "matched": found.profile.name,
            "reason": found.reason,
            "rejected": {rejected.profile: rejected.because for rejected in found.rejected},
            "protocols": bmc.protocols,
        }
        made = recording.record(bmc, identity, about, Bounds(seconds=seconds), status.update)
        size = recording.write(made, path)
    kinds = ((len(made.resources), "resources"), (len(made.answers), "IPMI answers"))
    counted = " and ".join(f"{number} {what}" for number, what in kinds if number) or "nothing could be read"
    console.print(f"{path}: {counted}, {size // 1024 + 1} KiB.", highlight=False, markup=False, soft_wrap=True)
    for problem in made.problems[:_MOST_PROBLEMS]:
        console.print(f"Not read: {problem}", highlight=False, markup=False)
    if len(made.problems) > _MOST_PROBLEMS:
        console.print(f"{len(made.problems)} could not be read; about.json says which.", highlight=False)
    if made.left_out:
        console.print(f"{made.left_out} were left out: they still held what must not be told.", highlight=False)
    console.print("Look through it before you send it on.")


def _check_free(path: Path) -> None:
    """Raises ConfigurationError where a recording can't be written there."""
    if path.is_dir():
        raise ConfigurationError(f"{path} is a folder. Give --output the name of a file in it.")
    if path.exists():
        raise ConfigurationError(f"{path} is there already. Give another --output, or move it away.")
    if not path.parent.is_dir():
        raise ConfigurationError(f"The folder {path.parent} does not exist. Make it, or give another --output.")


def _matched(bmc: ConnectedBmc) -> tuple[Identity, Match]:
    identity = bmc.identify()
    return identity, profiles.match(identity, bmc.protocols)


@contextmanager
def _connected(name: str, command: str) -> Iterator[ConnectedBmc]:
    """The server's BMC, to be read and not written; logged out at the end. A record says so before it is asked."""
    server_id = _id_of(name)
    with database().write() as session:
        _note(session, session.get_one(Server, server_id), command)
    bmc = connect(
        server_id,
        purpose=SessionPurpose.POLL,
        holder=f"profile-{new_id()}",
        fence=_refuse,
        check=lambda _identity: None,  # who answers is the question
    )
    try:
        yield bmc
    finally:
        bmc.close()


def _note(session: Session, server: Server, command: str) -> None:
    """That somebody at this computer reads the BMC with its password. It is the provider's: no account's record."""
    user = getpass.getuser()
    record.insert(
        session, SYSTEM, "event", Tag.SERVER_PROFILE_READ, server_id=server.id, account_id=None,
        parameters={"command": command, "unix_user": user}, outcome="done",
        reason=f"oobctl profile {command}, by {user} at the site's computer",
    )  # fmt: skip


def _refuse(_seconds: float) -> None:
    raise ConfigurationError("oobctl profile reads from BMCs and writes nothing there.")


def _id_of(name: str) -> str:
    """Raises NotFound, and ConfigurationError where several accounts have a server of that name."""
    with database().read() as session:
        found = session.scalars(select(Server).where(or_(Server.id == name, Server.name == name))).all()
        if not found:
            raise NotFound(f"There is no server {name} in this database. See: oobctl server list")
        if len(found) > 1:
            ids = ", ".join(row.id for row in found)
            raise ConfigurationError(f"{len(found)} servers are called {name}: give one of their ids, {ids}.")
        return found[0].id


def _words(value: object) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def _console() -> Console:
    """As wide as the terminal; where there is none, wide enough for a table."""
    console = Console()
    return console if console.is_terminal else Console(width=_WIDEST)
