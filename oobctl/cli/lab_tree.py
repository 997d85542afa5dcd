"""`oobctl lab tree`: a Redfish service of a captured or hand-written tree, in the foreground, for trying."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

_console = Console()


def _list(wanted: bool) -> None:
    if wanted:
        from oobctl.lab.redfish_service.trees.behaviours import BEHAVIOURS  # with Flask: no other command needs it

        for name, kind in sorted(BEHAVIOURS.items()):
            _console.print(f"{name}: {kind.__doc__}", highlight=False, soft_wrap=True)
        raise typer.Exit


def serve(
    tree: Annotated[Path, typer.Argument(help="A folder or .tar.gz of captured resources, or a .yaml file.")],
    behaviour: Annotated[
        list[str] | None, typer.Option(help="A behaviour's NAME, or NAME=NUMBER; may be given several times.")
    ] = None,
    port: Annotated[int, typer.Option(help="0: a free one.")] = 0,
    address: Annotated[str, typer.Option(help="Where to listen; loopback alone is meant.")] = "127.0.0.1",
    _behaviours: Annotated[
        bool, typer.Option("--list", help="List the behaviours, and end.", callback=_list, is_eager=True)
    ] = False,
) -> None:
    """Serve a tree of Redfish resources in the foreground, until Ctrl-C."""
    from oobctl.lab.redfish_service.trees.server import TreeServer

    server = TreeServer(tree, behaviour or (), address=address, port=port)
    _console.print(f"https://{server.address}:{server.port}/redfish/v1/", highlight=False, soft_wrap=True)
    _console.print(f"user: {server.user}\npassword: {server.password}", highlight=False, soft_wrap=True)
    _console.print(f"fingerprint: {server.fingerprint}", highlight=False, soft_wrap=True)
    _console.print("It runs until Ctrl-C, and keeps nothing.")
    try:
        server.serve_forever(0.2)
    except KeyboardInterrupt:
        _console.print("")
    finally:
        server.server_close()
