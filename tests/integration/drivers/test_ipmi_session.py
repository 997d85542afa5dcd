"""The IPMI session on a real BMC stack: lost packets, cipher suites, many threads, one connection each."""

import random
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import update

from oobctl.constants import PowerState, Protocol, ResetType
from oobctl.drivers.ipmi import session as module
from oobctl.lab import rack as lab
from oobctl.store import Credential, Endpoint, database
from oobctl.vault import Secret, seal
from tests.integration.drivers.rows import Rows

LOSS = 0.1


class Lossy:
    """A UDP relay in front of a BMC that loses a tenth of the packets, either way, the same ones in each run."""

    def __init__(self, address: str, port: int) -> None:
        self._front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._front.bind(("127.0.0.1", 0))
        self._back = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._back.connect((address, port))
        self.port: int = self._front.getsockname()[1]
        self.lost = 0
        self._dice = random.Random(11)
        self._client: tuple[str, int] | None = None
        self._stopped = False
        self._threads = [threading.Thread(target=run) for run in (self._forth, self._return)]
        for sock in (self._front, self._back):
            sock.settimeout(0.2)
        for thread in self._threads:
            thread.start()

    def _passes(self) -> bool:
        passes = self._dice.random() > LOSS
        self.lost += not passes
        return passes

    def _forth(self) -> None:
        while not self._stopped:
            try:
                data, self._client = self._front.recvfrom(4096)
            except OSError:
                continue
            if self._passes():
                self._back.send(data)

    def _return(self) -> None:
        while not self._stopped:
            try:
                data = self._back.recv(4096)
            except OSError:
                continue
            if self._client is not None and self._passes():
                self._front.sendto(data, self._client)

    def stop(self) -> None:
        self._stopped = True
        for thread in self._threads:
            thread.join()
        self._front.close()
        self._back.close()


@pytest.fixture
def lossy(rows: Rows) -> Iterator[tuple[str, Lossy]]:
    """web01 behind a lossy line, and its id."""
    way = rows.rack.servers["web01"].ipmi
    assert way is not None
    relay = Lossy(way.address, way.port)
    server_id = rows.enrol("web01")
    with database().write() as tx:
        endpoint = tx.query(Endpoint).one()
        endpoint.address, endpoint.port = "127.0.0.1", relay.port
        sealed = seal(rows.site.public_key, endpoint.id, "127.0.0.1", Secret(way.user, way.password))
        tx.execute(update(Credential).values(sealed=sealed))
    yield server_id, relay
    relay.stop()


def test_lost_packets_are_sent_again_for_what_may_be_repeated(rows: Rows, lossy: tuple[str, Lossy]) -> None:
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
