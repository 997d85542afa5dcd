"""The thread that owns the IPMI library: it runs what it is given, in order, whatever fails, and sleeps otherwise."""

import select
import socket
import threading
import time
from collections import deque

import pytest
from pyghmi.ipmi.private import session as library

from oobctl.drivers.ipmi.loop import _receive, loop


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


class Session:
    """What is handed to it."""

    def __init__(self) -> None:
        self.pktqueue: list[tuple[bytes, object, object, bool]] = []

    def take(self, packet: bytes) -> bool:
        return not packet.startswith(b"\x06")


def test_a_packet_too_short_to_be_one_reaches_no_session(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session()
    with socket.socket(type=socket.SOCK_DGRAM) as ours, socket.socket(type=socket.SOCK_DGRAM) as bmc:
        for end in (ours, bmc):
            end.bind(("127.0.0.1", 0))
        here, there = ours.getsockname(), bmc.getsockname()
        monkeypatch.setattr(library.Session, "bmc_handlers", {there: {here[1]: session}})
        monkeypatch.setattr(library, "sessionqueue", deque())
        for packet in (b"", b"\x06\x00\xff", b"\x06\x00\xff\x07"):
            bmc.sendto(packet, here)
        select.select([ours], [], [], 5)
        _receive(ours, here[1])
        assert [packet for packet, *_ in session.pktqueue] == [b"\x06\x00\xff\x07"]
        assert list(library.sessionqueue) == [session]


def test_a_flood_of_packets_does_not_keep_all_else_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    class Flooded:
        left = 10**5

        def recvfrom(self, *_: int) -> tuple[bytes, tuple[str, int]]:
            self.left -= 1
            if not self.left:
                raise BlockingIOError
            return b"\x06\x00\xff\x07", ("192.0.2.1", 623)

    ours = Flooded()
    monkeypatch.setattr(library.Session, "bmc_handlers", {})
    _receive(ours, 1024)
    assert ours.left > 0
