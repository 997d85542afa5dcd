"""The BMC's logs: services, entries in pages, ClearLog."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import flask

from oobctl.lab.bmc_logs import LCLOG, SEL
from oobctl.lab.redfish_service.answers import collection, failure, nothing, resource
from oobctl.lab.redfish_service.rack_link import RackLink
from oobctl.lab.redfish_service.readings import HEALTHY

PAGE = 50
SYSTEM_LOGS, BMC_LOGS = "/redfish/v1/Systems/1/LogServices", "/redfish/v1/Managers/1/LogServices"
_NAMES = {SEL: "System Event Log", LCLOG: "Lifecycle Log"}
_TYPES = {SEL: "SEL", LCLOG: "Event"}
_LARGEST = 1000


class LogServices:
    """Sel belongs to the system, Lclog to the BMC."""

    def __init__(self, link: RackLink) -> None:
        self._link = link

    def install(self, app: flask.Flask) -> None:
        for folder, log in ((SYSTEM_LOGS, SEL), (BMC_LOGS, LCLOG)):
            path = f"{folder}/{log}"
            routes: tuple[tuple[str, Callable[..., flask.Response], str], ...] = (
                (folder, partial(_members, folder, path), "GET"),
                (path, partial(self.service, path, log), "GET"),
                (f"{path}/Entries", partial(self.entries, path, log), "GET"),
                (f"{path}/Entries/<number>", partial(self.entry, path, log), "GET"),
                (f"{path}/Actions/LogService.ClearLog", partial(self.clear, log), "POST"),
            )
            for rule, view, method in routes:
                app.add_url_rule(rule, f"lab:{rule}", view, methods=[method])

    def service(self, path: str, log: str) -> flask.Response:
        body = resource(path, "LogService", "v1_3_0", Id=log, Name=_NAMES[log])
        body |= {
            "ServiceEnabled": True,
            "LogEntryType": _TYPES[log],
            "MaxNumberOfRecords": _LARGEST,
            "OverWritePolicy": "WrapsWhenFull",
            "DateTime": datetime.now(UTC).isoformat(timespec="seconds"),
            "DateTimeLocalOffset": "+00:00",
            "Entries": {"@odata.id": f"{path}/Entries"},
            "Actions": {"#LogService.ClearLog": {"target": f"{path}/Actions/LogService.ClearLog"}},
            "Status": HEALTHY,
        }
        return flask.jsonify(body)

    def entries(self, path: str, log: str) -> flask.Response:
        """GET Entries: whole entries, oldest first, at most 50 of them; `$skip` and `$top` (DSP0266 7.3)."""
        skip, top = _number("$skip", 0), _number("$top", PAGE)
        if skip is None or top is None:
            name = "$skip" if skip is None else "$top"
            return failure(400, "QueryParameterValueFormatError", f"The query parameter {name} takes a number.", name)
        page = self._link.bmc("log", log=log, skip=skip, top=min(top, PAGE))
        body = collection(f"{path}/Entries", "LogEntry", [])
        body |= {
            "Name": f"Entries of {_NAMES[log]}",
            "Members": [_describe(path, log, entry) for entry in page["entries"]],
            "Members@odata.count": page["total"],
        }
        after = skip + len(page["entries"])
        if page["entries"] and after < page["total"] and top >= PAGE:
            body["Members@odata.nextLink"] = f"{path}/Entries?$skip={after}"
        return flask.jsonify(body)

    def entry(self, path: str, log: str, number: str) -> flask.Response:
        found = self._link.bmc("log-entry", log=log, number=int(number))["entry"] if number.isdigit() else None
        if found is None:
            message = f"The requested resource of type LogEntry named {number} was not found."
            return failure(404, "ResourceNotFound", message, "LogEntry", number)
        return flask.jsonify(_describe(path, log, found))

    def clear(self, log: str) -> flask.Response:
        self._link.bmc("log-clear", log=log)
        return nothing()


def _members(folder: str, path: str) -> flask.Response:
    return flask.jsonify(collection(folder, "LogService", [path]))


def _number(name: str, default: int) -> int | None:
    value = flask.request.args.get(name)
    if value is None:
        return default
    return int(value) if value.isdecimal() and value.isascii() and len(value) < 10 else None


def _describe(path: str, log: str, entry: dict[str, Any]) -> dict[str, Any]:
    number = str(entry["id"])
    body = resource(f"{path}/Entries/{number}", "LogEntry", "v1_9_0", Id=number, Name=f"Entry {number}")
    body |= {
        "EntryType": _TYPES[log],
        "Severity": entry.get("severity", "OK"),
        "Created": entry["created"],
        "Message": entry["message"],
        "MessageId": f"OOBLab.1.0.{entry['message_id']}",
        "MessageArgs": [],
    }
    optional = {"EntryCode": "code", "SensorType": "sensor_type", "SensorNumber": "sensor_number"}
    body |= {name: entry[key] for name, key in optional.items() if key in entry}
    if "origin" in entry:
        body["Links"] = {"OriginOfCondition": {"@odata.id": entry["origin"]}}
    return body
