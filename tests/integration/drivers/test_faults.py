"""What goes wrong with a BMC: the error that it is, no session left behind, and nothing sent twice."""

import logging
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import update

from oobctl.config import settings
from oobctl.constants import PowerState, Protocol, ResetType, SessionPurpose, TlsMode
from oobctl.drivers import dead_sessions
from oobctl.errors import (
    BmcAuthFailed,
    BmcAuthUnconfirmed,
    BmcBadAnswer,
    BmcError,
    BmcIdentityChanged,
    BmcSessionsExhausted,
    BmcUnreachable,
    ConfigurationError,
    OutcomeUnknown,
)
from oobctl.lab import rack as lab
from oobctl.store import Endpoint, database
from tests.integration.drivers.rows import HOLDER, Rows
from tests.integration.lab.lab_clients import Server, restarts
from tests.starting import later

IPMI, REDFISH = ("web01", Protocol.IPMI), ("db01", Protocol.REDFISH)
both = pytest.mark.parametrize(("name", "protocol"), [IPMI, REDFISH], ids=["ipmi", "redfish"])


@both
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("bmc-dead", BmcUnreachable),
        ("bmc-slow", BmcUnreachable),
        ("bmc-drop-answers", BmcUnreachable),
        ("bmc-drop-requests", BmcUnreachable),
        ("bmc-garbage", BmcBadAnswer),
        ("bmc-password-changed", BmcAuthFailed),
        ("bmc-sessions-full", BmcSessionsExhausted),
    ],
)
def test_each_fault_is_its_own_error_and_leaves_no_session(
    rows: Rows, name: str, protocol: Protocol, fault: str, error: type[BmcError]
) -> None:
    server_id = rows.enrol(name, protocols=(protocol,))
    lab.inject(rows.rack.home, name, fault)
    bmc = rows.connect(server_id)
    started = time.monotonic()
    with pytest.raises(error) as caught:
        bmc.power.read()
    limit = bmc.profile.timeouts.connect + bmc.profile.timeouts.answer
    assert time.monotonic() - started < limit + 5
    assert caught.value.__cause__ is not None or isinstance(caught.value, (BmcAuthFailed, BmcSessionsExhausted))
    bmc.close()
    assert rows.sessions() == []


@both
def test_with_its_answers_lost_a_reset_reaches_the_bmc_exactly_once(rows: Rows, name: str, protocol: Protocol) -> None:
    bmc = rows.connect(rows.enrol(name, protocols=(protocol,)))
    bmc.power.set(ResetType.ON)
    while bmc.power.read() is not PowerState.ON:
        time.sleep(0.1)
    before = rows.sent(name, "reset")
    lab.inject(rows.rack.home, name, "bmc-drop-answers")
    with pytest.raises(OutcomeUnknown):
        bmc.power.send_once(ResetType.FORCE_RESTART)
    lab.clear(rows.rack.home, name)
    assert bmc.power.read() is PowerState.ON  # a new login: nothing is replayed after it
    bmc.close()
    assert rows.sent(name, "reset") - before == 1


@both
def test_a_refused_password_is_tried_once_and_parked_for_every_process(
    rows: Rows, name: str, protocol: Protocol
) -> None:
    server_id = rows.enrol(name, protocols=(protocol,))
    lab.inject(rows.rack.home, name, "bmc-password-changed")
    with pytest.raises(BmcAuthFailed):
        rows.connect(server_id).power.read()
    assert len(rows.parked()) == 1
    lab.clear(rows.rack.home, name)  # the old password would be right again, and is still not tried
    with pytest.raises(BmcAuthFailed, match="not tried again"):
        rows.connect(server_id)


@both
def test_a_password_that_had_let_us_in_is_not_parked_at_its_first_refusal(
    rows: Rows, name: str, protocol: Protocol
) -> None:
    server_id = rows.enrol(name, protocols=(protocol,))
    before = rows.connect(server_id)
    before.power.read()
    before.close()
    lab.inject(rows.rack.home, name, "bmc-password-changed")
    with pytest.raises(BmcAuthUnconfirmed, match="it is asked again at"):
        rows.connect(server_id).power.read()
    assert rows.parked() == []
    relayed = protocol is Protocol.IPMI
    seen = len(lab.packets(rows.rack.home, name)) if relayed else 0
    with pytest.raises(BmcAuthUnconfirmed, match="nothing was sent"):
        rows.connect(server_id).power.read()
    assert not relayed or len(lab.packets(rows.rack.home, name)) == seen
    later(120)
    with pytest.raises(BmcAuthFailed):
        rows.connect(server_id).power.read()
    assert len(rows.parked()) == 1


def test_a_connection_made_before_the_parking_does_not_try_the_password_either(rows: Rows) -> None:
    server_id = rows.enrol("web01")
    early = rows.connect(server_id)
    lab.inject(rows.rack.home, "web01", "bmc-password-changed")
    with pytest.raises(BmcAuthFailed):
        rows.connect(server_id).power.read()
    seen = len(lab.packets(rows.rack.home, "web01"))
    with pytest.raises(BmcAuthFailed, match="not tried again"):
        early.power.read()
    assert len(lab.packets(rows.rack.home, "web01")) == seen


def test_a_pinned_certificate_that_changed_is_noticed_before_the_password_is_sent(
    rows: Rows, purpose: SessionPurpose
) -> None:
    server_id = rows.enrol("app01", protocols=(Protocol.REDFISH,))
    pinned = rows.rack.servers["app01"].tls
    lab.inject(rows.rack.home, "app01", "bmc-new-certificate")
    bmc = rows.connect(server_id, purpose=purpose)
    with pytest.raises(BmcIdentityChanged) as caught:
        bmc.power.read()
    assert pinned is not None
    assert caught.value.details["expected"] == pinned["fingerprint"]
    assert caught.value.details["presented"] not in {None, pinned["fingerprint"]}
    assert rows.parked() == []
    assert rows.sessions() == []


def test_a_certificate_of_another_authority_is_refused(rows: Rows, purpose: SessionPurpose) -> None:
    server_id = rows.enrol("app01", protocols=(Protocol.REDFISH,))
    theirs = rows.rack.servers["db01"].tls
    assert theirs is not None
    with database().write() as tx:
        ca = Path(theirs["ca_file"]).read_text()
        tx.execute(update(Endpoint).values(tls_mode=TlsMode.CA, tls_ca=ca, tls_fingerprint=None))
    with pytest.raises(BmcIdentityChanged) as caught:
        rows.connect(server_id, purpose=purpose).power.read()
    assert caught.value.details["presented"] == rows.rack.servers["app01"].tls["fingerprint"]  # type: ignore[index]


def test_no_more_sessions_than_the_profile_leaves_us_and_the_error_names_their_holders(rows: Rows) -> None:
    server_id = rows.enrol("web01")
    open_ones = [rows.connect(server_id, holder=f"worker-{number}") for number in range(3)]
    for bmc in open_ones:
        assert bmc.power.read() in PowerState
    late = rows.connect(server_id)
    with pytest.raises(BmcSessionsExhausted, match="worker-0"):
        late.power.read()
    open_ones.pop().close()
    assert late.power.read() in PowerState
    for bmc in [*open_ones, late]:
        bmc.close()
    assert rows.sessions() == []


def test_what_a_dead_process_left_open_is_ended_at_the_bmc(rows: Rows) -> None:
    server_id = rows.enrol("db01")
    dead = rows.connect(server_id, holder="worker-dead")
    dead.power.read()
    [session] = rows.sessions()
    assert session.native_id is not None
    dead_sessions.close_all_of("worker-dead")
    end = time.monotonic() + 10
    while rows.sessions() and time.monotonic() < end:
        time.sleep(0.05)
    assert rows.sessions() == []
    assert dead.power.read() in PowerState  # the BMC ended it: this is another login
    assert dead.logins == 2
    dead.close()


@pytest.mark.parametrize("name", ["web01", "db01"])
def test_who_still_reads_over_a_closed_connection_opens_no_session(rows: Rows, name: str) -> None:
    bmc = rows.connect(rows.enrol(name))
    power = bmc.power
    assert power.read() in PowerState
    bmc.close()
    with pytest.raises(BmcUnreachable, match="closed meanwhile"):
        power.read()
    assert rows.sessions() == []


def test_a_session_whose_logout_failed_is_ended_by_the_next_login(rows: Rows) -> None:
    server_id = rows.enrol("db01")
    bmc = rows.connect(server_id)
    bmc.power.read()
    lab.inject(rows.rack.home, "db01", "bmc-dead")
    bmc.close()
    [left] = rows.sessions()
    lab.clear(rows.rack.home, "db01")
    again = rows.connect(server_id)
    again.power.read()
    assert left.id not in [row.id for row in rows.sessions()]
    again.close()
    assert rows.sessions() == []


def test_one_dead_bmc_delays_no_command_to_another(rows: Rows) -> None:
    dead, alive = rows.connect(rows.enrol("web01")), rows.connect(rows.enrol("app01", protocols=(Protocol.IPMI,)))
    alive.power.read()
    lab.inject(rows.rack.home, "web01", "bmc-dead")
    failed: list[BaseException] = []

    def ask() -> None:
        try:
            dead.power.read()
        except BmcError as error:
            failed.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    answered = 0
    while asking.is_alive():
        alive.power.read()
        answered += 1
    asking.join()
    alive.close()
    assert failed
    assert answered > 20


def test_a_session_that_the_bmc_forgot_is_replaced_for_a_reading(rows: Rows) -> None:
    bmc = rows.connect(rows.enrol("db01"))
    bmc.power.read()
    with restarts(Server(rows.rack, "db01")):
        bmc.bmc.reset(ResetType.FORCE_RESTART)
    bmc.power.read()
    assert bmc.logins == 2
    bmc.close()


def test_a_missing_key_file_is_said_and_nothing_is_sent(rows: Rows) -> None:
    server_id = rows.enrol("web01")
    (settings().keys / f"{rows.site.id}.key").unlink()
    seen = len(lab.packets(rows.rack.home, "web01"))
    with pytest.raises(ConfigurationError, match=r"\.key"):
        rows.connect(server_id).power.read()
    assert len(lab.packets(rows.rack.home, "web01")) == seen


@both
@pytest.mark.parametrize("fault", [None, "bmc-garbage", "bmc-password-changed", "bmc-sessions-full"])
def test_no_secret_reaches_a_log_an_error_or_a_repr(
    rows: Rows, caplog: pytest.LogCaptureFixture, name: str, protocol: Protocol, fault: str | None
) -> None:
    caplog.set_level(logging.DEBUG)
    there = rows.rack.servers[name]
    way = there.ipmi if protocol is Protocol.IPMI else there.redfish
    assert way is not None
    server_id = rows.enrol(name, protocols=(protocol,))
    if fault is not None:
        lab.inject(rows.rack.home, name, fault)
    bmc = rows.connect(server_id)
    texts, secrets = [], [way.password]
    try:
        bmc.power.read()
        secrets += [str(token) for token in [getattr(bmc._transports[protocol]._session, "_token", None)] if token]
        texts += [session.native_id or "" for session in rows.sessions()]
    except BmcError as error:
        failure: BaseException | None = error
        while failure is not None:
            texts += [str(failure), repr(failure)]
            failure = failure.__cause__ or failure.__context__
    bmc.close()
    everything = "\n".join([caplog.text, repr(vars(bmc)), *texts])
    assert not [secret for secret in secrets if secret in everything]
    assert HOLDER in everything
