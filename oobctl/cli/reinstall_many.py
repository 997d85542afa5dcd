"""Many servers reinstalled by one command: some at once, the others after them, a table of all at the end."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from oobctl.cli import installing
from oobctl.cli.api import ended, follow
from oobctl.cli.server import INTERRUPTED
from oobctl.errors import InvalidParameter, OobctlError

_PAUSE_SECONDS = 1.0


@dataclass(frozen=True)
class Wanted:
    """One line of the file; host_name: None: as the server is called."""

    server: str
    host_name: str | None

    def body(self, body: dict[str, Any]) -> dict[str, Any]:
        """What is asked for, of this one. Raises as `installing.host_name_of`."""
        return {**body, "host_name": self.host_name or installing.host_name_of(self.server)}


@dataclass
class Went:
    """How it went with one of them so far. said: what is told of it at the end.

    body, plan: what was planned, where somebody was to agree to it.
    """

    wanted: Wanted
    body: dict[str, Any] | None = None
    plan: dict[str, Any] | None = None
    job: dict[str, Any] | None = None
    said: str = "not begun"
    failed: bool = False


class _Stopped(Exception):
    """Nobody watches any more."""


def read(file: Path, host_name: str | None) -> list[Wanted]:
    """The servers of a file: NAME [HOST-NAME] a line, # begins a comment. Raises InvalidParameter."""
    if host_name is not None:
        raise InvalidParameter("With --servers each host name stands in the file, after the server's.", field="servers")
    found = []
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidParameter(f"{file} cannot be read as text: {error}.", field="servers") from error
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].split()
        if len(words) > 2:
            raise InvalidParameter(f"Line {number} of {file} is not NAME [HOST-NAME].", field="servers")
        found += [Wanted(words[0], words[1] if len(words) == 2 else None)] if words else []
    names = [one.server for one in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or not found:
        raise InvalidParameter(f"{file} names {twice[0] + ' twice' if twice else 'no server'}.", field="servers")
    return found


def run(wanted: list[Wanted], body: dict[str, Any], *, parallel: int, dry_run: bool, yes: bool, wait: bool) -> None:
    """Reinstall them all. Exit code 1 where one did not succeed, 130 where the watching is interrupted."""
    went = [Went(one) for one in wanted]
    if dry_run or not yes:
        planned = _planned(went, body)
        if dry_run:
            raise typer.Exit(0 if planned else 1)
        if not planned:
            typer.echo("Nothing was done: take out of the file, or put right, what is refused.", err=True)
            raise typer.Exit(1)
        if typer.prompt(f"Type how many servers these are, {len(wanted)}, to go on").strip() != str(len(wanted)):
            typer.echo("That is another number. Nothing was done.", err=True)
            raise typer.Exit(1)
    stopped = _all(went, body, parallel=parallel, watch=wait)
    _print(went)
    if stopped:
        print("oobctl: You stopped watching. What is running goes on; what was not begun is left.", file=sys.stderr)
        raise typer.Exit(INTERRUPTED)
    if any(one.failed for one in went):
        raise typer.Exit(1)


def _planned(went: list[Went], body: dict[str, Any]) -> bool:
    """Say what each would lose. Whether none was refused."""
    refused = 0
    for one in went:
        server = one.wanted.server
        try:
            one.body = one.wanted.body(body)
            one.plan = installing.planned(server, one.body)
            print(f"{server}: {' '.join([*one.plan['lost'], *one.plan['warnings']])}")
        except OobctlError as error:
            refused += 1
            print(f"{server}: {error.message} [{error.code}]")
    return refused == 0


def _all(went: list[Went], body: dict[str, Any], *, parallel: int, watch: bool) -> bool:
    """Whether it was interrupted. The threads look at `stop` once a second."""
    stop, pool = threading.Event(), ThreadPoolExecutor(parallel)
    futures = [pool.submit(_one, one, body, stop, watch) for one in went]
    try:
        while wait(futures, timeout=0.5).not_done:
            pass
        return False
    except KeyboardInterrupt:
        stop.set()
        return True
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _one(one: Went, body: dict[str, Any], stop: threading.Event, watch: bool) -> None:
    def look(_job: dict[str, Any]) -> None:
        one.job = _job
        if stop.is_set():
            raise _Stopped

    if stop.is_set():
        return
    try:
        asked = one.body or one.wanted.body(body)
        if one.plan is not None:
            asked = installing.as_planned(one.wanted.server, asked, one.plan)
        job = installing.begun(one.wanted.server, asked)
        one.job, one.said = job, f"goes on as job {job['id']}"
        shown = {**job, "shown_once": _of(one, job.get("shown_once"))}
        installing.print_password(shown, wanted=bool(body.get("root_password")))
        if watch:
            one.job = follow(job, say=lambda line: print(f"{one.wanted.server}: {line.strip()}", flush=True), look=look,
                             pause=_PAUSE_SECONDS)  # fmt: skip
            one.failed = one.job["state"] != "succeeded"
            one.said = _came_of(one.job)
    except _Stopped:
        pass
    except OobctlError as error:
        one.failed, one.said = True, f"{error.message} [{error.code}]"


def _of(one: Went, shown: dict[str, str] | None) -> dict[str, str] | None:
    return None if shown is None else {**shown, "user": f"{one.wanted.server}: {shown['user']}"}


def _came_of(job: dict[str, Any]) -> str:
    if job["state"] != "succeeded":
        return f"{job['error']['message']} [{job['error']['code']}]" if job["error"] else job["state"]
    return next(iter(installing.result(job)), "")


def _print(went: list[Went]) -> None:
    table = Table("Server", "State", "What came of it", box=None)
    for one in went:
        state = "-" if one.job is None else one.job["state"] if ended(one.job) else "goes on"
        table.add_row(escape(one.wanted.server), state, escape(one.said))
    Console().print(table, highlight=False)
