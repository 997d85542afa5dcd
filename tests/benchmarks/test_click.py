"""From a click (POST to the panel) to the first packet at the BMC, beside a bare pyghmi call from a warm process."""

import time
from collections.abc import Callable

import pytest
from pyghmi.ipmi.command import Command

from oobctl.lab import rack as virtual_rack
from oobctl.lab.rack import RackInfo
from tests.benchmarks import report
from tests.databases import KINDS, Databases
from tests.installation import Installation

CLICKS = 100
SERVER, ACTION = "web01", "identify.set"
TARGETS = "target: p50 <= 100 ms, p99 <= 300 ms"


@pytest.mark.parametrize("kind", KINDS)
def test_click_to_first_packet(
    kind: str, databases: Databases, healthy_rack: RackInfo, new_installation: Callable[..., Installation]
) -> None:
    with new_installation(databases.migrated(kind)) as installation:
        installation.initialise().add_people().add_servers(healthy_rack, SERVER)
        installation.start_worker()
        installation.start_panel()
        installation.enroll()
        first, answered, ended = _click(installation, healthy_rack)
    bare_first, bare_whole = _bare(healthy_rack)
    report.head(f"a click on {SERVER}, {kind} ({TARGETS})")
    report.milliseconds("POST to the first packet at the BMC", first)
    report.milliseconds("POST to the API's answer (202)", answered)
    report.milliseconds("POST to the job's end, read back and recorded", ended)
    report.milliseconds("bare pyghmi: call to the first packet", bare_first)
    report.milliseconds("bare pyghmi: login, chassis status, logout", bare_whole)
    ratio = sorted(ended)[len(ended) // 2] / sorted(bare_whole)[len(bare_whole) // 2]
    print(f"the whole action takes {ratio:.1f} x as long as the bare call, at the median")


def _click(installation: Installation, rack: RackInfo) -> tuple[list[float], list[float], list[float]]:
    """One after the other on an idle system: to the first packet, to the answer, to the end. Seconds."""
    first, answered, ended = [], [], []
    with installation.client("customer") as client:
        for number in range(CLICKS + 3):
            _quiet(rack)
            state = {"state": "Lit" if number % 2 else "Off"}
            began, ticks = time.time(), time.perf_counter()
            reply = client.post(f"/servers/{SERVER}/actions/{ACTION}", json=state)
            took = time.perf_counter() - ticks
            assert reply.status_code == 202, reply.text
            job = installation.wait(reply.json()["id"])
            assert job.state == "succeeded", job.error
            assert job.finished_at is not None
            if number < 3:
                continue  # a first click pays for what later ones find warm
            first.append(_first_packet(rack, began))
            answered.append(took)
            ended.append(job.finished_at.timestamp() - began)
    return first, answered, ended


def _bare(rack: RackInfo) -> tuple[list[float], list[float]]:
    """pyghmi from this process, warm: to the first packet, and the whole call with its logout."""
    endpoint = rack.servers[SERVER].ipmi
    assert endpoint is not None
    first, whole = [], []
    for number in range(CLICKS // 2 + 1):
        _quiet(rack)
        began, ticks = time.time(), time.perf_counter()
        command = Command(
            endpoint.address, endpoint.user.encode(), endpoint.password.encode(), port=endpoint.port, keepalive=False
        )
        assert command.get_power()["powerstate"] == "on"
        command.ipmi_session.logout()
        if number:
            first.append(_first_packet(rack, began))
            whole.append(time.perf_counter() - ticks)
    return first, whole


def _first_packet(rack: RackInfo, since: float) -> float:
    arrived = [at for at, direction, _size in virtual_rack.packets(rack.home, SERVER, since=since) if direction == "in"]
    return arrived[0] - since


def _quiet(rack: RackInfo) -> None:
    """Wait until nothing of an earlier click is on the wire."""
    while virtual_rack.packets(rack.home, SERVER, since=time.time() - 0.1):
        time.sleep(0.02)
