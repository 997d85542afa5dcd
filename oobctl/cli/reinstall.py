"""`oobctl reinstall`: a new operating system on one server, or on many."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from oobctl.cli import installing, reinstall_many
from oobctl.cli.server import finish, text_of
from oobctl.images.ssh_keys import is_private


def reinstall(
    image: Annotated[str, typer.Option("--image", help="As GET /images names it: debian-12.")],
    server: Annotated[str | None, typer.Argument(help="The server's name or id; or --servers.")] = None,
    ssh_key: Annotated[
        list[Path] | None,
        typer.Option("--ssh-key", exists=True, dir_okay=False, help="A .pub file; may be given several times."),
    ] = None,
    host_name: Annotated[str | None, typer.Option("--host-name", help="Of the new system; else as the server.")] = None,
    layout: Annotated[str, typer.Option("--layout", help="whole-disk, raid1, lvm or keep.")] = "whole-disk",
    disk: Annotated[list[str] | None, typer.Option("--disk", help="Serial number; twice for raid1.")] = None,
    replace: Annotated[
        str | None, typer.Option("--replace", help="With keep: the partition that is lost, as UUID=... in /etc/fstab.")
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            "--keep",
            help="With keep: one that must stay, not the boot loader's (it stays anyway); may be given several times.",
        ),
    ] = None,
    root_password: Annotated[
        bool, typer.Option("--root-password", help="Make one, for screen and serial line; it is shown once.")
    ] = False,
    user_data: Annotated[Path | None, typer.Option("--user-data", exists=True, help="For cloud-init.")] = None,
    post_install: Annotated[Path | None, typer.Option("--post-install", exists=True, help="A script.")] = None,
    packages: Annotated[str, typer.Option("--packages", help="Names, with commas between.")] = "",
    time_zone: Annotated[str, typer.Option("--time-zone")] = "UTC",
    locale: Annotated[str, typer.Option("--locale")] = "C.UTF-8",
    network: Annotated[Path | None, typer.Option("--network", exists=True, help="JSON; none: DHCP.")] = None,
    boot_path: Annotated[
        str | None, typer.Option("--boot-path", help="virtual-media, network or uefi-http; else as the server can.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would do, and do nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for the name.")] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Watch it to its end.")] = True,
    servers: Annotated[
        Path | None,
        typer.Option("--servers", exists=True, dir_okay=False, help="One server a line: NAME [HOST-NAME]."),
    ] = None,
    parallel: Annotated[int, typer.Option("--parallel", min=1, max=64, help="So many of them at once.")] = 8,
) -> None:
    """Put a new operating system on a server: all that is on its disk is lost. Exit code 1 where it fails."""
    body: dict[str, Any] = {
        "image": image, "layout": layout, "disks": disk or [], "replace": replace, "keep": keep or [],
        "ssh_keys": keys_in(ssh_key or []),
        "root_password": root_password, "time_zone": time_zone, "locale": locale,
        "packages": [name.strip() for name in packages.split(",") if name.strip()],
        "user_data": _text(user_data), "post_install": _text(post_install), "network": _network(network),
        "boot_path": boot_path,
    }  # fmt: skip
    body = {name: value for name, value in body.items() if value is not None}
    if (server is None) == (servers is None):
        raise typer.BadParameter("Give one SERVER, or --servers FILE.")
    if servers is not None:
        wanted = reinstall_many.read(servers, host_name)
        if set(body.get("network") or ()) & {"macs", "addresses"}:
            said = "Network cards and addresses are one server's: with --servers FILE they cannot be given."
            raise typer.BadParameter(said)
        reinstall_many.run(wanted, body, parallel=parallel, dry_run=dry_run, yes=yes, wait=wait)
        return
    assert server is not None
    body["host_name"] = host_name or installing.host_name_of(server)
    _one(server, body, dry_run=dry_run, yes=yes, wait=wait)


def _one(server: str, body: dict[str, Any], *, dry_run: bool, yes: bool, wait: bool) -> None:
    if dry_run or not yes:
        plan = installing.planned(server, body)
        installing.print_plan(plan, steps=dry_run)
        if dry_run:
            return
        if typer.prompt(f"Type the server's name, {plan['server']}, to go on").strip() != plan["server"]:
            typer.echo("That is not its name. Nothing was done.", err=True)
            raise typer.Exit(1)
        body = installing.as_planned(server, body, plan)
    job = installing.begun(server, body)
    installing.print_password(job, wanted=bool(body.get("root_password")))
    if wait:
        finish(job, installing.follow_install)
    else:
        print(f"It goes on as job {job['id']}: the panel's page /jobs/{job['id']} shows it.")


def keys_in(files: list[Path]) -> list[str]:
    """The keys of .pub files, one a line; comments are passed over. The API says what is no key."""
    texts = {file: _text(file) or "" for file in files}
    private = next((file for file, text in texts.items() if is_private(text)), None)
    if private is not None:
        raise typer.BadParameter(f"{private} is a private key, which goes nowhere. Give the one beside it: .pub.")
    found = list[str]()
    for file, text in texts.items():
        lines = [line.strip() for line in text.splitlines()]
        keys = [line for line in lines if line and not line.startswith("#")]
        if not keys:
            raise typer.BadParameter(f"{file} holds no key.")
        found += keys
    return list(dict.fromkeys(found))


def _text(file: Path | None) -> str | None:
    return None if file is None else text_of(file)


def _network(file: Path | None) -> Any:
    try:
        return None if file is None else json.loads(_text(file) or "")
    except ValueError as error:
        raise typer.BadParameter(f"{file} is not JSON: {error}.") from error
