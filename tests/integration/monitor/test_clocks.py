"""Clocks that are an hour wrong and are set right: nothing is of a time to come, and no reading stops."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from oobctl import clock
from oobctl.constants import Capability, PowerState
from oobctl.lab.redfish_service.trees import logs
from oobctl.readings import rounds
from oobctl.store import Database, Reading, database
from tests import trees
from tests.installation import eventually
from tests.integration.monitor.watched import (
    OFTEN,
    entries,
    monitoring,
    numbers,
    said,
    samples,
    sensor,
    server,
    since,
    told,
)
from tests.profiles import Derived
from tests.trees import Served

HOUR = 3600.0
THERMAL = "/redfish/v1/Chassis/1/Thermal"
SEL = "/redfish/v1/Systems/1/LogServices/Sel"
_EPOCH = 2440587.5  # 1970 as a Julian day


class Clocks:
    """This computer's clock; on SQLite it is the database's as well. PostgreSQL has another computer's."""

    def __init__(self, is_sqlite: bool) -> None:
        self._is_sqlite = is_sqlite
        self.ahead = 0.0
        self.real = time.time

    def store(self) -> float:
        """The database's."""
        return self.wall() if self._is_sqlite else self.real()

    def wall(self) -> float:
        return self.real() + self.ahead

    def prepare(self, connection: Any, _record: object) -> None:
        connection.create_function("julianday", 1, lambda _now: self.wall() / 86400 + _EPOCH)


@pytest.fixture
def clocks(db: Database, monkeypatch: pytest.MonkeyPatch) -> Clocks:
    found = Clocks(db.is_sqlite)
    monkeypatch.setattr(clock, "wall", found.wall)
    monkeypatch.setattr(clock, "_followed", None)
    if db.is_sqlite:
        event.listen(db.engine, "connect", found.prepare)
        db.engine.dispose()
    return found


@pytest.fixture
def bmc() -> Iterator[Served]:
    with trees.serve() as served:
        yield served


@pytest.fixture
def server_id(bmc: Served, clocks: Clocks, derived: Derived) -> str:
    return trees.way(bmc, profile=derived(changes={**OFTEN, "timeouts.connect": 2, "timeouts.answer": 2}))


def turn(bmc: Served, server_id: str, clocks: Clocks, state: PowerState, celsius: float) -> None:
    """Change the power and a sensor, and wait until the store says so, by its own clock."""
    with bmc.state.lock:
        bmc.state.resources.at(bmc.state.system(None))["PowerState"] = str(state)
        bmc.state.resources.at(THERMAL)["Temperatures"][0]["ReadingCelsius"] = celsius
    eventually(lambda: server(server_id).power_state is state)
    eventually(lambda: sensor(server_id, "Inlet Temp").get("reading") == celsius)
    eventually(lambda: all(abs(moment.timestamp() - clocks.store()) < HOUR / 2 for moment in dated(server_id)))


def dated(server_id: str) -> list[datetime]:
    """When its power and its sensors were read, as it stands in the store."""
    with database().read() as session:
        row = session.get_one(Reading, (server_id, Capability.SENSORS))
    moments = [server(server_id).power_read_at, row.read_at, row.tried_at]
    return [moment for moment in moments if moment is not None]


def check_is_of_now(server_id: str) -> None:
    """Within a round nothing that is told is of a time to come, and what was just read counts as read now."""

    def power() -> bool:
        read_at = server(server_id).power_read_at
        return read_at is not None and read_at <= clock.now() and rounds.is_current(read_at, 0.5, clock.now())

    eventually(power)
    for capability in (Capability.SENSORS, Capability.EVENT_LOG, Capability.POWER_METERING):
        eventually(lambda capability=capability: told(server_id, capability).read_at is not None)  # type: ignore[misc]
        assert (told(server_id, capability).read_at or datetime.max.replace(tzinfo=UTC)) <= clock.now()
    found = since(server_id, clock.now() - timedelta(hours=3))
    assert found.times == sorted(set(found.times))
    assert all(at <= clock.now() for at in found.times)


@pytest.mark.prove
@pytest.mark.parametrize("ahead", [HOUR, -HOUR], ids=["forward", "back"])
def test_a_clock_that_jumps_an_hour_and_back_stops_no_reading_and_shows_nothing_to_come(
    bmc: Served, server_id: str, clocks: Clocks, db: Database, ahead: float
) -> None:
    with monitoring():
        turn(bmc, server_id, clocks, PowerState.ON, 20)
        kept = set(samples(server_id))
        clocks.ahead = ahead
        turn(bmc, server_id, clocks, PowerState.OFF, 21)
        check_is_of_now(server_id)
        if not db.is_sqlite:
            assert kept <= set(samples(server_id))
            assert {at // HOUR for _, at in samples(server_id)} <= {clocks.real() // HOUR, (clocks.real() - 60) // HOUR}
        clocks.ahead = 0.0
        turn(bmc, server_id, clocks, PowerState.ON, 22)
        check_is_of_now(server_id)
        now = clock.now()
        inlet = numbers(since(server_id, now - timedelta(minutes=30)), "Inlet Temp", "Cel")
    assert [at for _, at in samples(server_id) if at > now.timestamp()] == []
    assert list(inlet.values())[-1] == 22
    whose = "this computer's, and so the database's," if db.is_sqlite else "this computer's, not the database's,"
    done = f"{whose} clock {ahead / HOUR:+.0f} h, and right again"
    said("clock", done, "power, sensors and history followed within a round; nothing of a time to come")


def to_come(clocks: Clocks) -> datetime:
    """Half an hour from now, whatever the clocks say."""
    return datetime.fromtimestamp(clocks.real() + HOUR / 2, UTC)


@pytest.mark.prove
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)  # pauses are by the database's clock
def test_a_silence_that_began_while_the_clock_was_ahead_is_said_and_ends(
    bmc: Served, server_id: str, clocks: Clocks
) -> None:
    with monitoring():
        turn(bmc, server_id, clocks, PowerState.ON, 20)
        clocks.ahead = HOUR
        bmc.state.bmc.restarts, bmc.state.bmc.refused = bmc.state.bmc.restarts + 1, 10**6
        eventually(lambda: (server(server_id).silent_since or datetime.min.replace(tzinfo=UTC)) > to_come(clocks))
        clocks.ahead = 0.0
        eventually(lambda: (server(server_id).silent_since or datetime.max.replace(tzinfo=UTC)) < to_come(clocks))
        bmc.state.bmc.refused = 0
        eventually(lambda: server(server_id).silent_since is None)
        check_is_of_now(server_id)
    said("clock", "+1 h while a BMC falls silent, and right again", "silent since now, not since a time to come")


@pytest.mark.prove
def test_a_bmc_whose_clock_is_wrong_dates_no_reading_and_keeps_the_order_of_its_log(
    bmc: Served, server_id: str, clocks: Clocks
) -> None:
    dates = [clock.now() + timedelta(hours=hours) for hours in (1, 0, -1, 24 * 3650)]
    with monitoring():
        turn(bmc, server_id, clocks, PowerState.ON, 20)
        eventually(lambda: len(entries(server_id)) == 4)
        for number, date in enumerate([*dates, datetime(1970, 1, 1, 0, 3, tzinfo=UTC)]):
            with bmc.state.lock:
                bmc.state.resources.at("/redfish/v1/Managers/1")["DateTime"] = date.isoformat()
                logs.add(bmc.state, SEL, Created=clock.rfc3339(date), Message=f"Event {number}.")
            eventually(lambda number=number: len(entries(server_id)) == 5 + number)  # type: ignore[misc]
            check_is_of_now(server_id)
    late = entries(server_id)[4:]
    assert [entry.message for entry in late] == [f"Event {number}." for number in range(5)]
    assert late[-1].created is None
    assert all(entry.seen_at <= clock.now() for entry in late)
    said("clock", "a BMC's own +1 h, back, -1 h, +10 years, 1970", "five entries in their order, no reading misdated")
