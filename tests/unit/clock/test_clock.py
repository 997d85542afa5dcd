"""The time that readings are dated by: the store's where this computer's clock is wrong, and no jump in between."""

import time
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oobctl import clock

SECONDS = st.floats(-1e7, 1e7)


class Computer:
    """Its clock, and the store's."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.wrong = self.passed = 0.0
        self._began = time.time()
        patch.setattr(clock, "wall", lambda: self.store + self.wrong)
        patch.setattr(clock, "monotonic", lambda: self.passed)
        patch.setattr(clock, "_followed", None)

    @property
    def store(self) -> float:
        return self._began + self.passed

    @property
    def off(self) -> float:
        """By how much now is not the store's."""
        return clock.now().timestamp() - self.store


@given(st.lists(st.tuples(SECONDS, st.floats(0, 3600)), max_size=8))
def test_who_hears_the_store_now_and_then_tells_its_time_whatever_the_computer_s_clock_does(
    jumps: list[tuple[float, float]],
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        computer = Computer(patch)
        clock.follow(computer.store)
        for wrong, later in jumps:
            computer.wrong = wrong
            computer.passed += later
            assert abs(computer.off) < 4.1
            clock.follow(computer.store)
            assert abs(computer.off) < 2.1


def test_who_hears_no_store_tells_the_computer_s_time(monkeypatch: pytest.MonkeyPatch) -> None:
    computer = Computer(monkeypatch)
    computer.wrong = 3600.0
    assert abs(computer.off - 3600.0) < 0.001


def test_a_time_to_come_has_not_been_but_for_what_clocks_may_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    Computer(monkeypatch)
    for moment, been in ((timedelta(days=-1), True), (timedelta(seconds=59), True), (timedelta(seconds=61), False)):
        assert clock.has_been(clock.now() + moment) is been
        assert clock.has_been((clock.now() + moment).timestamp()) is been
