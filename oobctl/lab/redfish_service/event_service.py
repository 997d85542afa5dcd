"""The EventService of a rack's BMC: it sees what changed in the chassis, and tells who subscribed or has a stream."""

import json
import threading
from typing import Any

import flask

from oobctl.lab.bmc_logs import LCLOG, SEL
from oobctl.lab.errors import LabError
from oobctl.lab.faults import BMC_DEAD, BMC_DROP_ANSWERS, BMC_DROP_REQUESTS
from oobctl.lab.redfish_service import event_subscriptions as looks
from oobctl.lab.redfish_service.answers import collection, failure, json_body, nothing
from oobctl.lab.redfish_service.event_delivery import EventDelivery
from oobctl.lab.redfish_service.log_services import BMC_LOGS, SYSTEM_LOGS
from oobctl.lab.redfish_service.rack_link import RackLink
from oobctl.lab.redfish_service.readings import Readings
from oobctl.lab.redfish_service.routes import serve

_LOOK_SECONDS = 0.2
_SYSTEM = "/redfish/v1/Systems/1"
_MUTE = {BMC_DEAD, BMC_DROP_ANSWERS, BMC_DROP_REQUESTS}
_ENTRIES = {SEL: f"{SYSTEM_LOGS}/{SEL}/Entries", LCLOG: f"{BMC_LOGS}/{LCLOG}/Entries"}


class EventService:
    """Subscriptions live in memory, so a reset of the BMC loses them, as many BMCs do."""

    def __init__(self, link: RackLink) -> None:
        self._link = link
        self._delivery = EventDelivery()
        self._lock = threading.Lock()
        self._subscriptions: dict[str, dict[str, Any]] = {}
        self._next = 1
        self._looking = False

    def install(self, app: flask.Flask) -> None:
        serve(app, {looks.SERVICE: looks.service, looks.SUBSCRIPTIONS: self.members})
        app.add_url_rule(looks.STREAM, "lab_event_stream", self.stream)
        app.add_url_rule(looks.SUBSCRIPTIONS, "lab_subscribe", self.create, methods=["POST"])
        member = f"{looks.SUBSCRIPTIONS}/<number>"
        app.add_url_rule(member, "lab_subscription", self.member)
        app.add_url_rule(member, "lab_unsubscribe", self.delete, methods=["DELETE"])

    def members(self) -> dict[str, Any]:
        with self._lock:
            return collection(looks.SUBSCRIPTIONS, "EventDestination", list(self._subscriptions))

    def create(self) -> flask.Response:
        body = json_body()
        with self._lock:
            refused = looks.refusal(body, len(self._subscriptions))
            if refused is not None:
                return refused
            path = f"{looks.SUBSCRIPTIONS}/{self._next}"
            self._next += 1
            made = self._subscriptions[path] = looks.described(path, body)
        self._look()
        return flask.Response(json.dumps(made), 201, {"Location": path}, content_type="application/json")

    def member(self, number: str) -> flask.Response:
        with self._lock:
            found = self._subscriptions.get(f"{looks.SUBSCRIPTIONS}/{number}")
        return flask.jsonify(found) if found else _unknown(number)

    def delete(self, number: str) -> flask.Response:
        with self._lock:
            gone = self._subscriptions.pop(f"{looks.SUBSCRIPTIONS}/{number}", None)
        return nothing() if gone else _unknown(number)

    def stream(self) -> flask.Response:
        chunks = self._delivery.stream()
        if chunks is None:
            return failure(503, "GeneralError", "There are as many event streams as there can be.")
        self._look()
        return flask.Response(chunks, content_type="text/event-stream")

    # --- what changed -------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Nobody looks where nobody is told."""
        with self._lock:
            if not self._looking:
                self._looking = True
                threading.Thread(target=self._watch, name="event-watch", daemon=True).start()

    def _watch(self) -> None:
        before = self._state()
        while True:
            threading.Event().wait(_LOOK_SECONDS)
            with self._lock:
                told = [looks.destination(found) for found in self._subscriptions.values()]
                if not told and not self._delivery.streams:
                    self._looking = False
                    return
            now = self._state()
            if before is None or now is None:
                before = before or now
                continue
            for origin in [origin for origin in now if now[origin] != before[origin]]:
                self._delivery.tell(told, "ResourceChanged", origin)
            before = now

    def _state(self) -> dict[str, Any] | None:
        """What is watched, by the resource that tells it; None where the BMC says nothing to anybody."""
        try:
            view = self._link.view()
            if _MUTE & set(view["faults"]):
                return None
            logs = {path: self._link.bmc("log", log=log, skip=0, top=1) for log, path in _ENTRIES.items()}
        except LabError:
            return None
        system = (view["power_state"], Readings(view).health)
        return {_SYSTEM: system} | {path: (page["total"], page["entries"][:1]) for path, page in logs.items()}


def _unknown(number: str) -> flask.Response:
    message = f"The requested resource of type EventDestination named {number} was not found."
    return failure(404, "ResourceNotFound", message, "EventDestination", number)
