"""A thousand BMCs are logged in to by first jobs and by the monitor, and none is refused, lost or left out by us."""

import threading
import time

import pytest
from sqlalchemy import func, select

from oobctl.lab.rack import RackInfo
from oobctl.monitor import Monitor
from oobctl.store import BmcCircuit, BmcSession, Credential, Server, database
from tests.installation import eventually
from tests.integration.prove.conftest import PROVE
from tests.many import AT_ONCE, enrol_all, write_rows

BMCS = 1000 if PROVE else 40


def read_so_far() -> int:
    with database().read() as tx:
        return tx.scalar(select(func.count()).where(Server.power_read_at.is_not(None))) or 0


@pytest.mark.prove
@pytest.mark.usefixtures("sqlite")
def test_a_thousand_bmcs_log_in_and_none_fails_because_of_us(many: RackInfo) -> None:
    site_id, ids = write_rows(many)
    began = time.monotonic()
    enrol_all(ids)
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
