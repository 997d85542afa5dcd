"""The IPMI session on a real BMC stack: lost packets, cipher suites, many threads, one connection each."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from oobctl.constants import PowerState, Protocol, ResetType
from oobctl.drivers.ipmi import session as module
from oobctl.lab import rack as lab
from tests.integration.drivers.rows import Rows
from tests.relay import Relay

LOSS = 0.1


@pytest.fixture
def lossy(rows: Rows) -> Iterator[tuple[str, Relay]]:
    """web01 behind a lossy line, and its id."""
    way = rows.rack.servers["web01"].ipmi
    assert way is not None
    relay = Relay(way.address, way.port, loss=LOSS)
    server_id = rows.enrol("web01")
    rows.move(way, relay.port)
    yield server_id, relay
    relay.stop()


def test_lost_packets_are_sent_again_for_what_may_be_repeated(rows: Rows, lossy: tuple[str, Relay]) -> None:
    server_id, relay = lossy
    bmc = rows.connect(server_id)
    for _ in range(20):
        assert bmc.power.read() in PowerState
    bmc.power.set(ResetType.ON)
    bmc.close()
    assert relay.lost > 2
    assert rows.sessions() == []


def test_the_cipher_suite_that_worked_is_tried_first_the_next_time(rows: Rows) -> None:
    server_id = rows.enrol("web01")
    module._suites.clear()
    counts = []
    for _ in range(2):
        before = len(lab.packets(rows.rack.home, "web01"))
        bmc = rows.connect(server_id)
        bmc.power.read()
        bmc.close()
        counts.append(len(lab.packets(rows.rack.home, "web01")) - before)
    assert set(module._suites.values()) == {3}  # ipmi_sim has no suite 17
    assert counts[1] == counts[0] - 2  # one question and one answer less


def test_many_threads_and_connections_get_their_own_answers(rows: Rows) -> None:
    ids = {name: rows.enrol(name, protocols=(Protocol.IPMI,)) for name in ("web01", "app01")}
    serials = {name: rows.rack.servers[name].identity["serial"] for name in ids}

    def ask(name: str, number: int) -> set[str | None]:
        bmc = rows.connect(ids[name], holder=f"worker-{number}")
        found = {bmc.bmc.identity().serial for _ in range(10)}
        bmc.close()
        return found

    with ThreadPoolExecutor(4) as pool:
        asked = [(name, pool.submit(ask, name, number)) for number in range(2) for name in ids]
        for name, answer in asked:
            assert answer.result() == {serials[name]}
    assert rows.sessions() == []
