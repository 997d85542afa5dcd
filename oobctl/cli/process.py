"""The commands that are processes: worker, monitor, media service and gateway of a site, and the panel."""

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from typing import Annotated

import typer

from oobctl.cli import logs
from oobctl.config import settings
from oobctl.errors import ConfigurationError

_HIGHEST_PORT = 65535
Site = Annotated[str | None, typer.Option("--site", help="The site whose BMCs this process talks to.")]


def worker(site: Site = None) -> None:
    """Carry out the jobs of a site."""
    from oobctl import worker as process

    _run(lambda stop: process.run(site or settings().site, stop))


def monitor(site: Site = None) -> None:
    """Read the power state of every server of a site, again and again."""
    from oobctl import monitor as process

    _run(lambda stop: process.run(site or settings().site, stop))
    _leave_at_once()


def boot(site: Site = None) -> None:
    """Serve disk images to the BMCs of a site, at OOBCTL_MEDIA_LISTEN."""
    from oobctl import boot as process

    _run(lambda stop: process.run(site or settings().site, stop))


def gateway(site: Site = None) -> None:
    """Carry the consoles of a site between browsers and BMCs, at OOBCTL_GATEWAY_LISTEN."""
    from oobctl import gateway as process

    _run(lambda stop: process.run(site or settings().site, stop))


def panel() -> None:
    """Serve the panel and the API at OOBCTL_LISTEN. It needs no key and talks to no BMC."""
    from oobctl.panel_secret import read_secret
    from oobctl.store import database
    from oobctl.store.migrate import check

    logs.set_up()
    check(database())
    database().close()
    read_secret(settings().home)  # gunicorn would say it in a traceback, and not how lasting it is
    check_address(settings().listen)
    program = [sys.executable, "-m", "gunicorn", "-k", "asgi", "-w", "1", "--no-control-socket"]
    program += ["--bind", settings().listen, "--graceful-timeout", "3"]
    program += ["--log-level", "warning", "--logger-class", "oobctl.cli.gunicorn_log.PanelLog"]
    # gunicorn would believe a proxy on loopback; whether to believe one is OOBCTL_BEHIND_PROXY, read in web.asgi.
    program += ["--forwarded-allow-ips", "", "web.asgi:app"]
    os.execv(sys.executable, program)  # noqa: S606 - our own interpreter


def check_address(listen: str, who: str = "The panel", setting: str = "OOBCTL_LISTEN") -> None:
    """Raises ConfigurationError where nothing can listen there: gunicorn says it in no sentence of ours."""
    host, _, port = listen.rpartition(":")
    # The resolver takes a port modulo 65536, and would find another one free.
    if not host or not port.isdecimal() or not 0 < int(port) <= _HIGHEST_PORT:
        raise ConfigurationError(
            f"{who} cannot listen at {listen!r}: that is no ADDRESS:PORT with a port from 1 to {_HIGHEST_PORT}. "
            f"Set {setting}."
        )
    try:
        family, kind, _, _, address = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen()
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(
            f"{who} cannot listen at {listen}: {getattr(error, 'strerror', None) or error}. Stop the program that "
            f"has the port, or set {setting} to another ADDRESS:PORT."
        ) from error


def check_addresses() -> None:
    """As `check_address`, for all that `oobctl up` listens at."""
    check_address(settings().listen)
    check_address(settings().media, "The media service", "OOBCTL_MEDIA_LISTEN")
    check_address(settings().install, "The service for installers", "OOBCTL_INSTALL_LISTEN")
    check_address(settings().gateway, "The gateway", "OOBCTL_GATEWAY_LISTEN")
    if settings().launch_url:
        check_address(settings().launch, "The gateway's listener for BMCs' own consoles", "OOBCTL_LAUNCH_LISTEN")
    if settings().events_listen:
        check_address(settings().events_listen, "The monitor's listener for events", "OOBCTL_EVENTS_LISTEN")


def _run(process: Callable[[threading.Event], None]) -> None:
    logs.set_up()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    process(stop)


def _leave_at_once() -> None:
    """The process has ended its work, but Python would wait for each thread that still waits for a BMC."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
