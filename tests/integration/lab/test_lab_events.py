"""Events of a rack's BMC: sent to whom they were promised, and forgotten by a reset of the BMC."""

import httpx
import pytest

from oobctl.lab import rack
from oobctl.lab.redfish_service.event_subscriptions import SERVICE, SUBSCRIPTIONS
from tests.integration.lab.lab_clients import SYSTEM, Server, wait_for_bmc_reset
from tests.integration.trees.test_event_service import GOOD, WAIT, destination


def subscribed(client: httpx.Client, url: str) -> httpx.Response:
    return client.post(SUBSCRIPTIONS, json={**GOOD, "Destination": url, "Context": "rack"})


def test_a_fault_is_told_to_subscribers_and_over_the_stream(db01: Server) -> None:
    with db01.redfish() as client, destination() as (url, came):
        made = subscribed(client, url)
        assert made.status_code == 201
        with client.stream("GET", client.get(SERVICE).json()["ServerSentEventUri"]) as stream:
            lines = stream.iter_lines()
            assert next(lines).startswith(":")
            rack.inject(db01.home, "db01", "psu-failed")
            origins = set()
            while SYSTEM not in origins:
                event = came.get(timeout=WAIT)
                assert event["Context"] == "rack"
                origins.add(event["Events"][0]["OriginOfCondition"]["@odata.id"])
            assert next(line for line in lines if line.startswith("data:"))
        assert client.delete(made.headers["Location"]).status_code == 204
        assert client.get(SUBSCRIPTIONS).json()["Members"] == []


def test_a_reset_of_the_bmc_forgets_the_subscriptions(db01: Server) -> None:
    with db01.redfish() as client:
        assert subscribed(client, "http://127.0.0.1:9/events").status_code == 201
    wait_for_bmc_reset(db01)
    with db01.redfish() as client:
        assert client.get(SUBSCRIPTIONS).json()["Members"] == []


@pytest.mark.parametrize("change", [{"Protocol": "SMTP"}, {"Destination": "nowhere"}, {"Colour": "red"}])
def test_a_bad_subscription_is_refused(db01: Server, change: dict[str, str]) -> None:
    with db01.redfish() as client:
        assert client.post(SUBSCRIPTIONS, json={**GOOD, **change}).status_code == 400
