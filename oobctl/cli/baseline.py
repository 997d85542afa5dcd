"""`oobctl baseline`: BIOS settings that were saved under a name, and what differs from them now."""

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from oobctl.cli.api import call, named
from oobctl.cli.server import Name

app = typer.Typer(no_args_is_help=True)
Saved = Annotated[str, typer.Argument(help="The baseline's name, as `oobctl baseline list SERVER` has it.")]


@app.command()
def save(
    server: Name,
    name: Annotated[str, typer.Argument(help="What to call them.")],
    replace: Annotated[bool, typer.Option("--replace", help="In the place of the one of that name.")] = False,
) -> None:
    """Save the BIOS settings of a server as last read, to compare with later."""
    saved = call("POST", f"/servers/{named(server)}/bios/baselines", body={"name": name, "replace": replace})
    print(f"Saved {saved['settings']} settings of {server} as {saved['name']}.")


@app.command("list")
def show(server: Name) -> None:
    """The saved BIOS settings of a server."""
    found = call("GET", f"/servers/{named(server)}/bios/baselines")["items"]
    if not found:
        print(f"No BIOS settings of {server} are saved yet. Save them: oobctl baseline save {server} NAME")
        return
    table = Table("Baseline", "Settings", "Saved by", "Saved at", box=None)
    for one in found:
        table.add_row(*(escape(str(one[key])) for key in ("name", "settings", "saved_by", "saved_at")))
    Console().print(table)


@app.command()
def diff(server: Name, name: Saved) -> None:
    """What is not now as it was saved. Exit code 1 where something differs."""
    found = call("GET", f"/servers/{named(server)}/bios/diff", query={"baseline": name})
    console = Console()
    if not found["differences"]:
        console.print(f"Nothing differs from {name}. Read at {found['read_at']}.", markup=False, highlight=False)
        return
    table = Table("Setting", "Saved", "Now", "After the next boot", box=None)
    for one in found["differences"]:
        table.add_row(escape(one["name"]), _cell(one["saved"]), _cell(one["now"]), _cell(one["pending"], "the same"))
    console.print(table)
    console.print(f"Read at {found['read_at']}.", highlight=False)
    raise typer.Exit(1)


@app.command()
def remove(server: Name, name: Saved) -> None:
    """Remove saved BIOS settings. The server's own stay as they are."""
    call("DELETE", f"/servers/{named(server)}/bios/baselines/{named(name)}")
    print(f"Removed {name}.")


def _cell(value: Any, none: str = "not there") -> str:
    return none if value is None else escape(str(value))
