"""`oobctl endpoint`: where a server's BMC answers, and its end."""

from pathlib import Path
from typing import Annotated, Any

import typer

from oobctl.cli.api import call, named
from oobctl.cli.server import Name, bmc_password, finish, parse_address, trust_in
from oobctl.constants import Protocol

app = typer.Typer(no_args_is_help=True)
ProtocolName = Annotated[Protocol, typer.Argument(help="ipmi, redfish or vnc.")]


@app.command("set")
def set_endpoint(
    server: Name,
    protocol: ProtocolName,
    address: Annotated[
        str | None, typer.Option(help="Its new address, with :PORT if needed. The password is asked for again.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Another port at the same address.")] = None,
    user: Annotated[str, typer.Option(help="The BMC's user there, where the address is new.")] = "admin",
    fingerprint: Annotated[str | None, typer.Option(help="SHA-256 of its certificate, confirmed by you.")] = None,
    ca: Annotated[Path | None, typer.Option(help="PEM file of the CA that signed its certificate.")] = None,
    system_path: Annotated[
        str | None, typer.Option(help="Which system of the BMC the server is: /redfish/v1/Systems/ID.")
    ] = None,
) -> None:
    """Change an endpoint, or add one. At a new address the server is enrolled again before anything is sent."""
    body: dict[str, Any] = {"port": port} if port else {}
    if address:
        body |= {**parse_address(address), "user": user, "password": bmc_password(user)}
    if fingerprint or ca:
        body["tls"] = trust_in(fingerprint, ca)
    if system_path:
        body["system_path"] = system_path
    if not body:
        raise typer.BadParameter("Give what is to change: --address, --port, --fingerprint, --ca or --system-path.")
    changed = call("PUT", f"/servers/{named(server)}/endpoints/{protocol}", body=body)
    print(f"The {protocol} endpoint of {server} is set.")
    if changed["job"] is not None:
        print("Who answers there is read before anything is sent:")
        finish(call("GET", f"/jobs/{changed['job']}"))


@app.command("remove")
def remove_endpoint(server: Name, protocol: ProtocolName) -> None:
    """Speak to the server's BMC over the other protocol alone; it is enrolled again."""
    changed = call("DELETE", f"/servers/{named(server)}/endpoints/{protocol}")
    finish(call("GET", f"/jobs/{changed['job']}"))
