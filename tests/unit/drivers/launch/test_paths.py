"""Which targets of requests go through to a BMC."""

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oobctl.drivers.launch.paths import Paths, path_of

LISTED = Paths(["/viewer/**", "/redfish/*.IKVM", "/", "/favicon.ico"])
_PIECES = [
    "/",
    "..",
    ".",
    "%2e",
    "%2F",
    "%5c",
    "\\",
    ";",
    "?",
    "#",
    "%",
    "%00",
    "%25",
    "viewer",
    "redfish",
    "a",
    "é",
    " ",
]
targets = st.lists(st.sampled_from(_PIECES) | st.text(max_size=2), max_size=8).map("".join)


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/?a=/../b",
        "/viewer/",
        "/viewer/a/b.js?v=1",
        "/viewer/a%20b",
        "/viewer/a(b)",
        "/redfish/x1.IKVM",
        "/favicon.ico",
    ],
)
def test_what_is_listed_goes_through(target: str) -> None:
    assert LISTED.allow(target)


@pytest.mark.parametrize(
    "target", ["/viewer", "/viewers/a", "/redfish/v1/x.IKVM", "/redfish/x.IKVM/y", "/favicon.ico/"]
)
def test_what_is_not_listed_does_not(target: str) -> None:
    assert path_of(target) is not None
    assert not LISTED.allow(target)


@pytest.mark.parametrize(
    "target",
    [
        "",
        "viewer/",
        "https://127.0.0.1/viewer/",
        "//host/viewer/",
        "/viewer//a",
        "/viewer/../a",
        "/viewer/.",
        "/viewer/a/..",
        "/viewer/%2e%2e/a",
        "/viewer/..%2Fa",
        "/viewer/%5C..%5Ca",
        "/viewer/%252e",
        "/viewer/..;/a",
        "/viewer/a;b",
        "/viewer/%3b",
        "/viewer/a\\b",
        "/viewer/%00",
        "/viewer/%0d%0aA:b",
        "/viewer/%7f",
        "/viewer/%c0%ae%c0%ae/a",
        "/viewer/%ef%bc%8e/a",
        "/viewer/..%20/a",
        "/viewer/%20/a",
        "/viewer/%zz",
        "/viewer/%",
        "/viewer/a b",
        "/viewer/é",
        "/viewer/#a",
        "/viewer/\t",
        "/viewer/" + "a" * 5000,
    ],
)
def test_what_can_be_read_in_two_ways_does_not(target: str) -> None:
    assert path_of(target) is None
    assert not LISTED.allow(target)


@given(targets)
def test_nothing_that_goes_through_leads_out_however_often_it_is_decoded(target: str) -> None:
    if not LISTED.allow(f"/viewer/{target}"):
        return
    path = path_of(f"/viewer/{target}")
    assert path is not None
    for _ in range(3):
        assert path.startswith("/viewer/")
        assert not {".", ".."} & set(path.split("/"))
        assert "\\" not in path
        path = unquote(path)
