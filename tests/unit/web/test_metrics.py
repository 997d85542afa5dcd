"""/metrics: what was last read of servers under the exporters' names, only while it may be taken for now."""

import gzip
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain
from sqlalchemy import update

from oobctl import administer, clock, control
from oobctl.access import SYSTEM
from oobctl.constants import Capability, Health, Lifecycle, PowerState, ReadingType, State
from oobctl.drivers.readings import HealthReport, Sensor, SensorReport
from oobctl.errors import BmcBadAnswer
from oobctl.store import Bmc, Credential, Endpoint, Reading, Server, database
from tests.unit.readings import samples
from tests.unit.web import seed as seeding
from tests.unit.web.seed import Seed
from web.metrics import pages
from web.metrics.fleet import Fleet
from web.metrics.sensors import MOST_SENSORS

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]
OPEN_METRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"


@pytest.fixture(autouse=True)
def _new_fleet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is kept of another test's servers."""
    monkeypatch.setattr(pages, "_fleet", Fleet())


def series(text: str, parse: Callable[[str], object] = plain) -> Series:
    """All samples; fails where two have the same name and labels."""
    found: Series = {}
    families: list[Metric] = list(parse(text))  # type: ignore[call-overload]
    for sample in [sample for family in families for sample in family.samples]:
        key = (sample.name, frozenset(sample.labels.items()))
        assert key not in found, f"twice: {key}"
        found[key] = sample.value
    return found


def scraped(client: FlaskClient, path: str = "/metrics") -> Series:
    response = client.get(path)
    assert response.status_code == 200, response.text[:300]
    return series(response.text)


def of(found: Series, metric: str, server: str, /, **labels: str) -> list[float]:
    """The values of that metric of that server that have these labels."""
    wanted = {("instance", server), *labels.items()}
    return [value for (name, has), value in found.items() if name == metric and wanted <= has]


def names_of(found: Series, server: str) -> set[str]:
    return {name for name, has in found if ("instance", server) in has}


def read(seed: Seed, name: str, capability: Capability, found: object, *, age: float = 5) -> None:
    seeding.read(seed, name, capability, found, age=age)  # type: ignore[arg-type]


def change(seed: Seed, server: str, /, **columns: object) -> None:
    with database().write() as session:
        session.execute(update(Server).where(Server.id == seed.servers[server]).values(**columns))


def test_sensors_have_the_names_labels_and_states_of_ipmi_exporter(anonymous: FlaskClient, seed: Seed) -> None:
    found = scraped(anonymous)
    assert of(found, "ipmi_fan_speed_rpm", "web01", id="48", name="Fan 1") == [4200.0]
    assert of(found, "ipmi_fan_speed_state", "web01", id="48", name="Fan 1") == [0.0]
    absent = of(found, "ipmi_fan_speed_rpm", "web01", name="Fan 2")
    assert len(absent) == 1
    assert absent[0] != absent[0]  # NaN, as the exporter has it: never 0
    assert of(found, "ipmi_chassis_power_state", "web01") == [1.0]
    assert of(found, "ipmi_chassis_power_state", "build01") == [0.0]
    assert of(found, "ipmi_sel_logs_count", "web01") == [5.0]
    assert of(found, "oobctl_event_log_entries", "web01", log="SEL", severity="Critical") == [5.0]
    assert of(found, "ipmi_up", "web01", collector="ipmi") == [1.0]
    assert of(found, "oobctl_health_state", "web01") == [1.0]
    assert of(found, "oobctl_parts_not_ok", "web01", health="Warning") == [1.0]


def test_what_a_bmc_lacks_is_a_collector_that_is_off(anonymous: FlaskClient, seed: Seed) -> None:
    found = scraped(anonymous)
    assert of(found, "ipmi_up", "web01", collector="dcmi") == []
    assert of(found, "oobctl_reading_failed", "web01", capability="power_metering") == []
    read(seed, "web01", Capability.POWER_METERING, samples.METERING)
    found = scraped(anonymous)
    assert of(found, "ipmi_up", "web01", collector="dcmi") == [1.0]
    assert of(found, "ipmi_dcmi_power_consumption_watts", "web01") == [212.5]
    assert of(found, "oobctl_meter_watts", "web01", name="Chassis") == [212.5]


def test_redfish_names_are_for_servers_that_speak_it(anonymous: FlaskClient, seed: Seed) -> None:
    path = "/redfish/v1/Chassis/Shelf/Sensors/Inlet"
    inlet = Sensor("Inlet", ReadingType.TEMPERATURE, 24.5, "Cel", Health.OK, State.ENABLED, path)
    read(seed, "web01", Capability.SENSORS, SensorReport((inlet,)))
    found = scraped(anonymous)
    labels = {"resource": "temperature", "chassis_id": "Shelf", "sensor": "Inlet", "sensor_id": "Inlet"}
    assert of(found, "redfish_chassis_temperature_celsius", "web01", **labels) == [24.5]
    assert of(found, "ipmi_temperature_celsius", "web01", id="Inlet", name="Inlet") == [24.5]
    assert of(found, "redfish_up", "web01") == [1.0]
    assert of(found, "redfish_system_power_state", "web01") == [1.0]
    assert of(found, "redfish_system_health_state", "web01") == [2.0]
    assert not [name for name in names_of(found, "db01") if name.startswith("redfish")]


@pytest.mark.parametrize(
    ("kind", "unit"), [(ReadingType.TEMPERATURE, "K"), (ReadingType.ROTATIONAL, "%"), (ReadingType.VOLTAGE, "mV")]
)
def test_what_is_in_another_unit_than_a_name_says_is_not_told_by_it(
    anonymous: FlaskClient, seed: Seed, kind: ReadingType, unit: str
) -> None:
    path = "/redfish/v1/Chassis/Shelf/Sensors/One"
    sensor = Sensor("One", kind, 297.65, unit, Health.OK, State.ENABLED, path)
    read(seed, "web01", Capability.SENSORS, SensorReport((sensor,)))
    found = scraped(anonymous)
    assert not [name for name in names_of(found, "web01") if name.startswith("redfish_chassis")]
    assert of(found, "ipmi_sensor_value", "web01", name="One") == [297.65]


def test_what_is_old_is_left_out_and_its_age_is_told(anonymous: FlaskClient, seed: Seed) -> None:
    old = clock.now() - timedelta(hours=2)
    with database().write() as session:
        session.execute(update(Reading).where(Reading.capability == Capability.SENSORS).values(read_at=old))
    found = scraped(anonymous)
    assert of(found, "ipmi_fan_speed_rpm", "web01") == []
    assert of(found, "ipmi_up", "web01", collector="ipmi") == [0.0]
    assert of(found, "oobctl_reading_age_seconds", "web01", capability="sensors")[0] >= 7200
    assert of(found, "ipmi_sel_logs_count", "web01") == [5.0]  # this one is not old


@pytest.mark.parametrize("columns", [{"silent_since": clock.now()}, {"lifecycle": Lifecycle.QUARANTINED}])
def test_of_a_server_that_is_not_heard_nothing_is_told_as_now(
    anonymous: FlaskClient, seed: Seed, columns: dict[str, object]
) -> None:
    change(seed, "web01", **columns)
    found = scraped(anonymous)
    told = {"oobctl_server_info", "oobctl_bmc_silent", "oobctl_bmc_silent_seconds"}
    told |= {"oobctl_reading_age_seconds", "oobctl_reading_failed", "ipmi_up", "redfish_up"}
    assert names_of(found, "web01") <= told
    assert set(of(found, "ipmi_up", "web01")) == {0.0}
    assert of(found, "redfish_up", "web01") == [0.0]


def test_a_silent_bmc_is_said(anonymous: FlaskClient, seed: Seed) -> None:
    found = scraped(anonymous)
    assert of(found, "oobctl_bmc_silent", "app01") == [1.0]
    assert of(found, "oobctl_bmc_silent_seconds", "app01")[0] >= 17 * 60
    assert of(found, "oobctl_bmc_silent", "web01") == [0.0]


def test_a_reading_that_failed_is_said_beside_the_last_one(anonymous: FlaskClient, seed: Seed) -> None:
    read(seed, "web01", Capability.SENSORS, BmcBadAnswer("It answered nonsense."), age=1)
    found = scraped(anonymous)
    assert of(found, "oobctl_reading_failed", "web01", capability="sensors") == [1.0]
    assert of(found, "ipmi_fan_speed_rpm", "web01", name="Fan 1") == [4200.0]


def test_the_newest_reading_and_name_are_told(anonymous: FlaskClient, seed: Seed) -> None:
    """What was put into lines once is kept: not beyond the reading, the name or the server it was made of."""
    assert of(scraped(anonymous), "oobctl_health_state", "db01") == [0.0]
    read(seed, "db01", Capability.HEALTH, HealthReport(Health.CRITICAL, (), known=9, unknown=0), age=1)
    assert of(scraped(anonymous), "oobctl_health_state", "db01") == [2.0]
    change(seed, "db01", name="db02")
    found = scraped(anonymous)
    assert of(found, "oobctl_health_state", "db02") == [2.0]
    assert names_of(found, "db01") == set()
    change(seed, "db01", lifecycle=Lifecycle.RETIRED)
    assert names_of(scraped(anonymous), "db02") == set()


def test_the_firmware_is_told(anonymous: FlaskClient, seed: Seed) -> None:
    with database().write() as session:
        session.execute(update(Bmc).values(firmware="1.66", manufacturer="Example"))
    found = scraped(anonymous)
    both = {"firmware_revision": "1.66", "manufacturer_id": "Example"}
    assert of(found, "ipmi_bmc_info", "web01", system_firmware_version="1.2.3.4", **both) == [1.0]
    assert of(found, "ipmi_bmc_info", "db01", system_firmware_version="N/A", **both) == [1.0]


def test_servers_of_two_accounts_with_one_name_are_two(anonymous: FlaskClient, seed: Seed) -> None:
    change(seed, "crm01", name="web01")
    found, other = scraped(anonymous), seed.servers["crm01"]
    for name, server in (("web01", seed.servers["web01"]), (f"web01@{other}", other)):
        assert of(found, "oobctl_bmc_silent", name, server=server) == [0.0]
        assert of(found, "ipmi_fan_speed_rpm", name, name="Fan 1") == [4200.0]
    assert of(scraped(anonymous, f"/metrics?target={other}"), "ipmi_chassis_power_state", f"web01@{other}") == [1.0]


def test_one_server_is_told_alone(anonymous: FlaskClient, seed: Seed) -> None:
    whole, alone = scraped(anonymous), scraped(anonymous, "/metrics?target=web01")
    assert {has for _, has in alone} == {has for _, has in whole if ("instance", "web01") in has}
    assert scraped(anonymous, f"/metrics?target={seed.servers['web01']}").keys() == alone.keys()


def test_a_target_that_is_not_there_is_404(anonymous: FlaskClient, seed: Seed) -> None:
    assert anonymous.get("/metrics?target=nobody").status_code == 404
    change(seed, "db01", lifecycle=Lifecycle.RETIRED)
    assert anonymous.get("/metrics?target=db01").status_code == 404


def test_open_metrics_is_given_to_who_accepts_it(anonymous: FlaskClient) -> None:
    response = anonymous.get("/metrics", headers={"Accept": OPEN_METRICS})
    assert response.content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert response.text.endswith("\n# EOF\n")
    found = series(response.text, open_metrics)
    assert of(found, "ipmi_fan_speed_rpm", "web01", name="Fan 1") == [4200.0]
    alone = anonymous.get("/metrics?target=web01", headers={"Accept": OPEN_METRICS})
    assert of(series(alone.text, open_metrics), "ipmi_chassis_power_state", "web01") == [1.0]
    assert anonymous.get("/metrics").content_type.startswith("text/plain; version=0.0.4")


def test_it_is_packed_for_who_accepts_that(anonymous: FlaskClient) -> None:
    response = anonymous.get("/metrics", headers={"Accept-Encoding": "gzip"})
    assert response.headers["Content-Encoding"] == "gzip"
    assert "ipmi_fan_speed_rpm" in gzip.decompress(response.data).decode()


def test_however_much_a_bmc_lists_what_is_told_of_it_is_bounded(anonymous: FlaskClient, seed: Seed) -> None:
    many = [
        Sensor(f"Temp {at}", ReadingType.TEMPERATURE, 20.0, "Cel", Health.OK, State.ENABLED, f"sensor 0x{at:02X}")
        for at in range(MOST_SENSORS + 100)
    ]
    read(seed, "web01", Capability.SENSORS, SensorReport((*many[:3], *many[:3], *many)))
    found = scraped(anonymous)
    told = len(of(found, "ipmi_temperature_celsius", "web01"))
    assert told == MOST_SENSORS - 3
    assert of(found, "oobctl_sensors_left_out", "web01") == [len(many) + 6 - told]


def test_where_too_many_read_all_of_it_the_next_is_told_so(
    anonymous: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = Fleet()
    monkeypatch.setattr(pages, "_fleet", fleet)
    while fleet._places.acquire(blocking=False):
        pass
    assert anonymous.get("/metrics").status_code == 429
    assert anonymous.get("/metrics?target=web01").status_code == 200
    fleet._places.release()
    assert anonymous.get("/metrics").status_code == 200
    assert anonymous.get("/metrics").status_code == 200  # whoever is done leaves the place to others


def test_the_controller_is_told(anonymous: FlaskClient, seed: Seed) -> None:
    with database().write() as session:
        endpoint = session.query(Endpoint.id).limit(1).scalar_subquery()
        session.execute(update(Credential).where(Credential.endpoint_id == endpoint).values(parked_at=clock.now()))
    found = scraped(anonymous)

    def ours(name: str, /, **labels: str) -> float:
        return found[name, frozenset(labels.items())]

    assert ours("oobctl_servers", power_state=PowerState.ON) == 5
    assert ours("oobctl_silent_bmcs") == 1
    assert ours("oobctl_jobs", state="running") == 1
    assert ours("oobctl_jobs", state="queued") == 0
    assert ours("oobctl_processes", kind="monitor") == 0
    assert ours("oobctl_credentials_parked") == 1
    assert ours("oobctl_job_queue_oldest_seconds") == 0
    assert ours("oobctl_monitor_lag_seconds", site="main") >= 0


def test_a_late_monitor_is_said(anonymous: FlaskClient, seed: Seed) -> None:
    change(seed, "web01", power_read_at=clock.now() - timedelta(seconds=1000))
    found = scraped(anonymous)
    late = found["oobctl_monitor_lag_seconds", frozenset({("site", "main")})]
    assert late >= 1000 - 60


def test_the_queue_is_told(anonymous: FlaskClient, seed: Seed) -> None:
    control.submit(seed.actors["owner"], "power.off", "db01")
    found = scraped(anonymous)
    assert found["oobctl_jobs", frozenset({("state", "queued")})] == 1
    assert found["oobctl_job_queue_oldest_seconds", frozenset()] > 0


def test_nothing_secret_and_no_customer_is_in_it(anonymous: FlaskClient, seed: Seed) -> None:
    administer.add_account(SYSTEM, "Hidden Customer")
    text = anonymous.get("/metrics").text
    hidden = [seeding.BMC_PASSWORD, samples.IMAGE_KEY, "127.0.9.", "Hidden", '"shop"', "owner", *seed.tokens.values()]
    assert [word for word in hidden if word in text] == []
