"""How long the page of 90 days of 40 sensors takes, how much a history needs, and what adding to it costs."""

import math
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from oobctl import administer, clock, history
from oobctl.constants import Protocol, ReadingType
from oobctl.history import Numbers, What
from oobctl.history.samples import DAY, MINUTE, QUARTER
from oobctl.store import Sample, database
from tests.benchmarks import report
from tests.benchmarks.asking import signed_in, timed
from tests.databases import KINDS, Databases
from tests.installation import Installation

SENSORS, DAYS, EVERY = 40, 90, 120


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
            browser = signed_in(installation)
            taken = {
                "API": timed(lambda: client.get(f"/servers/web01/sensors?from={begin}"), "Temp 0"),
                "page": timed(lambda: browser.get(page), "Temp 0"),
            }
    report.head(f"history: {DAYS} days of {SENSORS} sensors, {kind}")
    print(f"adding: {spent / count * 1000:.2f} CPU ms a reading of {SENSORS} numbers ({count} of them)")
    for step, (rows, size) in sizes.items():
        print(f"steps of {step:>5} s: {rows:>6} samples, {size / 1e6:.2f} MB")
    for what, seconds in taken.items():
        report.milliseconds(what, seconds)
