"""The monitor's end has a limit: a BMC that keeps a thread can't hold it up, and others find what was left."""

import socket
import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import select, update

from oobctl.constants import Protocol, SessionPurpose, TlsMode
from oobctl.errors import StoreUnavailable
from oobctl.jobs import recovery
from oobctl.monitor import Monitor, ending
from oobctl.monitor import watch as watching
from oobctl.store import Bmc, BmcSession, Endpoint, Process, Site, database, db_now
from tests.furnished import over_redfish_too
from tests.installation import Installation
from tests.profiles import write_profiles
from tests.unit.readings.script import Script

LONG = 300  # seconds that a login may take: longer than a test would wait for its end


@pytest.fixture
def monitor(sqlite_installation: Installation) -> Monitor:
    with database().read() as session:
        made = Monitor(session.scalars(select(Site.id)).one())
    recovery.beat(made.id, "monitor", made._site_id, first=True)
    return made


class Holding:
    """Connections whose close waits until it is let go, one of the servers' alone."""

    def __init__(self, server_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go = threading.Event()
        holding = self

        class Held(Script):
            def close(self) -> None:
                if self.server_id == server_id:
                    holding.go.wait()
                super().close()

        monkeypatch.setattr(watching, "connect", lambda found, **_login: Held(found))


@pytest.fixture
def holding(sqlite_installation: Installation, monitor: Monitor, monkeypatch: pytest.MonkeyPatch) -> Iterator[Holding]:
    """web01 holds the monitor up, db01 does not; both are connected, and web01's session has a row."""
    monkeypatch.setattr(ending, "_CLOSE_SECONDS", 0.5)
    Script.made = []
    server = sqlite_installation.server("web01")
    found = Holding(server.id, monkeypatch)
    monitor._look()
    for watch in monitor._watches.values():
        with watch.connected(monitor.id):
            pass
    with database().write() as tx:
        row = BmcSession(bmc_id=server.bmc_id, protocol=Protocol.IPMI, purpose=SessionPurpose.POLL, holder=monitor.id)
        row.heartbeat = tx.scalar(select(db_now())) or 0.0
        tx.add(row)
    yield found
    found.go.set()


def processes() -> list[str]:
    with database().read() as tx:
        return list(tx.scalars(select(Process.id)))


def heartbeats() -> list[float]:
    with database().read() as tx:
        return list(tx.scalars(select(BmcSession.heartbeat)))


def test_a_bmc_that_does_not_let_go_holds_up_neither_the_end_nor_the_others(monitor: Monitor, holding: Holding) -> None:
    monitor._end()  # it would wait for ever
    assert sum(not made.closed for made in Script.made) == 1


def test_what_the_monitor_could_not_end_is_nobody_s_and_its_row_is_gone(monitor: Monitor, holding: Holding) -> None:
    monitor._end()
    assert heartbeats() == [0.0]
    assert processes() == []


def test_where_the_database_is_away_the_row_stays_for_the_next_monitor(
    monitor: Monitor, holding: Holding, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as away:

        def fails(_holder: str) -> None:
            raise StoreUnavailable("The database is away.")

        away.setattr("oobctl.drivers.slots.disown_all", fails)
        monitor._end()
    assert processes() == [monitor.id]


def test_a_database_that_does_not_answer_does_not_hold_up_the_end(
    monitor: Monitor, holding: Holding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending, "_LEAVE_SECONDS", 0.5)
    monkeypatch.setattr("oobctl.drivers.slots.disown_all", lambda _holder: holding.go.wait())
    monitor._end()
    assert processes() == [monitor.id]


def test_the_process_goes_though_a_login_that_may_take_minutes_is_under_way(sqlite_installation: Installation) -> None:
    profiles = write_profiles(sqlite_installation.home / "hwprofiles", {"timeouts.connect": LONG})
    sqlite_installation.variables["OOBCTL_HWPROFILES"] = str(profiles)
    server = sqlite_installation.server("web01")
    over_redfish_too(server.id)
    with database().read() as tx:
        address = tx.scalars(select(Endpoint.address).where(Endpoint.protocol == Protocol.REDFISH)).one()
    with socket.create_server((address, 0)) as silent:  # it takes a connection, no more
        silent.settimeout(60)
        with database().write() as tx:
            tx.execute(update(Bmc).where(Bmc.id == server.bmc_id).values(profile="generic-redfish"))
            redfish = update(Endpoint).where(Endpoint.protocol == Protocol.REDFISH)
            tx.execute(redfish.values(port=silent.getsockname()[1], tls_mode=TlsMode.PIN, tls_fingerprint="00" * 32))
        process = sqlite_installation.start_monitor()
        held, _ = silent.accept()
        process.terminate()
        assert process.wait_ended(LONG / 2) == 0
        held.close()
    assert heartbeats()
    assert set(heartbeats()) == {0.0}
    assert processes() == []
