"""The BMC's users: one table for IPMI and Redfish, really what sign-ins are checked against, and kept."""

import os
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from oobctl.lab import rack
from tests.integration.lab.lab_clients import SYSTEM, Server, eventually, wait_for_bmc_reset

ACCOUNTS = "/redfish/v1/AccountService/Accounts"
SESSIONS = "/redfish/v1/SessionService/Sessions"
PASSWORD, OTHER = "first-password-1", "second-password2"


@pytest.fixture(autouse=True)
def factory_users(lab: rack.RackInfo, request: pytest.FixtureRequest) -> Iterator[None]:
    """The servers of a test have their first users back at its end."""
    yield
    for name in set(lab.servers) & set(request.fixturenames):
        rack.reset_users(lab.home, name)


def _status(server: Server, user: str, password: str, method: str = "GET", path: str = SYSTEM, **more: Any) -> int:
    """The status of one request as some user."""
    with server.redfish(signed_in=False) as client:
        return client.request(method, path, auth=(user, password), **more).status_code


def _add(server: Server, name: str, role: str, password: str = PASSWORD) -> str:
    with server.redfish() as client:
        answer = client.post(ACCOUNTS, json={"UserName": name, "Password": password, "RoleId": role})
    assert answer.status_code == 201, answer.text
    return str(answer.headers["Location"])


def _ipmi(server: Server, user: str, password: str, *arguments: str, level: str = "USER") -> "tuple[int, str]":
    endpoint = server.lab.ipmi
    assert endpoint is not None
    where = ["-H", endpoint.address, "-p", str(endpoint.port), "-U", user, "-E", "-L", level]
    done = subprocess.run(
        ["ipmitool", "-I", "lanplus", "-C", "3", "-N", "1", "-R", "1", *where, *arguments],
        env={**os.environ, "IPMI_PASSWORD": password},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_a_user_is_made_signs_in_is_changed_and_removed(db01: Server) -> None:
    path = _add(db01, "bob", "Operator")
    assert _status(db01, "bob", PASSWORD) == 200
    with db01.redfish() as client:
        assert client.patch(path, json={"Password": OTHER}).status_code == 204
        assert (_status(db01, "bob", PASSWORD), _status(db01, "bob", OTHER)) == (401, 200)
        assert client.patch(path, json={"Enabled": False}).status_code == 204
        assert _status(db01, "bob", OTHER) == 401
        assert client.delete(path).status_code == 204
        assert client.get(path).status_code == 404
        assert [member["@odata.id"] for member in client.get(ACCOUNTS).json()["Members"]] == [f"{ACCOUNTS}/2"]


@pytest.mark.parametrize(
    ("role", "reset", "clear", "add"),
    [("Administrator", 204, 204, 400), ("Operator", 204, 403, 403), ("ReadOnly", 403, 403, 403)],
)
def test_a_role_may_what_redfish_says(db01: Server, role: str, reset: int, clear: int, add: int) -> None:
    _add(db01, "bob", role)
    led = {"IndicatorLED": "Off"}
    assert _status(db01, "bob", PASSWORD, "PATCH", json=led) == reset
    target = "/redfish/v1/Managers/1/LogServices/Lclog/Actions/LogService.ClearLog"
    assert _status(db01, "bob", PASSWORD, "POST", target, json={}) == clear
    assert _status(db01, "bob", PASSWORD, "POST", ACCOUNTS, json={}) == add
    own = f"{ACCOUNTS}/3"
    assert _status(db01, "bob", PASSWORD, "PATCH", own, json={"Password": OTHER}) == 204


@pytest.mark.parametrize(
    "body",
    [
        {"UserName": "bob", "Password": "short", "RoleId": "Operator"},
        {"UserName": "bob", "Password": "x" * 21, "RoleId": "Operator"},
        {"UserName": "bob", "Password": PASSWORD, "RoleId": "King"},
        {"UserName": "a name with spaces", "Password": PASSWORD, "RoleId": "Operator"},
        {"UserName": "seventeen-letters", "Password": PASSWORD, "RoleId": "Operator"},
        {"UserName": "admin", "Password": PASSWORD, "RoleId": "Operator"},
        {"UserName": "bob", "Password": PASSWORD},
        {"UserName": "bob", "Password": PASSWORD, "RoleId": "Operator", "Shoe": 44},
    ],
)
def test_a_user_that_cannot_be_is_a_400_that_names_no_password(db01: Server, body: dict[str, str]) -> None:
    with db01.redfish() as client:
        answer = client.post(ACCOUNTS, json=body)
        assert answer.status_code == 400
        assert body["Password"] not in answer.text
        assert len(client.get(ACCOUNTS).json()["Members"]) == 1


def test_the_last_administrator_cannot_be_removed_disabled_or_demoted(db01: Server) -> None:
    with db01.redfish() as client:
        assert client.delete(f"{ACCOUNTS}/2").status_code == 409
        for change in ({"Enabled": False}, {"RoleId": "Operator"}):
            assert client.patch(f"{ACCOUNTS}/2", json=change).status_code == 409


def test_a_full_table_is_a_400(db01: Server) -> None:
    for number in range(3, 17):
        _add(db01, f"user{number}", "ReadOnly")
    with db01.redfish() as client:
        answer = client.post(ACCOUNTS, json={"UserName": "more", "Password": PASSWORD, "RoleId": "ReadOnly"})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"].endswith("CreateLimitReachedForResource")


def test_a_changed_password_ends_the_user_s_sessions_and_outlasts_a_reset_of_the_bmc(db01: Server) -> None:
    assert db01.lab.redfish is not None
    first = db01.lab.redfish.password
    with db01.redfish(signed_in=False) as client:
        sign_in = client.post(SESSIONS, json={"UserName": "admin", "Password": first})
        token = {"X-Auth-Token": sign_in.headers["X-Auth-Token"]}
        assert client.patch(f"{ACCOUNTS}/2", json={"Password": OTHER}, headers=token).status_code == 204
        assert client.get(SYSTEM, headers=token).status_code == 401
        assert client.post(SESSIONS, json={"UserName": "admin", "Password": first}).status_code == 401
    assert _status(db01, "admin", OTHER) == 200
    wait_for_bmc_reset(db01, ("admin", OTHER))
    assert (_status(db01, "admin", OTHER), _status(db01, "admin", first)) == (200, 401)


def test_the_fault_of_another_password_works_on_a_changed_one(db01: Server) -> None:
    with db01.redfish() as client:
        client.patch(f"{ACCOUNTS}/2", json={"Password": OTHER})
    rack.inject(db01.home, "db01", "bmc-password-changed")
    assert _status(db01, "admin", OTHER) == 401
    rack.clear(db01.home, "db01")
    assert _status(db01, "admin", OTHER) == 200


def test_a_password_changed_over_redfish_is_the_one_of_ipmi(app01: Server) -> None:
    assert app01.lab.ipmi is not None
    with app01.redfish() as client:
        assert client.patch(f"{ACCOUNTS}/2", json={"Password": OTHER}).status_code == 204
    assert _ipmi(app01, "admin", OTHER, "power", "status")[0] == 0
    assert _ipmi(app01, "admin", app01.lab.ipmi.password, "power", "status")[0] != 0


def test_a_user_made_over_ipmi_signs_in_over_both_protocols(app01: Server) -> None:
    for arguments in (
        ("user", "set", "name", "3", "bob"),
        ("user", "set", "password", "3", PASSWORD),
        ("channel", "setaccess", "1", "3", "link=on", "ipmi=on", "callin=on", "privilege=3"),
        ("user", "enable", "3"),
    ):
        assert app01.ipmi(*arguments).returncode == 0
    eventually(lambda: _status(app01, "bob", PASSWORD) == 200, 10)
    assert _ipmi(app01, "bob", PASSWORD, "power", "status", level="OPERATOR")[0] == 0
    with app01.redfish() as client:
        account = client.get(f"{ACCOUNTS}/3").json()
    assert (account["UserName"], account["RoleId"], account["Enabled"]) == ("bob", "Operator", True)


def test_users_changed_over_ipmi_outlast_a_restart_of_the_simulator(web01: Server) -> None:
    assert web01.ipmi("user", "set", "name", "3", "bob").returncode == 0
    assert web01.ipmi("user", "set", "password", "3", PASSWORD).returncode == 0
    assert web01.ipmi("user", "priv", "3", "2", "1").returncode == 0
    assert web01.ipmi("user", "enable", "3").returncode == 0
    rack.inject(web01.home, "web01", "bmc-other-identity")  # restarts the simulator
    assert "bob" in web01.ipmi("user", "list", "1").stdout
    assert _ipmi(web01, "bob", PASSWORD, "power", "status")[0] == 0


def test_the_rack_s_users_come_back_when_they_are_asked_for(web01: Server) -> None:
    assert web01.ipmi("user", "set", "password", "2", OTHER).returncode == 0
    time.sleep(1.5)  # the simulator writes its users down once a second
    assert web01.ipmi("power", "status").returncode != 0
    rack.clear(web01.home, "web01")
    assert web01.ipmi("power", "status").returncode != 0
    rack.reset_users(web01.home, "web01")
    assert web01.ipmi_power() == "on"


def test_no_password_is_in_the_service_s_answers(db01: Server) -> None:
    assert db01.lab.redfish is not None
    with db01.redfish() as client:
        answers: list[httpx.Response] = [client.get(f"{ACCOUNTS}/2"), client.get(ACCOUNTS)]
    assert answers[0].json()["Password"] is None
    assert not [answer for answer in answers if db01.lab.redfish.password in answer.text]
