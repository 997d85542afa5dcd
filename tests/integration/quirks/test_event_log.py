"""Quirks of logs: with the quirk their entries are read with their dates, without it they are not."""

from datetime import UTC, datetime

import pytest

from oobctl.errors import NotSupported
from tests import trees
from tests.profiles import Derived

pytestmark = pytest.mark.usefixtures("sqlite")

SYSTEM = "/redfish/v1/Systems/1"


def test_bad_dates_are_read_and_zeros_are_no_date(derived: Derived) -> None:
    with trees.serve(behaviours=["bad-dates"]) as bmc:
        with trees.connected(bmc, profile=derived()) as found:
            entries = found.event_log.read().entries
            assert [entry.created for entry in entries[:2]] == [None, datetime(2025, 3, 1, 9, 12, tzinfo=UTC)]
        with trees.connected(bmc, name="web02", profile=derived(without=["bad-dates"])) as found:
            entries = found.event_log.read().entries
            assert [entry.created for entry in entries] == [None] * 4
            assert [entry.entry_id for entry in entries] == ["1", "2", "3", "4"]


@pytest.mark.parametrize("name", ["supermicro-x11", "supermicro-x12", "supermicro-x13"])
def test_the_managers_log_of_maintenance_is_skipped_where_the_systems_of_the_same_id_holds_events(name: str) -> None:
    tree = trees.with_another(trees.written(), f"{SYSTEM}/LogServices/Sel", "Log1")
    log = {"Name": "Maintenance Event Log Service", "LogEntryType": "OEM"}
    tree = trees.with_another(tree, "/redfish/v1/Managers/1/LogServices/Audit", "Log1", **log)
    with trees.serve(tree) as bmc:
        with trees.connected(bmc, profile=name) as found:
            assert set(found.event_log.read().markers) == {"Systems/1/Sel", "Systems/1/Log1"}
        with trees.connected(bmc, name="web02") as found:
            assert "Managers/1/Log1" in found.event_log.read().markers


def test_bare_string_members_are_entries_too(derived: Derived) -> None:
    with trees.serve(behaviours=["bare-string-members"]) as bmc:
        with trees.connected(bmc, profile=derived()) as found:
            assert len(found.event_log.read().entries) == 4
        profile = derived(without=["bare-string-members"])
        with (
            trees.connected(bmc, name="web02", profile=profile, system_path=SYSTEM) as found,
            pytest.raises(NotSupported, match="no logs"),
        ):
            found.event_log.read()
