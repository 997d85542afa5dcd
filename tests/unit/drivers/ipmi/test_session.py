"""Logins over IPMI that come to nothing while the database is away, or too late: no slot and no session is left."""

from concurrent.futures import Future

import pytest

from oobctl.constants import Protocol, SessionPurpose
from oobctl.drivers import circuit, slots
from oobctl.drivers.ipmi import session as sessions
from oobctl.drivers.ipmi.lan import Request, SessionFailed
from oobctl.drivers.ipmi.loop import loop
from oobctl.drivers.ipmi.session import IpmiSession
from oobctl.drivers.slots import Slot
from oobctl.drivers.ways import login_to, profile_of, rows_of
from oobctl.errors import BmcTimeout, OutcomeUnknown, StoreUnavailable
from tests.installation import Installation

US = "monitor-1"


class Lan:
    """A session with a BMC, as far as its owner looks at it."""

    alive, native_id = True, "0000abcd"

    def __init__(self, *_more: object) -> None:
        self.closed = False

    def close(self, done: "Future[None]", _deadline: float) -> None:
        self.closed = True
        done.set_result(None)

    def ask(self, request: Request) -> None:
        request.answer.begin()
        request.sent = True
        request.answer.set_exception(SessionFailed("timeout", heard=True, garbage=0))


@pytest.fixture
def session(installation: Installation) -> IpmiSession:
    rows = rows_of(installation.server("web01").id)
    return IpmiSession(
        login_to(rows, Protocol.IPMI, profile_of(rows.bmc), SessionPurpose.POLL, US, check_who=lambda: None)
    )


def away(*_any: object) -> None:
    raise StoreUnavailable("The database is away.")


def claim_the_only_slot(session: IpmiSession) -> None:
    """Raises BmcSessionsExhausted where what was given up is still held by us."""
    slots.beat_all(US)
    Slot(session.login.endpoint, 1, SessionPurpose.POLL, "monitor-2").claim()


def test_a_login_that_fails_while_the_database_is_away_holds_no_slot_for_ever(
    session: IpmiSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(_session: IpmiSession) -> Lan:
        raise BmcTimeout("It did not let us in.")

    monkeypatch.setattr(IpmiSession, "_log_in", silent)
    with monkeypatch.context() as patch:
        patch.setattr(circuit, "unanswered", away)
        with pytest.raises(StoreUnavailable):
            session.read(6, 1, what="say that it is there")
    claim_the_only_slot(session)


def test_a_login_that_succeeds_while_the_database_is_away_leaves_no_session_that_nobody_closes(
    session: IpmiSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    lan = Lan()
    monkeypatch.setattr(IpmiSession, "_log_in", lambda _session: lan)
    circuit.unanswered(session.login.endpoint.id, None)
    session.login.slot.purpose = SessionPurpose.ACT  # which does not wait for the pause to be over
    with monkeypatch.context() as patch:
        patch.setattr(circuit, "answered", away)
        with pytest.raises(StoreUnavailable):
            session.read(6, 1, what="say that it is there")
    assert lan.closed
    claim_the_only_slot(session)


def test_a_login_that_succeeds_when_nobody_waits_for_it_any_more_is_closed(
    session: IpmiSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Lan] = []

    def slow(*_more: object) -> Lan:  # its loop stood still
        made.append(Lan())
        return made[-1]

    monkeypatch.setattr(sessions, "LanSession", slow)
    monkeypatch.setattr(sessions, "_GRACE", -session.login.profile.timeouts.connect)
    with pytest.raises(BmcTimeout):
        session._log_in()
    passed: Future[None] = Future()
    loop().call(lambda: passed.set_result(None))
    passed.result(10)
    assert [lan.closed for lan in made] == [True]


def test_what_was_sent_once_and_not_answered_is_unknown_also_where_the_database_is_away(
    session: IpmiSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(IpmiSession, "_log_in", lambda _session: Lan())
    session._open()

    def fence(_seconds: float) -> None:
        monkeypatch.setattr(slots, "forget", away)

    with pytest.raises(OutcomeUnknown):
        session.write_once(0, 2, b"\x03", fence, what="reset the server")
