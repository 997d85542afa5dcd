"""`oobctl server read`: what was last read of a server, or is read now, as tables."""

import json
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from oobctl.cli.api import call, ended, named
from oobctl.cli.server import Name, finish
from oobctl.errors import WrongState
from oobctl.units import unit

_MOST_ENTRIES = 1000


class What(StrEnum):
    """The last part of its address in the API."""

    HEALTH = "health"
    SENSORS = "sensors"
    EVENT_LOG = "event-log"
    INVENTORY = "inventory"
    BIOS = "bios"
    VIRTUAL_MEDIA = "virtual-media"
    POWER_METERING = "power-metering"
    USERS = "users"
    SECURITY = "security"


def read(
    server: Name,
    capability: Annotated[What, typer.Argument(help="What of it.")],
    now: Annotated[bool, typer.Option("--now", help="Have it read from the BMC first.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As the API tells it.")] = False,
) -> None:
    """What a server's BMC tells, as it was last read. Exit code 1 where it was not, or can't be."""
    if now:
        _read_now(server, capability, quiet=as_json)
    found = _found(server, capability)
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        _print(capability, found)
    if found["read_at"] is None:
        raise typer.Exit(1)


def _read_now(server: str, capability: What, *, quiet: bool) -> None:
    body = {"capabilities": [capability.replace("-", "_")]}
    job = call("POST", f"/servers/{named(server)}/actions/server.inspect", body=body)
    if not quiet:
        finish(job)
        return
    while not ended(job):
        time.sleep(0.3)
        job = call("GET", f"/jobs/{job['id']}")
    if job["state"] != "succeeded":
        raise WrongState((job["error"] or {}).get("message") or f"The reading was {job['state']}.")


def _found(server: str, capability: What) -> dict[str, Any]:
    """The reading; of the event log as many pages as make _MOST_ENTRIES."""
    path = f"/servers/{named(server)}/{capability}"
    found: dict[str, Any] = call("GET", path, query={"limit": "200"} if capability is What.EVENT_LOG else None)
    while capability is What.EVENT_LOG and found["next"] and len(found["items"]) < _MOST_ENTRIES:
        page = call("GET", path, query={"limit": "200", "after": found["next"]})
        found = {**page, "items": found["items"] + page["items"]}
    return found


def _print(capability: What, found: dict[str, Any]) -> None:
    console = Console()
    if found["read_at"] is None:
        console.print("Not read yet. Add --now to have it read." if found["problem"] is None else "Not read.")
    else:
        console.print(_TABLES[capability](found))
        console.print(f"Read {ago(found['age_seconds'])} ago, at {found['read_at']}.", highlight=False)
    for problem in found["problems"]:
        console.print(problem, markup=False, highlight=False)
    if found["problem"] is not None:
        words = f"{found['problem']['message']} [{found['problem']['code']}]"
        tried = f"Tried at {found['tried_at']}: " if found["read_at"] else ""
        console.print(f"{tried}{words}", markup=False, highlight=False)


def ago(seconds: float) -> str:
    """How long, in words."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def _table(*columns: str) -> Table:
    return Table(*columns, box=None)


def _rows(table: Table, rows: list[list[Any]]) -> Table:
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    return table


def _cell(value: Any) -> str:
    """As text in which rich reads no markup."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return escape(", ".join(map(str, value)) if isinstance(value, list) else str("" if value is None else value))


def _health(found: dict[str, Any]) -> Table:
    rows = [[part["name"], part["location"], part["health"], part["because"]] for part in found["parts"]]
    whole = ["all of it", "", found["health"], f"told by {found['known']} parts, not by {found['unknown']}"]
    return _rows(_table("Part", "Where", "Health", "Because"), [whole, *rows])


def _sensors(found: dict[str, Any]) -> Table:
    rows = [
        [item["name"], _number(item["reading"]), unit(item["units"] or ""), item["health"], item["states"]]
        for item in found["sensors"]
    ]
    return _rows(_table("Sensor", "Reading", "Unit", "Health", "States"), rows)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _event_log(found: dict[str, Any]) -> Table:
    rows = [
        [item["created"] or "no date", item["severity"], item["log"], item["component"], item["message"],
         "gone" if item["gone_at"] else ""]
        for item in found["items"]
    ]  # fmt: skip
    table = Table(Column("When", no_wrap=True), "Severity", "Log", "Component", "What", "", box=None)
    return _rows(table, rows)


def _inventory(found: dict[str, Any]) -> Table:
    rows = [
        [item["kind"], item["name"], item["location"], item["model"], item["serial"] or item["mac_addresses"],
         item["firmware"], item["details"].get("FirmwareState", item["health"])]
        for item in found["parts"]
    ]  # fmt: skip
    return _rows(_table("Part", "Name", "Where", "Model", "Serial or MAC", "Firmware", "Health or state"), rows)


def _bios(found: dict[str, Any]) -> Table:
    rows = [[item["name"], item["value"], item["pending"], item["display_name"]] for item in found["attributes"]]
    return _rows(_table("Setting", "Now", "After the next boot", "What"), rows)


def _media(found: dict[str, Any]) -> Table:
    rows = [[item["slot"], item["media_types"], item["inserted"], item["image"]] for item in found["slots"]]
    return _rows(_table("Drive", "Takes", "Inserted", "Image"), rows)


def _metering(found: dict[str, Any]) -> Table:
    names = ("consumed_watts", "average_watts", "minimum_watts", "maximum_watts", "limit_watts")
    rows = [[item["name"], *(_number(item[name]) for name in names)] for item in found["meters"]]
    return _rows(_table("Meter", "Watts", "Average", "Least", "Most", "Limit"), rows)


def _users(found: dict[str, Any]) -> Table:
    rows = [[item["user_id"], item["name"], item["role"], item["enabled"], item["ours"]] for item in found["users"]]
    return _rows(_table("No.", "User", "Role", "Enabled", "Ours"), rows)


def _security(found: dict[str, Any]) -> Table:
    rows = [[item["name"], item["value"], item["should"], item["detail"] or item["meaning"]] for item in found["facts"]]
    rows += [["unknown user", one["name"], "none", one["role"]] for one in found["unknown_users"] or []]
    return _rows(_table("Fact", "Is", "Should be", "What"), rows)


_TABLES: dict[What, Callable[[dict[str, Any]], Table]] = {
    What.HEALTH: _health,
    What.SENSORS: _sensors,
    What.EVENT_LOG: _event_log,
    What.INVENTORY: _inventory,
    What.BIOS: _bios,
    What.VIRTUAL_MEDIA: _media,
    What.POWER_METERING: _metering,
    What.USERS: _users,
    What.SECURITY: _security,
}
