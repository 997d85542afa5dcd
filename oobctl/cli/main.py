"""The program `oobctl`: its command groups, and how it fails."""

import os
import sys

import typer

from oobctl.cli import (
    accounts,
    baseline,
    boot_script,
    endpoint,
    fleet,
    image,
    init,
    lab,
    process,
    profile,
    reading,
    recording,
    reinstall,
    server,
    supervise,
    tokens,
    watch,
)
from oobctl.errors import OobctlError

program = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="Out-of-band server management: power, boot and the record of it, for every BMC.",
)
program.command()(supervise.up)
program.command()(supervise.demo)
program.command()(init.init)
program.command()(process.panel)
program.command()(process.worker)
program.command()(process.monitor)
program.command()(process.boot)
program.command()(process.gateway)
program.command("reinstall")(reinstall.reinstall)
program.command("fleet")(fleet.fleet)
program.command("sensors")(watch.sensors)
program.command("event-log")(watch.event_log)
program.add_typer(
    lab.app, name="lab", help="The virtual rack: real BMC stacks and real virtual machines to try things on."
)
program.add_typer(accounts.account, name="account", help="Customers' accounts.")
program.add_typer(accounts.user, name="user", help="People who sign in.")
program.add_typer(tokens.app, name="token", help="Tokens for the API and the command line.")
server.app.command("read")(reading.read)
program.add_typer(server.app, name="server", help="Servers: list, read, add, act, assign, retire.")
program.add_typer(baseline.app, name="baseline", help="Saved BIOS settings, and what differs from them.")
program.add_typer(image.app, name="image", help="Images of operating systems and for virtual media, on this computer.")
program.add_typer(boot_script.app, name="boot-script", help="iPXE scripts that your account keeps.")
program.add_typer(
    profile.app,
    name="profile",
    help="Hardware profiles: check them, see which fits a BMC, record one for a bug report.",
)
program.add_typer(
    recording.app,
    name="recording",
    help="Recordings of consoles, and serial logs: make, list, verify, export.",
)
program.add_typer(endpoint.app, name="endpoint", help="How a server's BMC is reached.")


def app() -> None:
    """Run, and say what went wrong in a sentence: exit 1 for what oobctl refuses, 2 for a wrong command line."""
    os.umask(0o077)  # what we write (database, keys, logs, the rack) is for nobody else's eyes
    try:
        program()
    except OobctlError as error:
        print(f"oobctl: {error.message} [{error.code}]", file=sys.stderr)
        if "cause" in error.details:  # the database's own words: for the person at this computer, never for the panel
            print(f"oobctl: it said: {error.details['cause']}", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


if __name__ == "__main__":
    app()
