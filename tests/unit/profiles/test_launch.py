"""How a BMC's own console is launched stands in its profile: what cannot work, or would tell a secret, is refused."""

from typing import Any

import pytest

from oobctl import profiles
from oobctl.constants import Capability, Evidence, Protocol
from oobctl.errors import ConfigurationError
from oobctl.profiles import launch

RIGHT: dict[str, Any] = {
    "name": "a-launch",
    "requests": [
        {
            "method": "POST",
            "path": "/login",
            "json": {"u": "{user}", "p": ["{password}"]},
            "take": {"key": "json /key"},
        },
        {"method": "GET", "path": "/token/{key}", "take": {"token": "header X-Token"}},
    ],
    "cookies": {"session": "{key}"},
    "pages": ["/viewer?ip={hostname}&port={port}&name={server}"],
    "paths": ["/viewer"],
    "websockets": [],
    "token_in_browser": False,
    "end": [{"method": "POST", "path": "/logout", "form": {"key": "{key}"}}],
}


def test_a_right_one_is_read() -> None:
    found = launch.build(RIGHT)
    assert [request.path for request in found.requests] == ["/login", "/token/{key}"]
    assert found.methods == ("GET", "HEAD", "POST")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"pages": ["/viewer?key={key}"]}, "token_in_browser must be true"),
        ({"pages": ["/viewer?p={password}"], "token_in_browser": True}, "show the BMC's user or password"),
        ({"pages": ["/viewer?p={nothing}"]}, "nothing fills in {nothing}"),
        ({"cookies": {"a": "{nothing}"}}, "nothing fills in {nothing}"),
        (
            {"end": [{"method": "POST", "path": "/x", "json": {"a": [{"b": "{nothing}"}]}}]},
            "nothing fills in {nothing}",
        ),
        ({"requests": [{"method": "GET", "path": "/a/{key}", "take": {"key": "json /key"}}]}, "nothing fills in {key}"),
        ({"pages": ["{server:words}"]}, "is of no form"),
        ({"requests": [{"method": "GET", "path": "/a", "take": {"key": "xml /key"}}]}, "is none of cookie, header"),
    ],
)
def test_a_wrong_one_is_refused_with_the_reason(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        launch.build({**RIGHT, **changes})


def test_what_was_tried_on_no_hardware_says_so_and_lets_a_token_into_a_browser_for_staff_alone() -> None:
    having = {name: found for name, found in profiles.load_all().items() if found.consoles.launch is not None}
    assert {
        "ami-megarac",
        "cisco-cimc",
        "dell-idrac9",
        "dell-idrac10",
        "hpe-ilo4",
        "hpe-ilo5",
        "hpe-ilo6",
        "huawei-ibmc",
        "lenovo-xcc",
        "supermicro-x10",
        "supermicro-x11",
        "supermicro-x12",
        "supermicro-x13",
    } <= having.keys()
    for found in having.values():
        assert found.evidence_of(Capability.CONSOLE_OEM) is Evidence.DOCUMENTED
        assert found.consoles.launch is not None
        assert found.consoles.launch.token_in_browser
        assert found.way_to(Capability.CONSOLE_OEM, [Protocol.REDFISH]) is Protocol.REDFISH


@pytest.mark.parametrize("name", ["dell-idrac8", "hpe-ilo7", "fujitsu-irmc", "supermicro-x9", "generic-redfish"])
def test_who_has_no_known_way_has_none(name: str) -> None:
    found = profiles.find(name)
    assert found.consoles.launch is None
    assert found.way_to(Capability.CONSOLE_OEM, list(Protocol)) is None


def test_no_list_lets_through_all_of_a_bmc_or_all_that_manages_it() -> None:
    for found in profiles.load_all().values():
        if found.consoles.launch is not None:
            for glob in (*found.consoles.launch.paths, *found.consoles.launch.websockets):
                assert not {"**", "api"} >= set(glob.strip("/").split("/")), (found.name, glob)
