"""Named behaviours of power, access and faults, each beside what the service does without it: no driver is involved."""

import time
from typing import Any

import httpx
import pytest

from oobctl.lab.redfish_service.trees.behaviours import BEHAVIOURS
from oobctl.profiles.quirks import Quirk
from tests.integration.trees.asking import (
    ACCOUNTS,
    RESET,
    SESSIONS,
    SETTINGS,
    SYSTEM,
    TRIPLE,
    behaving,
    message_id,
    override,
    reset,
    sign_in,
)

NOT_OF_REDFISH = {Quirk.IPMI_UEFI_DISK_0X24}


def test_every_quirk_of_redfish_has_a_behaviour_of_its_name() -> None:
    """Others than quirks are behaviours too: slow, session-limit, drop-after-accept and so on."""
    assert {str(quirk) for quirk in Quirk} - NOT_OF_REDFISH <= set(BEHAVIOURS)


def test_behaviours_work_beside_one_another(plain: httpx.Client) -> None:
    with behaving("etag-required", "boot-needs-full-triple", "bare-string-members") as (_bmc, client):
        assert client.get("/redfish/v1/Systems").json()["Members"] == [SYSTEM]
        assert override(client, **TRIPLE).status_code == 428
        tag = {"If-Match": client.get(SYSTEM).headers["ETag"]}
        target = {"Boot": {"BootSourceOverrideTarget": "Pxe"}}
        assert client.patch(SYSTEM, json=target, headers=tag).status_code == 400
        assert client.patch(SYSTEM, json={"Boot": TRIPLE}, headers=tag).status_code == 204
    assert plain.patch(SYSTEM, json=target).status_code == 204


def test_same_state_409(plain: httpx.Client) -> None:
    with behaving("same-state-409") as (bmc, client):
        assert (reset(client, "On").status_code, reset(client, "ForceRestart").status_code) == (409, 204)
        assert (reset(client, "ForceOff").status_code, reset(client, "ForceOff").status_code) == (204, 409)
        assert len(bmc.state.done("ComputerSystem.Reset")) == 2
    assert reset(plain, "On").status_code == 204


def test_etag_required(plain: httpx.Client) -> None:
    body = {"AssetTag": "x"}
    with behaving("etag-required") as (_bmc, client):
        none, wrong = client.patch(SYSTEM, json=body), client.patch(SYSTEM, json=body, headers={"If-Match": '"0"'})
        assert [(answer.status_code, message_id(answer)) for answer in (none, wrong)] == [
            (428, "PreconditionRequired"),
            (412, "PreconditionFailed"),
        ]
        tag = {"If-Match": client.get(SYSTEM).headers["ETag"]}
        assert client.patch(SYSTEM, json=body, headers=tag).status_code == 204
        assert reset(client, "ForceRestart").status_code == 204
    assert plain.patch(SYSTEM, json=body).status_code == 204


def test_reset_values_only_in_action_info(plain: httpx.Client) -> None:
    listed = plain.get(SYSTEM).json()["Actions"]["#ComputerSystem.Reset"]["ResetType@Redfish.AllowableValues"]
    with behaving("reset-values-only-in-action-info") as (_bmc, client):
        for path, name in ((SYSTEM, "ComputerSystem"), ("/redfish/v1/Managers/1", "Manager")):
            action = client.get(path).json()["Actions"][f"#{name}.Reset"]
            assert set(action) == {"target", "@Redfish.ActionInfo"}
        info = client.get(f"{SYSTEM}/ResetActionInfo").json()
        assert info["Parameters"][0]["AllowableValues"] == listed
        assert reset(client, "ForceOff").status_code == 204
        assert reset(client, "PushPowerButton").status_code == 400


def test_session_limit() -> None:
    with behaving("session-limit=2") as (bmc, client):
        first = sign_in(client, bmc)
        assert (first.status_code, sign_in(client, bmc).status_code) == (201, 201)
        full = sign_in(client, bmc)
        assert (full.status_code, message_id(full)) == (503, "SessionLimitExceeded")
        assert client.get(SYSTEM).status_code == 200  # Basic needs none
        client.delete(first.headers["Location"])
        assert sign_in(client, bmc).status_code == 201


def test_password_change_required(plain: httpx.Client) -> None:
    with behaving("password-change-required") as (bmc, client):
        made = sign_in(client, bmc)
        said = made.json()["@Message.ExtendedInfo"][0]
        assert (made.status_code, said["MessageId"].rpartition(".")[2]) == (201, "PasswordChangeRequired")
        assert said["MessageArgs"] == [f"{ACCOUNTS}/1"]
        token, nobody = {"X-Auth-Token": made.headers["X-Auth-Token"]}, httpx.Auth()
        for path in (SYSTEM, ACCOUNTS, "/redfish/v1/Managers"):
            refused = client.get(path, headers=token, auth=nobody)
            assert (refused.status_code, message_id(refused)) == (403, "PasswordChangeRequired")
        assert client.get("/redfish/v1/", headers=token, auth=nobody).status_code == 200
        path = f"{ACCOUNTS}/1"
        assert client.patch(path, json={"Password": "new-secret-1"}, headers=token, auth=nobody).status_code == 204
        assert client.get(SYSTEM, headers=token, auth=nobody).status_code == 200
        again = client.post(SESSIONS, json={"UserName": bmc.user, "Password": "new-secret-1"}, auth=nobody)
        assert (again.status_code, "@Message.ExtendedInfo" in again.json()) == (201, False)
    assert plain.get(SYSTEM).status_code == 200


def test_post_busy_400(plain: httpx.Client) -> None:
    body = {"Attributes": {"NumaNodes": 4}}
    with behaving("post-busy-400=2") as (bmc, client):
        assert client.patch(SETTINGS, json={"Attributes": {"NumaNodes": 1}}).status_code == 204
        reset(client, "ForceRestart")
        refused = [client.patch(SETTINGS, json=body), override(client, **TRIPLE)]
        assert {(answer.status_code, message_id(answer)) for answer in refused} == {
            (400, "UnableToModifyDuringSystemPOST"),
            (503, "SYS518"),
        }
        assert bmc.state.pending_bios() == {}
        assert client.patch(SETTINGS, json=body).status_code == 204
    reset(plain, "ForceRestart")
    assert plain.patch(SETTINGS, json=body).status_code == 204


def test_slow(plain: httpx.Client) -> None:
    with behaving("slow=0.4") as (_bmc, client):
        started = time.monotonic()
        assert client.get(SYSTEM).status_code == 200
        assert time.monotonic() - started >= 0.4
        with pytest.raises(httpx.ReadTimeout):
            client.get(SYSTEM, timeout=0.1)


def test_drop_after_accept(plain: httpx.Client) -> None:
    with behaving("drop-after-accept") as (bmc, client):
        with pytest.raises(httpx.RemoteProtocolError):
            reset(client, "ForceOff")
        assert (bmc.state.power(), bmc.asked("POST", RESET)[0].status) == ("Off", None)
        assert reset(client, "Nmi").status_code == 409  # what was refused is answered
        assert client.patch(SYSTEM, json={"AssetTag": "x"}).status_code == 204
    assert reset(plain, "ForceOff").status_code == 204


def test_sessions_at_root(plain: httpx.Client) -> None:
    with behaving("sessions-at-root") as (bmc, client):
        root = client.get("/redfish/v1/").json()
        assert not {"Links", "SessionService"} & set(root)
        body: dict[str, Any] = {"UserName": bmc.user, "Password": bmc.password}
        assert client.post(SESSIONS, json=body).status_code == 404
        assert client.get("/redfish/v1/SessionService").status_code == 404
        made = client.post("/redfish/v1/Sessions", json=body, auth=httpx.Auth())
        assert (made.status_code, made.headers["Location"].rpartition("/")[0]) == (201, "/redfish/v1/Sessions")
        assert client.get("/redfish/v1/Sessions").json()["Members"] == [{"@odata.id": made.headers["Location"]}]
        assert client.delete(made.headers["Location"]).status_code == 204
    assert plain.post("/redfish/v1/Sessions", json=body).status_code == 404


def test_account_slots_fixed(plain: httpx.Client) -> None:
    new = {"UserName": "guest", "Password": "guest-pass-1", "RoleId": "Operator", "Enabled": True}
    with behaving("account-slots-fixed=5") as (bmc, client):
        assert client.get(ACCOUNTS).json()["Members@odata.count"] == 5
        assert client.post(ACCOUNTS, json=new).status_code == 405
        assert client.get(f"{ACCOUNTS}/3").json()["UserName"] == ""
        assert client.patch(f"{ACCOUNTS}/3", json=new).status_code == 204
        with bmc.client(user="guest", password="guest-pass-1") as guest:
            assert guest.get(SYSTEM).status_code == 200
            assert client.delete(f"{ACCOUNTS}/3").status_code == 405
            assert client.patch(f"{ACCOUNTS}/3", json={"UserName": "", "Enabled": False}).status_code == 204
            assert guest.get(SYSTEM).status_code == 401
        assert "guest" not in bmc.state.accounts()
    assert plain.post(ACCOUNTS, json=new).status_code == 201


def test_storage_chassis_unsafe(plain: httpx.Client) -> None:
    with behaving("storage-chassis-unsafe=2") as (bmc, client):
        members = [member["@odata.id"] for member in client.get("/redfish/v1/Chassis").json()["Members"]]
        unsafe = members[-1]
        token = {"X-Auth-Token": sign_in(client, bmc).headers["X-Auth-Token"]}
        assert client.get(members[0]).status_code == 200
        with pytest.raises(httpx.TransportError):
            client.get(unsafe)
        for _ in range(2):
            with pytest.raises(httpx.TransportError):
                client.get(SYSTEM)
        assert client.get(SYSTEM, headers=token, auth=httpx.Auth()).status_code == 401  # sessions are gone
        assert (client.get(SYSTEM).status_code, bmc.state.bmc.restarts) == (200, 1)
    assert plain.get("/redfish/v1/Chassis").json()["Members@odata.count"] == len(members) - 1


def test_force_restart_hangs(plain: httpx.Client) -> None:
    with behaving("force-restart-hangs") as (bmc, client):
        assert reset(client, "ForceRestart").status_code == 204
        assert (bmc.state.hung, bmc.state.boots) == ({SYSTEM}, [])
        assert client.get(SYSTEM).json()["PowerState"] == "On"
        reset(client, "ForceOff")
        reset(client, "On")
        assert (bmc.state.hung, len(bmc.state.boots)) == (set(), 1)
