"""Behaviours of a BMC that tells of events in fewer ways, or forgets nothing."""

from oobctl.lab.redfish_service.trees import events
from oobctl.lab.redfish_service.trees.behaviours.behaviour import Behaviour
from oobctl.lab.redfish_service.trees.load import ROOT
from oobctl.lab.redfish_service.trees.state import State


class EventsNone(Behaviour):
    """There is no EventService."""

    name = "events-none"

    def prepare(self, state: State) -> None:
        path = state.resources.linked(ROOT, "EventService")
        state.resources.root.pop("EventService", None)
        if path is not None:
            state.resources.remove(path)


class EventsWithoutStream(Behaviour):
    """Events are sent to subscribers alone."""

    name = "events-without-stream"

    def prepare(self, state: State) -> None:
        (events.service(state) or {}).pop("ServerSentEventUri", None)


class EventsKept(Behaviour):
    """Subscriptions outlast a restart of the BMC."""

    name = "events-kept"

    def prepare(self, state: State) -> None:
        state.keeps_subscriptions = True


BEHAVIOURS = (EventsNone, EventsWithoutStream, EventsKept)
