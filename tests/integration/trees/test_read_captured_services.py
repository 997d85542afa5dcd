"""Logs, BIOS, media and users read of the captured trees equal what the files hold, counted without the drivers."""

from datetime import datetime
from functools import lru_cache

import pytest

from oobctl.bios_values import check, is_secret
from oobctl.store import Database
from tests.tables import services
from tests.tables.trees import SYSTEMS

pytestmark = pytest.mark.usefixtures("sqlite")
each_system = pytest.mark.parametrize(("name", "system"), SYSTEMS)


@lru_cache(maxsize=8)
def _read(name: str, system: str) -> services.Read:
    return services.read(name, system)


@pytest.fixture
def read(sqlite: Database, name: str, system: str) -> services.Read:
    """Read once; the tests look at one thing each."""
    return _read(name, system)


@each_system
def test_log_entries_attributes_slots_and_users_are_as_many_as_the_tree_holds(
    read: services.Read, name: str, system: str
) -> None:
    differing = [row for row in services.rows(read, services.held(name, system)) if row[1] != row[2]]
    assert differing == []
    assert (read.log.problems, read.users.problems) == ((), ())


@each_system
def test_entry_by_entry_id_date_severity_and_message_are_the_trees(read: services.Read, name: str, system: str) -> None:
    compared = 0
    for log, members in services.held(name, system).logs.items():
        found = {entry.entry_id: entry for entry in read.log.entries if entry.log == log}
        assert found.keys() == {member["Id"] for member in members}, log
        for member in members:
            entry = found[member["Id"]]
            date = datetime.fromisoformat(member["Created"]) if not member["Created"].startswith("0") else None
            same_date = entry.created == (date if date is not None and date.year > 1970 else None)
            same_words = "Message" not in member or entry.message == " ".join(member["Message"].split())
            same_health = str(entry.severity) == member.get("Severity", "Unknown")
            assert (same_date, same_words, same_health) == (True, True, True), (log, entry.entry_id)
            compared += 1
    assert compared == len(read.log.entries) > 0


@each_system
def test_an_entry_without_words_has_those_of_its_registry(read: services.Read, name: str, system: str) -> None:
    silent = {
        (log, member["Id"]): member["MessageId"]
        for log, members in services.held(name, system).logs.items()
        for member in members
        if "Message" not in member
    }
    found = {(entry.log, entry.entry_id): entry.message for entry in read.log.entries}
    assert [key for key, message_id in silent.items() if message_id in found[key]] == []
    assert bool(silent) is (name == "hpe")


@each_system
def test_value_by_value_the_bios_is_the_trees_and_no_password_is_in_it(
    read: services.Read, name: str, system: str
) -> None:
    there = services.held(name, system)
    if read.bios is None:
        assert there.values == {}
        return
    differing = [key for key, value in read.bios.values.items() if there.values[key] != value]
    assert (differing, read.bios.problems, read.bios.pending) == ([], (), {})
    assert there.values.keys() - read.bios.values.keys() <= there.secrets


@each_system
def test_each_value_that_the_bios_has_may_be_set_by_its_registry(read: services.Read, name: str, system: str) -> None:
    """What a BMC tells it also takes: so are values spelled that have display names, and bounds and patterns."""
    if read.bios is None:
        return
    fixed = {one.name for one in read.bios.attributes if one.read_only or is_secret(one.name, one.type)}
    values = {key: value for key, value in read.bios.values.items() if value is not None and key not in fixed}
    wrong = check(read.bios.attributes, values, present=read.bios.values)
    assert len(values) > 100
    assert len(wrong) <= 2, [one.name for one in wrong]  # one capture has two values that its own registry lacks
