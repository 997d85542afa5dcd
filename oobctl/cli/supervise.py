"""`oobctl up` and `oobctl demo`: all processes of an installation under one command."""

import os
import signal
import threading
import time
from collections.abc import Sequence
from typing import Annotated

import httpx
import typer
from sqlalchemy import func, select

from oobctl import demo as example
from oobctl.children import Child, end, supervise
from oobctl.cli import logs
from oobctl.cli.alone import alone
from oobctl.cli.init import prepare
from oobctl.cli.process import check_addresses
from oobctl.config import settings
from oobctl.errors import ConfigurationError
from oobctl.store import User, database

_READY_SECONDS = 60.0
_STOPPED = "Stopped: nothing is left running."


def up(site: Annotated[str | None, typer.Option(help="The site that this machine serves.")] = None) -> None:
    """Run the panel, a worker, a monitor, a gateway and the media service on this machine, until Ctrl-C."""
    logs.set_up()
    stop = _stop_on_signal()
    with alone(say=print):
        check_addresses()
        _up(site or settings().site, stop)


def _up(site: str, stop: threading.Event) -> None:
    prepare(site, say=print)
    with database().read() as session:
        users = session.scalar(select(func.count()).select_from(User)) or 0
    if not users:
        print("Nobody can sign in yet. In another terminal: oobctl init --administrator YOUR-NAME")
    children = _start(site)
    try:
        _wait_ready(children, stop)
    except BaseException:
        end(children)
        raise
    if not stop.is_set():
        print(f"oobctl is ready at {settings().url} (Ctrl-C ends it).", flush=True)
    supervise(children, stop)
    print(_STOPPED, flush=True)


def demo() -> None:
    """The same on top of the virtual rack, with users and servers filled in, until Ctrl-C."""
    logs.set_up()
    stop = _stop_on_signal()
    os.environ.update(example.environment())
    settings.cache_clear()
    with alone(say=lambda _sentence: None):
        check_addresses()
        with example.Rack(say=print) as rack:
            _demo(rack, stop)
        print("Stopped. The rack that ran before still runs." if rack.info.already_running else _STOPPED, flush=True)


def _demo(rack: example.Rack, stop: threading.Event) -> None:
    prepare(settings().site, say=lambda _sentence: None)
    children = _start(settings().site)
    try:
        _wait_ready(children, stop)
        example.fill(rack, stop)
        images = _images_aside()
        if not stop.is_set():
            print(example.welcome(), flush=True)
    except BaseException:
        end(children)
        raise
    try:
        supervise(children, stop)
    finally:
        end([images])


def _images_aside() -> Child:
    """What reinstalls need is built beside the demo, which is there before it: some minutes, the first time."""
    child = Child("images", ["image", "provide", *example.IMAGE], dict(os.environ), with_its_own=True)
    child.start()
    return child


def _start(site: str) -> list[Child]:
    environment = {**os.environ, "OOBCTL_HOME": str(settings().home.resolve())}
    children = [
        Child("worker", ["worker", "--site", site], environment),
        Child("monitor", ["monitor", "--site", site], environment),
        Child("boot", ["boot", "--site", site], environment),
        Child("gateway", ["gateway", "--site", site], environment),
        Child("panel", ["panel"], environment),
    ]
    for child in children:
        child.start()
    return children


def _wait_ready(children: Sequence[Child], stop: threading.Event) -> None:
    """Until the panel answers and names a worker and a monitor; what dies meanwhile is started again.

    Raises ConfigurationError where they are not ready in time, or one of them says that it cannot start.
    """
    until = time.monotonic() + _READY_SECONDS
    address = f"http://{settings().listen}/readyz"
    last = "no answer"
    while not stop.is_set():
        for child in children:
            child.look()
            if child.hopeless is not None:
                raise ConfigurationError(f"The {child.name} cannot start. {child.hopeless}")
        try:
            answer = httpx.get(address, headers={"Host": settings().url.split("//")[1]}, timeout=2, trust_env=False)
            last = answer.text
            if answer.status_code == httpx.codes.OK:
                return
        except httpx.HTTPError:
            pass
        if time.monotonic() > until:
            raise ConfigurationError(
                f"The panel at {settings().listen} was not ready within {_READY_SECONDS:.0f} s; it said: {last[:300]}. "
                "See the lines above for the process that could not start."
            )
        stop.wait(0.1)


def _stop_on_signal() -> threading.Event:
    stop = threading.Event()

    def end_it(*_: object) -> None:
        if not stop.is_set():  # os.write: a handler may interrupt a print
            os.write(1, b"Stopping all that was started here ...\n")
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end_it)
    return stop
