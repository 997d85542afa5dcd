"""A serial line over a session: what is typed arrives once and in order, whatever the BMC and the network do to it."""

import heapq
import itertools
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oobctl.drivers.ipmi import sol as module
from oobctl.drivers.ipmi.lan import Answer, Request, SessionFailed
from oobctl.drivers.ipmi.sol import LineEnded, Sol, owners_of

OURS = "00000702"
OWNED_BY_US = bytes.fromhex("02070000") + bytes(8)
NACK, OFF, DEACTIVATED = 0x40, 0x20, 0x10


class Clock:
    """The loop and its time: what is due later is run by `pass_time`."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._ids = itertools.count()

    def monotonic(self) -> float:
        return self.now

    def call(self, call: Callable[[], object]) -> None:
        call()

    def call_later(self, seconds: float, call: Callable[[], object]) -> None:
        heapq.heappush(self._due, (self.now + seconds, next(self._ids), call))

    def pass_time(self, seconds: float) -> None:
        end = self.now + seconds
        while self._due and self._due[0][0] <= end:
            self.now, _, call = heapq.heappop(self._due)
            call()
        self.now = end


class Lan:
    """The session: what was sent and asked for."""

    native_id = OURS

    def __init__(self) -> None:
        self.line: Any = None
        self.sent: list[bytes] = []
        self.asked: list[Request] = []

    def send_line(self, payload: bytes) -> None:
        self.sent.append(payload)

    def ask(self, request: Request) -> None:
        self.asked.append(request)


class Bench:
    def __init__(self, longest: int = 16) -> None:
        self.clock, self.lan = Clock(), Lan()
        self.shown = bytearray()
        self.ends: list[Exception] = []
        loop: Any = self.clock
        lan: Any = self.lan
        self.sol = Sol(loop, lan, self.shown.extend, self.ends.append)
        self.longest = longest

    def run(self) -> None:
        self.sol.run(self.longest)

    def hear(self, number: int = 0, answers: int = 0, accepted: int = 0, status: int = 0, data: bytes = b"") -> None:
        self.sol.take(bytes((number, answers, accepted, status)) + data)

    def take_all(self) -> bytes:
        """The BMC takes all that is typed; what it was."""
        taken = b""
        while self.sol._packet:
            packet = self.lan.sent[-1]
            taken += packet[4:]
            self.hear(answers=packet[0], accepted=len(packet) - 4)
        return taken


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = Bench()
    monkeypatch.setattr(module, "time", made.clock)
    made.run()
    return made


def test_one_packet_is_under_way_at_a_time_and_no_longer_than_the_bmc_takes(bench: Bench) -> None:
    bench.sol.type(b"x" * 40)
    assert [len(packet) - 4 for packet in bench.lan.sent] == [16]
    assert bench.sol.waiting == 40
    assert bench.take_all() == b"x" * 40
    assert [len(packet) - 4 for packet in bench.lan.sent] == [16, 16, 8]
    assert bench.sol.waiting == 0


def test_what_is_not_answered_is_sent_again_as_it_was_and_at_last_the_line_ends(bench: Bench) -> None:
    bench.sol.type(b"ls\r")
    bench.clock.pass_time(3.5)
    assert bench.lan.sent == [b"\x01\x00\x00\x00ls\r"] * 4
    assert bench.ends == []
    bench.clock.pass_time(10)
    assert [type(end) for end in bench.ends] == [LineEnded]


def test_what_the_bmc_took_a_part_of_goes_on_from_there_under_another_number(bench: Bench) -> None:
    bench.sol.type(b"abcdef")
    bench.hear(answers=1, accepted=2, status=NACK)
    bench.clock.pass_time(0.5)
    assert bench.lan.sent[-1] == b"\x02\x00\x00\x00cdef"
    assert bench.sol.waiting == 4


def test_what_a_server_that_is_off_does_not_take_is_dropped(bench: Bench) -> None:
    bench.sol.type(b"x" * 100)
    bench.hear(answers=1, accepted=0, status=NACK | OFF)
    bench.clock.pass_time(5)
    assert len(bench.lan.sent) == 1
    assert bench.sol.waiting == 0
    bench.sol.type(b"y")
    assert bench.lan.sent[-1][4:] == b"y"


def test_an_answer_to_another_packet_changes_nothing(bench: Bench) -> None:
    bench.sol.type(b"a")
    bench.hear(answers=9, accepted=1)
    assert bench.sol.waiting == 1


def test_a_break_goes_out_between_what_was_typed_before_and_after_it(bench: Bench) -> None:
    bench.sol.type(b"a")
    bench.sol.send_break()
    bench.sol.type(b"b")
    bench.take_all()
    assert bench.lan.sent == [b"\x01\0\0\0a", b"\x02\0\0\x10", b"\x03\0\0\0b"]


def test_what_was_typed_before_the_line_was_active_goes_out_then() -> None:
    bench = Bench()
    bench.sol.type(b"a")
    assert bench.lan.sent == []
    bench.run()
    assert bench.lan.sent == [b"\x01\0\0\0a"]


def test_what_is_shown_is_told_once_and_acknowledged_each_time(bench: Bench) -> None:
    bench.hear(number=1, data=b"abc")
    bench.hear(number=1, data=b"abc")
    bench.hear(number=1, data=b"abcde")  # told again with more at its end
    bench.hear(number=2, data=b"abcde")
    assert bench.shown == b"abcdeabcde"
    assert bench.lan.sent == [b"\0\1\3\0", b"\0\1\3\0", b"\0\1\5\0", b"\0\2\5\0"]


def test_more_than_the_queue_holds_is_dropped(bench: Bench) -> None:
    bench.sol.type(b"x" * (1 << 20))
    bench.sol.type(b"y")
    assert bench.sol.waiting == 1 << 20


def test_a_line_that_is_deactivated_ends(bench: Bench) -> None:
    bench.hear(status=DEACTIVATED)
    assert [isinstance(end, LineEnded) and end.taken for end in bench.ends] == [True]
    bench.sol.type(b"a")
    bench.hear(number=1, data=b"late")
    assert bench.lan.sent == []
    assert bench.shown == b""


def test_a_quiet_line_is_asked_for_and_one_that_shows_something_is_not(bench: Bench) -> None:
    for number in range(1, 5):
        bench.clock.pass_time(4)
        bench.hear(number=number, data=b"x")
    assert bench.lan.asked == []
    bench.clock.pass_time(10)
    assert len(bench.lan.asked) > 0


@pytest.mark.parametrize(
    ("answer", "ends"),
    [
        (Answer(0, OWNED_BY_US), False),
        (Answer(0, OWNED_BY_US[3::-1] + bytes(8)), False),
        (Answer(0, bytes(12)), True),
        (Answer(0, bytes.fromhex("02080000") + bytes(8)), True),
        (Answer(0xC1, b""), False),
        (Answer(0, b""), False),
    ],
    ids=["ours", "ours, the other way round", "nobody's", "another's", "not told", "nothing said"],
)
def test_a_line_that_is_another_sessions_ends(bench: Bench, answer: Answer, ends: bool) -> None:
    bench.clock.pass_time(10)
    bench.lan.asked[0].answer.set_result(answer)
    assert [isinstance(end, LineEnded) and end.taken for end in bench.ends] == [True] * ends


def test_a_session_that_ends_ends_its_line_once(bench: Bench) -> None:
    failure = SessionFailed("timeout", heard=True, garbage=0)
    bench.lan.line = bench.sol
    bench.sol.lost(failure)
    bench.sol.lost(failure)
    assert bench.ends == [failure]
    assert bench.lan.line is None


def test_after_stop_nothing_is_sent_or_told(bench: Bench) -> None:
    bench.sol.type(b"a")
    bench.sol.stop()
    bench.clock.pass_time(30)
    bench.hear(number=1, data=b"x")
    bench.sol.lost(SessionFailed("closed", heard=True, garbage=0))
    assert len(bench.lan.sent) == 1
    assert bench.shown == b""
    assert bench.ends == []
    assert bench.lan.asked == []


class Bmc:
    """The other end, by the standard: it takes a packet once, at most so many bytes of it, and may lose any."""

    def __init__(self, dice: random.Random) -> None:
        self.typed = b""
        self._dice, self._last, self._answer = dice, 0, b""

    def take(self, packet: bytes) -> bytes | None:
        if self._dice.random() < 0.2:
            return None
        if packet[0] != self._last:
            self._last = packet[0]
            took = self._dice.choice((len(packet) - 4, len(packet) - 4, self._dice.randint(0, len(packet) - 4)))
            self.typed += packet[4 : 4 + took]
            self._answer = bytes((0, packet[0], took, NACK if took < len(packet) - 4 else 0))
        return self._answer if self._dice.random() > 0.2 else None


@given(st.integers(0, 2**32), st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=8))
def test_what_is_typed_arrives_once_and_in_order_whatever_is_lost(seed: int, pieces: list[bytes]) -> None:
    bench, dice = Bench(), random.Random(seed)
    bmc, seen = Bmc(dice), 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "time", bench.clock)
        patch.setattr(module, "_UNANSWERED_SECONDS", 1e6)
        bench.run()
        for piece in pieces:
            bench.sol.type(piece)
        while bench.sol.waiting:
            while seen < len(bench.lan.sent):
                answer = bmc.take(bench.lan.sent[seen])
                seen += 1
                if answer is not None:
                    bench.sol.take(answer)
            bench.clock.pass_time(0.3)
            bench.lan.asked.clear()
    assert bmc.typed == b"".join(pieces)


def test_an_owner_is_told_in_both_byte_orders() -> None:
    assert owners_of(Answer(0, OWNED_BY_US)) == (OURS, "02070000")


@given(st.lists(st.binary(max_size=12), max_size=20))
def test_whatever_a_bmc_sends_the_line_goes_on_or_ends(payloads: list[bytes]) -> None:
    bench = Bench()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "time", bench.clock)
        bench.run()
        bench.sol.type(b"abcdef")
        for payload in payloads:
            bench.sol.take(payload)
            bench.clock.pass_time(0.2)
    assert bench.sol.waiting in range(7)
    assert len(bench.ends) <= 1
