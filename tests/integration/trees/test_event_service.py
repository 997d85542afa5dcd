"""The lab's EventService: who subscribes is told, who has a stream too, and a restart of the BMC ends both."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from typing import Any

import httpx
import pytest

from oobctl.lab.redfish_service.event_subscriptions import MOST_SUBSCRIPTIONS, SERVICE, STREAM, SUBSCRIPTIONS
from oobctl.lab.redfish_service.trees import events, logs
from tests.integration.trees.asking import SEL, SYSTEM, behaving, message_id, reset
from tests.trees import Served

WAIT = 20.0
GOOD = {"Destination": "http://127.0.0.1:9/events", "Protocol": "Redfish", "Context": "somebody"}


@contextmanager
def destination() -> Iterator[tuple[str, "SimpleQueue[dict[str, Any]]"]]:
    """An address that events can be sent to, and what came there."""
    came: SimpleQueue[dict[str, Any]] = SimpleQueue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            came.put(httpx.Response(200, content=body).json())
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/somewhere", came
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def subscribe(client: httpx.Client, **body: Any) -> httpx.Response:
    return client.post(SUBSCRIPTIONS, json={**GOOD, **body})


def change(bmc: Served, client: httpx.Client, what: str) -> str:
    """Make that happen; returns the resource that it happened to."""
    if what == "power":
        assert reset(client, "ForceOff").status_code == 204
        return SYSTEM
    if what == "log":
        return logs.add(bmc.state, SEL, Message="A fan stands still.")
    events.set_health(bmc.state, SYSTEM, "Critical")
    return SYSTEM


@pytest.mark.parametrize("what", ["power", "log", "health"])
def test_a_subscriber_is_told_of_power_log_entries_and_health(what: str) -> None:
    with behaving() as (bmc, client), destination() as (url, came):
        made = subscribe(client, Destination=url, Context="rack 4")
        assert (made.status_code, client.get(made.headers["Location"]).json()["Context"]) == (201, "rack 4")
        origin = change(bmc, client, what)
        event = came.get(timeout=WAIT)
        assert (event["Context"], event["Events"][0]["OriginOfCondition"]["@odata.id"]) == ("rack 4", origin)
        assert client.delete(made.headers["Location"]).status_code == 204
        assert client.get(SUBSCRIPTIONS).json()["Members"] == []
        assert client.delete(made.headers["Location"]).status_code == 404


def test_a_stream_tells_the_same() -> None:
    with behaving() as (bmc, client), client.stream("GET", client.get(SERVICE).json()["ServerSentEventUri"]) as stream:
        assert stream.headers["Content-Type"] == "text/event-stream"
        lines = stream.iter_lines()
        assert next(lines).startswith(":")
        change(bmc, client, "power")
        assert next(line for line in lines if line.startswith("data:"))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"Destination": None}, "PropertyValueTypeError"),
        ({"Destination": "somewhere"}, "PropertyValueFormatError"),
        ({"Destination": "http://[::1"}, "PropertyValueFormatError"),
        ({"Protocol": "SNMPv2c"}, "PropertyValueNotInList"),
        ({"EventTypes": "Alert"}, "PropertyValueTypeError"),
        ({"Context": "x" * 257}, "StringValueTooLong"),
        ({"Colour": "red"}, "PropertyUnknown"),
    ],
)
def test_a_bad_subscription_is_refused(body: dict[str, Any], message: str) -> None:
    with behaving() as (_bmc, client):
        refused = subscribe(client, **body)
        assert (refused.status_code, message_id(refused)) == (400, message)
        assert client.get(SUBSCRIPTIONS).json()["Members"] == []


@pytest.mark.parametrize("name", ["Destination", "Protocol"])
def test_what_a_subscription_needs_has_to_be_there(name: str) -> None:
    with behaving() as (_bmc, client):
        refused = client.post(SUBSCRIPTIONS, json={key: value for key, value in GOOD.items() if key != name})
        assert (refused.status_code, message_id(refused)) == (400, "PropertyMissing")


def test_there_are_only_so_many_subscriptions() -> None:
    with behaving() as (_bmc, client):
        assert [subscribe(client).status_code for _ in range(MOST_SUBSCRIPTIONS)] == [201] * MOST_SUBSCRIPTIONS
        refused = subscribe(client)
        assert (refused.status_code, message_id(refused)) == (503, "EventSubscriptionLimitExceeded")


@pytest.mark.parametrize(("behaviours", "left"), [((), 0), (("events-kept",), 1)])
def test_a_restart_of_the_bmc_ends_streams_and_loses_subscriptions_save_where_it_keeps_them(
    behaviours: tuple[str, ...], left: int
) -> None:
    with behaving(*behaviours) as (bmc, client):
        subscribe(client)
        with client.stream("GET", STREAM) as stream:
            with bmc.state.lock:
                bmc.state.restart_bmc()
            assert "data:" not in "".join(stream.iter_text())  # it ends
        assert len(bmc.state.resources.members(SUBSCRIPTIONS)) == left


def test_a_bmc_can_have_no_stream_or_no_events_at_all() -> None:
    with behaving("events-without-stream") as (_bmc, client):
        assert "ServerSentEventUri" not in client.get(SERVICE).json()
        assert (client.get(STREAM).status_code, subscribe(client).status_code) == (404, 201)
    with behaving("events-none") as (_bmc, client):
        assert "EventService" not in client.get("/redfish/v1").json()
        assert {client.get(path).status_code for path in (SERVICE, SUBSCRIPTIONS, STREAM)} == {404}
