"""Keeping readings, on both databases: the newest wins, what a BMC lacks is no failure, one poison harms no other."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, func, select

from oobctl import readings
from oobctl.constants import Capability, Health, Lifecycle, ReadingType, State
from oobctl.drivers.readings import BiosReport, Sensor, SensorReport, as_json
from oobctl.errors import BmcTimeout, NotSupported, OobctlError
from oobctl.readings import Report, Taken
from oobctl.store import AttributeRegistry, Figures, Reading, Server, database
from tests.installation import Installation
from tests.unit.readings import samples

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SILENCE = BmcTimeout("No answer within 5 s.")


def kept(server_id: str, capability: Capability) -> Reading:
    with database().read() as session:
        return session.get_one(Reading, (server_id, capability))


def keep(server_id: str, capability: Capability, found: Report | OobctlError, minutes: float) -> Reading:
    with database().write() as session:
        readings.keep(session, server_id, capability, found, NOON + timedelta(minutes=minutes))
    return kept(server_id, capability)


def test_a_report_is_kept_as_its_json_with_the_time_it_was_read(installation: Installation) -> None:
    row = keep(installation.servers["web01"], Capability.SENSORS, samples.SENSORS, 0)
    assert row.content == as_json(samples.SENSORS)
    assert (row.read_at, row.tried_at, row.problem) == (NOON, NOON, None)


def test_the_key_of_an_inserted_image_is_not_kept(installation: Installation) -> None:
    row = keep(installation.servers["web01"], Capability.VIRTUAL_MEDIA, samples.MEDIA, 0)
    assert row.content is not None
    assert row.content["slots"] == [{**as_json(samples.MEDIA.slots[0]), "image": "rescue.iso"}]
    assert samples.IMAGE_KEY not in str(row.content)


def test_a_failure_leaves_the_last_report_and_says_why(installation: Installation) -> None:
    server_id = installation.servers["web01"]
    keep(server_id, Capability.SENSORS, samples.SENSORS, 0)
    row = keep(server_id, Capability.SENSORS, SILENCE, 5)
    assert row.content == as_json(samples.SENSORS)
    assert (row.read_at, row.tried_at) == (NOON, NOON + timedelta(minutes=5))
    assert row.problem == {"code": "bmc_timeout", "message": "No answer within 5 s."}
    row = keep(server_id, Capability.SENSORS, samples.SENSORS, 6)
    assert (row.read_at, row.problem) == (NOON + timedelta(minutes=6), None)


def test_a_failure_hides_no_report_that_waited_with_it(installation: Installation) -> None:
    """The database was away; before it was back the BMC fell silent."""
    server_id = installation.servers["web01"]
    report = Taken(server_id, Capability.SENSORS, NOON, samples.SENSORS)
    failure = Taken(server_id, Capability.SENSORS, NOON + timedelta(minutes=5), SILENCE)
    with database().write() as session:
        readings.keep_all(session, [failure, report])
    row = kept(server_id, Capability.SENSORS)
    assert row.content == as_json(samples.SENSORS)
    assert (row.read_at, row.tried_at) == (NOON, NOON + timedelta(minutes=5))
    assert row.problem == {"code": "bmc_timeout", "message": "No answer within 5 s."}
    with database().read() as session:
        assert session.get_one(Figures, server_id).sensors_read_at == NOON


def test_what_a_bmc_lacks_is_kept_as_that_and_has_no_content(installation: Installation) -> None:
    server_id = installation.servers["web01"]
    keep(server_id, Capability.BIOS, samples.BIOS, 0)
    row = keep(server_id, Capability.BIOS, NotSupported("This BMC has no BIOS settings."), 5)
    assert (row.content, row.read_at) == (None, None)
    assert row.problem == {"code": "not_supported", "message": "This BMC has no BIOS settings."}


@pytest.mark.parametrize("older", [samples.SENSORS, SILENCE, NotSupported("None here.")], ids=["report", "error", "no"])
def test_an_older_result_never_replaces_a_newer_one(installation: Installation, older: Report | OobctlError) -> None:
    server_id = installation.servers["web01"]
    newer = SensorReport((samples.FAN,))
    keep(server_id, Capability.SENSORS, newer, 5)
    row = keep(server_id, Capability.SENSORS, older, 0)
    assert (row.content, row.read_at, row.problem) == (as_json(newer), NOON + timedelta(minutes=5), None)


def test_a_report_that_began_before_a_failure_counts_and_hides_it_not(installation: Installation) -> None:
    server_id = installation.servers["web01"]
    keep(server_id, Capability.SENSORS, SILENCE, 5)
    row = keep(server_id, Capability.SENSORS, samples.SENSORS, 4)
    assert (row.content, row.read_at) == (as_json(samples.SENSORS), NOON + timedelta(minutes=4))
    assert (row.tried_at, row.problem is not None) == (NOON + timedelta(minutes=5), True)


def test_a_whole_fleet_is_kept_in_few_statements(installation: Installation) -> None:
    ids = [installation.servers[name] for name in ("web01", "db01", "other01", "spare01")]
    found: dict[Capability, Report] = {
        Capability.HEALTH: samples.HEALTH,
        Capability.SENSORS: samples.SENSORS,
        Capability.EVENT_LOG: samples.log(samples.entry(1), whole=("SEL",)),
        Capability.BIOS: samples.BIOS,
    }
    few, many = (
        _statements([Taken(server_id, name, NOON, report) for server_id in chosen for name, report in found.items()])
        for chosen in (ids[:1], ids[1:])
    )
    assert many <= few + 2 * 4  # per event log the entries, and what is gone of it
    with database().read() as session:
        assert session.scalar(select(func.count()).select_from(Reading)) == 16


def _statements(taken: list[Taken]) -> int:
    seen: list[str] = []

    def count(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    event.listen(database().engine, "before_cursor_execute", count)
    try:
        with database().write() as session:
            readings.keep_all(session, taken)
    finally:
        event.remove(database().engine, "before_cursor_execute", count)
    return len(seen)


def test_a_registry_is_kept_once_for_all_servers_that_have_it(installation: Installation) -> None:
    rows = [keep(installation.servers[name], Capability.BIOS, samples.BIOS, 0) for name in ("web01", "db01")]
    assert rows[0].content == rows[1].content
    with database().read() as session:
        [registry] = session.scalars(select(AttributeRegistry)).all()
    assert rows[0].content == {
        "values": as_json(samples.BIOS.values),
        "pending": {"BootMode": "Bios"},
        "registry_id": "BiosRegistry.1",
        "registry": registry.id,
        "problems": [],
    }
    assert registry.content == {"registry_id": "BiosRegistry.1", "attributes": as_json(samples.BIOS.attributes)}


def test_a_registry_that_could_not_be_read_is_the_one_of_last_time(installation: Installation) -> None:
    server_id = installation.servers["web01"]
    first = keep(server_id, Capability.BIOS, samples.BIOS, 0)
    again = keep(server_id, Capability.BIOS, BiosReport({"Cores": 8}, {}, "BiosRegistry.1", ()), 1)
    other = keep(server_id, Capability.BIOS, BiosReport({"Cores": 8}, {}, "BiosRegistry.2", ()), 2)
    assert first.content is not None
    assert again.content is not None
    assert other.content is not None
    assert first.content["registry"] == again.content["registry"] is not None
    assert other.content["registry"] is None


def test_what_no_database_takes_is_kept_as_what_it_is_worth(installation: Installation) -> None:
    hostile = Sensor("a\x00b\ud800", ReadingType.OTHER, float("nan"), None, Health.UNKNOWN, State.UNKNOWN, "x")
    row = keep(installation.servers["web01"], Capability.SENSORS, SensorReport((hostile,)), 0)
    assert row.content is not None
    assert (row.content["sensors"][0]["name"], row.content["sensors"][0]["reading"]) == ("a\ufffdb\ufffd", None)


def test_a_server_that_is_retired_meanwhile_keeps_nothing_more(installation: Installation) -> None:
    server_id = installation.servers["web01"]
    with database().write() as session:
        session.get_one(Server, server_id).lifecycle = Lifecycle.RETIRED
    with database().write() as session:
        readings.keep(session, server_id, Capability.SENSORS, samples.SENSORS, NOON)
        readings.keep(session, "no-such-server", Capability.SENSORS, samples.SENSORS, NOON)
    with database().read() as session:
        assert session.scalars(select(Reading)).all() == []


def test_what_is_forgotten_is_read_anew_but_for_what_was_told_of_its_security(installation: Installation) -> None:
    server_id = installation.servers["web01"]
    keep(server_id, Capability.SENSORS, samples.SENSORS, 0)
    keep(server_id, Capability.SECURITY, samples.security(cipher_zero=True), 0)
    with database().write() as session:
        readings.forget(session, server_id)
    with database().read() as session:
        assert [row.capability for row in session.scalars(select(Reading))] == [Capability.SECURITY]


def test_reports_say_how_much_they_hold() -> None:
    said = [
        readings.counted(report)
        for report in (
            samples.HEALTH, samples.SENSORS, samples.log(samples.entry(1)), samples.INVENTORY, samples.BIOS,
            samples.MEDIA, samples.METERING, samples.USERS, samples.security(null_user=False, host_interface=None),
        )
    ]  # fmt: skip
    assert said == [
        "health Warning (told by 12 parts)", "2 sensors", "1 new log entry", "3 parts", "3 BIOS settings",
        "1 virtual drive", "1 power meter", "1 BMC user", "1 security fact",
    ]  # fmt: skip
