"""Behaviours of the form in which a service answers: members, dates, redirects, compression, pages."""

import gzip
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import flask

from oobctl.lab.redfish_service.trees import refusals
from oobctl.lab.redfish_service.trees.asked import Asked
from oobctl.lab.redfish_service.trees.behaviours.behaviour import Behaviour
from oobctl.lab.redfish_service.trees.load import ROOT
from oobctl.lab.redfish_service.trees.state import State
from oobctl.profiles.quirks import Quirk

_DATES = frozenset({"Created", "Modified", "DateTime", "LastResetTime", "EventTimestamp", "ReleaseDate", "Time"})
_NEVER = "0000-00-00T00:00:00+00:00"


def changed(answer: flask.Response, change: Callable[[dict[str, Any]], dict[str, Any]]) -> flask.Response:
    """The answer with another JSON object in place of its own."""
    found = json.loads(answer.get_data() or b"null")
    if isinstance(found, dict):
        answer.set_data(json.dumps(change(found)))
    return answer


class BareStringMembers(Behaviour):
    """The members of a collection are paths, and no objects."""

    name = Quirk.BARE_STRING_MEMBERS

    def amend(self, state: State, asked: Asked, answer: flask.Response) -> flask.Response:
        return changed(answer, _bare) if asked.method == "GET" and answer.status_code == 200 else answer


def _bare(found: dict[str, Any]) -> dict[str, Any]:
    listed = found.get("Members")
    if isinstance(listed, list):
        found["Members"] = [item["@odata.id"] if set(item) == {"@odata.id"} else item for item in listed]
    return found


class BadDates(Behaviour):
    """Dates without a colon in their zone; where nothing is known, or a log begins, all zeros."""

    name = Quirk.BAD_DATES

    def amend(self, state: State, asked: Asked, answer: flask.Response) -> flask.Response:
        if asked.method != "GET" or answer.status_code != 200:
            return answer
        first = state.resources.kind(asked.path) == "LogEntry" and self._is_first(state, asked.path)
        return changed(answer, lambda found: _bad_dates(found, first))

    @staticmethod
    def _is_first(state: State, path: str) -> bool:
        members = state.resources.members(path.rpartition("/")[0])
        return bool(members) and members[0] == path


def _bad_dates(value: Any, never: bool) -> Any:
    if isinstance(value, list):
        return [_bad_dates(item, never) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _bad_date(key, inside, never) if key in _DATES and isinstance(inside, str) else _bad_dates(inside, never)
        for key, inside in value.items()
    }


def _bad_date(key: str, said: str, never: bool) -> str:
    if key == "ReleaseDate":
        return "00:00:00Z"
    if key == "LastResetTime" or never:
        return _NEVER
    try:
        moment = datetime.fromisoformat(said)
    except ValueError:
        return said
    return moment.astimezone(timezone(timedelta(hours=-6))).strftime("%Y-%m-%dT%H:%M:%S%z")


class Redirect308(Behaviour):
    """A path without a slash at its end is redirected to the one with it, whatever is asked of it."""

    name = Quirk.REDIRECT_308

    def early(self, state: State, asked: Asked) -> flask.Response | None:
        is_there = asked.path in state.resources or state.resources.action(asked.path) is not None
        if asked.sent_path.endswith("/") or not is_there:
            return None
        return flask.Response(status=308, headers={"Location": f"{asked.sent_path}/"})


class GzipOnlyRegistries(Behaviour):
    """Registries and schemas come compressed, or not at all."""

    name = Quirk.GZIP_ONLY_REGISTRIES

    def refuse(self, state: State, asked: Asked) -> flask.Response | None:
        if not self._is_one(state, asked) or "gzip" in asked.headers.get("accept-encoding", ""):
            return None
        return refusals.failure(406, "NotAcceptable", "This resource can be had with Accept-Encoding: gzip alone.")

    def amend(self, state: State, asked: Asked, answer: flask.Response) -> flask.Response:
        if answer.status_code == 200 and self._is_one(state, asked):
            answer.set_data(gzip.compress(answer.get_data()))
            answer.headers["Content-Encoding"] = "gzip"
        return answer

    @staticmethod
    def _is_one(state: State, asked: Asked) -> bool:
        kinds = {"AttributeRegistry", "MessageRegistry", "PrivilegeRegistry", "JsonSchema"}
        return asked.method == "GET" and state.resources.kind(asked.path) in kinds


class PagedCollections(Behaviour):
    """A collection of more than `number` members comes in pages (Members@odata.nextLink)."""

    name = "paged-collections"
    default = 2

    def amend(self, state: State, asked: Asked, answer: flask.Response) -> flask.Response:
        if asked.method != "GET" or answer.status_code != 200 or not asked.path.startswith(ROOT):
            return answer
        skip = asked.query.get("$skip", "0")
        start = int(skip) if re.fullmatch(r"\d{1,9}", skip) else 0
        return changed(answer, lambda found: self._page(found, asked.path, start))

    def _page(self, found: dict[str, Any], path: str, start: int) -> dict[str, Any]:
        members, size = found.get("Members"), int(self.number)
        if isinstance(members, list):
            found["Members"] = members[start : start + size]
            if start + size < len(members):
                self._lead_on(found, path, start + size)
        return found

    def _lead_on(self, found: dict[str, Any], path: str, following: int) -> None:
        found["Members@odata.nextLink"] = f"{path}?$skip={following}"


class PagedBySkip(PagedCollections):
    """The same, and nothing says where the next page is: whoever counts the members asks for it with $skip."""

    name = "paged-by-skip"

    def _lead_on(self, found: dict[str, Any], path: str, following: int) -> None:
        return


class PagedByNumber(PagedCollections):
    """The same in an older form: links.NextPage has the number of the next page, and `page` is what asks for it."""

    name = "paged-by-number"

    def amend(self, state: State, asked: Asked, answer: flask.Response) -> flask.Response:
        if asked.method != "GET" or answer.status_code != 200 or not asked.path.startswith(ROOT):
            return answer
        number = asked.query.get("page", "1")
        start = (int(number) - 1) * int(self.number) if re.fullmatch(r"[1-9]\d{0,8}", number) else 0
        return changed(answer, lambda found: self._page(found, asked.path, start))

    def _lead_on(self, found: dict[str, Any], path: str, following: int) -> None:
        found["links"] = {**found.get("links", {}), "NextPage": {"page": following // int(self.number) + 1}}


BEHAVIOURS = (
    BareStringMembers,
    BadDates,
    Redirect308,
    GzipOnlyRegistries,
    PagedCollections,
    PagedBySkip,
    PagedByNumber,
)
