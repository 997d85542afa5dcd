"""How long the page of 90 days of 40 sensors takes, how much a history needs, and what adding to it costs."""

import math
import time
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import func, select

from oobctl import administer, clock, history
from oobctl.constants import Protocol, ReadingType
from oobctl.history import Numbers, What
from oobctl.history.samples import DAY, MINUTE, QUARTER
from oobctl.store import Sample, database
from tests.benchmarks import report
from tests.databases import KINDS, Databases
from tests.installation import Installation

SENSORS, DAYS, EVERY = 40, 90, 120
PAGES = 20


def numbers(server_id: str, seconds_ago: float) -> Numbers:
    """A plausible reading of forty sensors."""
    kinds = [("Temp", "Cel", ReadingType.TEMPERATURE, 40.0), ("Fan", "RPM", ReadingType.ROTATIONAL, 4000.0)]
    kinds += [("Volt", "V", ReadingType.VOLTAGE, 12.0), ("Power", "W", ReadingType.POWER, 200.0)]
    values = {}
    for number in range(SENSORS):
        name, units, kind, mean = kinds[number % 4]
        values[What(f"{name} {number}", units, kind)] = mean * (1 + 0.1 * math.sin(seconds_ago / 5000 + number))
    return Numbers(server_id, clock.now() - timedelta(seconds=seconds_ago), values)


@pytest.mark.parametrize("kind", KINDS)
def test_ninety_days_of_forty_sensors(
    kind: str, databases: Databases, new_installation: Callable[..., Installation]
) -> None:
    with new_installation(databases.migrated(kind)) as installation:
        installation.initialise().add_people()
        nobody = administer.EndpointSpec.model_validate(
            {"protocol": Protocol.IPMI, "address": "127.0.0.9", "port": 623, "user": "admin", "password": "none"}
        )
        server_id = installation.add_server("web01", [nobody])
        began, count = time.process_time(), 0
        # Older minutes are gone anyway: of those days one reading a quarter makes the same rows.
        moments = [*range(DAYS * DAY.seconds, 2 * DAY.seconds, -QUARTER.seconds), *range(2 * DAY.seconds, 0, -EVERY)]
        for at in range(0, len(moments), 720):  # a day of readings a transaction
            with database().write() as session:
                history.add(session, [numbers(server_id, seconds) for seconds in moments[at : at + 720]])
                count += len(moments[at : at + 720])
        spent = time.process_time() - began
        with database().read() as session:
            sizes = {
                step.seconds: session.execute(
                    select(func.count(), func.sum(func.length(Sample.content))).where(Sample.step == step.seconds)
                ).one()
                for step in (MINUTE, QUARTER, DAY)
            }
        installation.start_panel()
        with installation.client("technician") as client:
            page = f"{installation.url}/servers/{server_id}/hardware/over-time?span=quarter"
            begin = clock.rfc3339(clock.now() - timedelta(days=DAYS))
            taken = {
                "API": _timed(lambda: client.get(f"/servers/web01/sensors?from={begin}")),
                "page": _timed(lambda: _signed_in(installation).get(page)),
            }
    report.head(f"history: {DAYS} days of {SENSORS} sensors, {kind}")
    print(f"adding: {spent / count * 1000:.2f} CPU ms a reading of {SENSORS} numbers ({count} of them)")
    for step, (rows, size) in sizes.items():
        print(f"steps of {step:>5} s: {rows:>6} samples, {size / 1e6:.2f} MB")
    for what, (median, worst) in taken.items():
        print(f"{what}: median {median * 1000:.0f} ms, worst {worst * 1000:.0f} ms of {PAGES}")


_client: dict[str, httpx.Client] = {}


def _signed_in(installation: Installation) -> httpx.Client:
    """A browser's client, signed in once."""
    if installation.url not in _client:
        client = httpx.Client(base_url=installation.url, follow_redirects=True, timeout=30, trust_env=False)
        form = client.get("/").text
        token = form.partition('name="csrf_token" value="')[2].partition('"')[0]
        person = installation.people["technician"]
        client.post("/sign-in", data={"csrf_token": token, "name": person.name, "password": person.password})
        _client[installation.url] = client
    return _client[installation.url]


def _timed(ask: Callable[[], httpx.Response]) -> tuple[float, float]:
    """Median and worst, in seconds; the first is not counted."""
    taken = []
    for _ in range(PAGES + 1):
        began = time.perf_counter()
        answer = ask()
        taken.append(time.perf_counter() - began)
        assert answer.status_code == 200, answer.text[:300]
        assert "Temp 0" in answer.text
    counted = sorted(taken[1:])
    return counted[len(counted) // 2], counted[-1]
