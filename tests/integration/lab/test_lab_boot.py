"""Boot overrides are read back truly, are obeyed by the firmware, and one-shot ones are used up by one boot."""

from typing import Any

import pytest

from tests.integration.lab.lab_clients import SYSTEM, Server, eventually


def _boot(server: Server) -> tuple[str, str, str]:
    boot = server.system()["Boot"]
    target, enabled, mode = (str(boot[f"BootSourceOverride{name}"]) for name in ("Target", "Enabled", "Mode"))
    return target, enabled, mode


def _override(target: str, enabled: str, **more: str) -> dict[str, Any]:
    return {"Boot": {"BootSourceOverrideTarget": target, "BootSourceOverrideEnabled": enabled, **more}}


def wait_for_network_boot(server: Server, since: int) -> None:
    eventually(lambda: "Start PXE over IPv4" in server.serial(since), 120)


def test_a_one_shot_network_boot_happens_once(db01: Server) -> None:
    assert db01.patch(_override("Pxe", "Once")).status_code == 204
    assert _boot(db01) == ("Pxe", "Once", "UEFI")
    since = db01.serial_size()
    db01.reset("ForceRestart")
    wait_for_network_boot(db01, since)
    assert _boot(db01) == ("None", "Disabled", "UEFI")
    since = db01.serial_size()
    db01.reset("ForceRestart")
    db01.wait_for_os(since)
    assert "Start PXE" not in db01.serial(since)


def test_a_persistent_override_stays(db01: Server) -> None:
    db01.patch(_override("Pxe", "Continuous"))
    for _ in range(2):
        since = db01.serial_size()
        db01.reset("ForceRestart")
        wait_for_network_boot(db01, since)
        assert _boot(db01) == ("Pxe", "Continuous", "UEFI")


def test_disabling_an_override_clears_it(db01: Server) -> None:
    db01.patch(_override("Cd", "Continuous"))
    db01.patch({"Boot": {"BootSourceOverrideEnabled": "Disabled"}})
    assert _boot(db01) == ("None", "Disabled", "UEFI")


def test_legacy_mode_boots_the_other_firmware_once(db01: Server) -> None:
    db01.patch(_override("Hdd", "Once", BootSourceOverrideMode="Legacy"))
    since = db01.serial_size()
    db01.reset("ForceRestart")
    db01.wait_for_os(since)
    assert "db01 is up, booted by BIOS" in db01.serial(since)
    since = db01.serial_size()
    db01.reset("ForceRestart")
    db01.wait_for_os(since)
    assert "db01 is up, booted by UEFI" in db01.serial(since)


def test_bios_setup_over_redfish_ends_in_the_firmware_screen(db01: Server) -> None:
    db01.patch(_override("BiosSetup", "Once"))
    since = db01.serial_size()
    db01.reset("ForceRestart")
    eventually(lambda: "Select Entry" in db01.serial(since), 120)
    assert _boot(db01) == ("None", "Disabled", "UEFI")


def test_bios_setup_over_ipmi_ends_in_the_boot_menu(web01: Server) -> None:
    assert web01.ipmi("chassis", "bootdev", "bios").returncode == 0
    since = web01.serial_size()
    web01.ipmi("power", "reset")
    eventually(lambda: "Select boot device" in web01.serial(since), 120)


def test_an_ipmi_override_holds_for_one_boot_and_its_options_are_lost(web01: Server) -> None:
    assert web01.ipmi("chassis", "bootdev", "pxe", "options=efiboot,persistent").returncode == 0
    flags = web01.ipmi("chassis", "bootparam", "get", "5").stdout
    assert "Force PXE" in flags
    assert "Options apply to only next boot" in flags
    assert "legacy" in flags
    web01.ipmi("power", "reset")
    eventually(lambda: "No override" in web01.ipmi("chassis", "bootparam", "get", "5").stdout)


def test_an_override_set_over_ipmi_shows_in_redfish(app01: Server) -> None:
    app01.ipmi("chassis", "bootdev", "cdrom")
    assert _boot(app01)[:2] == ("Cd", "Once")


@pytest.mark.parametrize(
    "boot",
    [
        {"BootSourceOverrideTarget": "Floppy"},
        {"BootSourceOverrideEnabled": "Twice"},
        {"BootSourceOverrideMode": "Amiga"},
        {"BootOrder": ["Boot0001"]},
    ],
)
def test_an_override_that_means_nothing_is_refused_and_changes_nothing(db01: Server, boot: dict[str, Any]) -> None:
    before = _boot(db01)
    assert db01.patch({"Boot": {"BootSourceOverrideTarget": "Pxe", **boot}}).status_code == 400
    assert _boot(db01) == before


def test_redfish_names_the_values_that_it_takes(db01: Server) -> None:
    boot = db01.system()["Boot"]
    assert "BiosSetup" in boot["BootSourceOverrideTarget@Redfish.AllowableValues"]
    assert boot["BootSourceOverrideEnabled@Redfish.AllowableValues"] == ["Disabled", "Once", "Continuous"]
    assert db01.system()["@odata.id"] == SYSTEM
