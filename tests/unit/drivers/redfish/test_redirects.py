"""A write is sent on to the same resource alone; registries are found whatever version their name has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oobctl.drivers.redfish import registries
from oobctl.drivers.redfish.answers import Reply
from oobctl.drivers.redfish.redirects import moved, path_of

PATH = "/redfish/v1/Systems/1/Bios/Settings"
BMC = "bmc.example:443"


def reply(location: str, status: int = 308) -> Reply:
    return Reply(status, {"location": location}, b"", PATH)


@pytest.mark.parametrize(
    ("location", "there"),
    [
        (f"{PATH}/", f"{PATH}/"),
        (PATH.lower(), PATH.lower()),
        (f"https://{BMC}{PATH}/", f"{PATH}/"),
        (f"HTTPS://BMC.example:443{PATH}/", f"{PATH}/"),
        (f"https://other.example{PATH}/", None),
        (f"//other.example{PATH}/", None),
        (f"http://{BMC}{PATH}/", None),
        ("/redfish/v1/Systems/2/Bios/Settings/", None),
        (f"{PATH}/?x=1", None),
        (PATH, None),
        ("", None),
        ("http://[", None),
        (f"{PATH}/\r\nX: 1", None),
    ],
)
def test_a_write_follows_a_slash_or_case_inside_the_authority_alone(location: str, there: str | None) -> None:
    assert moved(reply(location), BMC) == there


@pytest.mark.parametrize("status", [200, 301, 302, 303, 404])
def test_a_redirect_that_may_change_the_method_is_not_followed(status: int) -> None:
    assert moved(reply(f"{PATH}/", status), BMC) is None


@given(st.text(max_size=60))
def test_whatever_a_bmc_answers_a_write_stays_at_its_resource(location: str) -> None:
    for said in (location, PATH + location, f"https://{location}{PATH}/"):
        there = moved(reply(said), BMC)
        assert there is None or there.rstrip("/").casefold() == PATH.casefold()


def test_a_location_is_a_path_of_the_service_or_none() -> None:
    assert path_of("https://bmc.example/redfish/v1/x") == path_of("/redfish/v1/x") == "/redfish/v1/x"
    assert path_of("/elsewhere") is None
    assert path_of(None) is None


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("BiosAttributeRegistry.v1_0_3", True),
        ("BiosAttributeRegistry.v1_0_0", True),
        ("BiosAttributeRegistry1.0", True),
        ("BiosAttributeRegistry.1.0.0.json", True),
        ("biosattributeregistry", True),
        ("BiosAttributeRegistryA42.v1_2_60", False),
        ("NetworkAttributeRegistry.v1_0_3", False),
    ],
)
def test_a_registry_is_the_same_in_whatever_version(name: str, same: bool) -> None:
    assert (registries.base(name) == registries.base("BiosAttributeRegistry.v1_0_3")) is same
