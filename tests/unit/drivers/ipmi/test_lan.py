"""An open IPMI session: how soon a packet is sent again, and which packets are taken for the BMC's answer."""

import collections
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pyghmi.ipmi.private import session as library

from oobctl.constants import SessionPurpose
from oobctl.drivers.ipmi.lan import Answer, LanSession, Request
from oobctl.drivers.ipmi.packets import Codec
from oobctl.drivers.ipmi.session import IpmiSession
from oobctl.drivers.login import Login
from tests.unit.drivers.ipmi.test_packets import AES, INTEGRITY, PAYLOAD

FAST = 0.2
OURS = 7


class Loop:
    """What is to be run later, and never is by itself."""

    def __init__(self) -> None:
        self.later: list[Callable[[], object]] = []

    def call_at(self, when: float, call: Callable[[], object]) -> None:
        self.later.append(call)


class Open(LanSession):
    """A session with a BMC that answers fast, as it is after the login, without a socket: what it sends is noted."""

    def __new__(cls) -> "Open":
        return object.__new__(cls)

    def __init__(self) -> None:
        self._loop: Any = Loop()
        self._queue = collections.deque()
        self._current, self._failed, self._resend_after = None, False, FAST
        self._codec = Codec(AES, INTEGRITY, "sha1", 12)
        self.localsid = OURS
        self.sent: list[tuple[float, bool]] = []
        self.taken: list[bytes] = []
        self.ended: list[str] = []

    def _send_ipmi_net_payload(self, *_: object, retry: bool, **_more: object) -> None:
        self.sent.append((self.timeout, retry))

    def _parse_ipmi_payload(self, payload: bytearray) -> None:
        self.taken.append(bytes(payload))

    def _end(self, words: str) -> None:
        self.ended.append(words)

    def receive(self, sequence: int, *, session_id: int = OURS) -> None:
        assert self._codec is not None
        self._handle_ipmi2_packet(bytearray(self._codec.encode(PAYLOAD, 0, session_id, sequence)))


@pytest.mark.parametrize(("reads", "soon"), [(True, True), (False, False)])
def test_only_what_changes_nothing_is_sent_again_as_soon_as_the_bmc_is_fast(reads: bool, soon: bool) -> None:
    session = Open()
    session.ask(Request(0, 2, b"\x01", time.monotonic() + 60, reads=reads))
    [(after, again)] = session.sent
    assert (after < library.initialtimeout, again) == (soon, True)
    assert after >= FAST


@pytest.mark.parametrize(("again", "learns"), [(0, True), (1, False)])
def test_how_fast_a_bmc_is_is_told_by_an_answer_to_the_only_copy_of_a_question(again: int, learns: bool) -> None:
    session = Open()
    session._resend_after = float(library.initialtimeout)
    session.ask(Request(0, 1, b"", time.monotonic() + 60, reads=True))
    session.hasretried = again
    session._sent_at = time.monotonic()  # it answers at once
    session._answered({"code": 0, "data": b""})
    assert (session._resend_after < library.initialtimeout) == learns
    session.ask(Request(0, 2, b"\x01", time.monotonic() + 60))
    session._answered({"code": 0, "data": b""})  # what acts tells nothing of it
    assert (session._resend_after < library.initialtimeout) == learns


@pytest.mark.parametrize("answered", [False, True])
def test_a_question_that_is_overdue_ends_the_session_for_its_answer_could_be_taken_for_another(answered: bool) -> None:
    session = Open()
    session.ask(Request(0, 1, b"", time.monotonic() + 60, reads=True))
    [overdue] = session._loop.later
    if answered:
        session._answered({"code": 0, "data": b""})
    overdue()
    assert session.ended == ([] if answered else ["timeout"])


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
    session.ask(Request(0, 2, b"\x03", time.monotonic() + 60, once=True))
    assert [again for _after, again in session.sent] == [False]


def test_a_packet_of_another_session_and_one_that_comes_late_are_no_answer() -> None:
    session = Open()
    session.receive(5)
    session.receive(6, session_id=OURS + 2)  # an earlier login of ours at the same BMC, from the same port
    assert session.taken == [PAYLOAD]
    session.receive(4)
    assert session.taken == [PAYLOAD]
    session.receive(6)
    assert session.taken == [PAYLOAD, PAYLOAD]


def test_after_the_last_sequence_number_the_first_one_follows() -> None:
    session = Open()
    session.receive(2**32 - 1)
    session.receive(1)
    assert session.taken == [PAYLOAD, PAYLOAD]
