"""`oobctl boot-script`: the iPXE scripts that your account keeps, to start servers from."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from oobctl import egress
from oobctl.cli.api import call, named
from oobctl.cli.server import text_of
from oobctl.images.installs.scripts import LONGEST

app = typer.Typer(no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The script's name, as `oobctl boot-script list` has it.")]


@app.command("list")
def show_all() -> None:
    """The scripts that your account keeps."""
    items = call("GET", "/boot-scripts")["items"]
    if not items:
        print("Your account keeps no boot script. Add one: oobctl boot-script add NAME FILE")
        return
    table = Table("Name", "Lines", "SHA-256", "Added", "By", box=None)
    for item in items:
        table.add_row(item["name"], str(item["lines"]), item["sha256"][:16], item["created_at"], item["added_by"])
    Console().print(table)


@app.command()
def show(script: Name) -> None:
    """A script's text."""
    print(call("GET", f"/boot-scripts/{named(script)}")["script"], end="")


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What it is called: a-z, 0-9, dot, dash.")],
    source: Annotated[str, typer.Argument(help="A file, or an https:// address, fetched once from this computer.")],
) -> None:
    """Keep an iPXE script for your account."""
    added = call("POST", "/boot-scripts", body={"name": name, "script": _text(source)})
    print(f"Kept: {added['name']}, SHA-256 {added['sha256']}.")
    print(f"Start a server from it: oobctl server act SERVER boot.script saved={added['name']}")


@app.command()
def remove(script: Name) -> None:
    """Keep a script no more. A job that was asked to start from it still does."""
    call("DELETE", f"/boot-scripts/{named(script)}")
    print(f"{script} is kept no more.")


def _text(source: str) -> str:
    if "://" not in source:
        return text_of(Path(source))
    with TemporaryDirectory() as folder:
        file = Path(folder) / "script"
        egress.fetch(source, file, 2 * LONGEST)  # as it may be before its line ends are changed
        try:
            return file.read_text()
        except UnicodeDecodeError as error:
            raise typer.BadParameter(f"What is at {source} is no text.") from error
