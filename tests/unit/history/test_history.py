"""History from reading to plot, on both databases: what was read is told, a gap is a gap, and space is bounded."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, func, select

from oobctl import clock, history
from oobctl.constants import ReadingType
from oobctl.errors import InvalidParameter
from oobctl.history import History, Numbers, What, keep
from oobctl.history.samples import DAY, MINUTE, QUARTER, Step
from oobctl.store import Sample, Series, database
from tests.installation import Installation

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
INLET = What("Inlet", "Cel", ReadingType.TEMPERATURE)
FAN = What("Fan 1", "RPM", ReadingType.ROTATIONAL)


@pytest.fixture
def server(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> str:
    set_clock(monkeypatch, NOON + timedelta(days=1))
    return installation.servers["web01"]


def set_clock(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    monkeypatch.setattr(clock, "now", lambda: now)


def add(server_id: str, at: datetime, values: Mapping[What, float | None]) -> None:
    add_all(server_id, {at: values})


def add_all(server_id: str, found: Mapping[datetime, Mapping[What, float | None]]) -> None:
    with database().write() as session:
        for at, values in found.items():
            history.add(session, [Numbers(server_id, at, values)])


def told(server_id: str, begin: datetime, end: datetime, step: int | None = 60, **more: datetime) -> History:
    with database().read() as session:
        return history.between(session, server_id, begin, end, step, **more)


def count(step: Step) -> int:
    with database().read() as session:
        return session.scalar(select(func.count()).select_from(Sample).where(Sample.step == step.seconds)) or 0


def hour(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def test_what_was_read_is_told_with_its_minute_and_what_was_not_is_a_gap(server: str) -> None:
    add(server, hour(0.5), {INLET: 21.3, FAN: 4200})
    add(server, hour(1.5), {INLET: None, FAN: 4300})
    add(server, hour(4), {INLET: 22})
    found = told(server, hour(0), hour(10))
    assert found.times == [hour(0), hour(1), hour(4)]
    lines = {line.series.name: line.mean for line in found.lines}
    assert lines == {"Inlet": [21.3, None, 22.0], "Fan 1": [4200.0, 4300.0, None]}


def test_two_readings_of_one_minute_are_one_sample_in_which_the_later_number_counts(server: str) -> None:
    add(server, hour(0.1), {INLET: 21})
    add(server, hour(0.2), {FAN: 4200})
    add(server, hour(0.3), {INLET: 23})
    found = told(server, hour(0), hour(1))
    assert {line.series.name: line.mean for line in found.lines} == {"Inlet": [23.0], "Fan 1": [4200.0]}
    assert count(MINUTE) == 1


def test_a_quarter_that_is_over_is_kept_as_least_mean_and_greatest(server: str) -> None:
    add_all(server, {hour(minute): {INLET: 20 + minute} for minute in range(16)})
    found = told(server, hour(0), hour(15), 900)
    (line,) = found.lines
    assert (line.least, line.mean, line.greatest) == ([20.0], [27.0], [34.0])
    assert count(QUARTER) == 1


def test_a_quarter_that_is_not_over_is_told_from_its_minutes(server: str) -> None:
    add_all(server, {hour(minute): {INLET: 20 + minute} for minute in range(20)})
    found = told(server, hour(0), hour(30), 900)
    assert found.times == [hour(0), hour(15)]
    assert found.lines[0].greatest == [34.0, 39.0]


def test_a_late_sample_changes_the_quarter_that_it_belongs_to(server: str) -> None:
    for minute in (0, 20, 5):
        add(server, hour(minute), {INLET: 20 + minute})
    assert told(server, hour(0), hour(15), 900).lines[0].greatest == [25.0]


def test_a_day_is_made_of_its_quarters(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, NOON + timedelta(days=2))
    add_all(server, {hour(60 * hours): {INLET: hours} for hours in range(0, 40, 2)})
    found = told(server, NOON - timedelta(hours=12), NOON + timedelta(days=2), DAY.seconds)
    assert found.lines[0].greatest == [10.0, 34.0, 38.0]
    assert found.lines[0].least == [0.0, 12.0, 36.0]


def test_a_server_keeps_so_much_and_no_more(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keep, "STEPS", (Step(60, 2), Step(900, 4), Step(86400, 6)))
    add_all(server, {hour(60 * hours): {INLET: 20} for hours in range(24 * 12)})
    assert count(MINUTE) <= 2 * 24 + 3
    assert count(QUARTER) <= 4 * 24 + 3
    assert count(DAY) <= 8


def test_where_the_minutes_are_gone_the_quarters_are_told(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    add_all(server, {hour(minute): {INLET: minute} for minute in range(0, 60 * 24 * 4, 20)})
    set_clock(monkeypatch, NOON + timedelta(days=4))
    found = told(server, hour(0), hour(60), 60)
    assert found.step == 900
    assert len(found.times) == 3
    assert count(MINUTE) <= 3 * 24 * 2 + 5


def test_nothing_that_began_before_the_server_was_somebodys_is_told_to_them(server: str) -> None:
    add_all(server, {hour(minute): {INLET: minute} for minute in range(50)})
    found = told(server, hour(0), hour(60), 900, since=hour(17))
    assert found.lines[0].least == [17.0, 30.0, 45.0]
    assert told(server, hour(0), hour(60), 60, since=hour(17)).times[0] == hour(17)


def test_who_has_a_server_since_the_middle_of_a_day_is_told_the_rest_of_that_day(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_all(server, {hour(minute): {INLET: minute} for minute in range(0, 60 * 24 * 3, 20)})
    set_clock(monkeypatch, NOON + timedelta(days=3))
    found = told(server, hour(0), hour(60 * 24 * 3), DAY.seconds, since=hour(100))  # the minutes of then are gone
    assert found.lines[0].least == [120.0, 720.0, 2160.0, 3600.0]


def test_a_clock_that_was_set_back_leaves_nothing_of_a_time_to_come(server: str) -> None:
    add(server, datetime.now(UTC) + timedelta(days=300), {INLET: 99})  # the database's clock is not set by a test
    add(server, hour(0), {INLET: 20})
    add(server, hour(20), {INLET: 21})
    assert told(server, NOON, NOON + timedelta(days=3000), DAY.seconds).lines[0].greatest == [21.0]
    assert count(QUARTER) == 1


def test_many_servers_are_kept_in_as_many_statements_as_one(server: str, installation: Installation) -> None:
    ids = list(installation.servers.values())
    assert len(ids) > 3
    assert server in ids
    few, many = (
        _statements([[Numbers(one, hour(minute), {INLET: minute}) for one in chosen] for minute in (0, 1, 16, 24 * 60)])
        for chosen in (ids[:1], ids[1:])
    )
    assert many == few
    for server_id in ids:
        assert told(server_id, hour(0), hour(15), 900).lines[0].greatest == [1.0]


def _statements(batches: list[list[Numbers]]) -> int:
    seen: list[str] = []

    def count(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    event.listen(database().engine, "before_cursor_execute", count)
    try:
        for batch in batches:
            with database().write() as session:
                history.add(session, batch)
    finally:
        event.remove(database().engine, "before_cursor_execute", count)
    return len(seen)


def test_a_sensor_whose_unit_changes_is_another_series_and_one_that_returns_the_same(server: str) -> None:
    fahrenheit = What("Inlet", "Fahrenheit", ReadingType.TEMPERATURE)
    for minute, what in enumerate((INLET, fahrenheit, INLET)):
        add(server, hour(minute), {what: 20 + minute})
    found = told(server, hour(0), hour(5))
    assert {line.series.units: line.mean for line in found.lines} == {
        "Cel": [20.0, None, 22.0],
        "Fahrenheit": [None, 21.0, None],
    }


def test_sensors_of_one_name_stay_apart_while_one_of_them_is_missing(server: str) -> None:
    """Alone, each would be called by its name only, and both by the same."""
    front, rear = (replace(INLET, place=place) for place in ("/Temperatures/0", "/Temperatures/1"))
    both = {replace(one, qualifier=one.place): number for one, number in ((front, 20.0), (rear, 30.0))}
    meter = What("Inlet", "W", ReadingType.POWER, history.METERS)
    for minute, values in enumerate(({meter: 100.0, **both}, {front: 21.0}, {rear: 31.0}, both)):
        add(server, hour(minute), values)
    add(server, hour(5), {What("Inlet", "W", ReadingType.POWER, place="/Sensors/0"): 90.0})
    found = told(server, hour(0), hour(10))
    assert {(line.series.units, line.series.qualifier): line.mean for line in found.lines} == {
        ("W", history.METERS): [100.0, None, None, None, None],
        ("Cel", "/Temperatures/0"): [20.0, 21.0, None, 20.0, None],
        ("Cel", "/Temperatures/1"): [30.0, None, 31.0, 30.0, None],
        ("W", ""): [None, None, None, None, 90.0],
    }


def test_a_bmc_that_makes_up_names_fills_no_database(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keep, "MOST_SERIES", 5)
    for minute in range(4):
        made_up = {What(f"Sensor {minute} {number}", "V", ReadingType.VOLTAGE): 1.0 for number in range(3)}
        add(server, hour(minute), {INLET: 20, **made_up})
    with database().read() as session:
        assert session.scalar(select(func.count()).select_from(Series)) == 5
    assert told(server, hour(0), hour(5)).lines[0].mean == [20.0] * 4


def test_without_a_step_there_are_as_many_points_as_a_plot_can_show(server: str) -> None:
    add_all(server, {hour(minute): {INLET: minute} for minute in range(0, 24 * 60, 5)})
    found = told(server, hour(0), hour(24 * 60), None)
    assert found.step == 300
    assert len(found.times) == 288


def test_a_server_of_which_nothing_was_read_has_no_lines(server: str) -> None:
    found = told(server, hour(0), hour(60))
    assert (found.times, found.lines) == ([], [])


@pytest.mark.parametrize("end", [NOON, NOON - timedelta(hours=1)])
def test_a_time_that_ends_before_it_begins_is_refused(server: str, end: datetime) -> None:
    with pytest.raises(InvalidParameter, match="`from` is not before `to`"):
        told(server, NOON, end)


def test_more_points_than_can_be_answered_are_refused_with_the_step_that_can(server: str) -> None:
    with pytest.raises(InvalidParameter, match="a step of at least 1556 s"):
        told(server, NOON - timedelta(days=89), NOON + timedelta(days=1), 900)
