"""The monitor on the virtual rack: states are kept fresh, silence is said, and one BMC's trouble stays its own."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from sqlalchemy import select, update

from oobctl.constants import Lifecycle, PowerState, Protocol, ResetType
from oobctl.lab import rack as lab
from oobctl.monitor import Monitor
from oobctl.store import AuditRecord, BmcSession, Endpoint, Process, Server, database
from tests.integration.drivers.rows import Rows
from tests.monitoring import running

WAIT_SECONDS = 40.0


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OOBCTL_POLL_INTERVAL_SECONDS", "0.5")


def monitoring(rows: Rows) -> AbstractContextManager[Monitor]:
    return running(rows.site.id)


def until(true: Callable[[], bool], words: str) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while not true():
        assert time.monotonic() < end, f"{words}: not within {WAIT_SECONDS} s"
        time.sleep(0.1)


def server(server_id: str) -> Server:
    with database().read() as tx:
        return tx.get_one(Server, server_id)


def reads(server_id: str, state: PowerState) -> Callable[[], bool]:
    return lambda: server(server_id).power_state is state and server(server_id).silent_since is None


def test_power_states_are_read_again_and_again_over_one_warm_session_each(rows: Rows) -> None:
    ids = [rows.enrol("web01"), rows.enrol("db01"), rows.enrol("app01")]
    with monitoring(rows) as monitor:
        for server_id in ids:
            bmc = rows.connect(server_id)
            bmc.power.set(ResetType.ON)
            until(reads(server_id, PowerState.ON), "On is read")
            first = server(server_id).power_read_at
            bmc.power.set(ResetType.FORCE_OFF)
            bmc.close()
            until(reads(server_id, PowerState.OFF), "Off is read")
            assert first is not None
            assert (server(server_id).power_read_at or first) > first
        sessions = rows.sessions()
        assert [row.holder for row in sessions] == [monitor.id] * 3
        with database().read() as tx:
            assert tx.get_one(Process, monitor.id).kind == "monitor"
    assert rows.sessions() == []
    with database().read() as tx:
        assert tx.scalars(select(Process)).all() == []


def test_a_silent_bmc_is_said_to_be_silent_and_delays_no_other(rows: Rows) -> None:
    silent, others = rows.enrol("web01"), [rows.enrol("db01"), rows.enrol("app01")]
    with monitoring(rows):
        for server_id in [silent, *others]:
            until(lambda server_id=server_id: server(server_id).power_read_at is not None, "a first reading")  # type: ignore[misc]
        lab.inject(rows.rack.home, "web01", "bmc-dead")
        oldest = 0.0
        while server(silent).silent_since is None:
            for server_id in others:
                read_at = server(server_id).power_read_at
                assert read_at is not None
                oldest = max(oldest, time.time() - read_at.timestamp())
            time.sleep(0.1)
        assert "Nothing answered" in (server(silent).silent_because or "")
        assert server(silent).power_state is not PowerState.UNKNOWN  # the last reading stays, with its age
        assert oldest < 5.0  # far less than the silent one takes to be given up
        lab.clear(rows.rack.home, "web01")
        until(lambda: server(silent).silent_since is None, "it answers again")


def test_another_server_behind_the_address_is_quarantined_with_a_record_and_polled_no_more(rows: Rows) -> None:
    server_id = rows.enrol("db01")
    lab.inject(rows.rack.home, "db01", "bmc-other-identity")
    with monitoring(rows):
        until(lambda: server(server_id).lifecycle is Lifecycle.QUARANTINED, "it is quarantined")
        until(lambda: rows.sessions() == [], "its session is closed")
    assert server(server_id).power_read_at is None  # another server's state is not kept
    with database().read() as tx:
        [record] = tx.scalars(select(AuditRecord).where(AuditRecord.server_id == server_id)).all()
    assert record.kind == "event"
    assert "Another server answers" in (record.reason or "")


@pytest.mark.parametrize("lifecycle", [Lifecycle.ENROLLING, Lifecycle.QUARANTINED, Lifecycle.RETIRED])
def test_a_server_that_is_not_in_use_is_not_polled(rows: Rows, lifecycle: Lifecycle) -> None:
    idle, polled = rows.enrol("web01"), rows.enrol("db01")
    with database().write() as tx:
        tx.execute(update(Server).where(Server.id == idle).values(lifecycle=lifecycle))
    seen = len(lab.packets(rows.rack.home, "web01"))
    with monitoring(rows):
        until(lambda: server(polled).power_read_at is not None, "the other one is read")
    assert len(lab.packets(rows.rack.home, "web01")) == seen
    assert server(idle).power_read_at is None


def test_a_changed_endpoint_is_followed(rows: Rows) -> None:
    server_id = rows.enrol("app01", protocols=(Protocol.IPMI,))
    with database().read() as tx:
        port = tx.scalar(select(Endpoint.port))
    with monitoring(rows):
        until(lambda: server(server_id).power_read_at is not None, "a first reading")
        with database().write() as tx:
            tx.execute(update(Endpoint).values(port=6))
        until(lambda: server(server_id).silent_since is not None, "the old address is asked no more")
        assert "port 6" in (server(server_id).silent_because or "")
        with database().write() as tx:
            tx.execute(update(Endpoint).values(port=port))
        until(lambda: server(server_id).silent_since is None, "the new address is asked")


def test_what_a_dead_monitor_left_is_cleared_up(rows: Rows) -> None:
    server_id = rows.enrol("db01")
    left = rows.connect(server_id, holder="monitor-dead")
    left.power.read()
    with database().write() as tx:
        tx.add(Process(id="monitor-dead", kind="monitor", site_id=rows.site.id, seen=0.0))
    with monitoring(rows):
        until(lambda: "monitor-dead" not in [row.holder for row in rows.sessions()], "its session is ended")
        with database().read() as tx:
            assert tx.get(Process, "monitor-dead") is None
    left.close()


def test_a_refused_password_is_not_tried_again(rows: Rows) -> None:
    server_id = rows.enrol("web01")
    lab.inject(rows.rack.home, "web01", "bmc-password-changed")
    with monitoring(rows):
        until(lambda: server(server_id).silent_since is not None, "it is said")
        time.sleep(0.5)
        seen = len(lab.packets(rows.rack.home, "web01"))
        time.sleep(2.0)
        assert len(lab.packets(rows.rack.home, "web01")) == seen
    with database().read() as tx:
        assert tx.scalars(select(BmcSession)).all() == []
