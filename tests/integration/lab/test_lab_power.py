"""Power commands reach one machine, whatever the protocol, and each is counted once."""

import os

import pytest

from oobctl.lab import rack
from tests.integration.lab.lab_clients import Server, eventually


def test_ipmi_power_off_and_on_end_and_start_the_machine(web01: Server) -> None:
    before = web01.commands("power off", "ipmi"), web01.commands("power on", "ipmi")
    machine = web01.status()["pids"]["qemu"]
    assert web01.ipmi("power", "off").returncode == 0
    assert web01.ipmi_power() == "off"
    assert not os.path.exists(f"/proc/{machine}")
    assert web01.ipmi("power", "on").returncode == 0
    assert web01.ipmi_power() == "on"
    assert os.path.exists(f"/proc/{web01.status()['pids']['qemu']}")
    assert (web01.commands("power off", "ipmi"), web01.commands("power on", "ipmi")) == (before[0] + 1, before[1] + 1)


def test_both_protocols_of_one_server_agree_about_its_power(app01: Server) -> None:
    assert app01.reset("ForceOff").status_code == 204
    assert (app01.ipmi_power(), app01.system()["PowerState"]) == ("off", "Off")
    assert app01.ipmi("power", "on").returncode == 0
    assert (app01.ipmi_power(), app01.system()["PowerState"]) == ("on", "On")


def test_ipmi_cycle_goes_through_off(web01: Server) -> None:
    before = web01.status()["pids"]["qemu"]
    assert web01.ipmi("power", "cycle").returncode == 0
    eventually(lambda: web01.ipmi_power() == "on")
    assert web01.status()["pids"]["qemu"] != before


def test_a_reset_is_counted_once_and_boots_again(web01: Server) -> None:
    web01.start_fresh()
    before, since = web01.commands("reset", "ipmi"), web01.serial_size()
    last_reset = web01.status()["last_reset"]
    assert web01.ipmi("power", "reset").returncode == 0
    web01.wait_for_os(since)
    assert web01.commands("reset", "ipmi") == before + 1
    assert web01.status()["last_reset"] > last_reset


def test_a_reset_changes_the_last_reset_time_of_redfish(db01: Server) -> None:
    before = db01.system()["LastResetTime"]
    assert db01.reset("ForceRestart").status_code == 204
    eventually(lambda: db01.system()["LastResetTime"] > before)
    assert db01.system()["PowerState"] == "On"


def test_soft_shutdown_over_ipmi_is_done_by_the_guest(web01: Server) -> None:
    web01.start_fresh()
    since = web01.serial_size()
    assert web01.ipmi("power", "soft").returncode == 0
    eventually(lambda: web01.ipmi_power() == "off")
    assert "ACPI power button: web01 is powering off" in web01.serial(since)


def test_graceful_shutdown_over_redfish_is_done_by_the_guest(db01: Server) -> None:
    db01.start_fresh()
    assert db01.reset("GracefulShutdown").status_code == 204
    eventually(lambda: db01.system()["PowerState"] == "Off")


def test_an_os_that_ignores_the_button_stays_on(web01: Server) -> None:
    web01.start_fresh()
    rack.inject(web01.home, "web01", "os-ignores-shutdown")
    since, before = web01.serial_size(), web01.commands("shutdown", "ipmi")
    assert web01.ipmi("power", "soft").returncode == 0
    assert web01.commands("shutdown", "ipmi") == before + 1
    rack.clear(web01.home, "web01")
    web01.ipmi("power", "soft")
    eventually(lambda: web01.ipmi_power() == "off")
    assert web01.serial(since).count("web01 is powering off") == 1


def test_an_nmi_over_redfish_shows_in_the_kernel_log(db01: Server) -> None:
    db01.start_fresh()
    since = db01.serial_size()
    assert db01.reset("Nmi").status_code == 204
    eventually(lambda: "NMI received" in db01.serial(since))


def test_an_nmi_over_ipmi_is_refused_because_the_simulator_cannot(web01: Server) -> None:
    answer = web01.ipmi("power", "diag")
    assert answer.returncode != 0
    assert "Invalid data field" in answer.stderr


@pytest.mark.parametrize("reset_type", ["GracefulShutdown", "ForceRestart", "PowerCycle", "Nmi"])
def test_redfish_refuses_what_needs_power_on_a_server_without(db01: Server, reset_type: str) -> None:
    db01.reset("ForceOff")
    assert db01.reset(reset_type).status_code == 409
    assert db01.system()["PowerState"] == "Off"


def test_redfish_power_cycle_starts_another_machine(db01: Server) -> None:
    before = db01.status()["pids"]["qemu"]
    assert db01.reset("PowerCycle").status_code == 204
    assert db01.system()["PowerState"] == "On"
    assert db01.status()["pids"]["qemu"] != before


def test_graceful_restart_boots_the_guest_again(db01: Server) -> None:
    db01.start_fresh()
    since = db01.serial_size()
    assert db01.reset("GracefulRestart").status_code == 204
    db01.wait_for_os(since)


def test_an_unknown_reset_type_is_a_400_that_names_it(db01: Server) -> None:
    answer = db01.reset("Bogus")
    assert answer.status_code == 400
    assert "Bogus" in answer.json()["error"]["@Message.ExtendedInfo"][0]["Message"]


def test_identify_lights_the_led_over_both_protocols(app01: Server) -> None:
    assert app01.ipmi("chassis", "identify", "force").returncode == 0
    assert app01.system()["IndicatorLED"] == "Lit"
    assert app01.patch({"IndicatorLED": "Off"}).status_code == 204
    assert app01.status()["led"] == "Off"
    app01.ipmi("chassis", "identify", "1")
    eventually(lambda: app01.status()["led"] == "Off")
