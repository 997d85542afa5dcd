"""The monitor's judgement, without a BMC: one server's trouble stays its own, and nobody is declared dead too soon."""

import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from oobctl import clock
from oobctl.constants import PowerState, Protocol, SessionPurpose
from oobctl.errors import StoreUnavailable
from oobctl.monitor import Monitor
from oobctl.monitor.polls import Poll, poll
from oobctl.store import Bmc, BmcSession, BootOverride, Process, Server, Site, database, db_now
from tests.installation import Installation


@pytest.fixture
def monitor(sqlite_installation: Installation) -> Monitor:
    with database().read() as session:
        return Monitor(session.scalars(select(Site.id)).one())


def test_a_missing_profile_blinds_the_monitor_for_that_server_alone(
    sqlite_installation: Installation, monitor: Monitor
) -> None:
    broken = sqlite_installation.server("web01")
    with database().write() as session:
        session.execute(update(Bmc).where(Bmc.id == broken.bmc_id).values(profile="acme-bmc"))
    monitor._look()
    monitor._writing.write()
    watched = {watch.name for watch in monitor._watches.values()}
    assert watched == {"db01", "other01", "spare01"}
    assert "acme-bmc" in (sqlite_installation.server("web01").silent_because or "")


def test_another_firmware_or_profile_is_another_connection(sqlite_installation: Installation, monitor: Monitor) -> None:
    """Quirks hold for a range of firmware, and are picked when the connection is made."""
    server = sqlite_installation.server("web01")
    signatures = []
    for values in ({"firmware": "1.0"}, {"firmware": "2.0"}, {"profile": "generic-redfish"}):
        with database().write() as session:
            session.execute(update(Bmc).where(Bmc.id == server.bmc_id).values(**values))
        monitor._look()
        signatures.append(monitor._watches[server.id].signature)
    assert len(set(signatures)) == 3


def test_slots_that_are_all_ours_do_not_make_a_bmc_silent(sqlite_installation: Installation, monitor: Monitor) -> None:
    server = sqlite_installation.server("web01")
    with database().write() as session:
        for number in range(20):
            session.add(
                BmcSession(
                    bmc_id=server.bmc_id,
                    protocol=Protocol.IPMI,
                    purpose=SessionPurpose.POLL,
                    holder=f"monitor-{number}",
                    heartbeat=db_now(),
                )
            )
    monitor._look()
    poll(monitor._watches[server.id], monitor.id, monitor._writing.polls)
    monitor._writing.write()
    assert sqlite_installation.server("web01").silent_since is None


def other_monitor(monitor: Monitor) -> None:
    with database().write() as session:
        session.add(Process(id="monitor-other", kind="monitor", site_id=monitor._site_id, seen=db_now()))
    monitor._reap()


def is_there() -> bool:
    with database().read() as session:
        return session.get(Process, "monitor-other") is not None


def later(monkeypatch: pytest.MonkeyPatch, seconds: float = 1000) -> None:
    moment = time.monotonic() + seconds
    monkeypatch.setattr(time, "monotonic", lambda: moment)


def test_a_monitor_whose_heartbeat_stands_still_is_cleared_away(
    monitor: Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    other_monitor(monitor)
    for _ in range(2):
        assert is_there()
        later(monkeypatch, 3)
        monitor._reap()
    assert not is_there()


def test_a_database_that_was_away_kills_no_monitor(monitor: Monitor, monkeypatch: pytest.MonkeyPatch) -> None:
    other_monitor(monitor)
    with database().write() as session:  # nobody could write a heartbeat meanwhile
        session.execute(update(Process).where(Process.id == "monitor-other").values(seen=db_now() - 1000))
    monitor._reap()  # the heartbeat is another one: it moved
    stop, asked = threading.Event(), []

    def away() -> None:
        asked.append(1)
        later(monkeypatch)
        stop.set()
        raise StoreUnavailable("The database is away.")

    monkeypatch.setattr(monitor, "_tick", away)
    monitor.run(stop)
    assert asked == [1]
    monitor._reap()
    assert is_there()


def test_a_reading_that_is_older_than_a_jobs_changes_nothing(
    sqlite_installation: Installation, monitor: Monitor
) -> None:
    server, now = sqlite_installation.server("web01"), clock.now()
    with database().write() as session:
        session.execute(update(Server).where(Server.id == server.id).values(power_state="Off", power_read_at=now))
    for state, because in ((PowerState.ON, None), (None, "Nothing answered.")):
        monitor._writing.polls.put(Poll(server.id, now - timedelta(seconds=1), state, because))
    monitor._writing.write()
    after = sqlite_installation.server("web01")
    assert (after.power_state, after.power_read_at, after.silent_since) == (PowerState.OFF, now, None)


def test_a_reading_of_on_after_off_is_a_boot(sqlite_installation: Installation, monitor: Monitor) -> None:
    job = sqlite_installation.submit("power.on", "web01")
    with database().write() as session:
        session.execute(update(Server).where(Server.id == job.server_id).values(power_state="Off"))
        session.add(BootOverride(server_id=job.server_id, job_id=job.id, source="Pxe", expires_at=clock.now()))
    monitor._writing.polls.put(Poll(job.server_id, clock.now(), PowerState.POWERING_ON, None))
    monitor._writing.write()
    with database().read() as session:
        assert session.scalars(select(BootOverride)).one().boot_seen_at is not None


def test_a_bmc_that_is_not_read_over_redfish_is_asked_for_no_events(
    sqlite_installation: Installation, monitor: Monitor
) -> None:
    """A session of its own for them would be one that humans lack."""
    server = sqlite_installation.server("web01")
    with database().write() as session:
        session.execute(update(Bmc).where(Bmc.id == server.bmc_id).values(profile="generic-redfish"))
    monitor._look()
    spoken = set(monitor._watches[server.id].ways.values())
    assert (spoken, monitor._watches[server.id].event_ways) == ({Protocol.IPMI}, ())


def test_an_event_is_about_each_server_behind_the_bmc_and_about_no_other(
    sqlite_installation: Installation, monitor: Monitor
) -> None:
    monitor._look()
    one, two, *others = monitor._watches.values()
    two.bmc_id = one.bmc_id
    for watch in monitor._watches.values():
        watch.next_at = 1000.0
    monitor._events._earlier.tell(one.bmc_id)
    monitor._events.hasten(monitor._watches.values(), now=5.0)
    assert (one.next_at, two.next_at) == (5.0, 5.0)
    assert {watch.next_at for watch in others} == {1000.0}


def test_a_defect_ends_the_monitor_so_that_it_is_started_again(
    monitor: Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised: list[BaseException] = []

    def defect() -> None:
        raise KeyError("a defect of ours")

    def run() -> None:
        try:
            monitor.run(threading.Event())
        except KeyError as error:
            raised.append(error)

    monkeypatch.setattr(monitor, "_tick", defect)
    running = threading.Thread(target=run, daemon=True)
    running.start()
    running.join(60)
    assert raised
