"""A server over time: each plot answers a question, limits and gaps go with it, and what happened stands beside it."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from oobctl import administer, clock, readings
from oobctl.access import SYSTEM
from oobctl.constants import Capability, Health, ReadingType, State
from oobctl.drivers.readings import EventLogEntry, Sensor, SensorReport, Thresholds
from oobctl.store import Outage, Server, database
from tests.unit.readings import samples
from tests.unit.web.conftest import SignIn
from tests.unit.web.seed import Seed
from web import over_time
from web.shapes.readings import HistoryShape, SensorsShape

QUIET = "mail01"  # nothing was read of it in the seed


def sensor(name: str, kind: ReadingType, reading: float | None, units: str, **limits: float) -> Sensor:
    return Sensor(name, kind, reading, units, Health.OK, State.ENABLED, name, Thresholds(**limits))


def keep(seed: Seed, minutes_ago: float, *sensors: Sensor) -> None:
    at = clock.now() - timedelta(minutes=minutes_ago)
    with database().write() as session:
        readings.keep(session, seed.servers[QUIET], Capability.SENSORS, SensorReport(sensors), at)


def page(client: FlaskClient, seed: Seed, **query: str) -> str:
    answer = client.get(f"/servers/{seed.servers[QUIET]}/hardware/over-time", query_string=query)
    assert answer.status_code == 200, answer.text
    return answer.text


def drawn(text: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="plots-data">(.*?)</script>', text)
    assert found is not None
    content: dict[str, Any] = json.loads(found[1])
    return content


def test_what_is_a_gap_goes_by_how_often_the_server_is_read(sign_in: SignIn, seed: Seed) -> None:
    keep(seed, 10, sensor("Inlet", ReadingType.TEMPERATURE, 24.5, "Cel"))
    gaps = []
    for profile in ("generic-ipmi", "generic-redfish"):  # sensors each 120 s, and each 300 s
        with database().write() as session:
            session.get_one(Server, seed.servers[QUIET]).bmc.profile = profile
        gaps.append(drawn(page(sign_in("technician"), seed, span="hour"))["gap"])
    assert gaps == [300.0, 750.0]


def test_each_question_is_asked_where_there_are_numbers_that_answer_it(sign_in: SignIn, seed: Seed) -> None:
    inlet = sensor("Inlet", ReadingType.TEMPERATURE, 21.5, "Cel", upper_caution=38.0)
    keep(seed, 20, inlet, sensor("Fan 1", ReadingType.ROTATIONAL, 4200, "RPM", lower_critical=600.0))
    keep(seed, 10, sensor("Inlet", ReadingType.TEMPERATURE, 24.5, "Cel", upper_caution=38.0))
    text = page(sign_in("technician"), seed)
    assert [words in text for words in ("Does it stay cool?", "Do the fans keep turning?")] == [True, True]
    assert "What does it draw?" not in text
    data = drawn(text)
    temperature, fans = data["plots"]
    assert temperature["unit"] == "°C"
    assert temperature["lines"] == [{"name": "Inlet", "points": [21.5, 24.5], "below": None, "above": 38.0}]
    assert fans["lines"][0]["points"] == [4200.0, None]
    assert data["to"] - data["from"] == 86400


def test_a_sensor_that_tells_another_unit_is_another_line_and_the_old_one_says_when_it_ended(
    sign_in: SignIn, seed: Seed, anonymous: FlaskClient, bearer: Callable[[str], dict[str, str]]
) -> None:
    rpm, percent = (sensor("Fan 1", ReadingType.ROTATIONAL, *told) for told in ((4200, "RPM"), (41, "%")))
    inlet = sensor("Inlet", ReadingType.TEMPERATURE, 21.5, "Cel")
    for minutes, fan in ((30, rpm), (20, rpm), (10, percent), (5, percent)):
        keep(seed, minutes, fan, inlet)
    plots = {plot["unit"]: plot["lines"][0]["points"] for plot in drawn(page(sign_in("technician"), seed))["plots"]}
    assert plots["rpm"] == [4200.0, 4200.0, None, None]
    assert plots["%"] == [None, None, 41.0, 41.0]
    rows = re.findall(r'<th scope="row">(.*?)</th>', page(sign_in("technician"), seed))
    assert [("last read" in row, row.partition(" <")[0]) for row in rows] == [
        (False, "Inlet"),
        (True, "Fan 1"),
        (False, "Fan 1"),
    ]
    begin = clock.rfc3339(clock.now() - timedelta(hours=1))
    query = {"from": begin}
    path = f"/api/v1/servers/{seed.servers[QUIET]}/sensors"
    history = anonymous.get(path, headers=bearer("technician"), query_string=query).get_json()["history"]
    last = {line["units"]: history["times"].index(line["last_read"]) for line in history["series"]}
    assert last == {"Cel": 3, "RPM": 1, "%": 3}


def test_a_name_that_a_bmc_made_up_ends_no_script(sign_in: SignIn, seed: Seed) -> None:
    name = "</script><script>alert(1)</script>"
    keep(seed, 10, sensor(name, ReadingType.TEMPERATURE, 20, "Cel"))
    text = page(sign_in("technician"), seed)
    assert "<script>alert" not in text
    assert drawn(text)["plots"][0]["lines"][0]["name"] == name


def test_voltages_are_drawn_against_their_own_average(sign_in: SignIn, seed: Seed) -> None:
    for minutes, volts in ((20, 11.0), (10, 13.0)):
        keep(seed, minutes, sensor("12V", ReadingType.VOLTAGE, volts, "V"), sensor("VBAT", ReadingType.VOLTAGE, 0, "V"))
    (plot,) = drawn(page(sign_in("technician"), seed))["plots"]
    assert plot["unit"] == "%"
    assert {line["name"]: line["points"] for line in plot["lines"]} == {
        "12V": [-8.333, 8.333],
        "VBAT": [None, None],
    }


def test_what_the_bmc_noted_stands_on_the_same_axis(sign_in: SignIn, seed: Seed) -> None:
    keep(seed, 10, sensor("Inlet", ReadingType.TEMPERATURE, 20, "Cel"))
    now = clock.now()
    entries: list[EventLogEntry] = [
        samples.entry(number, message, created=now - timedelta(hours=hours))
        for number, (message, hours) in enumerate((("Fan 1 failed", 2), ("Fan 2 failed", 30)))
    ]
    with database().write() as session:
        readings.keep(session, seed.servers[QUIET], Capability.EVENT_LOG, samples.log(*entries), now)
    client = sign_in("technician")
    day, week = page(client, seed), page(client, seed, span="week")
    assert ("Fan 1 failed" in day, "Fan 2 failed" in day) == (True, False)
    assert ("Fan 1 failed" in week, "Fan 2 failed" in week) == (True, True)
    assert [mark["bad"] for mark in drawn(week)["marks"]] == [True, True]


@pytest.mark.parametrize(
    ("component", "message", "said"),
    [
        ("Fan1", "Fan1: Lower Critical going low", "Fan1: Lower Critical going low"),
        ("Fan1", "Lower Critical going low", "Fan1: Lower Critical going low"),
        ("/redfish/v1/Chassis/1", "A fan failed", "A fan failed"),
        ("Fan 0x05, /redfish/v1/Chassis/1", "It stands", "Fan 0x05: It stands"),
    ],
)
def test_a_part_is_named_once(sign_in: SignIn, seed: Seed, component: str, message: str, said: str) -> None:
    entry = replace(samples.entry(1, message, created=clock.now()), component=component)
    with database().write() as session:
        readings.keep(session, seed.servers[QUIET], Capability.EVENT_LOG, samples.log(entry), clock.now())
    client = sign_in("owner")
    assert f"Event log</span> {said}</li>" in page(client, seed)
    shown = client.get(f"/servers/{seed.servers[QUIET]}/hardware/event-log").text
    assert (shown.count("Fan"), "/redfish/" in shown) == (said.count("Fan"), False)


def test_a_span_that_is_none_is_the_day(sign_in: SignIn, seed: Seed) -> None:
    assert 'aria-current="true">24 hours' in page(sign_in("owner"), seed, span="century")
    assert "No history of these 24 hours is kept" in page(sign_in("owner"), seed)
    assert "No history of these 60 minutes is kept" in page(sign_in("owner"), seed, span="hour")


@pytest.mark.parametrize("source", [None, "sensor 0x20"])
def test_sensors_of_one_name_are_told_apart_by_where_they_are(source: str | None) -> None:
    at = clock.now()
    series = {
        "name": "Temp", "units": "Cel", "reading_type": "Temperature", "source": source, "context": None,
        "last_read": at, "minimum": [1.0], "average": [2.0], "maximum": [3.0],
    }  # fmt: skip
    history = HistoryShape.model_validate({"from": at, "to": at, "step": 60, "times": [at], "series": [series]})
    nothing = SensorsShape(read_at=None, age_seconds=None, tried_at=None, problem=None, history=None)
    (plot,) = over_time.plots(history, nothing, 750.0)
    assert plot.lines[0].name == ("Temp (sensor 0x20)" if source else "Temp")
    assert (plot.lines[0].least, plot.lines[0].average, plot.lines[0].most) == (1.0, 2.0, 3.0)


def outage(seed: Seed, minutes: float, lasted: float | None, code: str, because: str) -> None:
    began = clock.now() - timedelta(minutes=minutes)
    until = None if lasted is None else began + timedelta(minutes=lasted)
    with database().write() as session:
        session.add(Outage(server_id=seed.servers[QUIET], from_at=began, until_at=until, code=code, because=because))


def meanwhile(text: str) -> list[str]:
    """The lines of what happened, without their marks; each time as T."""
    lines = re.findall(r"<li>(.*?)</li>", text.partition("What happened meanwhile")[2].partition("</section>")[0])
    return [re.sub(r"<[^>]+>", "", re.sub(r"<time.*?</time>", "T", line)) for line in lines]


def test_when_the_bmc_gave_no_readings_stands_in_what_happened_meanwhile(sign_in: SignIn, seed: Seed) -> None:
    outage(seed, 300, 12, "bmc_timeout", "Over before.")
    outage(seed, 90, 60, "bmc_timeout", "No answer from the BMC at 127.0.9.3.")
    outage(seed, 20, None, "bmc_auth_failed", "It refused the password.")
    keep(seed, 10, sensor("Inlet", ReadingType.TEMPERATURE, 24.5, "Cel"))
    text = page(sign_in("technician"), seed, span="hour")
    assert meanwhile(text) == [
        "since T BMC refuses our password: It refused the password.",
        "T to T BMC silent: No answer from the BMC at 127.0.9.3.",
    ]
    data = drawn(text)
    assert all(mark["bad"] and data["from"] <= mark["at"] <= data["to"] for mark in data["marks"])
    told = meanwhile(page(sign_in("owner"), seed, span="day"))
    assert told[0] == "since T BMC does not let us in: It refused the password."
    assert "127.0.9.3" not in " ".join(told)
    assert len(told) == 3


def test_a_next_tenant_sees_no_outage_of_before(sign_in: SignIn, seed: Seed) -> None:
    with database().write() as session:
        session.get_one(Server, seed.servers[QUIET]).silent_since = clock.now()
    outage(seed, 20, None, "bmc_timeout", "The last tenant's.")
    administer.assign(SYSTEM, seed.servers[QUIET], "other")
    outage(seed, -0.01, None, "bmc_timeout", "Theirs.")
    assert meanwhile(page(sign_in("stranger"), seed)) == ["since T BMC silent: Theirs."]
    assert len(meanwhile(page(sign_in("technician"), seed))) == 2
