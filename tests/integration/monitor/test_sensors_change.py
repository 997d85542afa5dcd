"""Sensors that vanish and return, and that tell another unit after a firmware update: no series has a wrong number."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from oobctl import clock
from oobctl.access import SYSTEM
from oobctl.constants import Capability
from oobctl.drivers.ipmi.repository import forget
from oobctl.store import Database, Server, database
from tests import sdr_records as r
from tests import trees
from tests.guard import Guard
from tests.installation import eventually
from tests.integration.drivers.simulator import Bench, Simulator
from tests.integration.monitor.site import COMMANDS, INLET, RECORDS, THERMAL
from tests.integration.monitor.watched import OFTEN, content, monitoring, numbers, said, sensor, since
from tests.profiles import Derived, write_profiles
from tests.trees import Served
from web import readings as shown
from web.shapes.readings import HistoryShape

FAN = "Fan 1"


class Minutes:
    """A clock that a test moves on by the minute: history is kept by the minute."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._now = clock.now().replace(second=30, microsecond=0).timestamp()
        self.began = clock.now() - timedelta(minutes=2)
        monkeypatch.setattr(clock, "wall", lambda: self._now)
        monkeypatch.setattr(clock, "follow", lambda _store: None)
        monkeypatch.setattr(clock, "_followed", None)

    def pass_one(self) -> datetime:
        """The minute that begins then."""
        self._now += 60
        return clock.now().replace(second=0)


@pytest.fixture
def minutes(db: Database, monkeypatch: pytest.MonkeyPatch) -> Minutes:
    return Minutes(monkeypatch)


@pytest.fixture
def bmc() -> Iterator[Served]:
    with trees.serve() as served:
        yield served


def history(server_id: str, minutes: Minutes) -> HistoryShape:
    """As the API and the pages tell it."""
    with database().read() as session:
        server = session.get_one(Server, server_id)
        return shown.history(session, SYSTEM, server, minutes.began, clock.now(), 60)


def known(server_id: str, minutes: Minutes, name: str, units: str) -> list[float]:
    """The numbers of one series, in order, gaps left out."""
    found = numbers(since(server_id, minutes.began), name, units)
    return [value for value in found.values() if value is not None]


def put(bmc: Served, kind: str, members: list[dict[str, Any]]) -> None:
    with bmc.state.lock:
        bmc.state.resources.at(THERMAL)[kind] = members


@pytest.mark.prove
def test_a_redfish_sensor_that_vanishes_and_returns_has_a_gap_and_no_other_one_s_numbers(
    bmc: Served, minutes: Minutes, derived: Derived
) -> None:
    first, second = (
        {"@odata.id": f"{THERMAL}#/Temperatures/{number}", "MemberId": str(number), "Name": "DIMM Temp",
         "ReadingCelsius": 30 + number * 10, "Status": {"State": "Enabled", "Health": "OK"}}
        for number in (0, 1)
    )  # fmt: skip
    server_id = trees.way(bmc, profile=derived(changes=OFTEN))

    def count() -> int:
        listed = content(server_id, Capability.SENSORS).get("sensors", [])
        return sum(one["name"] == "DIMM Temp" for one in listed)

    with monitoring():
        for members in ([first, second], [first], [second], [], [first, second]):
            minutes.pass_one()
            put(bmc, "Temperatures", members)
            eventually(lambda members=members: count() == len(members))  # type: ignore[misc]
    series = {one.source: one.average for one in history(server_id, minutes).series if one.name == "DIMM Temp"}
    assert len(series) == 2
    cold, hot = (next(one for source, one in series.items() if source and source.endswith(end)) for end in "01")
    assert {value for value in cold if value is not None} == {30.0}
    assert {value for value in hot if value is not None} == {40.0}
    assert cold[-1] == 30.0
    assert hot[-1] == 40.0
    said(
        "sensors change",
        "Redfish: of two sensors of one name one is missing, the other, both; then both are back",
        "two series, each with its own numbers and gaps",
    )


@pytest.mark.prove
def test_a_redfish_fan_that_tells_another_unit_after_an_update_begins_another_series(
    bmc: Served, minutes: Minutes, derived: Derived
) -> None:
    fan = {"@odata.id": f"{THERMAL}#/Fans/0", "MemberId": "0", "Name": FAN, "Status": {"State": "Enabled"}}
    server_id = trees.way(bmc, profile=derived(changes=OFTEN))
    told_in = (("RPM", 6100.0), ("Percent", 41.0), ("Percent", 42.0), ("RPM", 6000.0))
    with monitoring():
        for unit, reading in told_in:
            minutes.pass_one()
            put(bmc, "Fans", [{**fan, "Reading": reading, "ReadingUnits": unit}])
            eventually(lambda reading=reading: sensor(server_id, FAN).get("reading") == reading)  # type: ignore[misc]
    found = {one.units: one for one in history(server_id, minutes).series if one.name == FAN}
    assert len(found) == 2
    percent = found.pop("%")
    [rpm] = found.values()
    assert set(rpm.average) - {None} == {6100.0, 6000.0}
    assert set(percent.average) - {None} == {41.0, 42.0}
    assert percent.last_read < rpm.last_read
    said(
        "sensors change",
        "Redfish: Fan 1 tells RPM, then percent, then RPM",
        f"two series of one name, in {rpm.units} and in {percent.units}; the API says when each was read last",
    )


@pytest.mark.prove
def test_an_ipmi_sensor_that_tells_another_unit_after_an_update_begins_another_series(
    db: Database, minutes: Minutes, guard: Guard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profiles = write_profiles(tmp_path / "hwprofiles", {**OFTEN, "timeouts.connect": 2, "timeouts.answer": 2})
    monkeypatch.setenv("OOBCTL_HWPROFILES", str(profiles))
    (tmp_path / "bmc").mkdir()
    forget()
    simulator = Simulator(tmp_path / "bmc", records=RECORDS, commands=COMMANDS)
    guard.end_group(simulator.pid)
    bench = Bench(simulator)
    bench.bmc.close()
    warmer = (COMMANDS[0], COMMANDS[1].replace(" 20 ", " 70 "), COMMANDS[2])
    try:
        with monitoring():
            minutes.pass_one()
            eventually(lambda: sensor(bench.server_id, INLET).get("reading") == 20)
            minutes.pass_one()
            simulator.update([r.full(1, INLET, number=1, entity=(55, 1), units=(0, 2, 0))], warmer)
            guard.end_group(simulator.pid)
            eventually(lambda: sensor(bench.server_id, INLET).get("reading") == 70)
            assert sensor(bench.server_id, INLET)["units"] == "[degF]"
            minutes.pass_one()
            simulator.update(RECORDS, COMMANDS)
            guard.end_group(simulator.pid)
            eventually(lambda: sensor(bench.server_id, INLET).get("reading") == 20)
    finally:
        simulator.stop()
    assert set(known(bench.server_id, minutes, INLET, "Cel")) == {20.0}
    assert set(known(bench.server_id, minutes, INLET, "[degF]")) == {70.0}
    said(
        "sensors change",
        "IPMI: a firmware update, and back: the inlet in degrees Fahrenheit, then Celsius",
        "the records were read anew; two series, no number in the other's unit",
    )
