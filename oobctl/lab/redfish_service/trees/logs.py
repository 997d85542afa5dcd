"""LogServices: entries that can be added and cleared."""

from typing import TYPE_CHECKING, Any

import flask

from oobctl.lab.redfish_service.trees import events, refusals

if TYPE_CHECKING:
    from oobctl.lab.redfish_service.trees.state import State


def clear(state: "State", path: str, body: dict[str, Any]) -> flask.Response:
    """POST LogService.ClearLog; with LogEntriesETag only if the entries are still those (DSP2046, LogService)."""
    entries = state.resources.linked(path, "Entries")
    wanted = body.get("LogEntriesETag")
    if wanted is not None and (entries is None or wanted != state.resources.etag(entries)):
        return refusals.failure(428, "PreconditionFailed", "The log entries are not those of LogEntriesETag.")
    state.did("LogService.ClearLog", path, body)
    if entries is not None and entries in state.resources:
        for member in state.resources.members(entries):
            state.resources.remove(member)
        state.resources.list_members(entries, [])
    return refusals.nothing()


def add(state: "State", path: str, **entry: Any) -> str:
    """A new entry of a log service, the newest; its values stand over those of a plain entry. Returns its path."""
    with state.lock:
        entries = state.resources.linked(path, "Entries")
        assert entries is not None, path
        listed = state.resources.at(entries).setdefault("Members", [])
        inline = bool(listed) and any(len(item) > 1 for item in listed if isinstance(item, dict))
        number = str(entry.pop("Id", 1 + max([0, *(_number(item) for item in listed)])))
        made = {
            "@odata.id": f"{entries}/{number}",
            "@odata.type": "#LogEntry.v1_4_0.LogEntry",
            "Id": number,
            "Name": f"Log Entry {number}",
            "EntryType": "SEL",
            "Severity": "OK",
            **entry,
        }
        listed.append(made if inline else {"@odata.id": made["@odata.id"]})
        state.resources.at(entries)["Members@odata.count"] = len(listed)
        if not inline:
            state.resources.put(made["@odata.id"], made)
        events.tell(state, "LogEntryAdded", made["@odata.id"])
        return str(made["@odata.id"])


def _number(item: Any) -> int:
    last = str(item.get("@odata.id", "") if isinstance(item, dict) else item).rpartition("/")[2]
    return int(last) if last.isdigit() else 0
