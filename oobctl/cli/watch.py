"""`oobctl sensors` and `oobctl event-log`: what a server's sensors read over time, and its log as it grows."""

import json
import re
import sys
import time
from datetime import timedelta
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from oobctl import clock
from oobctl.cli.api import ApiRefused, call, named
from oobctl.cli.reading import ago
from oobctl.cli.server import Name
from oobctl.cli.terminal import plain
from oobctl.errors import ConfigurationError, InvalidParameter
from oobctl.units import unit

_SPAN = re.compile(r"(\d{1,4})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_BARS = "▁▂▃▄▅▆▇█"
_BAR_COUNT = 24
_POLL_SECONDS = 2.0
_PAGE = "200"


def sensors(
    server: Name,
    since: Annotated[str, typer.Option("--since", help="How far back: 90m, 24h, 7d, 12w.")] = "24h",
    step: Annotated[int | None, typer.Option("--step", min=60, help="Seconds of one point; with --json.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As the API tells it.")] = False,
) -> None:
    """What a server's sensors read last, and between which bounds they were. Exit code 1 where nothing was read."""
    query = {"from": str(clock.rfc3339(clock.now() - _span(since)))}
    found = call("GET", f"/servers/{named(server)}/sensors", query=query | ({"step": str(step)} if step else {}))
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        _print_sensors(found, since)
    if found["read_at"] is None and not found["history"]["series"]:
        raise typer.Exit(1)


def _span(text: str) -> timedelta:
    match = _SPAN.fullmatch(text)
    if match is None:
        raise InvalidParameter(f"{text!r} is no span of time. Say how far back: 90m, 24h, 7d or 12w.")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _print_sensors(found: dict[str, Any], since: str) -> None:
    console = Console()
    now = {(item["name"], item["units"] or ""): item for item in found["sensors"] or []}
    table = Table("Sensor", "Latest", "Unit", "Least", "Most", f"Last {since}", "Health", box=None)
    for line in found["history"]["series"]:
        item = now.get((line["name"], line["units"]), {})
        known = [value for value in line["average"] if value is not None]
        least, most = min(filter(_is_known, line["minimum"])), max(filter(_is_known, line["maximum"]))
        bars = _bars(line["average"]) if known else ""
        cells = [_number(item.get("reading")), unit(unit(line["units"])), _number(least), _number(most), bars]
        cells.append(item.get("health"))
        table.add_row(*(escape(str(cell or "")) for cell in [line["name"], *cells]))
    if found["history"]["series"]:
        console.print(table)
    else:
        console.print(f"No history of the last {since} is kept.", highlight=False)
    age = f"{ago(found['age_seconds'])} ago, at {found['read_at']}" if found["read_at"] else "at no time yet"
    console.print(f"Read {age}.", highlight=False)
    if found["problem"] is not None:
        console.print(f"{found['problem']['message']} [{found['problem']['code']}]", markup=False, highlight=False)


def _is_known(value: float | None) -> bool:
    return value is not None


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _bars(values: list[float | None]) -> str:
    """A line of bars between the least and the greatest; a gap is a space."""
    width = max(1, -(-len(values) // _BAR_COUNT))
    parts = [[v for v in values[at : at + width] if v is not None] for at in range(0, len(values), width)]
    means = [sum(part) / len(part) if part else None for part in parts]
    known = [mean for mean in means if mean is not None]
    low, span = min(known), (max(known) - min(known)) or 1.0
    return "".join(" " if mean is None else _BARS[int((mean - low) / span * (len(_BARS) - 1))] for mean in means)


def event_log(
    server: Name,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on, as entries come. Ctrl-C ends it.")] = False,
    last: Annotated[int, typer.Option("--last", "-n", min=0, max=200, help="So many of the newest first.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """The log of a server's BMC, oldest first."""
    page = _page(server, None)
    for entry in reversed(page["items"][:last]):
        _print_entry(entry, as_json=as_json)
    newest = page["items"][0]["id"] if page["items"] else ""
    while follow:
        time.sleep(_POLL_SECONDS)
        for entry in _patiently(server, newest):
            _print_entry(entry, as_json=as_json)
            newest = entry["id"]


def _patiently(server: str, newest: str) -> list[dict[str, Any]]:
    """As `_newer`. A panel that answered before and does not now is asked until it does."""
    said = ""
    while True:
        try:
            return _newer(server, newest)
        except (ConfigurationError, ApiRefused) as error:
            if isinstance(error, ApiRefused) and not error.problem.get("retryable"):
                raise
            if error.message != said:
                print(f"{error.message} Trying again.", file=sys.stderr)
            said = error.message
        time.sleep(_POLL_SECONDS)


def _page(server: str, after: str | None) -> dict[str, Any]:
    query = {"limit": _PAGE} | ({"after": after} if after else {})
    found: dict[str, Any] = call("GET", f"/servers/{named(server)}/event-log", query=query)
    return found


def _newer(server: str, newest: str) -> list[dict[str, Any]]:
    """What came after an entry, oldest first. Ids grow with time."""
    found: list[dict[str, Any]] = []
    after: str | None = None
    while True:
        page = _page(server, after)
        fresh = [entry for entry in page["items"] if entry["id"] > newest]
        found += fresh
        after = page["next"]
        if after is None or len(fresh) < len(page["items"]):
            return found[::-1]


def _print_entry(entry: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(entry), flush=True)
        return
    part = entry["component"] or ""
    named = "" if part in entry["message"] else part
    parts = [entry["created"] or "no date", f"{entry['severity']:<8}", named, entry["message"]]
    line = "  ".join(part for part in parts if part)
    print(plain(line), flush=True)
