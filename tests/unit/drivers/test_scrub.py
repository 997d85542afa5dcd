"""What tells a server from others is taken out, everywhere the same way; what a bug report needs stays."""

import json
import uuid
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from oobctl.drivers import recording, scrub
from oobctl.drivers.ipmi import Asked
from oobctl.drivers.scrub import Scrubber

SAID = {
    "Id": "1",
    "SerialNumber": "EX1234567",
    "SKU": "EX-77",
    "UUID": "4c4c4544-0042-1234-8055-b4c04f564433",
    "AssetTag": "R7",
    "HostName": "web01",
    "Model": "Server 2000",
    "FirmwareVersion": "3.36.36.36",
    "BiosVersion": "U30 v2.10",
    "UserName": "jmiller",
    "RoleId": "Administrator",
    "Password": "sesame",
    "MinPasswordLength": 8,
    "ExpressServiceCode": 1234567890,
    "MACAddress": "b4:45:06:ea:13:9e",
    "NameServers": ["10.9.8.7", "0.0.0.0"],
    "IPv4Addresses": [{"Address": "10.1.2.3", "SubnetMask": "255.255.255.0"}],
    "IPv6Addresses": [{"Address": "fd00::1234:1"}],
    "Location": {"PostalAddress": {"Street": "Hauptstr. 1"}, "PartLocation": {"ServiceLabel": "DIMM A1"}},
    "UefiPath": "PciRoot(0x1)/MAC(B44506EA139E,0x1)/IPv4(0.0.0.0)/NVMe(0x1,60-33-01-21-9A-38-25-00)",
    "Message": "web01: part EX1234567 failed at 2024-06-10T20:01:29+00:00; jmiller from 10.1.2.3 (BMCEX1234567)",
    "Contact": "mail ops@example.org",
    "@odata.id": "/redfish/v1/Systems/EX1234567",
    "@odata.type": "#ComputerSystem.v1_13_0.ComputerSystem",
    "Attributes": {"SystemServiceTag": "TAG99", "Serial_Number_0A1B": "XY123", "NumLock": "On"},
}
TELLING = [
    "EX1234567",
    "EX-77",
    "4c4c4544",
    "R7",
    "web01",
    "jmiller",
    "sesame",
    "1234567890",
    "b4:45:06",
    "B44506EA139E",
]
TELLING += ["10.9.8.7", "10.1.2.3", "fd00::1234:1", "Hauptstr", "60-33-01", "ops@example.org", "TAG99", "XY123"]


def scrubbed(content: Any = SAID, **known: str) -> Any:
    scrubber = Scrubber()
    for kind, value in known.items():
        scrubber.learn(kind, value)
    scrubber.read(content)
    return scrubber.scrub(content)


@pytest.mark.parametrize("telling", TELLING)
def test_nothing_is_left_that_tells_a_server_from_others(telling: str) -> None:
    assert telling.casefold() in json.dumps(SAID).casefold()
    assert telling.casefold() not in json.dumps(scrubbed()).casefold()


def test_what_a_bug_report_needs_stays_as_it_was() -> None:
    found = scrubbed()
    kept = ("Id", "Model", "FirmwareVersion", "BiosVersion", "RoleId", "MinPasswordLength", "@odata.type")
    assert {key: found[key] for key in kept} == {key: SAID[key] for key in kept}
    assert found["NameServers"][1] == "0.0.0.0"
    assert found["IPv4Addresses"][0]["SubnetMask"] == "255.255.255.0"
    assert found["Location"]["PartLocation"] == {"ServiceLabel": "DIMM A1"}
    assert found["Attributes"]["NumLock"] == "On"
    assert "2024-06-10T20:01:29+00:00" in found["Message"]


def test_the_same_value_is_the_same_placeholder_wherever_and_however_it_stands() -> None:
    found = scrubbed()
    assert found["Message"].count(found["SerialNumber"]) == 2
    assert found["@odata.id"] == f"/redfish/v1/Systems/{found['SerialNumber']}"
    assert found["Message"].startswith(f"{found['HostName']}: part")
    assert found["IPv4Addresses"][0]["Address"] in found["Message"]
    assert found["MACAddress"].replace(":", "") in found["UefiPath"]


def test_a_placeholder_has_the_form_of_what_it_stands_for() -> None:
    found = scrubbed()
    assert found["MACAddress"].startswith("02:00:00:00:00:")
    assert found["UUID"].startswith("00000000-0000-0000-0000-0000000000")
    assert found["IPv4Addresses"][0]["Address"].startswith("192.0.2.")
    assert found["IPv6Addresses"][0]["Address"].startswith("2001:db8::")


def test_what_is_known_is_taken_out_of_any_text_even_of_a_version() -> None:
    content = {"FirmwareVersion": "1.0 of 127.0.3.1", "Text": "pa55 word at box-7.example", "Other": "127.0.3.12"}
    found = scrubbed(content, secret="pa55 word", host="box-7.example", address="127.0.3.1")
    assert found == {"FirmwareVersion": "1.0 of 192.0.2.1", "Text": "secret-0001 at host-0001", "Other": "192.0.2.2"}


KEY = "Zk3_aB9-xQ0vLm7TtR5wYc2E"


@pytest.mark.parametrize(
    "said",
    [
        {"Image": f"http://10.1.2.3:8011/media/{KEY}/debian.iso"},
        {"Image": f"/media/{KEY}/debian.iso"},
        {"Image": f"http://nas.example/share/{KEY}/debian.iso?sig={KEY}"},
        {"Image": f"//nas/{KEY}/debian.iso", "Oem": {"ImageURL": f"http://u:{KEY}@nas/debian.iso"}},
        {"Message": f"Mounted http://boot.example:8011/media/{KEY}/debian.iso, by jmiller."},
        {"Raw": rf'{{"Image": "http:\/\/10.1.2.3:8011\/media\/{KEY}\/debian.iso"}}'},
        {"Message": f"GET /media/{KEY}/debian.iso"},
        {"Args": [f"%2Fmedia%2F{KEY}%2Fdebian.iso"]},
        {"Link": f"https://u:{KEY}@elsewhere.example/debian.iso?token={KEY}#{KEY}"},
    ],
)
def test_no_key_of_the_media_service_or_of_another_address_survives(said: Any) -> None:
    found = json.dumps(scrubbed(said))
    assert KEY.casefold() not in found.casefold()
    assert "debian.iso" in found


def test_of_an_image_the_file_name_alone_stays() -> None:
    assert scrubbed({"Image": "http://nas.example/share/debian.iso"}) == {"Image": "debian.iso"}
    assert scrubbed({"Uri": "http://redfish.dmtf.org/schemas/v1/Chassis.json"}) == {
        "Uri": "http://redfish.dmtf.org/schemas/v1/Chassis.json"
    }


def test_a_common_word_that_a_key_names_is_replaced_in_no_other_text() -> None:
    content = {"SerialNumber": "1234", "AssetTag": "None", "HostName": "ok", "Text": "1234 RPM, None, ok"}
    assert scrubbed(content)["Text"] == "1234 RPM, None, ok"


ORDINARY = {
    "Vendor": "Dell",
    "Manufacturer": "Dell Inc.",
    "Name": "Root Service",
    "@odata.type": "#ServiceRoot.v1_5_0.ServiceRoot",
    "@odata.id": "/redfish/v1/Chassis/Storage",
    "Model": "PowerEdge R640",
    "Message": "The storage of the chassis, as root saw it: Bob on fans, power on; R640 by Dell.",
    "BootOptions": ["Fan", "Off"],
}
names = st.sampled_from(["dell", "root", "storage", "chassis", "fans", "r640", "power", "bob", "options"])


@given(st.lists(st.tuples(st.sampled_from(["host", "user", "asset"]), names), max_size=6))
def test_ordinary_words_survive_though_a_server_or_a_user_is_called_so(known: list[tuple[str, str]]) -> None:
    scrubber = Scrubber()
    for kind, name in known:
        scrubber.learn(kind, name)
    scrubber.read(ORDINARY)
    assert scrubber.scrub(ORDINARY) == ORDINARY


def test_a_name_that_is_an_ordinary_word_is_replaced_where_its_key_says_that_it_is_one() -> None:
    content = {"HostName": "dell", "UserName": "root", "AssetTag": "storage", "Vendor": "Dell"}
    found = scrubbed(content, host="dell", user="root", asset="storage")
    assert found == {"HostName": "host-0001", "UserName": "user-0001", "AssetTag": "asset-0001", "Vendor": "Dell"}


def test_a_short_name_is_replaced_as_a_whole_value_and_as_a_part_of_a_path() -> None:
    content = {"Name": "bob", "@odata.id": "/redfish/v1/Accounts/bob", "Text": "bob's fan"}
    found = scrubbed(content, user="bob")
    assert found == {"Name": "user-0001", "@odata.id": "/redfish/v1/Accounts/user-0001", "Text": "bob's fan"}


def test_what_is_a_name_and_a_secret_is_replaced_as_a_secret() -> None:
    scrubber = Scrubber()
    for kind in ("user", "secret"):
        scrubber.learn(kind, "root")
    assert scrubber.scrub({"Name": "Root Service"}) == {"Name": "user-0001 Service"}


shown = st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=0x24F, exclude_categories=["Cc", "Zs"]))
around = st.sampled_from(["{}", "a {} b", "({})", "x={};", "/redfish/v1/{}/Fans", "'{}'"])


@given(shown.filter(lambda text: len(text) > 3), st.sampled_from(["secret", "serial"]), around)
def test_no_secret_and_no_serial_survives_whatever_it_is(value: str, kind: str, form: str) -> None:
    assume(value.casefold() not in scrub._NO_VALUES and value not in form and not value.startswith("*"))
    content = {"Text": form.format(value), "Vendor": "Dell", "Name": value}
    found = json.dumps(scrubbed(content, **{kind: value}), ensure_ascii=False).casefold()
    assert json.dumps(value, ensure_ascii=False)[1:-1].casefold() not in found.replace(f"{kind}-0001", "")


values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(sorted(SAID)), inner),
    max_leaves=20,
)


@given(values)
def test_whatever_a_bmc_says_is_scrubbed_without_a_failure(content: Any) -> None:
    scrubbed(content, secret="sesame")


@given(st.text(alphabet="0123456789abcdefABCDEF", min_size=12, max_size=12), st.sampled_from(":-"))
def test_no_mac_address_gets_through_in_any_of_its_forms(digits: str, sign: str) -> None:
    written = sign.join(digits[place : place + 2] for place in range(0, 12, 2))
    found = scrubbed({"MACAddress": written, "Text": f"MAC({digits}) {written.upper()}"})
    for form in (written, digits):
        assert form.casefold() not in found["Text"].casefold() or len(set(digits)) == 1 or digits.startswith("02000000")


def test_a_uuid_is_found_in_an_answer_in_every_byte_order() -> None:
    """What is kept of it is the operating system's, which may not be the order that it was sent in."""
    own = uuid.UUID("402dfcc8-ec29-412e-8d77-1b2a3c4d5e6f")
    telling = recording._bytes([("id", str(own))])
    for sent in (own.bytes, own.bytes_le, own.bytes[::-1], own.bytes_le[::-1]):
        assert recording._answer(Asked("say", "", 0, (b"#" + sent).hex(" ")), telling, Scrubber())["answer"] == ""
    assert recording._answer(Asked("say", "", 0, "23 24"), telling, Scrubber())["answer"] == "23 24"
