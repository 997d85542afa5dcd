"""Slots of virtual media as BMCs tell them, which one to use, and what to send to it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oobctl.drivers.media_slots import bare, choose, file_name, same_image
from oobctl.drivers.readings import MediaSlot
from oobctl.drivers.redfish.action_info import Offered, adjusted
from oobctl.drivers.redfish.answers import Reply
from oobctl.drivers.redfish.media_decode import decode, insertion
from oobctl.errors import NotSupported
from tests.unit.drivers.redfish.service_shapes import resources

URL = "https://media.example:8443/images/rescue.iso"


def slot(name: str, *kinds: str, inserted: bool | None = False) -> MediaSlot:
    return MediaSlot(name, name, kinds, inserted)


@pytest.mark.parametrize(
    ("resource", "inserted"),
    [
        ({"Inserted": True, "Image": URL}, True),
        ({"Inserted": False, "Image": None, "ConnectedVia": "NotConnected"}, False),
        ({"Inserted": False, "Image": ""}, False),
        ({"Inserted": False, "Image": URL, "ConnectedVia": "NotConnected"}, True),  # some never say otherwise
        ({"ConnectedVia": "NotConnected"}, False),
        ({"Inserted": False, "Image": None, "ImageName": "left.iso"}, False),
        ({"Inserted": "yes"}, None),
        ({}, None),
    ],
)
def test_an_image_counts_as_inserted_whatever_else_is_said(resource: dict[str, Any], inserted: bool | None) -> None:
    found = decode({"Id": "Cd1", **resource}, "/redfish/v1/Cd1")
    assert found is not None
    assert found.inserted is inserted


def test_an_image_is_shown_without_its_user_and_query() -> None:
    found = decode({"Image": "https://bob:pw@media.example/a.iso?token=x#y"}, "/redfish/v1/VirtualMedia/Cd1/")
    assert found is not None
    assert (found.slot, found.image) == ("Cd1", "https://media.example/a.iso")


@pytest.mark.parametrize(
    ("said", "same"),
    [
        (URL, True),
        (URL + "?x=1", True),
        ("/images/rescue.iso", True),
        ("rescue.iso", True),
        ("cue.iso", False),
        ("https://elsewhere.example/images/rescue.iso", False),
        ("other.iso", False),
        ("", False),
    ],
)
def test_a_bmcs_word_for_an_image_is_compared_with_its_address(said: str, same: bool) -> None:
    assert same_image(said, URL) is same


@given(st.text(max_size=40), st.text(max_size=40))
def test_whatever_a_bmc_calls_an_image_it_is_compared(said: str, url: str) -> None:
    same_image(said, url)
    assert "?" not in bare(said)


def test_the_profiles_slots_come_first_and_empty_ones_before_full_ones() -> None:
    slots = [slot("EXT1", "CD", inserted=True), slot("EXT2", "CD"), slot("Remote1", "CD")]
    assert choose(slots, ["^EXT[1-4]$"]).slot == "EXT2"
    assert choose(slots[:1], ["^EXT[1-4]$"]).slot == "EXT1"
    assert choose(slots, ["^Remote", "^EXT"]).slot == "Remote1"
    assert choose(slots, ["^CD$"]).slot == "EXT2"  # the profile knows none of them


def test_without_a_profiles_word_any_cd_or_dvd_will_do() -> None:
    assert choose([slot("1", "Floppy"), slot("2", "dvd")]).slot == "2"
    with pytest.raises(NotSupported, match=r"it has 1 \(USBStick\)"):
        choose([slot("1", "USBStick")])
    with pytest.raises(NotSupported, match="none at all"):
        choose([], ["^CD$"])


def test_no_more_is_sent_than_the_bmc_says_that_it_takes() -> None:
    assert insertion(URL, Offered("/x", {}, told=False))[0] == {"Image": URL}
    taken = {"Image": None, "Inserted": None, "TransferProtocolType": ("http", "https"), "TransferMethod": ("Upload",)}
    assert insertion(URL, Offered("/x", taken, told=True))[0] == {
        "Image": URL, "Inserted": True, "TransferProtocolType": "https",
    }  # fmt: skip


def refused(status: int, message_id: str, *arguments: str) -> Reply:
    item = '{"MessageId": "Base.1.0.%s", "Message": "no", "MessageArgs": [%s]}'
    listed = ", ".join(f'"{argument}"' for argument in arguments)
    body = '{"error": {"@Message.ExtendedInfo": [' + item % (message_id, listed) + "]}}"
    return Reply(status, {}, body.encode(), "/x")


def test_what_the_bmc_misses_is_added_and_what_it_does_not_take_is_left_out() -> None:
    body, more = insertion(URL, Offered("/x", {"Inserted": None}, told=False))
    missing = refused(400, "ActionParameterMissing", "InsertMedia", "TransferProtocolType")
    assert adjusted(body, missing, more) == {**body, "TransferProtocolType": "HTTPS"}
    unknown = refused(400, "ActionParameterUnknown", "InsertMedia", "Inserted")
    assert adjusted(body, unknown, more) == {"Image": URL}
    for other in (
        refused(400, "ActionParameterMissing", "InsertMedia", "Image"),
        refused(400, "GeneralError"),
        refused(500, "ActionParameterMissing", "InsertMedia", "TransferProtocolType"),
    ):
        assert adjusted(body, other, more) is None


@given(resources)
def test_whatever_stands_in_a_slot_it_is_told(resource: dict[str, Any]) -> None:
    found = decode(resource, "/redfish/v1/Cd1")
    assert found is not None
    assert found.inserted is True or found.image is None
    assert all(isinstance(kind, str) for kind in found.media_types)


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("https://media.example:8443/k3y/rescue.iso?token=s3cret#x", "rescue.iso"),
        ("nfs://user:pass@files.example/k3y/rescue.iso/", "rescue.iso"),
        ("//files.example/share/rescue.iso", "rescue.iso"),
        ("\\\\files.example\\k3y\\rescue.iso", "rescue.iso"),
        ("/k3y/rescue.iso?s3cret", "rescue.iso"),
        ("rescue.iso", "rescue.iso"),
        ("https://media.example", ""),
        ("", ""),
    ],
)
def test_of_an_address_the_files_name_is_left(said: str, name: str) -> None:
    assert file_name(said) == name
