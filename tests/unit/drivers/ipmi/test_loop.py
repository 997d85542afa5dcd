"""The thread that owns the IPMI library: it runs what it is given, in order, whatever fails, and sleeps otherwise."""

import threading
import time

from oobctl.drivers.ipmi.loop import loop


def settle() -> None:
    """Until the loop has run all that was handed in so far."""
    done = threading.Event()
    loop().call(done.set)
    assert done.wait(5)


def test_calls_run_in_order_in_one_thread_of_its_own() -> None:
    seen: list[tuple[int, bool]] = []
    for number in range(100):
        loop().call(lambda number=number: seen.append((number, loop().inside())))  # type: ignore[misc]
    settle()
    assert seen == [(number, True) for number in range(100)]
    assert not loop().inside()


def test_a_call_that_fails_harms_no_other() -> None:
    def fail() -> None:
        raise RuntimeError("on purpose")

    for _ in range(3):
        loop().call(fail)
        settle()


def test_a_timer_runs_when_it_is_due_and_not_before() -> None:
    ran: list[float] = []
    done = threading.Event()
    due = time.monotonic() + 0.2

    def note() -> None:
        ran.append(time.monotonic())
        done.set()

    loop().call(lambda: loop().call_at(due, note))
    assert done.wait(5)
    assert ran[0] >= due


def test_an_idle_loop_uses_no_processor_time() -> None:
    settle()
    clock = time.pthread_getcpuclockid(_thread_id())
    before = time.clock_gettime(clock)
    time.sleep(1.0)
    assert time.clock_gettime(clock) - before < 0.05


def _thread_id() -> int:
    [found] = [thread for thread in threading.enumerate() if thread.name == "ipmi"]
    assert found.ident is not None
    return found.ident
