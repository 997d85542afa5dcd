"""A thousand BMCs are logged in to by first jobs and by the monitor, and none is refused, lost or left out by us."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from oobctl.config import settings
from oobctl.constants import Lifecycle, Protocol, SessionPurpose
from oobctl.drivers.connect import connect
from oobctl.lab.rack import RackInfo
from oobctl.monitor import Monitor
from oobctl.store import Bmc, BmcCircuit, BmcSession, Credential, Endpoint, Server, Site, database
from oobctl.vault import Secret, make_key, seal
from tests.installation import eventually
from tests.integration.prove.conftest import PROVE

BMCS = 1000 if PROVE else 40
AT_ONCE = 32


def write_rows(many: RackInfo) -> tuple[str, list[str]]:
    """The ids of the site and of its servers; who they are is enrolled at their first login."""
    assert many.light is not None
    with database().write() as tx:
        site = Site(name="main", public_key=b"")
        tx.add(site)
        tx.flush()
        site.public_key = make_key(settings().keys / f"{site.id}.key")
        ids = []
        for number, address in enumerate(many.light["addresses"]):
            bmc = Bmc(site_id=site.id, profile="generic-ipmi")
            tx.add(bmc)
            tx.flush()
            endpoint = Endpoint(bmc_id=bmc.id, protocol=Protocol.IPMI, address=address, port=many.light["port"])
            tx.add(endpoint)
            tx.flush()
            secret = Secret(many.light["user"], many.light["password"])
            tx.add(Credential(endpoint_id=endpoint.id, sealed=seal(site.public_key, endpoint.id, address, secret)))
            server = Server(name=f"light{number:04}", site_id=site.id, bmc_id=bmc.id, lifecycle=Lifecycle.READY)
            tx.add(server)
            tx.flush()
            ids.append(server.id)
        return site.id, ids


def enrol(server_id: str) -> None:
    bmc = connect(
        server_id,
        purpose=SessionPurpose.ACT,
        holder="worker-test",
        fence=lambda _seconds: None,
        check=lambda _found: None,
    )
    try:
        found = bmc.identify()
    finally:
        bmc.close()
    with database().write() as tx:
        tx.get_one(Bmc, tx.get_one(Server, server_id).bmc_id).guid = found.bmc_guid
        tx.get_one(Server, server_id).system_uuid = found.system_uuid


def read_so_far() -> int:
    with database().read() as tx:
        return tx.scalar(select(func.count()).where(Server.power_read_at.is_not(None))) or 0


@pytest.mark.prove
@pytest.mark.usefixtures("sqlite")
def test_a_thousand_bmcs_log_in_and_none_fails_because_of_us(many: RackInfo) -> None:
    site_id, ids = write_rows(many)
    began = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(enrol, ids))
    enrolled = time.monotonic() - began
    stop = threading.Event()
    thread = threading.Thread(target=Monitor(site_id).run, args=(stop,))
    began = time.monotonic()
    thread.start()
    try:
        eventually(lambda: read_so_far() == BMCS, patience=60 + BMCS / 10)
        read = time.monotonic() - began
        with database().read() as tx:
            assert tx.scalars(select(Server.silent_because).where(Server.silent_because.is_not(None))).all() == []
            assert tx.scalars(select(Credential.parked_because).where(Credential.parked_at.is_not(None))).all() == []
            assert tx.scalars(select(BmcCircuit)).all() == []
            assert (tx.scalar(select(func.count(BmcSession.id))) or 0) >= BMCS
    finally:
        stop.set()
        thread.join(120)
    print(
        f"\n{BMCS} BMCs: first logins in {enrolled:.1f} s, {AT_ONCE} at once; all read by the monitor in {read:.1f} s"
    )
    with database().read() as tx:
        assert tx.scalars(select(BmcSession)).all() == []
