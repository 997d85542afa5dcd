"""The IPMI side: sensors of every kind, as two other clients read them, parts' FRUs, LAN settings, what is refused."""

import csv
import os
import subprocess
from pathlib import Path

import pytest

from oobctl.lab import rack
from oobctl.lab.ipmi_sensors import FULL, Analog
from tests.integration.lab.lab_clients import Server, eventually

# By hand from factor, offset and exponents in ipmi_sensors.py, as IPMI 2.0 section 36.3 has the formula.
READINGS = {
    "CPU1 Temp": 45.0,
    "CPU1 Margin": -42.0,  # signed
    "Exhaust Temp": 31.0,  # (5 * 142 - 40 * 10) / 10
    "PSU1 Fan": 5000.0,  # 1 / (200 / 10**6)
    "+1.05V PCH": 1.047,  # (9 * 33 + 75 * 10) / 1000
    "+3.3V": 3.298,
    "VBAT": 3.016,
    "PSU1 Current": 5.25,
    "PSU1 Power In": 63.0,
    "PSU1 Load": 13.0,  # percent
    "Airflow": 40.0,  # square root of 16 * 100
}


def _free_ipmi(server: Server, program: str, folder: Path, *arguments: str) -> str:
    endpoint = server.lab.ipmi
    assert endpoint is not None
    config = folder / "freeipmi.conf"
    config.touch(mode=0o600)
    config.write_text(f"username {endpoint.user}\npassword {endpoint.password}\n")
    where = ["-h", f"{endpoint.address}:{endpoint.port}", "-D", "LAN_2_0", "-I", "3", "-W", "opensesspriv"]
    cache = ["--config-file", str(config), "--sdr-cache-directory", str(folder), "--quiet-cache"]
    done = subprocess.run(
        [program, *cache, *where, *arguments], capture_output=True, text=True, check=False, env={**os.environ}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_kind_of_sensor_reads_right_in_ipmitool(web01: Server) -> None:
    rows = [[cell.strip() for cell in line.split("|")] for line in web01.ipmi("sensor").stdout.splitlines()]
    read = {row[0]: row[1] for row in rows}
    assert {name: float(read[name]) for name in READINGS} == READINGS
    assert read["DIMM_B2 Temp"] == "na"
    thresholds = {row[0]: row[4:10] for row in rows}
    assert thresholds["CPU1 Margin"] == ["na", "na", "na", "-8.000", "-3.000", "na"]
    assert thresholds["+1.05V PCH"] == ["na", "0.948", "0.975", "1.119", "1.146", "na"]


def test_every_kind_of_sensor_reads_right_in_freeipmi(web01: Server, tmp_path: Path) -> None:
    text = _free_ipmi(web01, "ipmi-sensors", tmp_path, "--comma-separated-output")
    rows = {row["Name"]: row for row in csv.DictReader(text.splitlines())}
    assert set(rows) == {sensor.name for sensor in FULL}
    assert {name: float(rows[name]["Reading"]) for name in READINGS} == {
        name: pytest.approx(value, abs=0.006) for name, value in READINGS.items()
    }
    assert (rows["PSU1 Load"]["Units"], rows["DIMM_B2 Temp"]["Reading"]) == ("%", "N/A")


def test_sensors_have_their_event_flags(web01: Server) -> None:
    sensor = next(sensor for sensor in FULL if isinstance(sensor, Analog) and sensor.name == "VBAT")
    words = web01.ipmi("raw", "4", "0x29", str(sensor.number)).stdout.split()
    assert words == ["c0", "05", "00", "05", "00"]  # events and scanning; lower non-critical and critical going low


def test_a_fault_and_its_end_are_in_the_event_log_as_other_clients_decode_it(web01: Server, tmp_path: Path) -> None:
    web01.ipmi("sel", "clear")
    rack.inject(web01.home, "web01", "intrusion")
    rack.clear(web01.home, "web01")
    eventually(lambda: web01.ipmi("sel", "elist").stdout.count("General Chassis intrusion") == 2)
    decoded = _free_ipmi(web01, "ipmi-sel", tmp_path, "--output-event-state")
    assert "General Chassis Intrusion" in decoded


def test_a_restart_of_the_bmc_logs_no_fault_twice(web01: Server) -> None:
    web01.ipmi("sel", "clear")
    rack.inject(web01.home, "web01", "drive-failed")
    eventually(lambda: "Drive Fault" in web01.ipmi("sel", "elist").stdout)
    rack.inject(web01.home, "web01", "bmc-other-identity")
    assert web01.ipmi("sel", "elist").stdout.count("Drive Fault") == 1


def test_the_server_s_fru_has_chassis_board_and_product(web01: Server) -> None:
    fru = web01.ipmi("fru", "print", "0").stdout
    serial = web01.lab.identity["serial"]
    for line in (
        f"Chassis Serial        : {serial}",
        f"Board Serial          : B{serial}",
        f"Product Serial        : {serial}",
    ):
        assert line in fru


def test_modules_and_power_supplies_have_frus_that_both_clients_read(web01: Server, tmp_path: Path) -> None:
    assert "DIMM-web01-A1" in web01.ipmi("fru", "print", "1").stdout
    assert "PSU-web01-2" in web01.ipmi("fru", "print", "4").stdout
    text = _free_ipmi(web01, "ipmi-fru", tmp_path)
    assert "FRU Product Serial Number: DIMM-web01-B1" in text
    assert "FRU Power Supply Overall Capacity: 500 Watts" in text


def test_the_lan_settings_are_the_bmc_s_own(app01: Server) -> None:
    lan = app01.ipmi("lan", "print", "1").stdout
    assert f"IP Address              : {app01.lab.vnc.address}" in lan
    assert f"MAC Address             : {app01.lab.identity['bmc_mac']}" in lan


def test_what_the_simulator_cannot_do_is_refused_and_not_guessed(web01: Server) -> None:
    assert "Invalid command" in web01.ipmi("dcmi", "power", "reading").stderr
    assert (
        "Invalid command" in web01.ipmi("raw", "4", "0x23", "1", "45").stderr
    )  # reading factors: no non-linear sensors


def test_cipher_suite_zero_lets_anybody_in_as_the_readme_says(web01: Server) -> None:
    endpoint = web01.lab.ipmi
    assert endpoint is not None
    where = ["-H", endpoint.address, "-p", str(endpoint.port), "-U", endpoint.user, "-P", "anything"]
    command = ["ipmitool", "-I", "lanplus", "-C", "0", "-N", "1", *where, "power", "status"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
