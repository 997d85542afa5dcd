"""An open IPMI session: how soon a packet is sent again, and which packets are taken for the BMC's answer."""

import collections
import time
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pyghmi.ipmi.private import session as library

from oobctl.constants import SessionPurpose
from oobctl.drivers.ipmi.lan import Answer, LanSession, Request
from oobctl.drivers.ipmi.packets import Codec
from oobctl.drivers.ipmi.session import IpmiSession
from oobctl.drivers.login import Login
from tests.unit.drivers.ipmi.test_packets import AES, INTEGRITY

FAST = 0.2
OURS = 7


class Loop:
    """Only what waits for an answer."""

    def __init__(self) -> None:
        self.waiting: dict[object, float] = {}


class Open(LanSession):
    """A session with a BMC that answers fast, as it is after the login; what it sends is noted, and goes nowhere."""

    def __new__(cls) -> "Open":
        return object.__new__(cls)

    def __init__(self) -> None:
        self._loop: Any = Loop()
        self._queue = collections.deque()
        self._current, self._failed, self._resend_after = None, False, FAST
        self._number = self._heard_last = 0
        self._repeated: dict[int, float] = {}
        self._codec = Codec(AES, INTEGRITY, "sha1", 12)
        self.localsid = self.sessionid = OURS
        self.sequencenumber, self.sockaddr = 1, ("127.0.0.1", 623)
        self.socket: Any = SimpleNamespace(sendto=lambda packet, _to: self.sent.append(packet))
        self.sent: list[bytes] = []
        self.ended: list[str] = []

    def _end(self, words: str) -> None:
        self.ended.append(words)

    @property
    def again_after(self) -> float:
        """Seconds from the last packet until it looks after its answer."""
        return float(self._loop.waiting[self] - self._sent_at)

    def answer(self, sequence: int, *, number: int | None = None, session_id: int = OURS) -> None:
        """The BMC answers the question that is under way: code 0, no data."""
        assert self._codec is not None
        assert self._current is not None
        netfn, number = self._current.netfn | 1, self._number if number is None else number
        payload = bytes((0x81, netfn << 2, 0, 0x20, number << 2, self._current.command, 0, 0))
        assert self.take(self._codec.encode(payload, 0, session_id, sequence))


def question(**more: Any) -> Request:
    return Request(0, 1, b"", time.monotonic() + 60, **more)


@pytest.mark.parametrize(("reads", "soon"), [(True, True), (False, False)])
def test_only_what_changes_nothing_is_sent_again_as_soon_as_the_bmc_is_fast(reads: bool, soon: bool) -> None:
    session = Open()
    session.ask(question(reads=reads))
    assert len(session.sent) == 1
    assert (session.again_after < library.initialtimeout) == soon
    assert session.again_after >= FAST
    session.unanswered(time.monotonic())
    assert len(session.sent) == 2


@pytest.mark.parametrize("again", [False, True])
def test_how_fast_a_bmc_is_is_told_by_an_answer_to_the_only_copy_of_a_question(again: bool) -> None:
    session = Open()
    session._resend_after = float(library.initialtimeout)
    session.ask(question(reads=True))
    if again:
        session.unanswered(time.monotonic())
    session.answer(1)
    assert (session._resend_after < library.initialtimeout) == (not again)
    learnt = session._resend_after
    session.ask(question())
    session.answer(2)  # what acts tells nothing of it
    assert session._resend_after == learnt


def test_a_number_whose_question_was_sent_twice_is_let_be_until_no_answer_to_it_can_come() -> None:
    session = Open()
    session.ask(question(reads=True))
    session.unanswered(time.monotonic())
    doubtful = session._number
    session.answer(1)
    for sequence in range(2, 300):  # a reading of sensors comes around several times
        session.ask(question(reads=True))
        assert session._number != doubtful
        session.answer(sequence)


def test_where_all_numbers_are_in_doubt_the_one_before_is_not_the_next_one() -> None:
    session = Open()
    for sequence in range(1, 200):
        before = session._number
        session.ask(question(reads=True))
        assert session._number != before
        session.unanswered(time.monotonic())
        session.answer(sequence)
    assert len(session._repeated) <= 64


@pytest.mark.parametrize("answered", [False, True])
def test_a_question_that_is_overdue_ends_the_session_for_its_answer_could_be_taken_for_another(answered: bool) -> None:
    session = Open()
    session.ask(question(reads=True))
    if answered:
        session.answer(1)
    session.unanswered(time.monotonic() + 61)
    assert session.ended == ([] if answered else ["timeout"])
    assert len(session.sent) == 1


@pytest.mark.parametrize(("purpose", "seconds"), [(SessionPurpose.POLL, 8.0), (SessionPurpose.ACT, 3.0)])
def test_a_poll_keeps_its_session_as_long_as_an_answer_may_take_and_a_person_does_not_wait(
    monkeypatch: pytest.MonkeyPatch, purpose: SessionPurpose, seconds: float
) -> None:
    asked: list[float] = []

    def send(_session: IpmiSession, _request: Request, limit: float) -> Answer:
        asked.append(limit)
        return Answer(0, b"")

    monkeypatch.setattr(IpmiSession, "_send", send)
    profile = SimpleNamespace(timeouts=SimpleNamespace(answer=8.0))
    session = IpmiSession(cast(Login, SimpleNamespace(profile=profile, slot=SimpleNamespace(purpose=purpose))))
    session._lan = Open()
    session.exchange(0, 1, what="say how it is")
    assert asked == [seconds]


def test_what_may_be_sent_once_is_never_sent_again() -> None:
    session = Open()
    session.ask(question(once=True))
    assert session.again_after > 50
    session.unanswered(time.monotonic() + 61)
    assert len(session.sent) == 1
    assert session.ended == ["timeout"]


def test_a_packet_of_another_session_one_that_comes_late_and_another_questions_are_no_answer() -> None:
    session = Open()
    first, second = question(), question()
    session.ask(first)
    session.answer(6, session_id=OURS + 2)  # an earlier login of ours at the same BMC, from the same port
    session.answer(5, number=session._number + 1)
    assert not first.answer.done()
    session.answer(5)
    assert first.answer.result() == Answer(0, b"")
    session.ask(second)
    session.answer(4)
    assert not second.answer.done()
    session.answer(6)
    assert second.answer.done()


def test_after_the_last_sequence_number_the_first_one_follows() -> None:
    session = Open()
    for sequence in (2**32 - 1, 1):
        asked = question()
        session.ask(asked)
        session.answer(sequence)
        assert asked.answer.done()


def test_the_next_question_goes_out_when_the_one_before_is_answered_and_not_before() -> None:
    session = Open()
    for _ in range(2):
        session.ask(question())
    assert len(session.sent) == 1
    session.answer(1)
    assert len(session.sent) == 2


def test_a_packet_of_the_login_that_comes_after_the_end_begins_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    handled: list[object] = []
    monkeypatch.setattr(library.Session, "_handle_ipmi_packet", lambda _session, data, **_more: handled.append(data))
    monkeypatch.setattr(library.Session, "bmc_handlers", {("127.0.0.1", 623): {}})  # of another session
    for over in (False, True):
        session = Open()
        session._failed = over
        session.pktqueue = collections.deque([(b"\x06\x00\xff\x07\x06\x15", ("127.0.0.1", 623), None, True)])
        session.process_pktqueue()
        assert not session.pktqueue
    assert len(handled) == 1
