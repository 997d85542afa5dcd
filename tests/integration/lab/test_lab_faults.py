"""Injected faults show over the protocols that can show them, and clear undoes them."""

import hashlib
import re
import socket
import ssl
import time

import httpx
import pytest

from oobctl.lab import rack
from oobctl.lab.errors import LabRefused
from tests.integration.lab.lab_clients import SYSTEM, Server, eventually

_OVER_IPMI = [
    ("psu-failed", "PSU1 Status", "Failure detected"),
    ("dimm-ecc", "DIMM_A1", "Correctable ECC"),
    ("fan-failed", "Fan1", "| 0 RPM"),
    ("over-temperature", "Inlet Temp", "44 degrees C"),
    ("drive-failed", "Drive0", "Drive Fault"),
    ("intrusion", "Intrusion", "General Chassis intrusion"),
    ("psu-failed", "PS Redundancy", "Redundancy Lost"),
]


def _sensor(server: Server, name: str) -> str:
    lines = server.ipmi("sdr", "elist").stdout.splitlines()
    return next(line for line in lines if line.startswith(name))


@pytest.mark.parametrize(("fault", "sensor", "words"), _OVER_IPMI)
def test_a_hardware_fault_shows_in_the_ipmi_sensor_until_it_is_cleared(
    web01: Server, fault: str, sensor: str, words: str
) -> None:
    assert words not in _sensor(web01, sensor)
    assert rack.inject(web01.home, "web01", fault) == []
    eventually(lambda: words in _sensor(web01, sensor))
    assert web01.status()["faults"] == [fault]
    assert rack.clear(web01.home, "web01") == [fault]
    eventually(lambda: words not in _sensor(web01, sensor))


def test_a_hardware_fault_leaves_a_dated_entry_in_the_event_log(web01: Server) -> None:
    web01.ipmi("sel", "clear")
    rack.inject(web01.home, "web01", "psu-failed")
    eventually(lambda: "Failure detected" in web01.ipmi("sel", "list").stdout)
    assert re.search(r"\d\d/\d\d/\d+ \|", web01.ipmi("sel", "list").stdout)
    assert "Pre-Init" not in web01.ipmi("sel", "list").stdout


def _health(server: Server, path: str, part: str, number: int = 0) -> str:
    with server.redfish() as client:
        return str(client.get(f"/redfish/v1/{path}").json()[part][number]["Status"]["Health"])


@pytest.mark.parametrize(
    ("fault", "path", "part", "number"),
    [
        ("psu-failed", "Chassis/1/Power", "PowerSupplies", 0),
        ("fan-failed", "Chassis/1/Thermal", "Fans", 0),
        ("over-temperature", "Chassis/1/Thermal", "Temperatures", 1),
    ],
)
def test_a_hardware_fault_shows_in_redfish(db01: Server, fault: str, path: str, part: str, number: int) -> None:
    assert _health(db01, path, part, number) == "OK"
    rack.inject(db01.home, "db01", fault)
    assert _health(db01, path, part, number) == "Critical"
    rack.clear(db01.home, "db01")
    assert _health(db01, path, part, number) == "OK"


def test_a_failed_drive_shows_in_redfish(db01: Server) -> None:
    rack.inject(db01.home, "db01", "drive-failed")
    with db01.redfish() as client:
        drive = client.get(f"{SYSTEM}/Storage/1/Drives/0").json()
    assert drive["Status"]["Health"] == "Critical"


def test_what_a_server_cannot_show_is_refused_with_the_reason(web01: Server) -> None:
    with pytest.raises(LabRefused, match="IPMI has no certificates"):
        rack.inject(web01.home, "web01", "bmc-new-certificate")
    assert web01.status()["faults"] == []


def test_what_one_of_two_protocols_cannot_show_is_said(app01: Server) -> None:
    said = rack.inject(app01.home, "app01", "bmc-new-certificate")
    assert said == ["IPMI does not show it: IPMI has no certificates."]


def test_an_unknown_fault_is_refused_with_the_list(web01: Server) -> None:
    with pytest.raises(LabRefused, match="psu-failed"):
        rack.inject(web01.home, "web01", "on-fire")


# --- the BMC itself ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["bmc-dead", "bmc-drop-requests", "bmc-drop-answers", "bmc-garbage"])
def test_a_mute_bmc_fails_over_ipmi_and_comes_back(web01: Server, fault: str) -> None:
    rack.inject(web01.home, "web01", fault)
    assert web01.ipmi("power", "status").returncode != 0
    rack.clear(web01.home, "web01")
    eventually(lambda: web01.ipmi_power() == "on")


@pytest.mark.parametrize("fault", ["bmc-dead", "bmc-drop-requests", "bmc-drop-answers"])
def test_a_mute_bmc_times_out_over_redfish_and_comes_back(db01: Server, fault: str) -> None:
    rack.inject(db01.home, "db01", fault)
    with db01.redfish(timeout=2) as client, pytest.raises(httpx.TimeoutException):
        client.get(SYSTEM)
    rack.clear(db01.home, "db01")
    assert db01.system()["PowerState"] == "On"


def test_garbage_over_redfish_is_no_http(db01: Server) -> None:
    rack.inject(db01.home, "db01", "bmc-garbage")
    with db01.redfish() as client, pytest.raises(httpx.RemoteProtocolError):
        client.get(SYSTEM)


def test_dropped_answers_let_the_command_act_over_redfish(db01: Server) -> None:
    before = db01.commands("reset", "redfish")
    rack.inject(db01.home, "db01", "bmc-drop-answers")
    with db01.redfish(timeout=5) as client, pytest.raises(httpx.TimeoutException):
        client.post(f"{SYSTEM}/Actions/ComputerSystem.Reset", json={"ResetType": "ForceRestart"})
    assert db01.commands("reset", "redfish") == before + 1


def test_dropped_requests_do_not_act_over_redfish(db01: Server) -> None:
    before = db01.commands("reset", "redfish")
    rack.inject(db01.home, "db01", "bmc-drop-requests")
    with db01.redfish(timeout=2) as client, pytest.raises(httpx.TimeoutException):
        client.post(f"{SYSTEM}/Actions/ComputerSystem.Reset", json={"ResetType": "ForceRestart"})
    assert db01.commands("reset", "redfish") == before


def test_a_slow_bmc_answers_in_the_end_and_holds_up_nobody_else(app01: Server, db01: Server) -> None:
    rack.inject(app01.home, "app01", "bmc-slow")
    start = time.monotonic()
    with app01.redfish(timeout=100) as client:
        assert client.get("/redfish/v1/").status_code == 200
    assert time.monotonic() - start >= 30  # it cannot be sooner; how much later is no matter
    assert db01.system()["PowerState"] == "On"


def test_a_slow_bmc_is_silent_for_a_while_over_ipmi(web01: Server) -> None:
    rack.inject(web01.home, "web01", "bmc-slow")
    since = time.time()
    assert web01.ipmi("power", "status").returncode != 0  # ipmitool gives up before
    seen = rack.packets(web01.home, "web01", since=since)
    asked = [moment for moment, direction, _size in seen if direction == "in"]
    answered = [moment for moment, direction, _size in seen if direction == "out"]
    assert asked
    assert all(moment - asked[0] >= 30 for moment in answered)


def test_a_changed_password_is_refused_over_ipmi(web01: Server) -> None:
    rack.inject(web01.home, "web01", "bmc-password-changed")
    refused = web01.ipmi("-v", "power", "status")
    assert refused.returncode != 0
    assert "RAKP 2 HMAC is invalid" in refused.stdout + refused.stderr
    rack.clear(web01.home, "web01")
    assert web01.ipmi_power() == "on"


def test_a_changed_password_is_a_401_over_redfish(app01: Server) -> None:
    rack.inject(app01.home, "app01", "bmc-password-changed")
    with app01.redfish() as client:
        assert client.get(SYSTEM).status_code == 401
    rack.clear(app01.home, "app01")
    assert app01.system()["PowerState"] == "On"


def _identities(server: Server) -> set[str]:
    guid = server.ipmi("mc", "guid").stdout.split("System GUID   : ")[1].split()[0]
    fru = server.ipmi("fru", "print", "0").stdout
    system = server.system()
    serial = next(line.split(": ")[1].strip() for line in fru.splitlines() if "Product Serial" in line)
    return {guid, system["UUID"], serial, system["SerialNumber"]}


def test_both_protocols_show_the_identity_of_the_rack_file(app01: Server) -> None:
    assert _identities(app01) == {app01.lab.identity["system_uuid"], app01.lab.identity["serial"]}


def test_another_identity_shows_over_both_protocols_alike(app01: Server) -> None:
    rack.inject(app01.home, "app01", "bmc-other-identity")
    seen = _identities(app01)
    assert len(seen) == 2
    assert not seen & set(app01.lab.identity.values())
    rack.clear(app01.home, "app01")
    assert app01.lab.identity["system_uuid"] in _identities(app01)


def _fingerprint(server: Server) -> str:
    endpoint = server.lab.redfish
    assert endpoint is not None
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    where = (endpoint.address, endpoint.port)
    with socket.create_connection(where, 10) as connection, context.wrap_socket(connection) as encrypted:
        presented = encrypted.getpeercert(binary_form=True)
    assert presented is not None
    return hashlib.sha256(presented).hexdigest()


def test_a_new_certificate_has_another_fingerprint_and_the_old_one_comes_back(app01: Server) -> None:
    assert app01.lab.tls is not None
    pinned = app01.lab.tls["fingerprint"]
    assert _fingerprint(app01) == pinned
    rack.inject(app01.home, "app01", "bmc-new-certificate")
    assert _fingerprint(app01) != pinned
    rack.clear(app01.home, "app01")
    assert _fingerprint(app01) == pinned


def test_no_free_session_is_said_over_ipmi(web01: Server) -> None:
    rack.inject(web01.home, "web01", "bmc-sessions-full")
    answer = web01.ipmi("power", "status")
    assert answer.returncode != 0
    assert "insufficient resources" in answer.stderr.lower()
    rack.clear(web01.home, "web01")
    assert web01.ipmi_power() == "on"


def test_no_free_session_is_a_503_over_redfish(app01: Server) -> None:
    rack.inject(app01.home, "app01", "bmc-sessions-full")
    with app01.redfish() as client:
        answer = client.get(SYSTEM)
    assert answer.status_code == 503
    assert "SessionLimitExceeded" in answer.json()["error"]["code"]


def test_a_fault_survives_a_restart_of_the_simulator(web01: Server) -> None:
    rack.inject(web01.home, "web01", "psu-failed")
    rack.inject(web01.home, "web01", "bmc-other-identity")
    eventually(lambda: "Failure detected" in _sensor(web01, "PSU1 Status"))


def test_the_relay_counts_a_click_s_packets_with_their_times(web01: Server) -> None:
    since = time.time()
    web01.ipmi_power()
    seen = rack.packets(web01.home, "web01", since=since)
    assert seen[0][1] == "in"
    assert {direction for _moment, direction, _size in seen} == {"in", "out"}
    assert all(since <= moment <= time.time() for moment, _direction, _size in seen)
