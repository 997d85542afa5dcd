"""A reinstall as the command line shows it: its plan, its installer at work, and what came of it."""

import sys
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table

from oobctl import clock
from oobctl.cli.api import ApiRefused, again, begin, call, follow, named, patiently
from oobctl.cli.terminal import plain
from oobctl.constants import REINSTALL
from oobctl.errors import InvalidParameter, WrongState
from oobctl.images.configuring.options import host_name_for

_WRITES = "image_written"
_NO_LINES = {"after": "1000000"}
_LAST_LINES = 15
_EVERY_PERCENT = 10


def host_name_of(server: str) -> str:
    """What the new system is called where nobody says: as the server is, of which the id may have been typed.

    Raises as `call`, and InvalidParameter where its name is no host name.
    """
    name: str = again(lambda: call("GET", f"/servers/{named(server)}"))["name"]
    if not (found := host_name_for(name)):
        raise InvalidParameter(f"{name} is no host name. Say which the new system has.", field="host_name")
    return found


def planned(server: str, body: dict[str, Any]) -> dict[str, Any]:
    """What a reinstall of the server would do; nothing is done. Raises as `call`."""
    found: dict[str, Any] = call("POST", _path(server), body=body, query={"dry_run": "true"})
    return found


def as_planned(server: str, body: dict[str, Any], plan: dict[str, Any]) -> dict[str, Any]:
    """What is asked for, of the disks that the plan named, which somebody has agreed to lose. Raises as `call`.

    Where it named none, none was known then: raises WrongState where others are by now.
    """
    if plan["disks"]:
        return {**body, "disks": [disk["serial"] for disk in plan["disks"]]}
    now = planned(server, body)
    if now["lost"] != plan["lost"]:
        lost = " ".join(now["lost"])
        raise WrongState(f"What would be lost is known better by now: {lost} Nothing was done: ask again.")
    return body


def begun(server: str, body: dict[str, Any]) -> dict[str, Any]:
    """Begin a reinstall of the server. Returns its job. Raises as `call`."""
    job: dict[str, Any] = begin(_path(server), body)
    return job


def _path(server: str) -> str:
    return f"/servers/{named(server)}/actions/{REINSTALL}"


def print_plan(plan: dict[str, Any], *, steps: bool) -> None:
    """What would be lost, and with `steps` all that would be done."""
    if steps:
        table = Table("Step", "Usually", "At most", box=None)
        for step in plan["steps"]:
            times = (step[name] for name in ("usually_seconds", "limit_seconds"))
            usual, limit = ("" if seconds is None else clock.limit(seconds) for seconds in times)
            here = "  (from here on it cannot be cancelled)" if step["name"] == plan["no_return"] else ""
            table.add_row(step["title"] + here, usual, limit)
        Console().print(table, markup=False, highlight=False)
    for sentence in (*plan["lost"], *plan["warnings"]):
        print(sentence)


def print_password(job: dict[str, Any], *, wanted: bool) -> None:
    """What is shown this once; where it was wanted and is not there, its answer was lost on the way: so it says."""
    shown = job.get("shown_once")
    if wanted and not shown:
        print(
            "The root password was in an answer that was lost on the way, and cannot be shown again. Without an SSH "
            f"key nobody could log in: cancel the job {job['id']} before it writes, and ask anew.",
            file=sys.stderr,
        )
    if shown:
        print(f"{shown['user']}'s password, shown this once, to be changed at the first log-in: {shown['password']}")


def follow_install(job: dict[str, Any]) -> dict[str, Any]:
    """Watch it to its end: with a bar on a terminal, else in lines. Returns the ended job."""
    console = Console()
    if not console.is_terminal:
        ended = follow(job, look=Percent(print))
    else:
        columns = (TextColumn("  {task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
                   TimeRemainingColumn())  # fmt: skip
        with Progress(*columns, console=console, transient=True) as progress:
            say = progress.console.print
            ended = follow(job, say=lambda line: say(line, markup=False, highlight=False), look=_Bar(progress))
    for line in result(ended):
        print(line)
    return ended


def result(job: dict[str, Any]) -> list[str]:
    """What came of it: how to log in, or the last lines of the installer."""
    try:
        found = patiently(lambda: call("GET", f"/jobs/{job['id']}/installer"))
    except ApiRefused:  # it was never arranged
        return []
    first = found["first_boot"]
    if job["state"] == "succeeded" and first:
        keys = [f"Host key: {key['fingerprint']} ({key['type']})" for key in first["host_keys"]]
        return [*keys, *first["notes"], *([f"Log in: {first['login']}"] if first["login"] else [])]
    lines = found["log"]["lines"][-_LAST_LINES:]
    return (
        [f"The installer's last lines, of {found['log']['next']}:", *(f"  {plain(line)}" for line in lines)]
        if lines
        else []
    )


def written(job: dict[str, Any]) -> dict[str, Any] | None:
    """What the installer says, while it writes."""
    if not any(step["name"] == _WRITES and step["state"] == "running" for step in job["steps"]):
        return None
    found: dict[str, Any] = call("GET", f"/jobs/{job['id']}/installer", query=_NO_LINES)
    return found if found["bytes_total"] and found["first_write_at"] else None


class Percent:
    """A line for each tenth that is written."""

    def __init__(self, say: Any) -> None:
        self._say, self._told = say, -1

    def __call__(self, job: dict[str, Any]) -> None:
        found = written(job)
        if found is None:
            return
        percent = 100 * found["bytes_done"] // found["bytes_total"]
        if percent // _EVERY_PERCENT > self._told:
            self._told = percent // _EVERY_PERCENT
            rate = found["bytes_per_second"]
            at = f", {rate / 10**6:,.0f} MB/s" if rate else ""
            self._say(f"    written: {percent} % of {found['bytes_total'] / 10**6:,.0f} MB{at}")


class _Bar:
    """A bar of bytes while the image is written."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._task = progress, progress.add_task("Written", visible=False, total=None)

    def __call__(self, job: dict[str, Any]) -> None:
        found = written(job)
        self._progress.update(self._task, visible=found is not None)
        if found is not None:
            self._progress.update(self._task, completed=found["bytes_done"], total=found["bytes_total"])
