"""The monitor reads all that the rack's BMCs tell, beside their power: over few sessions, again when it is due."""

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from oobctl.constants import READ_CAPABILITIES, Capability, Protocol
from oobctl.drivers import loops
from oobctl.drivers.redfish.session import RedfishSession
from oobctl.lab import rack as lab
from oobctl.monitor import process, sweep
from oobctl.store import EventLogEntry, Reading, database
from tests.installation import eventually
from tests.integration.drivers.rows import Rows
from tests.integration.drivers.test_monitor import WAIT_SECONDS, monitoring, server, until


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OOBCTL_POLL_INTERVAL_SECONDS", "0.5")


def readings(server_id: str) -> dict[Capability, Reading]:
    with database().read() as tx:
        return {row.capability: row for row in tx.scalars(select(Reading).where(Reading.server_id == server_id))}


def messages(server_id: str) -> list[str]:
    with database().read() as tx:
        rows = select(EventLogEntry).where(EventLogEntry.server_id == server_id).order_by(EventLogEntry.id)
        return [row.message for row in tx.scalars(rows)]


def make_due(server_id: str, capability: Capability) -> None:
    """As if it had been tried a day ago, for the next monitor."""
    with database().write() as tx:
        row = tx.get_one(Reading, (server_id, capability))
        row.tried_at -= timedelta(days=2)
        row.read_at = row.read_at and row.read_at - timedelta(days=2)


def test_all_that_each_bmc_tells_is_kept_and_a_restart_reads_none_of_it_anew(rows: Rows) -> None:
    ids = {name: rows.enrol(name) for name in ("web01", "db01", "app01")}
    with monitoring(rows) as monitor:
        for server_id in ids.values():
            until(lambda server_id=server_id: len(readings(server_id)) == len(READ_CAPABILITIES), "all was tried")  # type: ignore[misc]
        sessions = rows.sessions()
        assert {row.holder for row in sessions} == {monitor.id}
        assert len({(row.bmc_id, row.protocol) for row in sessions}) == len(sessions)  # one per BMC and protocol
    assert rows.sessions() == []
    first = {name: readings(server_id) for name, server_id in ids.items()}
    for name, found in first.items():
        problems = {str(key): row.problem["code"] for key, row in found.items() if row.problem}
        assert set(problems.values()) <= {"not_supported"}, (name, problems)
        for capability in (Capability.HEALTH, Capability.SENSORS, Capability.INVENTORY, Capability.SECURITY):
            assert found[capability].content is not None, (name, capability)
        assert found[Capability.SENSORS].content["sensors"], name  # type: ignore[index]
    with monitoring(rows):
        for server_id in ids.values():
            before = server(server_id).power_read_at
            until(lambda before=before, i=server_id: server(i).power_read_at > before, "its power is read")  # type: ignore[misc]
        time.sleep(1.0)
    seldom = set(READ_CAPABILITIES) - {Capability.HEALTH, Capability.EVENT_LOG, Capability.POWER_METERING}
    for name, server_id in ids.items():
        again = {key: row.tried_at for key, row in readings(server_id).items() if key in seldom}
        assert again == {key: row.tried_at for key, row in first[name].items() if key in seldom}


def test_a_fault_is_seen_in_the_health_and_only_what_is_new_in_the_log(rows: Rows) -> None:
    server_id = rows.enrol("web01")
    with monitoring(rows):
        until(lambda: len(readings(server_id)) == len(READ_CAPABILITIES), "all was tried")
    before = messages(server_id)
    lab.inject(rows.rack.home, "web01", "psu-failed")
    for capability in (Capability.HEALTH, Capability.EVENT_LOG):
        make_due(server_id, capability)
    with monitoring(rows):
        until(lambda: len(messages(server_id)) > len(before), "the failure is in the log")
        until(lambda: health(server_id) == "Critical", "the health says so")
    assert messages(server_id)[: len(before)] == before


def health(server_id: str) -> str:
    content = readings(server_id)[Capability.HEALTH].content or {}
    return str(content.get("health"))


def test_a_reading_that_is_held_up_keeps_the_power_fresh(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    """A BMC that takes its time between two requests of one reading, of a service that is asked for power meanwhile."""
    server_id = rows.enrol("app01", protocols=(Protocol.REDFISH,))
    ask, held, goes_on = sweep.sweep, threading.Event(), threading.Event()
    get, sweeping = RedfishSession.get, set[object]()

    def slowly(*given: Any) -> None:
        sweeping.add(loops.task())
        ask(*given)

    def hold(self: RedfishSession, path: str, **how: Any) -> object:
        if loops.task() in sweeping:
            held.set()
            loops.aside(lambda: goes_on.wait(WAIT_SECONDS), long=True)
        return get(self, path, **how)

    monkeypatch.setattr(process, "sweep", slowly)
    monkeypatch.setattr(RedfishSession, "get", hold)
    with monitoring(rows):
        assert held.wait(WAIT_SECONDS)
        for _ in range(3):
            before = server(server_id).power_read_at
            until(lambda before=before: server(server_id).power_read_at != before, "its power is read again")  # type: ignore[misc]
        assert readings(server_id) == {}  # the first of them is still under way
        assert len(rows.sessions()) == 1
        goes_on.set()
        until(lambda: Capability.HEALTH in readings(server_id), "it is read in the end")


def test_a_monitor_of_a_test_leaves_no_reading_under_way(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would go on while the next test has another database."""
    server_id = rows.enrol("app01", protocols=(Protocol.REDFISH,))
    ask, began, ended = sweep.sweep, threading.Event(), threading.Event()

    def slowly(*given: Any) -> None:
        began.set()
        loops.aside(lambda: time.sleep(5.0), long=True)
        ask(*given)
        ended.set()

    monkeypatch.setattr(process, "sweep", slowly)
    with monitoring(rows):
        assert began.wait(WAIT_SECONDS)
        eventually(lambda: server(server_id).power_read_at is not None)
    assert ended.is_set()
