"""EventService of a tree: subscriptions that are resources, a stream, and what is told to both."""

import json
from typing import TYPE_CHECKING, Any

import flask

from oobctl.lab.redfish_service import event_subscriptions as looks
from oobctl.lab.redfish_service.answers import failure
from oobctl.lab.redfish_service.trees import refusals
from oobctl.lab.redfish_service.trees.load import ROOT

if TYPE_CHECKING:
    from oobctl.lab.redfish_service.trees.state import State


def service(state: "State") -> dict[str, Any] | None:
    """The EventService that the tree holds."""
    return state.resources.get(state.resources.linked(ROOT, "EventService"))


def collection(state: "State") -> str | None:
    """The path of the subscriptions, where the tree has such."""
    return state.resources.linked(state.resources.linked(ROOT, "EventService"), "Subscriptions")


def stream_path(state: "State") -> str | None:
    found = (service(state) or {}).get("ServerSentEventUri")
    return found if isinstance(found, str) else None


def subscribe(state: "State", path: str, body: dict[str, Any]) -> flask.Response:
    """POST to the collection."""
    refused = looks.refusal(body, len(state.subscribed))
    if refused is not None:
        return refused
    member = f"{path}/{state.number()}"
    made = looks.described(member, body)
    state.did("POST", path, body)
    state.resources.put(member, made)
    state.resources.list_members(path, [*state.resources.members(path), member])
    state.subscribed.append(member)
    return flask.Response(json.dumps(made), 201, {"Location": member}, content_type="application/json")


def unsubscribe(state: "State", path: str) -> flask.Response:
    """DELETE of a subscription."""
    state.did("DELETE", path, {})
    _remove(state, path)
    return refusals.nothing()


def stream(state: "State") -> flask.Response:
    """GET of the stream; it goes on until the BMC restarts or the client leaves."""
    pieces = state.delivery.stream()
    if pieces is None:
        return failure(503, "GeneralError", "There are as many event streams as there can be.")
    return flask.Response(pieces, content_type="text/event-stream")


def tell(state: "State", message_id: str, origin: str) -> None:
    """Something happened to a resource: all who listen are told, but for those of a capture."""
    destinations = [looks.destination(state.resources.at(path)) for path in state.subscribed]
    state.delivery.tell(destinations, message_id, origin)


def set_health(state: "State", path: str, health: str) -> None:
    """The health of a resource is another one now."""
    with state.lock:
        state.resources.at(path)["Status"]["Health"] = health
        tell(state, "HealthChanged", path)


def restarted(state: "State", *, keeps: bool) -> None:
    """The BMC restarts: streams end; subscriptions are gone, save where the BMC keeps them."""
    state.delivery.end_streams()
    for member in [] if keeps else list(state.subscribed):
        _remove(state, member)


def _remove(state: "State", path: str) -> None:
    above = path.rpartition("/")[0]
    state.subscribed = [found for found in state.subscribed if found != path]
    state.resources.list_members(above, [found for found in state.resources.members(above) if found != path])
    state.resources.remove(path)
