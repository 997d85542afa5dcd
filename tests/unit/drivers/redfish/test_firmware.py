"""Firmware that was there before, or only lies ready, is told apart from what is installed; each is counted once."""

from typing import Any

import pytest

from oobctl import profiles
from oobctl.drivers.redfish.firmware import firmware_parts
from oobctl.drivers.redfish.tree import Member
from web.hardware_words import about, part_groups
from web.shapes.readings import PartShape

DELL = profiles.find("dell-idrac9").inventory.firmware_ids
IDS = [
    "Current-159-1.8.2__BIOS.Setup.1-1",
    "Installed-159-1.8.2__BIOS.Setup.1-1",
    "Previous-159-1.2.4__BIOS.Setup.1-1",
    "Installed-25227-6.00.30__iDRAC.Embedded.1-1",
    "Available-25227-7.00.00__iDRAC.Embedded.1-1",
]


def member(ident: str, **more: Any) -> Member:
    return Member(f"/f/{ident}", {"Id": ident, "Name": "BIOS", "Version": "1", **more})


def test_previous_and_available_firmware_is_told_as_such_and_duplicates_once() -> None:
    found = firmware_parts([member(ident) for ident in IDS], DELL)
    assert [part.details.get("FirmwareState") for part in found] == [None, "Previous", None, "Available"]


def test_of_other_bmcs_a_standby_image_is_not_the_installed_one() -> None:
    listed = [member("bmc_active"), member("bmc_1", Status={"State": "StandbySpare"}), member("bmc_active")]
    found = firmware_parts(listed, {})
    assert [part.details.get("FirmwareState") for part in found] == [None, "Available"]


@pytest.mark.parametrize("name", ["dell-idrac8", "dell-idrac10"])
def test_profiles_that_are_based_on_another_know_its_ids(name: str) -> None:
    assert profiles.find(name).inventory.firmware_ids == DELL


def test_the_page_counts_what_is_installed_and_shows_the_rest_after_it() -> None:
    shapes = [
        PartShape.model_validate(
            {**vars(part), "details": dict(part.details), "mac_addresses": []}, from_attributes=True
        )
        for part in firmware_parts([member(ident) for ident in IDS], DELL)
    ]
    (group,) = part_groups(shapes)
    assert (group.installed, len(group.parts)) == (2, 4)
    assert [about(part) for part in group.parts] == ["", "", "previous, not installed", "available, not installed"]
