"""Driver code waits in a loop as it does in a thread, and holds up nobody there."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial

import pytest

from oobctl.drivers import loops
from oobctl.drivers.ipmi.loop import loop as ipmi_loop
from oobctl.drivers.redfish.loop import loop as redfish_loop
from tests.installation import eventually

LOOPS = pytest.mark.parametrize("loop", [ipmi_loop, redfish_loop], ids=["ipmi", "redfish"])


@LOOPS
def test_a_thousand_readings_wait_in_one_thread(loop: Callable[[], loops.Loop]) -> None:
    turns: list[Future[int]] = [Future() for _ in range(1000)]
    found: list[tuple[int, str]] = []

    def waits(turn: Future[int]) -> None:
        found.append((loops.result(turn), threading.current_thread().name))

    for turn in turns:
        loops.start(loop(), partial(waits, turn))
    for number, turn in enumerate(turns):
        turn.set_result(number)
    eventually(lambda: len(found) == 1000)
    assert sorted(number for number, _ in found) == list(range(1000))
    assert len({name for _, name in found}) == 1


@LOOPS
def test_what_blocks_is_done_aside_and_the_loop_goes_on(loop: Callable[[], loops.Loop]) -> None:
    goes_on, said = threading.Event(), list[str]()

    def slow() -> None:
        loops.aside(lambda: goes_on.wait(30))
        said.append("slow")

    loops.start(loop(), slow)
    loops.start(loop(), lambda: said.append("other"))
    eventually(lambda: said == ["other"])
    goes_on.set()
    eventually(lambda: said == ["other", "slow"])


@LOOPS
def test_an_error_reaches_who_waits_and_one_that_nobody_takes_ends_nothing(loop: Callable[[], loops.Loop]) -> None:
    failed: Future[None] = Future()
    failed.set_exception(ValueError("no"))
    said: list[str] = []

    def reading() -> None:
        with pytest.raises(ValueError, match="no"):
            loops.result(failed)
        with pytest.raises(KeyError):
            loops.aside(_fails)
        said.append("told")
        raise RuntimeError("a defect")

    loops.start(loop(), reading)
    loops.start(loop(), lambda: said.append("goes on"))
    eventually(lambda: sorted(said) == ["goes on", "told"])


@LOOPS
def test_who_sleeps_in_a_loop_lets_others_go_on(loop: Callable[[], loops.Loop]) -> None:
    said: list[str] = []

    def late() -> None:
        loops.sleep(0.2)
        said.append("late")

    loops.start(loop(), late)
    loops.start(loop(), lambda: said.append("early"))
    eventually(lambda: said == ["early", "late"])


def test_a_lock_is_one_tasks_at_a_time_among_readings_and_threads_alike() -> None:
    lock, inside, most, done = loops.Lock(), [0], [0], list[int]()

    def work(number: int) -> None:
        with lock, lock:  # reentrant
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            loops.sleep(0.002)
            loops.aside(lambda: _within(lock))  # a thread that works for a reading has its lock
            inside[0] -= 1
        done.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(10)]
    for number in range(10, 40):
        loops.start((ipmi_loop(), redfish_loop())[number % 2], partial(work, number))
    for thread in threads:
        thread.start()
    eventually(lambda: len(done) == 40)
    assert most[0] == 1


def _fails() -> None:
    raise KeyError


def _within(lock: loops.Lock) -> None:
    with lock:
        time.sleep(0.001)


def test_what_waits_for_a_packet_ends_once_and_is_cancelled_only_before_it_was_begun() -> None:
    one: loops.Pending[int] = loops.Pending()
    assert one.begin()
    assert not one.cancel()
    assert one.set_result(3)
    assert not one.set_exception(ValueError())
    assert (one.result(), one.done(), one.exception()) == (3, True, None)
    two: loops.Pending[int] = loops.Pending()
    told: list[object] = []
    two.add_done_callback(told.append)
    assert two.cancel()
    assert (two.begin(), told) == (False, [two])
    with pytest.raises(TimeoutError):
        loops.Pending[int]().result(0.01)


def test_threads_that_wait_for_one_packet_are_all_told() -> None:
    one: loops.Pending[int] = loops.Pending()
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(one.result(10))) for _ in range(8)]
    for thread in threads:
        thread.start()
    one.set_result(7)
    for thread in threads:
        thread.join(10)
    assert found == [7] * 8
