"""The boot override's rules, apart from any machine."""

import pytest

from oobctl.lab.boot_override import Override, device_order
from oobctl.lab.errors import LabRefused


def test_a_target_alone_holds_for_one_boot() -> None:
    assert Override().changed({"target": "Pxe"}) == Override("Pxe", "Once")


def test_no_target_means_disabled() -> None:
    assert Override("Pxe", "Continuous").changed({"target": "None"}) == Override("None", "Disabled")


def test_disabled_means_no_target() -> None:
    assert Override("Pxe", "Once").changed({"enabled": "Disabled"}) == Override("None", "Disabled")


def test_another_mode_keeps_the_rest() -> None:
    assert Override("Pxe", "Continuous").changed({"mode": "Legacy"}) == Override("Pxe", "Continuous", "Legacy")


@pytest.mark.parametrize("changes", [{"target": "Floppy"}, {"enabled": "Twice"}, {"mode": "Amiga"}])
def test_words_without_a_meaning_are_refused(changes: dict[str, str]) -> None:
    with pytest.raises(LabRefused, match=next(iter(changes.values()))):
        Override().changed(changes)


def test_one_boot_uses_up_a_one_shot_override_and_its_mode() -> None:
    assert Override("Pxe", "Once", "Legacy").after_boot("UEFI") == Override("None", "Disabled", "UEFI")


def test_a_boot_leaves_a_persistent_override() -> None:
    persistent = Override("Pxe", "Continuous", "Legacy")
    assert persistent.after_boot("UEFI") == persistent


@pytest.mark.parametrize(
    ("override", "first"),
    [
        (Override(), "disk0"),
        (Override("Pxe", "Once"), "nic0"),
        (Override("Cd", "Continuous"), "cd0"),
        (Override("BiosSetup", "Once"), "disk0"),
    ],
)
def test_the_override_s_device_comes_first_and_all_others_follow(override: Override, first: str) -> None:
    order = device_order(override)
    assert order[0] == first
    assert sorted(order) == ["cd0", "disk0", "nic0"]
