"""What a scrape of /metrics costs: time, memory, and how long others wait for the panel meanwhile."""

import gzip
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from sqlalchemy import select, update

from oobctl import administer, clock
from oobctl.access import SYSTEM
from oobctl.administer import ServerSpec
from oobctl.constants import Capability, Health, Lifecycle, PowerState, ReadingType, State
from oobctl.drivers.readings import (
    HealthReport,
    InventoryReport,
    PowerMeter,
    PowerMeteringReport,
    Sensor,
    SensorReport,
    as_json,
)
from oobctl.store import Bmc, Endpoint, Reading, Server, Site, database
from tests.benchmarks import report
from tests.databases import Databases
from tests.installation import Installation
from web.metrics import fleet

SERVERS, SENSORS, SCRAPES = 1000, 40, 5
"""A tenth of the readings is new at each scrape: sensors every 300 s, a scrape every 30."""


def sensors() -> SensorReport:
    kinds = [("Temp", "Cel", ReadingType.TEMPERATURE, 40.0), ("Fan", "RPM", ReadingType.ROTATIONAL, 4000.0)]
    kinds += [("Volt", "V", ReadingType.VOLTAGE, 12.0), ("Power", "W", ReadingType.POWER, 200.0)]
    found = []
    for number in range(SENSORS):
        name, units, kind, value = kinds[number % 4]
        source = f"/redfish/v1/Chassis/1/Sensors/{name}{number}"
        found.append(Sensor(f"{name} {number}", kind, value, units, Health.OK, State.ENABLED, source))
    return SensorReport(tuple(found))


def fill() -> None:
    """A fleet as the monitor would have left it a moment ago."""
    nobody = {"protocol": "redfish", "address": "127.0.0.9", "user": "admin", "password": "none", "tls": {"mode": "ca"}}
    first = administer.add_server(SYSTEM, ServerSpec.model_validate({"name": "first", "endpoints": [nobody]}))
    reports: dict[Capability, object] = {
        Capability.SENSORS: sensors(),
        Capability.HEALTH: HealthReport(Health.OK, (), known=40, unknown=0),
        Capability.POWER_METERING: PowerMeteringReport((PowerMeter("Chassis", 212.5),)),
        Capability.INVENTORY: InventoryReport(()),
    }
    contents = {name: as_json(found) for name, found in reports.items()}
    contents[Capability.EVENT_LOG] = {"markers": {"SEL": "9"}, "counts": {"SEL": {"OK": 9}}, "problems": []}
    now = clock.now()
    with database().write() as session:
        session.execute(update(Server).where(Server.id == first.id).values(lifecycle=Lifecycle.RETIRED))
        site = session.scalars(select(Site)).one()
        for number in range(SERVERS):
            bmc = Bmc(site_id=site.id, profile="generic-redfish", firmware="1.66", manufacturer="Example")
            session.add(bmc)
            session.flush()
            session.add(Endpoint(bmc_id=bmc.id, protocol="redfish", address=f"127.1.{number % 250}.1", port=443))
            server = Server(
                name=f"rack{number // 40}-{number % 40:02}",
                site_id=site.id,
                bmc_id=bmc.id,
                lifecycle=Lifecycle.READY,
                power_state=PowerState.ON,
                power_read_at=now,
            )
            session.add(server)
            session.flush()
            for name, content in contents.items():
                session.add(Reading(server_id=server.id, capability=name, content=content, read_at=now, tried_at=now))


def a_tenth_is_read() -> None:
    """As the monitor does between two scrapes."""
    now = clock.now()
    with database().write() as session:
        session.execute(update(Server).values(power_read_at=now))
        tenth = select(Server.id).order_by(Server.id).limit(SERVERS // 10).scalar_subquery()
        session.execute(update(Reading).where(Reading.server_id.in_(tenth)).values(read_at=now, tried_at=now))


def memory_of(pid: int) -> dict[str, float]:
    """Resident memory now and at its highest, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines if line.startswith("Vm"))
    return {name: int(fields[name].split()[0]) / 1000 for name in ("VmRSS", "VmHWM")}


def newest_child(pid: int) -> int:
    """Gunicorn's worker: what answers."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[-1]) if children else pid


def test_a_scrape_of_a_thousand_servers(databases: Databases, new_installation: Callable[..., Installation]) -> None:
    with new_installation(databases.migrated("sqlite")) as installation:
        installation.initialise()
        fill()
        report.head(f"/metrics of {SERVERS} servers with {SENSORS} sensors each, SQLite")
        one, spent = fleet.Fleet(), []
        for _ in range(SCRAPES):
            began = time.process_time()
            one.all()
            spent.append(time.process_time() - began)
            a_tenth_is_read()
        print(f"lines made: first {spent[0] * 1000:.0f} CPU ms, then {min(spent[1:]) * 1000:.0f} to "
              f"{max(spent[1:]) * 1000:.0f} CPU ms with a tenth of the readings new")  # fmt: skip
        panel = installation.start_panel()
        worker = newest_child(panel.pid)
        before = memory_of(worker)
        took = [_scraped(installation) for _ in range(SCRAPES)]
        after = memory_of(worker)
        text, packed = took[-1][1], took[-1][2]
        print(f"a scrape: first {took[0][0] * 1000:.0f} ms, then {min(one[0] for one in took[1:]) * 1000:.0f} ms; "
              f"{text / 1e6:.1f} MB, packed {packed / 1e6:.2f} MB")  # fmt: skip
        print(f"memory of the panel: {before['VmRSS']:.0f} MB before, {after['VmRSS']:.0f} MB after, "
              f"{after['VmHWM']:.0f} MB at its highest")  # fmt: skip
        report.milliseconds("/healthz, nothing else asked", _others(installation, busy=False))
        report.milliseconds("/healthz, during scrapes", _others(installation, busy=True))


def _scraped(installation: Installation) -> tuple[float, int, int]:
    """Seconds, bytes, and bytes on the wire of one scrape, as Prometheus asks."""
    began = time.perf_counter()
    with httpx.stream(
        "GET", f"{installation.url}/metrics", headers={"Accept-Encoding": "gzip"}, timeout=120, trust_env=False
    ) as answer:
        packed = b"".join(answer.iter_raw())
        assert answer.status_code == 200
    took = time.perf_counter() - began
    text = gzip.decompress(packed)
    assert text.count(b"\nipmi_temperature_celsius{") == SERVERS * SENSORS // 4
    return took, len(text), len(packed)


def _others(installation: Installation, *, busy: bool) -> list[float]:
    """How long somebody else waits for an answer, while scrapes follow each other or not."""
    stop = threading.Event()

    def scrape() -> None:
        while not stop.is_set():
            _scraped(installation)

    other = threading.Thread(target=scrape)
    if busy:
        other.start()
    taken = []
    with httpx.Client(base_url=installation.url, timeout=60, trust_env=False) as client:
        for _ in range(100):
            began = time.perf_counter()
            assert client.get("/healthz").is_success
            taken.append(time.perf_counter() - began)
            time.sleep(0.02)
    stop.set()
    if busy:
        other.join()
    return taken
