"""What a Redfish service answers, made into resources, links and errors, whatever shape it has."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oobctl.drivers.redfish.answers import Reply, link, links
from oobctl.errors import BmcBadAnswer, BmcBusy, BmcError, BmcRefused, BmcSessionsExhausted, NotSupported

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["error", "Message", "MessageId", "x"]), inner),
)


def reply(status: int, body: Any, *secrets: str) -> Reply:
    return Reply(status, {}, body if isinstance(body, bytes) else json.dumps(body).encode(), "/redfish/v1/x", secrets)


def extended(message_id: str, message: str) -> dict[str, Any]:
    return {"error": {"@Message.ExtendedInfo": [{"MessageId": message_id, "Message": message}]}}


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"x"', b"null", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_object_is_a_bad_answer(body: bytes) -> None:
    with pytest.raises(BmcBadAnswer):
        reply(200, body).resource()


@given(st.integers(min_value=300, max_value=599), anything)
def test_every_refusal_becomes_an_error_whatever_its_body(status: int, body: Any) -> None:
    assert isinstance(reply(status, body).error("do it"), BmcError)


@pytest.mark.parametrize(
    ("status", "message_id", "error"),
    [
        (503, "Base.1.8.SessionLimitExceeded", BmcSessionsExhausted),
        (503, "Base.1.8.ServiceTemporarilyUnavailable", BmcBusy),
        (429, "", BmcBusy),
        (404, "", NotSupported),
        (400, "Base.1.8.ActionNotSupported", NotSupported),
        (409, "Base.1.8.ResourceInUse", BmcRefused),
        (403, "Base.1.8.InsufficientPrivilege", BmcRefused),
    ],
)
def test_a_refusal_is_the_error_that_it_means(status: int, message_id: str, error: type[BmcError]) -> None:
    found = reply(status, extended(message_id, "No.")).error("reset the server")
    assert type(found) is error
    assert "reset the server" in found.message
    assert "No." in found.message


def test_a_secret_that_the_bmc_repeats_is_left_out() -> None:
    found = reply(400, extended("x", "The password hunter2 is wrong"), "hunter2", "").error("log us in")
    assert "hunter2" not in found.message
    assert "The password *** is wrong" in found.message


@pytest.mark.parametrize("path", ["https://other/redfish", "//other/redfish", "@other/x", "", 5, None, {"x": 1}])
def test_a_link_out_of_the_service_is_none(path: Any) -> None:
    assert link({"Systems": {"@odata.id": path}}, "Systems") is None


@given(anything)
def test_links_survive_any_shape(value: Any) -> None:
    assert isinstance(links({"Members": value}, "Members"), list)
    link({"Links": value}, "Links", "Sessions")


def test_a_bare_string_in_a_list_of_links_is_none() -> None:
    """Collections may hold them, by the quirk bare-string-members: the tree reads those."""
    listed = {"Members": ["/redfish/v1/Systems/1", {"@odata.id": "/redfish/v1/Systems/2"}]}
    assert links(listed, "Members") == ["/redfish/v1/Systems/2"]
