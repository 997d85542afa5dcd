"""Who is taken for dead: by whether a heartbeat moves, not by what a clock says."""

import time

import pytest

from oobctl.jobs.recovery import Heartbeats

AFTER = 5.0


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The monotonic clock, to be set."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_a_heartbeat_that_stands_still_means_death(local: list[float]) -> None:
    heartbeats = Heartbeats()
    assert heartbeats.dead([("worker", 50.0, 0.0)], AFTER) == []
    local[0] += AFTER + 0.1
    assert heartbeats.dead([("worker", 50.0, 5.1)], AFTER) == ["worker"]


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
    local[0] += AFTER + 0.1
    assert heartbeats.dead([("worker", 50.0, -3600.0)], AFTER) == ["worker"]


def test_a_database_that_was_away_kills_nobody(local: list[float]) -> None:
    heartbeats = Heartbeats()
    heartbeats.dead([("worker", 50.0, 0.0)], AFTER)
    local[0] += 60.0
    heartbeats.forgive()
    assert heartbeats.dead([("worker", 50.0, 60.0)], AFTER) == []
