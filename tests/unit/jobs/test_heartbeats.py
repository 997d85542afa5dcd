"""Who is taken for dead: by whether a heartbeat moves, not by what a clock says."""

import time

import pytest

from oobctl.jobs.heartbeats import Heartbeats

AFTER = 5.0


def looked(heartbeats: Heartbeats, local: list[float], *, age: float) -> list[str]:
    """Who is dead after looks each second for a little longer than AFTER, at a heartbeat that stands still."""
    found: list[str] = []
    for _ in range(int(AFTER) + 1):
        local[0] += 1.0
        found = heartbeats.dead([("worker", 50.0, age)], AFTER)
    return found


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The monotonic clock, to be set."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_a_heartbeat_that_stands_still_means_death(local: list[float]) -> None:
    heartbeats = Heartbeats()
    assert heartbeats.dead([("worker", 50.0, 0.0)], AFTER) == []
    assert looked(heartbeats, local, age=5.1) == ["worker"]


def test_one_that_died_before_we_came_is_dead_at_once(local: list[float]) -> None:
    assert Heartbeats().dead([("worker", 50.0, 3600.0)], AFTER) == ["worker"]


@pytest.mark.parametrize("step", [3600.0, -3600.0])
def test_a_step_of_the_databases_clock_kills_nobody_who_lives(local: list[float], step: float) -> None:
    heartbeats = Heartbeats()
    heartbeats.dead([("worker", 50.0, 0.0)], AFTER)
    local[0] += 1.0
    assert heartbeats.dead([("worker", 50.0, step)], AFTER) == []


def test_a_clock_set_back_hides_no_death(local: list[float]) -> None:
    heartbeats = Heartbeats()
    heartbeats.dead([("worker", 50.0, 0.0)], AFTER)
    assert looked(heartbeats, local, age=-3600.0) == ["worker"]


def test_a_database_that_was_away_kills_nobody(local: list[float]) -> None:
    heartbeats = Heartbeats()
    heartbeats.dead([("worker", 50.0, 0.0)], AFTER)
    local[0] += 60.0
    heartbeats.forgive()
    assert heartbeats.dead([("worker", 50.0, 60.0)], AFTER) == []


def test_who_was_stopped_itself_takes_nobody_for_dead(local: list[float]) -> None:
    """A computer that is paused stops all of its processes; the first that goes on must not end the others' work."""
    heartbeats = Heartbeats()
    heartbeats.dead([("worker", 50.0, 0.0)], AFTER)
    local[0] += 3600.0
    assert heartbeats.dead([("worker", 50.0, 3600.0)], AFTER) == []
    assert looked(heartbeats, local, age=3600.0) == ["worker"]
