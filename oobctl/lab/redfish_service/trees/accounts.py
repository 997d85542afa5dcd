"""AccountService: accounts are made, changed and removed; names and passwords keep to what the service says."""

import json
from typing import TYPE_CHECKING, Any

import flask

from oobctl.lab.redfish_service.trees import refusals
from oobctl.lab.redfish_service.trees.asked import Asked
from oobctl.lab.redfish_service.trees.load import ROOT
from oobctl.lab.redfish_service.trees.passwords import ADMINISTRATOR, Who

if TYPE_CHECKING:
    from oobctl.lab.redfish_service.trees.state import State

_WRITABLE = frozenset({"UserName", "Password", "RoleId", "Enabled", "Locked"})


def collection(state: "State") -> str | None:
    return state.resources.linked(state.resources.linked(ROOT, "AccountService"), "Accounts")


def create(state: "State", asked: Asked) -> flask.Response:
    """POST to the collection."""
    body = asked.body or {}
    for name in ("UserName", "Password", "RoleId"):
        if not body.get(name):
            return refusals.missing(name)
    refused = _refusal(state, None, body)
    if refused is not None:
        return refused
    number = str(next(count for count in range(1, 1000) if f"{asked.path}/{count}" not in state.resources))
    path = f"{asked.path}/{number}"
    account = {
        "@odata.id": path,
        "@odata.type": "#ManagerAccount.v1_4_0.ManagerAccount",
        "@odata.etag": "",
        "Id": number,
        "Name": "User Account",
        "UserName": body["UserName"],
        "RoleId": body["RoleId"],
        "Enabled": body.get("Enabled", True),
        "Locked": False,
        "Password": None,
    }
    state.did("POST", asked.path, {key: value for key, value in body.items() if key != "Password"})
    state.resources.put(path, account)
    state.resources.list_members(asked.path, [*state.resources.members(asked.path), path])
    state.passwords.set(path, body["Password"])
    answer = flask.Response(json.dumps(state.resources.content(path)), 201, content_type="application/json")
    answer.headers["Location"] = path
    return answer


def patch(state: "State", path: str, body: dict[str, Any], who: Who) -> flask.Response:
    """PATCH of an account; anybody may change their own password, and an administrator all."""
    if who.role != ADMINISTRATOR and (who.account != path or set(body) != {"Password"}):
        return refusals.not_permitted()
    refused = _refusal(state, path, body)
    if refused is not None:
        return refused
    state.did("PATCH", path, {key: value for key, value in body.items() if key != "Password"})
    account = state.resources.at(path)
    account.update({name: value for name, value in body.items() if name != "Password"})
    if body.get("Password"):
        state.passwords.set(path, body["Password"])
        if "PasswordChangeRequired" in account:
            account["PasswordChangeRequired"] = False
    if body.get("UserName") == "":
        state.passwords.forget(path)
    return refusals.nothing()


def remove(state: "State", path: str) -> flask.Response:
    """DELETE of an account."""
    above = collection(state)
    assert above is not None
    state.did("DELETE", path, {})
    state.resources.list_members(above, [found for found in state.resources.members(above) if found != path])
    state.resources.remove(path)
    state.passwords.forget(path)
    return refusals.nothing()


def _refusal(state: "State", path: str | None, body: dict[str, Any]) -> flask.Response | None:
    account = state.resources.get(path) if path else dict.fromkeys(_WRITABLE)
    for name, value in body.items():
        if name not in _WRITABLE:
            return refusals.cannot_write(name) if name in (account or {}) else refusals.unknown_property(name)
        if not isinstance(value, bool if name in {"Enabled", "Locked"} else str):
            return refusals.wrong_type(value, name)
    taken = [
        found
        for found in state.resources.of_kind("ManagerAccount")
        if found != path and state.resources.at(found).get("UserName") == body.get("UserName")
    ]
    if body.get("UserName") and taken:
        return refusals.exists_already("ManagerAccount", "UserName", body["UserName"])
    return _bad_password(state, body) or _bad_role(state, body)


def _bad_password(state: "State", body: dict[str, Any]) -> flask.Response | None:
    service = state.resources.get(state.resources.linked(ROOT, "AccountService")) or {}
    password = body.get("Password")
    if password is None or (not password and body.get("UserName") == ""):
        return None
    shortest, longest = service.get("MinPasswordLength") or 1, service.get("MaxPasswordLength") or 1 << 16
    if shortest <= len(password) <= longest:
        return None
    message = f"The value for the property Password must have {shortest} to {longest} characters."
    return refusals.failure(400, "PropertyValueFormatError", message, "Password")


def _bad_role(state: "State", body: dict[str, Any]) -> flask.Response | None:
    roles = state.resources.members(state.resources.linked(state.resources.linked(ROOT, "AccountService"), "Roles"))
    known = {path.rpartition("/")[2] for path in roles}
    role = body.get("RoleId")
    return refusals.value_not_in_list(role, "RoleId") if role and known and role not in known else None
