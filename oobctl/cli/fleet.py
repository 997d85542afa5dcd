"""`oobctl fleet`: what is wrong anywhere, and where, as tables."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from oobctl import clock
from oobctl.cli.api import call

_PLACE = ("servers", "ok", "warning", "critical", "silent", "unknown")


def fleet(
    site: Annotated[str | None, typer.Option("--site", help="One site alone.")] = None,
    rack: Annotated[str | None, typer.Option("--rack", help="One rack alone; - for servers in none.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As the API tells it.")] = False,
) -> None:
    """All servers at once, the worst first: too hot, no readings, not well, warm, hungry, read long ago. For staff."""
    query = {name: value for name, value in (("site", site), ("rack", rack)) if value is not None}
    found = call("GET", "/fleet", query=query)
    if as_json:
        print(json.dumps(found, indent=2))
        return
    console = Console()
    for title, columns, rows, nothing in _blocks(found):
        console.print(f"\n{title}", style="bold", markup=False, highlight=False)
        console.print(_table(columns, rows) if rows else nothing, highlight=False)


Block = tuple[str, Sequence[str], list[list[Any]], str]


def _blocks(found: dict[str, Any]) -> list[Block]:
    return [
        ("Is anything too hot?", ("Server", "Rack", "Temperature", "Limit", "Sensor", "Read"),
         [[*_of(one), _celsius(one["celsius"]), _celsius(one["limit"]), one["sensor"],
           _ago(one["read_at"]) + ("" if one["current"] else " (last known)")] for one in found["too_hot"]],
         "No temperature has reached a threshold of its own."),
        ("Which BMCs give no readings?", ("Server", "Rack", "BMC", "Since", "Last known", "Read", "Why"),
         [[*_of(one), one["contact"].replace("_", " "), one["silent_since"], one["power_state"],
           _ago(one["power_read_at"]), one["silent_because"]] for one in found["silent"]],
         "Every BMC that is asked gives them."),
        ("Which servers are not well?", ("Server", "Rack", "Health", "Since", "Read", "Why"),
         [[*_of(one), one["health"], one["health_since"], _ago(one["health_read_at"]), "; ".join(one["parts"])]
          for one in found["unwell"]],
         "None of those whose health is known."),
        ("Where is the air that goes in the warmest?", ("Server", "Rack", "Inlet", "Margin", "Sensor"),
         [[*_of(one), _celsius(one["celsius"]), _celsius(one["margin"]), one["sensor"]] for one in found["inlets"]],
         "No server tells now how warm its inlet is."),
        ("Where does the power go?", ("Site", "Rack", "Draws", "Told by"),
         [[one["site"] or "all", _rack(one), f"{one['watts']:,.0f} W", f"{one['telling']} of {one['servers']}"]
          for one in ([found["total"]] if found["hungriest"] else []) + found["hungriest"]],
         "No server tells now what it draws."),
        ("What was read the longest ago?", ("Server", "Rack", "What", "Read", "Rounds", "Why"),
         [[*_of(one), one["capability"], _ago(one["read_at"]), f"{one['rounds']:g}", one["problem"]]
          for one in found["oldest"]],
         "Nothing was read yet."),
        ("How is each rack?", ("Site", "Rack", "Servers", "OK", "Warning", "Critical", "No readings", "Not known"),
         [[one["site"], _rack(one), *(one[name] or "" for name in _PLACE)] for one in found["racks"]],
         "There is no server."),
    ]  # fmt: skip


def _table(columns: Sequence[str], rows: list[list[Any]]) -> Table:
    table = Table(*columns, box=None)
    for row in rows:
        table.add_row(*(escape("" if cell is None else str(cell)) for cell in row))
    return table


def _of(one: dict[str, Any]) -> tuple[str, str]:
    return one["server"], _rack(one)


def _rack(one: dict[str, Any]) -> str:
    return one["rack"] or "-"


def _celsius(value: float | None) -> str:
    return "" if value is None else f"{value:g} °C"


def _ago(read_at: str | None) -> str:
    """How long ago, in the largest unit of which there are two."""
    if read_at is None:
        return "never"
    seconds = max(0.0, (clock.now() - datetime.fromisoformat(read_at)).total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"
