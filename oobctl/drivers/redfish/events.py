"""What a BMC tells by itself over Redfish: its event stream, and our subscriptions (DSP0266, section 13.1 and 13.5)."""

from itertools import islice
from typing import Any

from oobctl.drivers.interfaces import EventOffer, EventStream, Subscription
from oobctl.drivers.redfish.answers import link, text
from oobctl.drivers.redfish.session import RedfishSession
from oobctl.drivers.redfish.tree import Tree
from oobctl.errors import NotSupported

_MOST_SUBSCRIPTIONS = 100
_GONE = frozenset({404, 410})


class RedfishEvents:
    """interfaces.Events."""

    def __init__(self, session: RedfishSession, tree: Tree) -> None:
        self._session, self._tree = session, tree

    def offer(self) -> EventOffer:
        service = self._service()
        stream, subscriptions = link(service, "ServerSentEventUri"), link(service, "Subscriptions")
        return EventOffer(stream=stream is not None, subscriptions=subscriptions is not None)

    def stream(self) -> EventStream:
        return self._session.stream(self._path("ServerSentEventUri"), what="tell of events")

    def subscriptions(self, tag: str) -> list[Subscription]:
        members = self._tree.each(self._path("Subscriptions"), "list its event subscriptions")
        found = [(member.path, text(member.resource, "Context")) for member in islice(members, _MOST_SUBSCRIPTIONS)]
        return [Subscription(path, context) for path, context in found if path and context and context.startswith(tag)]

    def subscribe(self, destination: str, context: str) -> None:
        """The address is a secret: who knows it can have a BMC read early."""
        body = _body(self._service(), destination, context)
        path, what = self._path("Subscriptions"), "send us events"
        reply = self._session.write("POST", path, body, _no_lease, what=what, secrets=(destination,))
        if not reply.ok:
            raise reply.error(what)

    def unsubscribe(self, subscription: Subscription) -> None:
        what = "send us events no more"
        reply = self._session.write("DELETE", subscription.id, None, _no_lease, what=what)
        if not reply.ok and reply.status not in _GONE:
            raise reply.error(what)

    def _service(self) -> dict[str, Any]:
        """The EventService; empty where there is none, or it is switched off."""
        path = link(self._session.open(), "EventService")
        try:
            found = {} if path is None else self._tree.resource(path, "describe its event service")
        except NotSupported:
            return {}
        return {} if found.get("ServiceEnabled") is False else found

    def _path(self, key: str) -> str:
        path = link(self._service(), key)
        if path is None:
            raise NotSupported("This BMC tells of no events in that way.")
        return path


def _body(service: dict[str, Any], destination: str, context: str) -> dict[str, Any]:
    """Older services want the types of events, and tell which there are; newer ones take them no more."""
    body: dict[str, Any] = {"Destination": destination, "Protocol": "Redfish", "Context": context}
    types = service.get("EventTypesForSubscription")
    if isinstance(types, list) and types and not service.get("EventFormatTypes"):
        body["EventTypes"] = [kind for kind in types if isinstance(kind, str) and kind != "MetricReport"]
    return body


def _no_lease(_seconds: float) -> None:
    """A subscription is the monitor's own and changes nothing at the server: no job has to be kept away from it."""
