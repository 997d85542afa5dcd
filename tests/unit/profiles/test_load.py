"""Profiles: the shipped ones are right, and a wrong one is said with its file and key."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from oobctl import profiles
from oobctl.config import settings
from oobctl.constants import Capability, Evidence, Firmware, Protocol
from oobctl.errors import ConfigurationError
from oobctl.profiles.load import SHIPPED, read
from oobctl.profiles.model import BootValidBit
from oobctl.profiles.quirks import Quirk

CONTENT = yaml.safe_load((SHIPPED / "generic-ipmi.yaml").read_text())

BOOT_MODE = {"attribute": "^StartsAs$", "BIOS": ["Old"], "UEFI": ["New", "Newer"]}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("OOBCTL_HWPROFILES", str(tmp_path))
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


def write(folder: Path, stem: str, **changes: Any) -> Path:
    path = folder / f"{stem}.yaml"
    path.write_text(yaml.safe_dump({**CONTENT, "name": stem, **changes}))
    return path


def test_every_shipped_profile_is_read_and_leaves_a_session_to_humans() -> None:
    found = profiles.load_all()
    assert {"generic-ipmi", "generic-redfish"} <= found.keys()
    for profile in found.values():
        assert profile.sessions.ours(Protocol.IPMI) < profile.sessions.ipmi
        assert profile.timeouts.longest_send > 0


def test_a_missing_profile_says_which_there_are_and_what_to_do() -> None:
    with pytest.raises(ConfigurationError, match=r"'acme-1'.*generic-ipmi.*acme-1\.yaml"):
        profiles.find("acme-1")


def test_a_folder_of_ones_own_adds_and_replaces(folder: Path) -> None:
    write(folder, "acme-1")
    write(folder, "generic-ipmi", title="Ours")
    assert profiles.find("acme-1").name == "acme-1"
    assert profiles.find("generic-ipmi").title == "Ours"


@pytest.mark.parametrize("known", [None, *BootValidBit])
def test_what_is_known_about_the_valid_bit_is_read(tmp_path: Path, known: BootValidBit | None) -> None:
    path = write(tmp_path, "acme-1", ipmi={**CONTENT["ipmi"], "boot_valid_bit": known and str(known)})
    assert read(path).ipmi.boot_valid_bit is known


def test_which_attribute_tells_bios_from_uefi_is_read(tmp_path: Path) -> None:
    boot_mode = read(write(tmp_path, "acme-1", bios={**CONTENT["bios"], "boot_mode": BOOT_MODE})).bios.boot_mode
    assert boot_mode is not None
    assert boot_mode.told({"StartsAs": "Old", "NotStartsAs": "New"}) == ("StartsAs", Firmware.BIOS)
    assert boot_mode.told({"StartsAs": "Newer"}) == ("StartsAs", Firmware.UEFI)
    assert boot_mode.told({"StartsAs": "Both"}) is None
    assert read(write(tmp_path, "acme-2")).bios.boot_mode is None


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"colour": "red"}, "colour"),
        ({"timeouts": {**CONTENT["timeouts"], "connect": -1}}, "timeouts.connect"),
        ({"timeouts": {**CONTENT["timeouts"], "conect": 1}}, "conect"),
        ({"transports": {**CONTENT["transports"], "power": ["telnet"]}}, "transports.power.0"),
        ({"ipmi": {**CONTENT["ipmi"], "cipher_suites": [0]}}, "ipmi.cipher_suites.0"),
        ({"ipmi": {**CONTENT["ipmi"], "boot_valid_bit": "perhaps"}}, "ipmi.boot_valid_bit"),
        ({"evidence": {"power.on": "proven"}}, "evidence"),
        ({"match": {"protocols": ["ipmi"], "any_of": [{"model": "("}]}}, "match.any_of.0.model"),
        ({"match": {"protocols": ["ipmi"], "any_of": [{"model": "x"}, {"colour": "x"}]}}, "match.any_of.1"),
        ({"match": {"protocols": ["ipmi"], "any_of": [{"ipmi_product": "x"}]}}, "match.any_of.0.ipmi_product"),
        ({"match": {"protocols": ["ipmi"], "any_of": [{}]}}, "match.any_of.0"),
        ({"match": {"protocols": ["ipmi"], "model": "x"}}, "'model'"),
        ({"quirks": {"has-moods": {"why": "it has them", "source": "experience", "firmware": "all"}}}, "has-moods"),
        ({"quirks": {"bad-dates": {"why": "it has them", "firmware": "all"}}}, "'source'"),
        ({"quirks": {"bad-dates": {"why": "it has them", "source": "a test"}}}, "'firmware'"),
        (
            {"quirks": {"bad-dates": {"why": "it has them", "source": "a test", "firmware": "new"}}},
            "bad-dates.firmware",
        ),
        ({"bios": {**CONTENT["bios"], "customer_denied": ["["]}}, "bios.customer_denied.0"),
        ({"bios": {**CONTENT["bios"], "boot_mode": {**BOOT_MODE, "attribute": "("}}}, "bios.boot_mode.attribute"),
        ({"bios": {**CONTENT["bios"], "boot_mode": {**BOOT_MODE, "BIOS": []}}}, "bios.boot_mode.BIOS"),
        ({"bios": {**CONTENT["bios"], "boot_mode": {"attribute": "x", "BIOS": ["y"]}}}, "'UEFI'"),
        ({"based_on": "acme-1"}, "based_on"),
        ({"based_on": "generic"}, "based_on"),
        ({"based_on": ["generic-ipmi"]}, "based_on"),
        ({"name": "else"}, "name"),
    ],
)
def test_a_wrong_profile_is_said_with_its_file_and_key(tmp_path: Path, changes: dict[str, Any], key: str) -> None:
    path = write(tmp_path, "acme-1", **changes)
    with pytest.raises(ConfigurationError) as caught:
        read(path)
    assert str(path) in caught.value.message
    assert key in caught.value.message


@pytest.mark.parametrize("key", sorted(CONTENT))
def test_no_key_may_be_missing(tmp_path: Path, key: str) -> None:
    path = tmp_path / "generic-ipmi.yaml"
    path.write_text(yaml.safe_dump({name: value for name, value in CONTENT.items() if name != key}))
    with pytest.raises(ConfigurationError, match=f"'{key}'"):
        read(path)


def test_what_is_no_yaml_is_said(tmp_path: Path) -> None:
    path = tmp_path / "acme-1.yaml"
    path.write_text("a: [")
    with pytest.raises(ConfigurationError, match="not YAML"):
        read(path)


def test_a_folder_that_is_missing_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OOBCTL_HWPROFILES", str(tmp_path / "nowhere"))
    settings.cache_clear()
    with pytest.raises(ConfigurationError, match="nowhere"):
        profiles.load_all()
    settings.cache_clear()


def test_two_profiles_that_are_based_on_each_other_are_said(folder: Path) -> None:
    write(folder, "acme-1", based_on="acme-2")
    write(folder, "acme-2", based_on="acme-1")
    with pytest.raises(ConfigurationError, match=r"acme-\d\.yaml is wrong at based_on"):
        profiles.load_all()


def test_a_key_that_stands_twice_is_said_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "acme-1.yaml"
    path.write_text("name: acme-1\nmedia:\n  slots: []\n  slots: [a]\n")
    with pytest.raises(ConfigurationError, match=r"acme-1\.yaml .*slots stands there twice.*line 4"):
        read(path)


def test_a_profile_says_what_differs_from_the_one_it_is_based_on(tmp_path: Path) -> None:
    path = tmp_path / "acme-1.yaml"
    wanted = {"protocols": ["redfish"], "any_of": [{"ipmi_manufacturer": 4711, "model": "^x"}]}
    content = {
        "name": "acme-1",
        "title": "Acme",
        "based_on": "generic-redfish",
        "match": wanted,
        "sessions": {"redfish": 3},
        "quirks": {
            "bad-dates": None,
            "boot-once-only": {"why": "so it is said", "source": "a test", "firmware": "all"},
        },
        "bios": {"customer_denied": ["^Fan"]},
        "event_log": {"skipped": ["^Chatter$"]},
        "evidence": {"power": "documented"},
    }
    path.write_text(yaml.safe_dump(content))
    base, found = profiles.find("generic-redfish"), read(path)
    assert [alternative.wanted for alternative in found.any_of] == [{"ipmi_manufacturer": (4711,), "model": "^x"}]
    assert (found.sessions.redfish, found.sessions.ipmi) == (3, base.sessions.ipmi)
    assert found.quirks.keys() == base.quirks.keys() - {Quirk.BAD_DATES} | {Quirk.BOOT_ONCE_ONLY}
    assert found.evidence == {Capability.POWER: Evidence.DOCUMENTED}  # what was tried on others proves nothing here
    # What no BMC's customer may set stays denied, and a log that holds no events is skipped everywhere.
    assert found.bios.customer_denied == (*base.bios.customer_denied, "^Fan")
    assert found.event_log.skipped == (*base.event_log.skipped, "^Chatter$")


def test_every_shipped_profile_has_the_tolerances_and_denials_of_the_generic_one() -> None:
    shipped = profiles.load_all()
    base = shipped["generic-redfish"]
    for profile in shipped.values():
        assert set(base.bios.customer_denied) <= set(profile.bios.customer_denied), profile.name
        assert Protocol.REDFISH not in profile.protocols or base.quirks.keys() <= profile.quirks.keys(), profile.name


@pytest.mark.parametrize(
    ("attribute", "denied"),
    [
        ("SetupPassword", True),
        ("AdministratorPassword_0117", True),
        ("TpmSecurity", True),
        ("TrustedComputingGroup_DeviceOperation", True),
        ("SecurityDeviceSupport_005A", True),
        ("SecureBootPolicy", True),
        ("SecureBootMode", True),
        ("ResetKeys_0123", True),
        ("BMCNetworkConfiguration", True),
        ("InBandManageabilityInterface", True),
        ("RedfishHostInterface", True),
        ("ServerAssetTag", True),
        ("SerialNumber", True),
        ("LockdownMode_011C", True),
        ("SecureBoot", False),
        ("ProcVirtualization", False),
        ("BootMode", False),
        ("NumLock", False),
        ("SerialPortAddress", False),
        ("PuttyKeyPad_0095", False),
        ("Socket0Pcie0Ext10BitTagReq", False),
    ],
)
def test_what_locks_the_provider_out_is_denied_and_what_is_the_customers_is_not(attribute: str, denied: bool) -> None:
    patterns = profiles.find("generic-redfish").bios.customer_denied
    assert any(re.search(pattern, attribute) for pattern in patterns) is denied
