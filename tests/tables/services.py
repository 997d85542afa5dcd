"""Logs, BIOS, virtual media and users of the captured trees: `python -m tests.tables.services` prints what is read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from oobctl.drivers.readings import BiosReport, EventLogReport, MediaReport, SecurityReport, UsersReport
from oobctl.errors import NotSupported
from oobctl.lab.redfish_service.trees.load import load
from tests.tables.holds import kind
from tests.tables.printing import lines, show
from tests.tables.trees import SYSTEMS
from tests.trees import captured, connected, serve

NO_EVENTS = {"Journal", "Dump", "PostCodes", "DebugTokenService", "SL"}
"""Logs of the captures that hold no hardware events; SL is one capture's record of who logged in."""


@dataclass(frozen=True)
class Held:
    """What the files hold, counted without the drivers: log -> entries, attributes by name, and so on."""

    logs: Mapping[str, list[dict[str, Any]]]
    values: Mapping[str, Any]
    registry: Mapping[str, dict[str, Any]]
    secrets: set[str]
    slots: set[str]
    accounts: set[str]


@dataclass(frozen=True)
class Read:
    """What the drivers read; None where they say that the BMC has no such thing."""

    log: EventLogReport
    bios: BiosReport | None
    media: MediaReport | None
    users: UsersReport
    security: SecurityReport
    requests: int


def read(name: str, system: str) -> Read:
    """Serve the tree and read it over TLS with the generic profile."""
    with serve(captured(name)) as bmc, connected(bmc, name=name, system_path=system) as there:

        def unless_missing(ask: Any) -> Any:
            try:
                return ask()
            except NotSupported:
                return None

        return Read(
            there.event_log.read(),
            unless_missing(there.bios.read),
            unless_missing(there.virtual_media.read),
            there.users.read(),
            there.security.read(),
            len(bmc.requests),
        )


@lru_cache(maxsize=8)
def held(name: str, system: str) -> Held:
    """By the files' paths and types alone."""
    tree = load(captured(name))
    managers = [item["@odata.id"].rstrip("/") for item in (tree[system].get("Links") or {}).get("ManagedBy") or []]
    managers = managers or [path for path in tree if kind(tree[path]) == "Manager"]
    logs = {}
    for path, collection in tree.items():
        owner, _, rest = path.partition("/LogServices/")
        log, _, end = rest.partition("/")
        if end == "Entries" and (owner == system or owner in managers) and log not in NO_EVENTS:
            logs[f"{owner.removeprefix('/redfish/v1/')}/{log}"] = collection.get("Members", [])
    bios = tree.get(f"{system}/Bios", {})
    registries = [found for found in tree.values() if kind(found) == "AttributeRegistry"]
    english = [found for found in registries if found["Language"] == "en"] if bios else []
    slots = [path for path, found in tree.items() if kind(found) == "VirtualMedia"]
    accounts = [found for found in tree.values() if kind(found) == "ManagerAccount"]
    registry = {one["AttributeName"]: one for found in english for one in found["RegistryEntries"]["Attributes"]}
    values = bios.get("Attributes", {})
    hashes = {key for key, value in values.items() if value and "password" in key.lower() and key.startswith("SHA")}
    return Held(
        logs,
        values,
        registry,
        hashes | {key for key, one in registry.items() if one["Type"] == "Password"},
        {path for path in slots if path.partition("/VirtualMedia/")[0] in managers},
        {one["UserName"] for one in accounts if one["UserName"] or one.get("Enabled") is True},
    )


def rows(found: Read, there: Held) -> Iterator[tuple[str, object, object]]:
    """(what, in the tree, read)."""
    logs = {entry.log for entry in found.log.entries} | there.logs.keys()
    for log in sorted(logs):
        counted = sum(entry.log == log for entry in found.log.entries)
        yield f"log entries: {log}", len(there.logs.get(log, [])), counted
    yield "BIOS values", len(there.values.keys() - there.secrets), len(found.bios.values) if found.bios else 0
    yield "BIOS attributes described", len(there.registry), len(found.bios.attributes) if found.bios else 0
    yield "media slots", len(there.slots), len(found.media.slots) if found.media else 0
    yield "users", len(there.accounts), len(found.users.users)


def table() -> Iterator[str]:
    for name, system in SYSTEMS:
        found = read(name, system)
        yield f"\n{name} {system}"
        yield from lines(rows(found, held(name, system)), 52, 8)
        told = sum(fact.value is not None for fact in found.security.facts)
        yield f"  facts of security told: {told} of {len(found.security.facts)}; requests: {found.requests}"


if __name__ == "__main__":
    show(table)
