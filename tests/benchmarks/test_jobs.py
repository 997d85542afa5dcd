"""Whole jobs a second: from the door through the worker to real BMC stacks, read back and recorded."""

import threading
import time
from collections.abc import Callable
from functools import partial
from ipaddress import ip_address

import pytest

from oobctl import administer
from oobctl.constants import Protocol
from oobctl.lab.rack import RackInfo
from tests.benchmarks import report
from tests.databases import KINDS, Databases
from tests.installation import Installation

BMCS, EACH = 24, 6


@pytest.mark.parametrize("kind", KINDS)
def test_jobs_per_second(
    kind: str, databases: Databases, many: RackInfo, new_installation: Callable[..., Installation]
) -> None:
    assert many.light is not None
    with new_installation(databases.migrated(kind)) as installation:
        installation.initialise().add_people()
        for number, address in enumerate(many.light["addresses"]):
            installation.add_server(f"light{number:02}", [_endpoint(many, address)])
        installation.start_worker()
        installation.enroll()
        began = time.perf_counter()
        _in_parallel([partial(_one_after_the_other, installation, name) for name in installation.servers])
        took = time.perf_counter() - began
    report.head(f"whole jobs (power.off, power.on) a second, {kind}, one worker, {BMCS} BMCs")
    print(f"{BMCS * EACH / took:.1f} jobs/s: {BMCS * EACH} jobs in {took:.1f} s, {BMCS} servers at once")


def _one_after_the_other(installation: Installation, name: str) -> None:
    for number in range(EACH):
        job = installation.do("power.on" if number % 2 else "power.off", name)
        assert job.state == "succeeded", job.error


def _endpoint(rack: RackInfo, address: str) -> administer.EndpointSpec:
    assert rack.light is not None
    return administer.EndpointSpec(
        protocol=Protocol.IPMI, address=ip_address(address), port=rack.light["port"], user=rack.light["user"],
        password=rack.light["password"],
    )  # fmt: skip


def _in_parallel(calls: list[Callable[[], None]]) -> None:
    failures: list[BaseException] = []

    def guarded(call: Callable[[], None]) -> None:
        try:
            call()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[0]
