"""Power polls over Redfish in CPU time, of hundreds of services behind TLS, beside the `redfish` library's GETs."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import pytest
import redfish

from oobctl.constants import SessionPurpose
from oobctl.drivers import loops, slots
from oobctl.drivers.redfish.loop import loop
from oobctl.monitor import collect_seldom
from tests.benchmarks import report
from tests.benchmarks.spending import cpu, in_turn
from tests.trees import connect_to, way, written

SERVICES = int(os.environ.get("OOBCTL_BENCH_SERVICES", "500"))
ROUNDS = 10
HOLDER = "monitor-bench"


@pytest.fixture
def services() -> Iterator[tuple[list[dict[str, Any]], Callable[[], int]]]:
    """Where they are, and how many GETs they had."""
    command = [sys.executable, "-m", "tests.benchmarks.services", str(SERVICES)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        to, back = process.stdin, process.stdout
        assert to is not None
        assert back is not None
        found = json.loads(back.readline())

        def gets() -> int:
            to.write("\n")
            to.flush()
            return int(back.readline())

        yield found, gets
        to.close()


def test_polls_over_redfish(sqlite: None, services: tuple[list[dict[str, Any]], Callable[[], int]]) -> None:
    found, gets = services
    collect_seldom()
    report.head(f"{SERVICES} Redfish services behind TLS (target: GETs a CPU-second 3 x the redfish library's)")
    print(f"redfish {version('redfish')}, aiohttp {version('aiohttp')}")
    ids = [_row(number, one) for number, one in enumerate(found)]
    bmcs = [connect_to(one, purpose=SessionPurpose.POLL, holder=HOLDER) for one in ids]
    try:
        powers = [partial(bmc.checked, bmc.power.read) for bmc in bmcs]
        in_turn(loop(), powers, 2)
        slots.look_all(HOLDER)
        before = gets()
        spent, _ = in_turn(loop(), powers, ROUNDS)
        ours = (gets() - before) / spent
    finally:
        for bmc in bmcs:
            loops.start(loop(), bmc.close)
        until = time.monotonic() + 120
        while time.monotonic() < until and any(bmc._transports for bmc in bmcs):
            time.sleep(0.2)
    print(f"our polls {ours:.0f} GETs a CPU-second")
    for how, trust_env in (("as it comes", True), ("told not to look for a proxy", False)):
        theirs = by_the_library(found, trust_env=trust_env)
        print(f"the redfish library, {how}: {theirs:.0f}; ratio {ours / theirs:.1f}")


def by_the_library(services: Sequence[dict[str, Any]], *, trust_env: bool) -> float:
    """GETs a CPU-second over sessions that are open; nothing is tried again."""
    clients = []
    for one in services:
        url = f"https://{one['address']}:{one['port']}"
        client = redfish.redfish_client(url, one["user"], one["password"], timeout=30, max_retry=0)
        client._session.trust_env = trust_env
        client.login(auth="session")
        clients.append(client)
    try:
        for client in clients:
            client.get("/redfish/v1/Systems/1")
        before = cpu()
        for _ in range(ROUNDS):
            for client in clients:
                assert client.get("/redfish/v1/Systems/1").status == 200
        return ROUNDS * len(clients) / (cpu() - before)
    finally:
        for client in clients:
            client.logout()


def _row(number: int, service: dict[str, Any]) -> str:
    tree = written()
    state = SimpleNamespace(
        resources=SimpleNamespace(at=tree.__getitem__), system=lambda _path: "/redfish/v1/Systems/1"
    )
    return way(SimpleNamespace(state=state, **service), name=f"light{number:04}")  # type: ignore[arg-type]
