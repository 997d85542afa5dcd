"""BIOS settings over Redfish: described by a registry, checked, pending until the machine really boots, kept."""

import gzip
from collections.abc import Iterator
from http.client import HTTPSConnection
from typing import Any

import pytest

from oobctl.lab import rack
from tests.integration.lab.lab_clients import SYSTEM, Server, wait_for_bmc_reset

BIOS = f"{SYSTEM}/Bios"
SETTINGS = f"{BIOS}/Settings"
REGISTRIES = "/redfish/v1/Registries"


@pytest.fixture(autouse=True)
def defaults(db01: Server) -> Iterator[None]:
    yield
    with db01.redfish() as client:
        client.post(f"{BIOS}/Actions/Bios.ResetBios", json={})
    boot(db01)


def boot(server: Server) -> None:
    """A new start of the machine; the firmware takes its settings at once."""
    rack.command(server.home, server.name, "power-off")
    rack.command(server.home, server.name, "power-on")


def attributes(server: Server, path: str = BIOS) -> dict[str, Any]:
    with server.redfish() as client:
        found: dict[str, Any] = client.get(path).json()["Attributes"]
    return found


def change(server: Server, **values: object) -> int:
    with server.redfish() as client:
        return client.patch(SETTINGS, json={"Attributes": values}).status_code


def test_a_change_waits_for_the_next_boot_and_then_holds(db01: Server) -> None:
    assert change(db01, NumLock="Off", AcPwrRcvryDelay=60) == 204
    assert change(db01, PxeIpv6=True) == 204
    waiting = {"NumLock": "Off", "AcPwrRcvryDelay": 60, "PxeIpv6": True}
    assert attributes(db01, SETTINGS) == waiting
    assert attributes(db01)["NumLock"] == "On"
    wait_for_bmc_reset(db01)
    assert attributes(db01, SETTINGS) == waiting
    db01.reset("ForceRestart")
    assert attributes(db01, SETTINGS) == {}
    assert {name: attributes(db01)[name] for name in waiting} == waiting


def test_a_value_that_holds_already_does_not_wait(db01: Server) -> None:
    change(db01, NumLock="Off")
    assert change(db01, NumLock="On") == 204
    assert attributes(db01, SETTINGS) == {}


def test_the_asset_tag_is_the_system_s(db01: Server) -> None:
    change(db01, AssetTag="Rack 7, unit 12")
    boot(db01)
    assert db01.system()["AssetTag"] == "Rack 7, unit 12"


def test_the_boot_mode_really_starts_the_other_firmware(db01: Server) -> None:
    change(db01, BootMode="Bios")
    since = db01.serial_size()
    boot(db01)
    db01.wait_for_os(since)
    assert "db01 is up, booted by BIOS" in db01.serial(since)
    assert db01.system()["Boot"]["BootSourceOverrideMode"] == "Legacy"


def test_defaults_wait_for_the_next_boot_too(db01: Server) -> None:
    change(db01, NumLock="Off", SysProfile="Custom")
    boot(db01)
    with db01.redfish() as client:
        assert client.post(f"{BIOS}/Actions/Bios.ResetBios", json={}).status_code == 204
    assert attributes(db01, SETTINGS) == {"NumLock": "On", "SysProfile": "PerfPerWatt"}
    boot(db01)
    assert (attributes(db01)["NumLock"], attributes(db01)["SysProfile"]) == ("On", "PerfPerWatt")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"NoSuchThing": 1}, "PropertyUnknown"),
        ({"SystemBiosVersion": "9"}, "PropertyNotWritable"),
        ({"NumLock": "Maybe"}, "PropertyValueNotInList"),
        ({"NumLock": True}, "PropertyValueTypeError"),
        ({"PxeIpv6": "true"}, "PropertyValueTypeError"),
        ({"AcPwrRcvryDelay": 241}, "PropertyValueOutOfRange"),
        ({"MemPatrolScrubHours": 5}, "PropertyValueOutOfRange"),
        ({"AssetTag": "x" * 64}, "PropertyValueOutOfRange"),
    ],
)
def test_a_wrong_value_is_refused_and_nothing_waits(db01: Server, values: dict[str, object], message: str) -> None:
    with db01.redfish() as client:
        answer = client.patch(SETTINGS, json={"Attributes": {"QuietBoot": True, **values}})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"].endswith(message)
    assert attributes(db01, SETTINGS) == {}


def test_a_password_reads_as_null_and_shows_only_that_it_is_set(db01: Server) -> None:
    change(db01, SetupPassword="very-secret")
    assert attributes(db01, SETTINGS) == {"SetupPassword": None}
    boot(db01)
    held = attributes(db01)
    assert (held["SetupPassword"], held["SetupPasswordStatus"]) == (None, "Set")
    kept = (db01.lab.chassis_log.parent / "bios.json").read_text()
    assert "very-secret" not in kept
    change(db01, SetupPassword="")
    boot(db01)
    assert attributes(db01)["SetupPasswordStatus"] == "Unset"


def test_the_registry_describes_every_attribute_and_comes_compressed_where_that_is_taken(db01: Server) -> None:
    with db01.redfish() as client:
        name = client.get(BIOS).json()["AttributeRegistry"]
        uri = client.get(f"{REGISTRIES}/{name}").json()["Location"][0]["Uri"]
        described = client.get(uri).json()["RegistryEntries"]["Attributes"]
    assert {attribute["AttributeName"] for attribute in described} == set(attributes(db01))
    kinds = {attribute["Type"] for attribute in described}
    assert kinds == {"Enumeration", "String", "Integer", "Boolean", "Password"}
    plain, zipped = (_raw(db01, uri, encoding) for encoding in ("identity", "gzip"))
    assert len(zipped) < len(plain) / 3
    assert gzip.decompress(zipped) == plain


def _raw(server: Server, path: str, encoding: str) -> bytes:
    endpoint = server.lab.redfish
    assert endpoint is not None
    with server.redfish() as client:
        sign_in = client.build_request("GET", path)
        authorization = next(client.auth.sync_auth_flow(sign_in)).headers["Authorization"]  # type: ignore[union-attr]
    connection = HTTPSConnection(endpoint.address, endpoint.port, context=server.tls(), timeout=60)
    try:
        connection.request("GET", path, headers={"Authorization": authorization, "Accept-Encoding": encoding})
        return connection.getresponse().read()
    finally:
        connection.close()
