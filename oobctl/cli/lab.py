"""`oobctl lab`: start, look at, disturb and end the virtual rack of this machine."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from oobctl.cli import lab_tree
from oobctl.errors import OobctlError
from oobctl.lab import faults, rack
from oobctl.lab.__main__ import run_supervisor
from oobctl.lab.plan import MOST_SERVERS, SERVERS, default_net, home_folder, server_names
from oobctl.lab.supervisor import is_locked

app = typer.Typer(help="The virtual rack: real BMC stacks and real virtual machines on loopback.", no_args_is_help=True)
_console = Console()

ServerName = Annotated[str, typer.Argument(help="web01, db01, app01, in a grown rack web02 ...")]
_FAULT_LIST = "\n\n".join(f"{name}: {text}" for name, text in faults.DESCRIPTIONS.items())


@app.command()
def up(
    light: Annotated[int, typer.Option(help="That many BMCs more, without machines behind them.")] = 0,
    foreground: Annotated[bool, typer.Option(help="Stay attached; Ctrl-C ends the rack.")] = False,
    off: Annotated[bool, typer.Option("--off", help="Leave the servers without power.")] = False,
    server: Annotated[list[str] | None, typer.Option(help="Only this server; may be given several times.")] = None,
    servers: Annotated[
        int | None,
        typer.Option(
            min=1, max=MOST_SERVERS, help="A rack of so many: web01, db01, app01, web02 ... Each takes 400 MB."
        ),
    ] = None,
) -> None:
    """Start the rack; returns when every BMC answers. The first start builds the guest image."""
    home, names = home_folder(), _wanted(server, servers)
    if foreground and not is_locked(home / "lab"):
        _stay(home, names, light, powered_on=not off)
        return
    with _console.status("starting the virtual rack") as status:
        info = rack.up(
            home,
            net=default_net(),
            servers=names,
            light=light,
            powered_on=not off,
            progress=lambda message: status.update(f"virtual rack: {message}"),
        )
    _announce(info)
    running_light = len(info.light["addresses"]) if info.light else 0
    if info.already_running and running_light != light:
        _console.print(f"It has {running_light} light BMCs, not {light}. To change that: oobctl lab down")
    if info.already_running and (server or servers) and set(info.servers) != set(names):
        _console.print(f"It has {len(info.servers)} servers, not {', '.join(names)}. To change that: oobctl lab down")


def _wanted(named: list[str] | None, count: int | None) -> list[str]:
    """The servers' names, each once."""
    if named and count is not None:
        raise typer.BadParameter("--servers says how many, and --server which: leave one of them out.")
    if count is not None:
        return list(server_names(count))
    return list(dict.fromkeys(named or SERVERS))


def _stay(home: Path, servers: list[str], light: int, *, powered_on: bool) -> None:
    def tell(kind: str, value: Any) -> None:
        if kind == "progress":
            _console.print(f"virtual rack: {value}", highlight=False)
        else:
            _announce(rack.load(home))
            _console.print("It runs until Ctrl-C.")

    request = rack.prepare(
        home,
        net=default_net(),
        servers=servers,
        light=light,
        powered_on=powered_on,
        progress=lambda message: tell("progress", message),
    )
    run_supervisor(request, tell)


def _announce(info: rack.RackInfo) -> None:
    state = "was already running" if info.already_running else "is up"
    _console.print(f"The rack {state}: {', '.join(info.servers)}", highlight=False)
    if info.light:
        _console.print(f"and {len(info.light['addresses'])} light BMCs from {info.light['addresses'][0]}")
    _console.print(f"Addresses and passwords: {info.home / 'lab' / 'rack.json'}", highlight=False, soft_wrap=True)


@app.command()
def down(
    remove: Annotated[
        bool, typer.Option("--remove", help="Delete the rack's state too: disks, logs, passwords.")
    ] = False,
) -> None:
    """End the rack and everything it started."""
    ran = rack.down(home_folder(), remove=remove)
    _console.print("The rack is down." if ran else "No rack was running.")


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show each server: power, boot override, injected faults, addresses."""
    state = rack.status(home_folder())
    if as_json:
        typer.echo(json.dumps(state, indent=2))
        return
    _console.print(_table(state))
    if state["light"]:
        light = state["light"]
        _console.print(f"{light['running']} of {light['count']} light BMCs run, {light['first']} to {light['last']}")


def _table(state: dict[str, Any]) -> Table:
    table = Table(title=f"Virtual rack on {state['net']}.0/24")
    for heading in ("Server", "Address", "BMC", "Power", "Boot override", "LED", "Faults", "Commands"):
        table.add_column(heading, no_wrap=heading in ("Server", "Address", "Faults"))
    for name, server in state["servers"].items():
        override = server["override"]
        boot = "-" if override["enabled"] == "Disabled" else " ".join((override["target"], override["enabled"]))
        table.add_row(
            name,
            server["address"],
            "\n".join(server["protocols"]),
            server["power_state"],
            boot,
            server["led"],
            "\n".join(server["faults"]) or "-",
            str(server["chassis_commands"]),
        )
    return table


@app.command(help=f"Make a server show a fault.\n\n{_FAULT_LIST}")
def inject(server: ServerName, fault: Annotated[str, typer.Argument(help="one of the faults above")]) -> None:
    """Make a server show a fault."""
    blind = rack.inject(home_folder(), server, fault)
    _console.print(f"{server}: {faults.DESCRIPTIONS[fault]}.", highlight=False)
    for sentence in blind:
        _console.print(f"[yellow]{sentence}[/yellow]", highlight=False)


@app.command()
def clear(
    server: ServerName,
    users: Annotated[
        bool, typer.Option("--users", help="Give the BMC its first administrator and password back, and no other user.")
    ] = False,
) -> None:
    """Undo all faults of a server. Users and passwords that were changed at its BMC stay, unless --users is given."""
    cleared = rack.clear(home_folder(), server)
    _console.print(f"{server}: {', '.join(cleared) if cleared else 'no fault'} cleared.", highlight=False)
    if users:
        rack.reset_users(home_folder(), server)
        _console.print(f"{server}: the BMC's users are those of rack.json again.", highlight=False)


app.command("tree")(lab_tree.serve)


if __name__ == "__main__":
    try:
        app()
    except OobctlError as error:
        print(f"oobctl lab: {error.message} [{error.code}]", file=sys.stderr)
        sys.exit(1)
