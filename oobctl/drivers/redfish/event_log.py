"""The BMC's logs over Redfish: what is new in them, and emptying them once a copy is kept (DSP2046, LogService)."""

import re
import time
from collections.abc import Mapping

from oobctl.drivers.interfaces import Fence
from oobctl.drivers.readings import EventLogEntry, EventLogReport
from oobctl.drivers.redfish import log_decode, log_services, tasks
from oobctl.drivers.redfish.action_info import Offered, offered
from oobctl.drivers.redfish.answers import Reply, link, text
from oobctl.drivers.redfish.log_marker import Marker
from oobctl.drivers.redfish.log_pages import Listed
from oobctl.drivers.redfish.log_reading import Found, LogReading
from oobctl.drivers.redfish.log_services import LogService
from oobctl.drivers.redfish.messages import Messages
from oobctl.drivers.redfish.session import RedfishSession
from oobctl.drivers.redfish.tree import Tree
from oobctl.drivers.redfish.waiting import tries
from oobctl.drivers.redfish.walk import Problems, Walk
from oobctl.errors import BmcBadAnswer, BmcBusy, BmcRefused, NotSupported, StateNotReached

_READING_SECONDS = 240.0  # of all logs together; what is not read by then is left to the next reading
_SERVICES_KNOWN_FOR = 3600.0  # seconds
_EMPTY_WITHIN = 60.0  # seconds
_MOST_ASKED_FOR = 1000  # entries that are not in their collection, in one reading
_ETAG = "LogEntriesETag"
_CHANGED = frozenset({409, 412, 428})


def _version(kind: str) -> tuple[int, ...]:
    """(1, 3) of #LogService.v1_3_0.LogService."""
    match = re.search(r"\.v(\d{1,4})_(\d{1,4})", kind)
    return (int(match[1]), int(match[2])) if match else (0,)


class RedfishEventLog:
    """interfaces.EventLog of one ComputerSystem. Logs are found once an hour."""

    def __init__(self, session: RedfishSession, tree: Tree, fence: Fence) -> None:
        self._session, self._tree, self._fence = session, tree, fence
        self._services: list[LogService] = []
        self._found_at = float("-inf")

    def read(self, after: Mapping[str, str] | None = None) -> EventLogReport:
        """A log that can't be read keeps its marker. Raises NotSupported where the BMC has no logs."""
        problems = Problems()
        deadline = time.monotonic() + _READING_SECONDS
        messages = Messages(self._session, self._tree, problems)
        entries: list[EventLogEntry] = []
        markers: dict[str, str] = {}
        whole: list[str] = []
        for service in self._logs(problems):
            before = (after or {}).get(service.name)
            try:
                found = self._new_in(service, Marker.of(before), deadline)
            except (BmcRefused, BmcBadAnswer, NotSupported) as error:
                problems.append(f"The log {service.name} was not read: {error.message}")
                self._found_at = float("-inf")
                found = Found()
            for problem in found.problems:
                problems.append(f"Of the log {service.name}: {problem}.")
            read = self._decoded(found.entries, service, messages, problems)
            entries += read
            if found.whole and len(read) == len(found.entries):
                whole.append(service.name)
            marker = found.marker.text() if found.marker is not None else before
            if marker is not None:
                markers[service.name] = marker
        return EventLogReport(tuple(entries), markers, tuple(whole), tuple(problems))

    def clear(self, markers: Mapping[str, str]) -> tuple[str, ...]:
        """Returns when the entries up to the markers were read as gone; a new one may say that the log was emptied."""
        able = []
        for service in self._logs(Problems()):
            if service.name in markers:
                action = offered(self._session, self._resource(service), "LogService.ClearLog")
                if action is not None:
                    able.append((service, action, Marker.of(markers[service.name])))
        if not able:
            raise NotSupported("This BMC has no log that can be emptied, and of which a copy is kept.")
        for service, _action, marker in able:
            if self._has_news(service, marker):
                raise BmcBusy(
                    f"The BMC's log {service.name} has entries of which no copy is kept. Nothing was emptied: read the "
                    "log again first."
                )
        done = []
        for number, (service, action, marker) in enumerate(able):
            if number == 0 or not self._has_news(service, marker):  # the first was looked at just now
                self._clear(service, action, marker)
                done.append(service.name)
        return tuple(done)

    # --- reading

    def _logs(self, problems: list[str]) -> list[LogService]:
        now = time.monotonic()
        if now - self._found_at > _SERVICES_KNOWN_FOR:
            walk = Walk(self._session, self._tree)
            self._services = log_services.find(walk, self._session.login.profile.event_log.skipped)
            problems += walk.problems
            self._found_at = now if not walk.problems else float("-inf")
        return self._services

    def _new_in(self, service: LogService, marker: Marker | None, deadline: float) -> Found:
        if service.entries is None:  # some leave the link out while the log is empty
            entries = link(self._resource(service), "Entries")
            if entries is None:
                return Found(marker=Marker(None), whole=marker is None or marker.entry_id is not None)
        else:
            entries = service.entries
        return LogReading(self._tree, entries, self._session.login.profile, deadline).read(marker)

    def _resource(self, service: LogService) -> dict[str, object]:
        return self._session.resource(service.path, what="describe its log")

    def _decoded(
        self, listed: list[Listed], service: LogService, messages: Messages, problems: list[str]
    ) -> list[EventLogEntry]:
        """The entries that can be read; of those that have to be asked for one by one, the newest."""
        asked = [item for item in listed if item.resource is None]
        if len(asked) > _MOST_ASKED_FOR:
            problems.append(f"Of the log {service.name}: its {len(asked) - _MOST_ASKED_FOR} oldest were not asked for.")
        left_out = {id(item) for item in asked[:-_MOST_ASKED_FOR]}
        found = []
        for item in listed:
            if id(item) not in left_out:
                entry = self._decode(item, service, messages, problems)
                if entry is not None:
                    found.append(entry)
        return found

    def _decode(
        self, item: Listed, service: LogService, messages: Messages, problems: list[str]
    ) -> EventLogEntry | None:
        resource = item.resource
        if resource is None:
            member = self._tree.member(item.path or "", "give a log entry")
            if member.problem is not None:
                problems.append(member.problem)
                return None
            resource = member.resource
        return log_decode.decode(resource, service.name, item.path, self._session.login.profile, messages.words)

    # --- emptying

    def _has_news(self, service: LogService, marker: Marker | None) -> bool:
        """Whether there is an entry that the marker does not cover. Raises where that can't be read."""
        found = self._new_in(service, marker, time.monotonic() + _READING_SECONDS)
        if found.marker is None:
            raise BmcBadAnswer(f"The BMC's log {service.name} can't be read to its end: {' '.join(found.problems)}.")
        return bool(found.entries)

    def _clear(self, service: LogService, action: Offered, marker: Marker | None) -> None:
        what = f"empty its log {service.name}"
        reply = self._send(service, action, what)
        if reply.status in _CHANGED and not self._has_news(service, marker):  # its ETag changes by itself
            reply = self._session.write("POST", action.target, {}, self._fence, what=what)
        if reply.status in _CHANGED:
            raise BmcBusy(f"{reply.error(what).message} An entry may have come just then: read the log again first.")
        if not reply.ok:
            raise reply.error(what)
        tasks.finish(self._session, reply, what)
        for _ in tries(_EMPTY_WITHIN):
            if marker is None or marker.entry_id is None:
                return
            if not self._new_in(service, marker, time.monotonic() + _READING_SECONDS).known:
                return
        raise StateNotReached(f"The BMC was asked to {what} and accepted it, but its entries are still there.")

    def _send(self, service: LogService, action: Offered, what: str) -> Reply:
        """With the ETag of the entries where the BMC takes it: it then refuses if one came in between."""
        etag = self._etag(service) if self._takes_etag(service, action) else None
        body = {_ETAG: etag} if etag else {}
        reply = self._session.write("POST", action.target, body, self._fence, what=what)
        if reply.status == 400 and body and not action.told:  # nobody said that it takes it
            return self._session.write("POST", action.target, {}, self._fence, what=what)
        if reply.status in {400, 428} and not body and reply.mentions(_ETAG):
            etag = self._etag(service)
            return self._session.write("POST", action.target, {_ETAG: etag}, self._fence, what=what) if etag else reply
        return reply

    def _takes_etag(self, service: LogService, action: Offered) -> bool:
        """By its ActionInfo, else by its version: LogService 1.3 brought the parameter (DSP2046, ClearLog)."""
        if action.told:
            return _ETAG in action.parameters
        return _version(text(self._resource(service), "@odata.type") or "") >= (1, 3)

    def _etag(self, service: LogService) -> str | None:
        if service.entries is None:
            return None
        reply = self._session.get(service.entries, what="list its log entries")
        return text(reply.resource(), "@odata.etag") or reply.etag
