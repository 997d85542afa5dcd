"""`oobctl server`: list, show, add, enroll, assign, and any action with its steps."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from oobctl.cli import hints
from oobctl.cli.api import ApiRefused, call, follow, named
from oobctl.cli.passwords import existing_password
from oobctl.errors import WrongState

app = typer.Typer(no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The server's name or id.")]
_ID_WIDTH = 36
INTERRUPTED = 130  # as a shell has it: 128 and the signal


@app.command("list")
def list_servers(
    as_json: Annotated[bool, typer.Option("--json")] = False,
    ids: Annotated[bool, typer.Option("--ids", help="Show ids; they show by themselves where names repeat.")] = False,
) -> None:
    """The servers that you may see."""
    items: list[dict[str, Any]] = []
    query: dict[str, str] = {}
    while True:
        page = call("GET", "/servers", query=query)
        items += page["items"]
        if page["next"] is None:
            break
        query = {"after": page["next"]}
    if as_json:
        print(json.dumps(items, indent=2))
        return
    print_table(items, ids=ids or len({item["name"] for item in items}) < len(items))


def print_table(items: list[dict[str, Any]], *, ids: bool) -> None:
    """Servers as the API gives them, one a line; ids whole, since they are what a command takes."""
    table = Table("Server", "Account", "Power", "Read at", "Health", "State", "Job", box=None)
    if ids:
        table.add_column("Id", no_wrap=True, min_width=_ID_WIDTH)
    for item in items:
        job = item.get("active_job") or {}
        table.add_row(
            item["name"],
            item["account"] or "-",
            item["power_state"] if item["power_fresh"] or not item["power_read_at"] else f"{item['power_state']} (old)",
            item["power_read_at"] or "never",
            item["health"] if item["health_read_at"] else "not read",
            item["lifecycle"],
            job.get("action", ""),
            *([item["id"]] if ids else []),
        )
    Console().print(table)


@app.command()
def show(server: Name) -> None:
    """All that is known of one server, as JSON."""
    print(json.dumps(call("GET", f"/servers/{named(server)}"), indent=2))


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Its name: a-z, 0-9, dot, dash.")],
    ipmi: Annotated[str | None, typer.Option(help="Address of its BMC for IPMI, with :PORT if it is not 623.")] = None,
    redfish: Annotated[str | None, typer.Option(help="Address for Redfish, with :PORT if it is not 443.")] = None,
    user: Annotated[str, typer.Option(help="The BMC's user. Its password is asked for, or read from stdin.")] = "admin",
    account: Annotated[str | None, typer.Option(help="The account that has the server.")] = None,
    site: Annotated[str | None, typer.Option(help="The site whose worker reaches the BMC.")] = None,
    fingerprint: Annotated[
        str | None, typer.Option(help="SHA-256 of the Redfish certificate, confirmed by you.")
    ] = None,
    ca: Annotated[Path | None, typer.Option(help="PEM file of the CA that signed the Redfish certificate.")] = None,
    system_path: Annotated[
        str | None, typer.Option(help="Which system of its BMC, where that has several: /redfish/v1/Systems/ID.")
    ] = None,
) -> None:
    """Add a server, and enroll it: who it is gets read and kept, so that nothing is ever sent to another one."""
    if not ipmi and not redfish:
        raise typer.BadParameter("Give --ipmi ADDRESS, --redfish ADDRESS, or both.")
    password = bmc_password(user)
    endpoints = []
    for protocol, address in (("ipmi", ipmi), ("redfish", redfish)):
        if address:
            endpoints.append({"protocol": protocol, **parse_address(address), "user": user, "password": password})
    if redfish:
        endpoints[-1]["tls"] = trust_in(fingerprint, ca)
    body = {"name": name, "site": site, "account": account, "system_path": system_path, "endpoints": endpoints}
    try:
        added = call("POST", "/servers", body={key: value for key, value in body.items() if value is not None})
    except ApiRefused as refused:
        if refused.code != WrongState.code or "server" not in refused.problem:
            raise
        raise WrongState(hints.enroll_added(name)) from refused
    print(f"{added['name']} is added ({added['id']}). Enrolling it:")
    finish(call("GET", f"/jobs/{added['active_job']['id']}"))


@app.command()
def confirm(server: Name, fingerprint: Annotated[str, typer.Argument(help="SHA-256 that you compared.")]) -> None:
    """Trust the Redfish certificate of that fingerprint from now on."""
    call("PUT", f"/servers/{named(server)}/certificate", body={"fingerprint": fingerprint})
    print(f"Trusted. Now: oobctl server act {server} server.enroll")


@app.command()
def password(
    server: Name,
    protocol: Annotated[str, typer.Argument(help="ipmi or redfish.")],
    user: Annotated[str, typer.Option(help="The BMC's user. Its password is asked for, or read from stdin.")] = "admin",
) -> None:
    """Enter the BMC's password again: after it was changed there, or refused."""
    call("PUT", f"/servers/{named(server)}/credentials/{protocol}", body={"user": user, "password": bmc_password(user)})
    print("Sealed to the site. It is used from the next action on.")


@app.command()
def release(server: Name) -> None:
    """End a quarantine, after somebody looked which server really stands there."""
    call("DELETE", f"/servers/{named(server)}/quarantine")
    print(f"{server} takes actions again.")


@app.command("know-user")
def know_user(server: Name, user: Annotated[str, typer.Argument(help="As `oobctl server read` names it.")]) -> None:
    """Say that a user of the BMC that nobody knew is right: it is no difference any more."""
    call("POST", f"/servers/{named(server)}/known-users", body={"name": user})
    print(f"{user} is a known user of the BMC of {server}.")


@app.command("doubt-user")
def doubt_user(server: Name, user: Annotated[str, typer.Argument(help="As `oobctl server read` names it.")]) -> None:
    """Take back that a user of the BMC is right: it is a difference again."""
    call("DELETE", f"/servers/{named(server)}/known-users/{named(user)}")
    print(f"{user} is no known user of the BMC of {server} any more.")


@app.command()
def retire(
    server: Name,
    force: Annotated[
        bool, typer.Option("--force", help="Though temporary users stay on its BMC: it is dead, say.")
    ] = False,
) -> None:
    """End a server's life here: nobody's, polled no more, its BMC's passwords deleted. Its records stay."""
    call("DELETE", f"/servers/{named(server)}", query={"force": "true"} if force else {})
    print(f"{server} is retired.")


@app.command()
def assign(server: Name, account: Annotated[str | None, typer.Argument(help="None: nobody's.")] = None) -> None:
    """Give a server to an account, or take it back."""
    call("PUT", f"/servers/{named(server)}/assignment", body={"account": account})
    print(f"{server} is {f'assigned to {account}' if account else 'free'}.")


@app.command("set")
def set_place(
    server: Name,
    rack: Annotated[str, typer.Option("--rack", help="The rack in which it stands, as its label says; '': in none.")],
    unit: Annotated[int | None, typer.Option("--unit", help="Its lowest unit in the rack.")] = None,
) -> None:
    """Say where a server stands, for the fleet's view by rack."""
    call("PUT", f"/servers/{named(server)}/place", body={"rack": rack or None, "unit": unit})
    where = f"stands in rack {rack}" + ("" if unit is None else f", unit {unit}")
    print(f"{server} {where if rack else 'stands in no rack that is known'}.")


@app.command("boot-macs")
def set_boot_macs(
    server: Name,
    mac: Annotated[list[str] | None, typer.Argument(help="Of each card from which it starts; none: not known.")] = None,
) -> None:
    """Say from which network cards a server starts over its network, where its BMC does not tell them."""
    call("PUT", f"/servers/{named(server)}/boot-macs", body={"macs": mac or []})
    print(f"{server} starts from {', '.join(mac)}." if mac else f"No network card of {server} is known from here.")


@app.command()
def act(
    server: Name,
    action: Annotated[str, typer.Argument(help="power.on, power.cycle, boot.set, ...")],
    parameters: Annotated[list[str] | None, typer.Argument(help="name=value, name=@FILE ...")] = None,
) -> None:
    """Do an action and watch it to its end. Exit code 1 where it does not succeed."""
    body: dict[str, Any] = {}
    for parameter in parameters or []:
        name, equals, value = parameter.partition("=")
        if not equals:
            raise typer.BadParameter(f"{parameter!r} is not name=value.")
        if name in body:
            raise typer.BadParameter(f"{name} is given twice. Say it once.")
        body[name] = _value(value)
    finish(call("POST", f"/servers/{named(server)}/actions/{named(action)}", body=body))


def trust_in(fingerprint: str | None, ca: Path | None) -> dict[str, Any]:
    """How a Redfish certificate is to be checked, as the API takes it."""
    if ca is None:
        return {"mode": "pin", "fingerprint": fingerprint}
    try:
        return {"mode": "ca", "ca": ca.read_text()}
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{ca} cannot be read as PEM: {error}.") from error


def bmc_password(user: str) -> str:
    return existing_password(f"Password of the BMC's user {user}")


def finish(job: dict[str, Any], watch: Callable[[dict[str, Any]], dict[str, Any]] = follow) -> None:
    """Watch a job to its end. Exit code 1 where it does not succeed, 130 where the watching is interrupted."""
    try:
        ended = watch(job)
    except KeyboardInterrupt:
        print(
            f"oobctl: You stopped watching, and {job['action']} on {job['server']} goes on (job {job['id']}). "
            f"Look at it, or cancel it, on the panel's page /jobs/{job['id']}; `oobctl server show {job['server']}` "
            "names it while it runs.",
            file=sys.stderr,
        )
        raise typer.Exit(INTERRUPTED) from None
    if ended["state"] != "succeeded":
        raise typer.Exit(1)


def _value(text: str) -> Any:
    """A number, true, false or null where it reads as one, what is in FILE where it is @FILE; else the text."""
    if text.startswith("@"):
        return text_of(Path(text[1:]))
    try:
        return json.loads(text)
    except ValueError:
        return text


def text_of(file: Path) -> str:
    """Raises BadParameter where it cannot be read as text."""
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{file} cannot be read as text: {error}.") from error


def parse_address(text: str) -> dict[str, Any]:
    """ADDRESS, ADDRESS:PORT or [IPV6]:PORT."""
    if text.startswith("["):
        address, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    elif text.count(":") == 1:
        address, _, port = text.partition(":")
    else:
        address, port = text, ""
    if port and not port.isdigit():
        raise typer.BadParameter(f"{text!r} is not an address with a port.")
    return {"address": address, **({"port": int(port)} if port else {})}
