"""The service of a tree by plain HTTP: who gets in, what is read and changed, and the state that comes of it."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from oobctl.lab.redfish_service.trees import logs
from tests.integration.trees.asking import (
    ACCOUNTS,
    BIOS,
    CD,
    IMAGE,
    RESET,
    SEL,
    SESSIONS,
    SETTINGS,
    SYSTEM,
    message_id,
    reset,
    sign_in,
)
from tests.trees import Served, serve, with_another, written


@pytest.fixture
def bmc() -> Iterator[Served]:
    with serve() as served:
        yield served


@pytest.fixture
def client(bmc: Served) -> Iterator[httpx.Client]:
    with bmc.client() as found:
        yield found


def test_the_root_is_for_all_and_the_rest_for_those_who_sign_in(bmc: Served) -> None:
    with bmc.client(password="wrong-password") as stranger:
        for path in ("/redfish", "/redfish/v1", "/redfish/v1/"):
            assert stranger.get(path, auth=httpx.Auth()).status_code == 200
        for auth in (httpx.Auth(), httpx.BasicAuth(bmc.user, "wrong-password")):
            refused = stranger.get(SYSTEM, auth=auth)
            assert (refused.status_code, message_id(refused)) == (401, "NoValidSession")
    assert bmc.state.failed_logins == 1


def test_a_session_lasts_until_it_is_deleted_and_is_listed_until_then(bmc: Served, client: httpx.Client) -> None:
    made = sign_in(client, bmc)
    assert made.status_code == 201
    path, token = made.headers["Location"], {"X-Auth-Token": made.headers["X-Auth-Token"]}
    assert client.get(SYSTEM, headers=token, auth=httpx.Auth()).status_code == 200
    assert client.get(SESSIONS).json()["Members"] == [{"@odata.id": path}]
    assert client.get(path).json()["UserName"] == bmc.user
    assert client.delete(path, headers=token, auth=httpx.Auth()).status_code == 204
    assert client.get(SYSTEM, headers=token, auth=httpx.Auth()).status_code == 401
    assert client.get(SESSIONS).json()["Members"] == []


def test_a_session_that_was_silent_too_long_is_none(bmc: Served, client: httpx.Client) -> None:
    token = {"X-Auth-Token": sign_in(client, bmc).headers["X-Auth-Token"]}
    for session in bmc.state.sessions.values():
        session.used_at -= 601  # SessionTimeout is 600
    assert client.get(SYSTEM, headers=token, auth=httpx.Auth()).status_code == 401
    assert client.get(SESSIONS).json()["Members@odata.count"] == 0


def test_what_is_kept_of_requests_has_no_secret(bmc: Served, client: httpx.Client) -> None:
    token = sign_in(client, bmc).headers["X-Auth-Token"]
    client.get(SYSTEM, headers={"X-Auth-Token": token})
    client.patch(SETTINGS, json={"Attributes": {"SetupPassword": "hidden-thing"}})
    kept = repr(bmc.requests) + repr(bmc.state.passwords.who(bmc.user, bmc.password))
    assert bmc.requests[0].body == {"UserName": bmc.user, "Password": "***"}
    assert not [secret for secret in (token, bmc.password, "hidden-thing", "Basic ") if secret in kept]


@pytest.mark.parametrize("path", ["/redfish/v1/Nowhere", f"{SYSTEM}/Nowhere", "/elsewhere"])
def test_a_path_that_is_not_there_is_404_in_redfishs_words(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, message_id(answer)) == (404, "ResourceMissingAtURI")


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", SYSTEM), ("DELETE", SYSTEM), ("PUT", SYSTEM), ("PATCH", f"{SYSTEM}/Processors/CPU1"), ("GET", RESET),
     ("PATCH", BIOS)],
)  # fmt: skip
def test_a_method_that_a_resource_does_not_have_is_405(client: httpx.Client, method: str, path: str) -> None:
    answer = client.request(method, path, json={"X": 1})
    assert (answer.status_code, message_id(answer)) == (405, "OperationNotAllowed")
    assert "GET" in answer.headers["Allow"]


def test_the_power_follows_each_reset_type_and_the_chassis_with_it(bmc: Served, client: httpx.Client) -> None:
    for kind, status, power in (
        ("ForceRestart", 204, "On"),
        ("GracefulShutdown", 204, "Off"),
        ("ForceRestart", 409, "Off"),
        ("Nmi", 409, "Off"),
        ("On", 204, "On"),
        ("On", 204, "On"),  # nothing to do is no error
        ("ForceOff", 204, "Off"),
        ("ForceOff", 204, "Off"),
        ("ForceOn", 204, "On"),
        ("PowerCycle", 204, "On"),
    ):
        assert reset(client, kind).status_code == status
        assert client.get(SYSTEM).json()["PowerState"] == client.get("/redfish/v1/Chassis/1").json()["PowerState"]
        assert bmc.state.power() == power
    assert len(bmc.state.boots) == 4
    assert [done.body["ResetType"] for done in bmc.state.done("ComputerSystem.Reset")].count("ForceRestart") == 1


def test_a_boot_tells_its_time_and_each_one_another(client: httpx.Client) -> None:
    seen = {client.get(SYSTEM).json()["LastResetTime"]}
    for _ in range(3):
        reset(client, "ForceRestart")
        seen.add(client.get(SYSTEM).json()["LastResetTime"])
    assert len(seen) == 4


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "ActionParameterMissing"),
        ({"ResetType": "PushPowerButton"}, "PropertyValueNotInList"),  # the tree does not list it
        ({"ResetType": "On", "Delay": 1}, "ActionParameterUnknown"),
    ],
)
def test_a_reset_that_the_tree_does_not_describe_is_400(bmc: Served, body: dict[str, Any], words: str) -> None:
    with bmc.client() as client:
        answer = client.post(RESET, json=body)
    assert (answer.status_code, message_id(answer)) == (400, words)
    assert bmc.state.commands == []


def test_an_override_for_once_is_used_by_one_boot_and_a_lasting_one_by_all(bmc: Served, client: httpx.Client) -> None:
    for enabled, sources, after in (
        ("Once", ["Pxe", "None"], "Disabled"),
        ("Continuous", ["Pxe", "Pxe"], "Continuous"),
    ):
        bmc.state.boots.clear()
        wanted = {"BootSourceOverrideTarget": "Pxe", "BootSourceOverrideEnabled": enabled}
        assert client.patch(SYSTEM, json={"Boot": wanted}).status_code == 204
        assert client.get(SYSTEM).json()["Boot"].items() >= wanted.items()
        reset(client, "ForceOff")
        reset(client, "On")
        reset(client, "ForceRestart")
        assert [boot.source for boot in bmc.state.boots] == sources
        assert bmc.state.override()[1] == after
    client.patch(SYSTEM, json={"Boot": {"BootSourceOverrideEnabled": "Disabled"}})
    assert bmc.state.override() == ("None", "Disabled", "UEFI")


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        (SYSTEM, {"Colour": "red"}, "PropertyUnknown"),
        (SYSTEM, {"Boot": {"Colour": "red"}}, "PropertyUnknown"),
        (SYSTEM, {"SerialNumber": "X"}, "PropertyNotWritable"),
        (SYSTEM, {"Boot": {"BootSourceOverrideTarget": "Floppy"}}, "PropertyValueNotInList"),
        (SYSTEM, {"LocationIndicatorActive": "yes"}, "PropertyValueTypeError"),
        (SYSTEM, {"AssetTag": "kept out", "IndicatorLED": "Green"}, "PropertyValueNotInList"),
        (SETTINGS, {"Attributes": {"Colour": "red"}}, "PropertyUnknown"),
        (SETTINGS, {"Attributes": {"SystemRevision": "B1"}}, "PropertyNotWritable"),
        (SETTINGS, {"Attributes": {"BootMode": "Coreboot"}}, "PropertyValueNotInList"),
        (SETTINGS, {"Attributes": {"NumaNodes": 9}}, "PropertyValueNotInList"),
        (SETTINGS, {"Attributes": {"FanOffset": 12}}, "PropertyValueNotInList"),
        (SETTINGS, {"Attributes": {"AssetLabel": "much longer than sixteen"}}, "PropertyValueNotInList"),
        (SETTINGS, {"Attributes": {"NumaNodes": "2"}}, "PropertyValueTypeError"),
        (SETTINGS, {"Attributes": {"HyperThreading": "Disabled", "NumaNodes": True}}, "PropertyValueTypeError"),
    ],
)
def test_a_change_that_the_tree_does_not_have_is_400_and_nothing_of_it_is_kept(
    bmc: Served, client: httpx.Client, path: str, body: dict[str, Any], words: str
) -> None:
    before = client.get(path).json()
    answer = client.patch(path, json=body)
    assert (answer.status_code, message_id(answer)) == (400, words)
    assert client.get(path).json() == before
    assert bmc.state.commands == []


def test_a_body_that_is_no_json_object_is_400(client: httpx.Client) -> None:
    for content in (b"{", b"[]", b"1"):
        answer = client.patch(SYSTEM, content=content, headers={"Content-Type": "application/json"})
        assert (answer.status_code, message_id(answer)) == (400, "MalformedJSON")


def test_both_properties_of_a_light_follow_each_other(client: httpx.Client) -> None:
    for body, active, led in (
        ({"LocationIndicatorActive": True}, True, "Lit"),
        ({"IndicatorLED": "Off"}, False, "Off"),
        ({"IndicatorLED": "Blinking"}, True, "Blinking"),
    ):
        assert client.patch("/redfish/v1/Chassis/1", json=body).status_code == 204
        found = client.get("/redfish/v1/Chassis/1").json()
        assert (found["LocationIndicatorActive"], found["IndicatorLED"]) == (active, led)


def test_bios_values_wait_for_the_next_boot(bmc: Served, client: httpx.Client) -> None:
    wanted = {"HyperThreading": "Disabled", "NumaNodes": 4, "SecureBoot": False}
    assert client.patch(SETTINGS, json={"Attributes": wanted}).status_code == 204
    assert bmc.state.pending_bios() == wanted
    assert client.get(SETTINGS).json()["Attributes"] == wanted
    assert client.get(BIOS).json()["Attributes"]["NumaNodes"] == 2
    reset(client, "ForceRestart")
    assert client.get(BIOS).json()["Attributes"].items() >= wanted.items()
    assert (bmc.state.pending_bios(), client.get(SETTINGS).json()["Attributes"]) == ({}, {})


def test_the_bios_defaults_wait_for_the_next_boot_too(bmc: Served, client: httpx.Client) -> None:
    assert client.post(f"{BIOS}/Actions/Bios.ResetBios", json={}).status_code == 204
    assert bmc.state.pending_bios() == {"FanOffset": 0, "NumaNodes": 1, "AssetLabel": ""}
    reset(client, "PowerCycle")
    assert bmc.state.bios()["NumaNodes"] == 1


@pytest.mark.parametrize("by", ["action", "patch"])
def test_media_is_put_in_and_taken_out_by_action_and_by_patch(bmc: Served, client: httpx.Client, by: str) -> None:
    actions = f"{CD}/Actions/VirtualMedia"

    def put() -> int:
        if by == "patch":
            return client.patch(CD, json={"Image": IMAGE, "Inserted": True}).status_code
        return client.post(f"{actions}.InsertMedia", json={"Image": IMAGE, "WriteProtected": True}).status_code

    assert put() == 204
    found = client.get(CD).json()
    assert (found["Image"], found["ImageName"], found["Inserted"]) == (IMAGE, "rescue.iso", True)
    assert (found["ConnectedVia"], found["WriteProtected"]) == ("URI", True)
    assert put() == 409  # it is full
    if by == "patch":
        assert client.patch(CD, json={"Image": None, "Inserted": False}).status_code == 204
    else:
        assert client.post(f"{actions}.EjectMedia", json={}).status_code == 204
        assert client.post(f"{actions}.EjectMedia", json={}).status_code == 409
    assert bmc.state.media()[CD] is None
    assert message_id(client.post(f"{actions}.InsertMedia", json={"Image": "gopher://x/y"})) == "PropertyValueNotInList"


def test_accounts_are_made_changed_used_and_removed(bmc: Served, client: httpx.Client) -> None:
    body = {"UserName": "guest", "Password": "guest-pass-1", "RoleId": "Operator"}
    made = client.post(ACCOUNTS, json=body)
    assert made.status_code == 201
    path = made.headers["Location"]
    assert bmc.state.accounts() == {"admin": "Administrator", "watcher": "ReadOnly", "guest": "Operator"}
    assert "guest-pass-1" not in made.text + client.get(path).text
    with bmc.client(user="guest", password="guest-pass-1") as guest:
        assert reset(guest, "ForceRestart").status_code == 204
        assert guest.post(ACCOUNTS, json=body | {"UserName": "other"}).status_code == 403
        assert guest.patch(path, json={"Password": "guest-pass-2"}).status_code == 204
        assert guest.get(SYSTEM).status_code == 401
    with bmc.client(user="guest", password="guest-pass-2") as guest:
        assert guest.get(SYSTEM).status_code == 200
        assert client.patch(path, json={"Enabled": False}).status_code == 204
        assert guest.get(SYSTEM).status_code == 401
    assert client.delete(path).status_code == 204
    assert client.get(ACCOUNTS).json()["Members@odata.count"] == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"UserName": "admin"}, "ResourceAlreadyExists"),
        ({"Password": "short"}, "PropertyValueFormatError"),
        ({"Password": "x" * 21}, "PropertyValueFormatError"),
        ({"RoleId": "King"}, "PropertyValueNotInList"),
        ({"Colour": "red"}, "PropertyUnknown"),
        ({"Enabled": "yes"}, "PropertyValueTypeError"),
    ],
)
def test_an_account_that_breaks_the_services_rules_is_400(
    client: httpx.Client, change: dict[str, Any], words: str
) -> None:
    body = {"UserName": "guest", "Password": "guest-pass-1", "RoleId": "Operator"}
    answer = client.post(ACCOUNTS, json=body | change)
    assert (answer.status_code, message_id(answer)) == (400, words)


def test_who_may_only_read_changes_nothing_but_their_own_password(bmc: Served, client: httpx.Client) -> None:
    bmc.state.passwords.set(f"{ACCOUNTS}/2", "watch-pass-1")
    with bmc.client(user="watcher", password="watch-pass-1") as watcher:
        assert watcher.get(SYSTEM).status_code == 200
        for answer in (
            reset(watcher, "ForceOff"),
            watcher.patch(SYSTEM, json={"AssetTag": "x"}),
            watcher.patch(f"{ACCOUNTS}/2", json={"RoleId": "Administrator"}),
            watcher.delete(f"{ACCOUNTS}/1"),
        ):
            assert (answer.status_code, message_id(answer)) == (403, "InsufficientPrivilege")
        assert watcher.patch(f"{ACCOUNTS}/2", json={"Password": "watch-pass-2"}).status_code == 204


@pytest.mark.parametrize("log", [SEL, "/redfish/v1/Managers/1/LogServices/Audit"])
def test_a_log_grows_and_is_cleared_as_its_entries_are_listed(bmc: Served, client: httpx.Client, log: str) -> None:
    before = client.get(f"{log}/Entries").json()["Members@odata.count"]
    path = logs.add(bmc.state, log, Message="Something happened.", Created="2025-03-03T00:00:00+00:00")
    listed = client.get(f"{log}/Entries").json()
    assert (listed["Members@odata.count"], listed["Members"][-1]["@odata.id"]) == (before + 1, path)
    entry = listed["Members"][-1] if "Audit" in log else client.get(path).json()
    assert (entry["Message"], entry["Id"]) == ("Something happened.", str(before + 1))
    assert client.post(f"{log}/Actions/LogService.ClearLog", json={}).status_code == 204
    assert client.get(f"{log}/Entries").json()["Members"] == []
    assert client.get(path).status_code == 404
    assert logs.add(bmc.state, log, Message="After that.").endswith("/1")


def test_an_etag_changes_with_its_resource_and_an_old_one_is_refused(client: httpx.Client) -> None:
    first = client.get(SYSTEM)
    assert first.headers["ETag"] == first.json()["@odata.etag"] == client.get(SYSTEM).headers["ETag"]
    right, wrong = {"If-Match": first.headers["ETag"]}, {"If-Match": '"0"'}
    assert client.patch(SYSTEM, json={"AssetTag": "a"}, headers=wrong).status_code == 412
    assert client.patch(SYSTEM, json={"AssetTag": "a"}, headers=right).status_code == 204
    assert client.patch(SYSTEM, json={"AssetTag": "b"}, headers=right).status_code == 412
    assert client.patch(SYSTEM, json={"AssetTag": "b"}, headers={"If-Match": "*"}).status_code == 204
    assert client.patch(SYSTEM, json={"AssetTag": "c"}).status_code == 204


def test_an_action_of_the_tree_that_the_lab_does_not_know_is_501(client: httpx.Client) -> None:
    answer = client.post(f"{BIOS}/Actions/Bios.ChangePassword", json={})
    assert (answer.status_code, message_id(answer)) == (501, "ActionNotSupported")


def test_a_reset_of_the_bmc_ends_its_sessions_and_connections_and_keeps_it_away_for_a_while(bmc: Served) -> None:
    with bmc.client() as client:
        token = {"X-Auth-Token": sign_in(client, bmc).headers["X-Auth-Token"]}
        path = "/redfish/v1/Managers/1/Actions/Manager.Reset"
        assert client.post(path, json={"ResetType": "ForceRestart"}).status_code == 204
        gone = 0
        while True:
            try:
                answer = client.get(SYSTEM, headers=token, auth=httpx.Auth())
                break
            except httpx.TransportError:
                gone += 1
        assert gone >= bmc.state.refused_while_down
        assert answer.status_code == 401
        assert client.get(SYSTEM).status_code == 200
    assert bmc.state.bmc.restarts == 1


def test_each_of_several_systems_has_a_state_of_its_own() -> None:
    tree = with_another(written(), SYSTEM, "2", SerialNumber="EXSYS0002")
    with serve(tree) as bmc, bmc.client() as client:
        members = client.get("/redfish/v1/Systems").json()["Members"]
        assert members == [{"@odata.id": SYSTEM}, {"@odata.id": "/redfish/v1/Systems/2"}]
        second = "/redfish/v1/Systems/2"
        assert client.post(f"{second}/Actions/ComputerSystem.Reset", json={"ResetType": "ForceOff"}).status_code == 204
        client.patch(f"{second}/Bios/Settings", json={"Attributes": {"NumaNodes": 4}})
        assert (bmc.state.power(SYSTEM), bmc.state.power(second)) == ("On", "Off")
        assert (bmc.state.pending_bios(SYSTEM), bmc.state.pending_bios(second)) == ({}, {"NumaNodes": 4})
