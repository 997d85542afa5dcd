"""How long the fleet's page and its API take for 5,000 servers of 40 sensors, on both databases."""

import random
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import insert, select

from oobctl import clock
from oobctl.constants import READ_CAPABILITIES, Capability, Health, Lifecycle, PowerState
from oobctl.drivers.readings import HealthReport, SensorReport, as_json
from oobctl.ids import new_id
from oobctl.store import Bmc, Figures, Rack, Reading, Server, Site, database
from tests.benchmarks import report
from tests.benchmarks.asking import signed_in, timed
from tests.databases import KINDS, Databases
from tests.installation import Installation
from tests.unit.readings import samples

SERVERS, SENSORS, A_RACK = 5000, 40, 40
PROFILES = ("generic-ipmi", "generic-redfish", "openbmc")


def fill() -> None:
    """As so many enrolments and a monitor would leave it: 2 of a hundred silent, 1 too hot."""
    report_of_sensors = as_json(SensorReport(tuple(samples.temperature(f"Temp {n}", 30.0 + n) for n in range(SENSORS))))
    contents = {capability: {"parts": ["x" * 4000]} for capability in READ_CAPABILITIES}
    contents[Capability.SENSORS] = report_of_sensors
    now, chance = clock.now(), random.Random(4)
    rows: dict[type, list[dict[str, object]]] = {table: [] for table in (Rack, Bmc, Server, Reading, Figures)}
    with database().read() as session:
        site = session.scalars(select(Site.id)).one()
    for number in range(SERVERS):
        if number % A_RACK == 0:
            rows[Rack].append({"id": new_id(), "site_id": site, "name": f"R{number // A_RACK + 1}"})
        bmc, server = new_id(), new_id()
        at = now - timedelta(seconds=chance.uniform(0, 60))
        silent = now - timedelta(minutes=9) if chance.random() < 0.02 else None
        rows[Bmc].append({"id": bmc, "site_id": site, "profile": PROFILES[number % len(PROFILES)]})
        rows[Server].append({
            "id": server, "name": f"srv{number:05}", "site_id": site, "bmc_id": bmc, "rack_id": rows[Rack][-1]["id"],
            "lifecycle": Lifecycle.ASSIGNED, "power_state": PowerState.ON, "power_read_at": at, "silent_since": silent,
        })  # fmt: skip
        health = Health.OK if chance.random() < 0.97 else Health.CRITICAL
        contents[Capability.HEALTH] = as_json(HealthReport(health, (), known=12, unknown=0))
        for capability in READ_CAPABILITIES:
            rows[Reading].append({
                "server_id": server, "capability": capability, "content": contents[capability], "read_at": at,
                "tried_at": at, "problem": None,
            })  # fmt: skip
        hot = [{"name": "CPU 1", "celsius": 99.0, "limit": 95.0, "health": "Critical"}]
        rows[Figures].append({
            "server_id": server, "inlet": "Inlet", "inlet_celsius": chance.uniform(18, 32), "inlet_upper_caution": 38.0,
            "too_hot": hot if chance.random() < 0.01 else None, "sensors_read_at": at,
            "watts": chance.uniform(90, 400), "watts_read_at": at,
        })  # fmt: skip
    for table, values in rows.items():
        with database().write() as session:
            session.execute(insert(table), values)


@pytest.mark.parametrize("kind", KINDS)
def test_five_thousand_servers(kind: str, databases: Databases, new_installation: Callable[..., Installation]) -> None:
    with new_installation(databases.migrated(kind)) as installation:
        installation.initialise().add_people()
        fill()
        installation.start_panel()
        report.head(f"fleet: {SERVERS} servers of {SENSORS} sensors, {kind}")
        browser = signed_in(installation)
        with installation.client("technician") as client:
            for what, ask in {
                "API": lambda: client.get("/fleet"),
                "API, one rack": lambda: client.get("/fleet?rack=R7"),
                "page": lambda: browser.get(f"{installation.url}/fleet"),
                "page, one rack": lambda: browser.get(f"{installation.url}/fleet?rack=R7"),
            }.items():
                report.milliseconds(what, timed(ask, "Inlet"))
