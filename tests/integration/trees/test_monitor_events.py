"""The monitor and a BMC's events: they make a reading earlier that was an hour away; nothing in them is believed."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from oobctl.config import settings
from oobctl.constants import READ_CAPABILITIES, Capability, Lifecycle, PowerState
from oobctl.drivers.redfish.sse import LONGEST_LINE
from oobctl.lab.redfish_service.event_delivery import MOST_STREAMS
from oobctl.lab.redfish_service.event_subscriptions import STREAM, SUBSCRIPTIONS
from oobctl.lab.redfish_service.trees import events, logs, power
from oobctl.monitor import Monitor
from oobctl.monitor.earlier import SPACING_SECONDS
from oobctl.monitor.event_listener import MOST_BYTES
from oobctl.monitor.events import Events
from oobctl.store import Database, EventLogEntry, Process, Reading, Server, Site, database
from tests import trees
from tests.installation import eventually, free_port
from tests.integration.trees.asking import SEL, SYSTEM
from tests.monitoring import running
from tests.profiles import Derived
from tests.trees import Served, serve

PATIENCE = 60.0
HOUR = 3600.0
SELDOM = {"polling.power": HOUR} | {f"polling.{name}": HOUR for name in READ_CAPABILITIES}
SOMEBODY = {"Destination": "http://127.0.0.1:9/events", "Protocol": "Redfish", "Context": "somebody else's"}


@dataclass
class There:
    """A BMC, the server behind it, and a site that has to read it only once an hour."""

    bmc: Served
    server_id: str
    site_id: str

    def server(self) -> Server:
        with database().read() as tx:
            return tx.get_one(Server, self.server_id)

    def reading(self, capability: Capability) -> Reading | None:
        with database().read() as tx:
            return tx.get(Reading, (self.server_id, capability))

    def all_was_read(self) -> bool:
        with database().read() as tx:
            tried = tx.scalars(select(Reading.capability).where(Reading.server_id == self.server_id)).all()
        return len(tried) == len(READ_CAPABILITIES) and self.server().power_read_at is not None

    def ours(self) -> list[str]:
        """The addresses to which the BMC sends us events."""
        resources = self.bmc.state.resources
        with self.bmc.state.lock:
            found = [resources.at(path) for path in resources.members(SUBSCRIPTIONS)]
        return [one["Destination"] for one in found if one["Context"].startswith("oobctl/")]

    def listens(self) -> bool:
        """The monitor would be told now."""
        return bool(self.ours()) or self.bmc.state.delivery.streams > 0

    def switch(self, state: str) -> None:
        """Somebody switches the server, and not over us."""
        with self.bmc.state.lock:
            power.switch(self.bmc.state, SYSTEM, state)

    def polls(self) -> int:
        return len(self.bmc.asked("GET", SYSTEM))


def monitoring(there: There) -> AbstractContextManager[Monitor]:
    return running(there.site_id)


@contextmanager
def read_once(there: There) -> Iterator[Monitor]:
    """A monitor that has read all, so that nothing is due for an hour, and is told of events."""
    with monitoring(there) as monitor:
        eventually(lambda: there.all_was_read() and there.listens(), PATIENCE)
        yield monitor


@pytest.fixture
def made(sqlite: Database, derived: Derived, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., There]]:
    """made("events-kept", listens=True, ways=[...]): a BMC with these behaviours, and rows that lead to it."""
    with ExitStack() as stack:

        def make(*behaviours: str, listens: bool = False, **changes: Any) -> There:
            bmc = stack.enter_context(serve(behaviours=behaviours))
            profile = derived(changes=SELDOM | {key.replace("__", "."): value for key, value in changes.items()})
            if listens:
                monkeypatch.setenv("OOBCTL_EVENTS_LISTEN", f"127.0.0.1:{free_port()}")
            settings.cache_clear()
            server_id = trees.way(bmc, profile=profile)
            with database().read() as tx:
                return There(bmc, server_id, tx.scalars(select(Site.id)).one())

        yield make


@pytest.fixture(params=["sse", "subscription"])
def there(request: pytest.FixtureRequest, made: Callable[..., There]) -> There:
    """Each way of being told."""
    return made(listens=True, events__ways=[request.param])


# --- what an event does


def test_a_change_of_power_is_read_before_its_time(there: There) -> None:
    with read_once(there):
        for state in ("Off", "On"):
            there.switch(state)
            eventually(lambda state=state: there.server().power_state is PowerState(state), PATIENCE)  # type: ignore[misc]


def test_health_and_log_are_read_before_their_time(there: There) -> None:
    with read_once(there):
        events.set_health(there.bmc.state, SYSTEM, "Critical")
        eventually(lambda: _health(there) == "Critical", PATIENCE)
        logs.add(there.bmc.state, SEL, Message="A fan stands still.")
        eventually(lambda: "A fan stands still." in _messages(there), PATIENCE)


def _health(there: There) -> object:
    found = there.reading(Capability.HEALTH)
    return (found.content or {}).get("health") if found is not None else None


def _messages(there: There) -> list[str]:
    with database().read() as tx:
        return list(tx.scalars(select(EventLogEntry.message).where(EventLogEntry.server_id == there.server_id)))


def test_what_is_not_about_an_event_is_not_read_earlier(there: There) -> None:
    with read_once(there):
        before = {name: _tried(there, name) for name in READ_CAPABILITIES}
        there.switch("Off")
        eventually(lambda: _tried(there, Capability.EVENT_LOG) != before[Capability.EVENT_LOG], PATIENCE)
        eventually(lambda: _tried(there, Capability.HEALTH) != before[Capability.HEALTH], PATIENCE)
    others = set(READ_CAPABILITIES) - {Capability.HEALTH, Capability.EVENT_LOG}
    assert {name: _tried(there, name) for name in others} == {name: before[name] for name in others}


def _tried(there: There, capability: Capability) -> object:
    found = there.reading(capability)
    return found.tried_at if found is not None else None


def test_a_forged_event_changes_nothing_and_one_to_an_unknown_address_is_no_event(made: Callable[..., There]) -> None:
    there = made(listens=True, events__ways=["subscription"])
    forged = {"Events": [{"MessageId": "OOBLab.1.0.PowerStateChanged", "MessageArgs": ["Off"]}], "PowerState": "Off"}
    with read_once(there) as monitor, httpx.Client(trust_env=False) as client:
        [address] = there.ours()
        unknown = address[:-8] + "AAAAAAAA"
        assert client.post(unknown, json=forged).status_code == 404
        earlier = monitor._events._earlier
        assert (earlier._told, earlier._last) == (set(), {})
        read_at = there.server().power_read_at
        assert client.post(address, json=forged).status_code == 204
        eventually(lambda: there.server().power_read_at != read_at, PATIENCE)
        assert there.server().power_state is PowerState.ON  # as the BMC says when it is asked
        assert "PowerStateChanged" not in " ".join(_messages(there))


def test_a_storm_of_events_moves_a_poll_no_more_often_than_is_good(there: There) -> None:
    with read_once(there):
        began, before = time.monotonic(), there.polls()
        for number in range(600):
            there.switch("Off" if number % 2 else "On")
            time.sleep(0.01)
        there.switch("Off")
        eventually(lambda: there.server().power_state is PowerState.OFF, PATIENCE)  # the last word is read
        # A reading of the health asks for the system too.
        assert there.polls() - before <= 3 * (2 + (time.monotonic() - began) / SPACING_SECONDS)


# --- being told, and being told again


def test_a_stream_costs_no_login(made: Callable[..., There]) -> None:
    there = made()
    with read_once(there):
        assert there.bmc.state.delivery.streams == 1
        assert len(there.bmc.asked("POST", "/redfish/v1/SessionService/Sessions")) == 1
        assert len(there.bmc.state.sessions) == 1
    eventually(lambda: there.bmc.state.delivery.streams == 0, PATIENCE)
    assert there.bmc.state.sessions == {}


@pytest.mark.parametrize("way", ["sse", "subscription"])
def test_after_a_restart_of_the_bmc_it_tells_again(
    made: Callable[..., There], way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Events, "first_pause", 0.5)
    there = made(listens=True, events__ways=[way], polling__power=1.0)
    with read_once(there):
        with there.bmc.state.lock:
            there.bmc.state.restart_bmc()
            assert there.ours() == []
        eventually(lambda: there.listens() and there.server().silent_since is None, PATIENCE)
    assert there.ours() == []


def test_where_the_bmc_keeps_a_subscription_there_is_one_all_the_same(made: Callable[..., There]) -> None:
    there = made("events-kept", listens=True, events__ways=["subscription"], polling__power=1.0)
    with read_once(there):
        with there.bmc.state.lock:
            there.bmc.state.restart_bmc()
        listed = len(there.bmc.asked("GET", SUBSCRIPTIONS))
        eventually(lambda: len(there.bmc.asked("GET", SUBSCRIPTIONS)) > listed, PATIENCE)  # it was looked at again
        assert len(there.ours()) == 1
    assert len(there.bmc.asked("POST", SUBSCRIPTIONS)) == 1


def test_where_all_streams_are_taken_there_is_a_subscription(made: Callable[..., There]) -> None:
    there = made(listens=True)
    assert all(there.bmc.state.delivery.stream() for _ in range(MOST_STREAMS))
    with monitoring(there):
        eventually(lambda: there.ours() != [], PATIENCE)
    assert there.ours() == []


def test_streams_take_no_more_of_our_sockets_than_polls_leave(
    made: Callable[..., There], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Events, "most_streams", 0)
    there = made(listens=True)
    with monitoring(there):
        eventually(lambda: there.ours() != [], PATIENCE)
    assert there.bmc.asked("GET", STREAM) == []


@pytest.mark.parametrize("behaviours", [("events-none",), ("events-without-stream",)])
def test_a_bmc_that_tells_nothing_is_read_all_the_same(made: Callable[..., There], behaviours: tuple[str, ...]) -> None:
    there = made(*behaviours, polling__power=1.0)
    with monitoring(there):
        eventually(lambda: there.server().power_state is PowerState.ON, PATIENCE)
        there.switch("Off")
        eventually(lambda: there.server().power_state is PowerState.OFF, PATIENCE)
    assert there.bmc.asked("POST", SUBSCRIPTIONS) == []


def test_a_stream_that_is_none_is_ended_and_the_bmc_is_read_all_the_same(
    made: Callable[..., There], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Events, "first_pause", 0.5)
    there = made()
    with read_once(there):
        there.bmc.state.delivery._streams[0].put(b"x" * (LONGEST_LINE + 1))
        eventually(lambda: len(there.bmc.asked("GET", STREAM)) == 2, PATIENCE)
        eventually(there.listens, PATIENCE)
        there.switch("Off")
        eventually(lambda: there.server().power_state is PowerState.OFF, PATIENCE)


def test_a_profile_can_forbid_both_ways(made: Callable[..., There]) -> None:
    there = made(listens=True, events__ways=[])
    with monitoring(there):
        eventually(there.all_was_read, PATIENCE)
    assert [there.bmc.asked("GET", path) for path in (STREAM, SUBSCRIPTIONS)] == [[], []]


def test_a_bmc_of_one_session_keeps_no_stream(made: Callable[..., There]) -> None:
    """Its session is given back after each reading; a stream would hold it."""
    there = made(sessions__redfish=2)
    with monitoring(there):
        eventually(there.all_was_read, PATIENCE)
    assert there.bmc.asked("GET", STREAM) == []


# --- leaving nothing behind


def test_foreign_subscriptions_stay_and_those_of_a_dead_monitor_go(there: There) -> None:
    with there.bmc.client() as client:
        foreign = client.post(SUBSCRIPTIONS, json=SOMEBODY).headers["Location"]
        of_another_site = {**SOMEBODY, "Context": "oobctl/0192-another/0"}
        other = client.post(SUBSCRIPTIONS, json=of_another_site).headers["Location"]
        left = client.post(SUBSCRIPTIONS, json={**SOMEBODY, "Context": f"oobctl/{there.site_id}/dead"})
        with monitoring(there):
            eventually(lambda: client.get(left.headers["Location"]).status_code == 404, PATIENCE)
            eventually(there.all_was_read, PATIENCE)
        assert [item["@odata.id"] for item in client.get(SUBSCRIPTIONS).json()["Members"]] == [foreign, other]


def test_none_of_ours_is_left_when_the_monitor_ends_and_its_address_was_said_to_nobody(
    made: Callable[..., There], capfd: pytest.CaptureFixture[str]
) -> None:
    there = made(listens=True, events__ways=["subscription"])
    with read_once(there):
        [address] = there.ours()
        for size in (0, MOST_BYTES + 1):
            httpx.post(address, content=b"x" * size, trust_env=False)
    assert there.ours() == []
    assert there.bmc.state.sessions == {}
    assert address.rpartition("/")[2] not in "".join(capfd.readouterr())


def test_none_of_ours_is_left_at_a_bmc_that_is_read_no_more(there: There) -> None:
    with read_once(there):
        with database().write() as tx:
            tx.execute(update(Server).where(Server.id == there.server_id).values(lifecycle=Lifecycle.QUARANTINED))
        eventually(lambda: not there.listens() and there.bmc.state.sessions == {}, PATIENCE)


def test_of_two_monitors_the_one_that_reads_the_bmc_is_told(there: There, monkeypatch: pytest.MonkeyPatch) -> None:
    with monitoring(there) as one:
        eventually(lambda: one._events._listener.is_open, PATIENCE)
        monkeypatch.setenv("OOBCTL_EVENTS_LISTEN", f"127.0.0.1:{free_port()}")  # a port for each
        settings.cache_clear()
        with monitoring(there):
            eventually(lambda: _monitors() == 2 and there.all_was_read() and there.listens(), PATIENCE)
            there.switch("Off")
            eventually(lambda: there.server().power_state is PowerState.OFF, PATIENCE)
            assert len(there.ours()) + there.bmc.state.delivery.streams == 1
    assert there.ours() == []


def _monitors() -> int:
    with database().read() as tx:
        return len(tx.scalars(select(Process.id).where(Process.kind == "monitor")).all())
