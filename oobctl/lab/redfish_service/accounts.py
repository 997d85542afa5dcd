"""AccountService: the BMC's users, who they are and what they may (DSP0266, section 13.7)."""

import hmac
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import flask

from oobctl.lab import user_table
from oobctl.lab.bmc_users import LARGEST_NUMBER
from oobctl.lab.errors import LabRefused
from oobctl.lab.redfish_service.answers import (
    collection,
    failure,
    json_body,
    nothing,
    resource,
    value_not_in_list,
)
from oobctl.lab.redfish_service.rack_link import RackLink
from oobctl.lab.redfish_service.readings import HEALTHY
from oobctl.lab.redfish_service.routes import serve
from oobctl.lab.user_table import FIRST, NAME_BYTES, PASSWORD_BYTES, User

SERVICE = "/redfish/v1/AccountService"
ACCOUNTS, ROLES = f"{SERVICE}/Accounts", f"{SERVICE}/Roles"
SHORTEST_PASSWORD = 8
NO_ACCESS = "NoAccess"
_ROLE_OF = {user_table.ADMINISTRATOR: "Administrator", user_table.OPERATOR: "Operator", user_table.USER: "ReadOnly"}
_PRIVILEGE_OF = {role: privilege for privilege, role in _ROLE_OF.items()} | {NO_ACCESS: user_table.NO_ACCESS}
_PRIVILEGES: Mapping[str, tuple[str, ...]] = {
    "Administrator": ("Login", "ConfigureManager", "ConfigureUsers", "ConfigureComponents", "ConfigureSelf"),
    "Operator": ("Login", "ConfigureComponents", "ConfigureSelf"),
    "ReadOnly": ("Login", "ConfigureSelf"),
    NO_ACCESS: (),
}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_PROPERTIES = {"UserName": "name", "Password": "password", "RoleId": "privilege", "Enabled": "enabled"}


def role_of(user: User) -> str:
    return _ROLE_OF.get(user.privilege, NO_ACCESS)


class Accounts:
    """The table that IPMI uses too, read at each request; the supervisor writes it."""

    def __init__(self, table: Path, link: RackLink) -> None:
        self._table = table
        self._link = link

    def install(self, app: flask.Flask) -> None:
        serve(
            app,
            {
                SERVICE: self.service,
                ROLES: lambda: collection(ROLES, "Role", [f"{ROLES}/{role}" for role in _PRIVILEGES]),
                ACCOUNTS: self.members,
            },
        )
        app.add_url_rule(f"{ROLES}/<role>", "lab_role", self.role)
        app.add_url_rule(ACCOUNTS, "lab_account_create", self.create, methods=["POST"])
        member = f"{ACCOUNTS}/<number>"
        app.add_url_rule(member, "lab_account", self.member)
        app.add_url_rule(member, "lab_account_patch", self.patch, methods=["PATCH"])
        app.add_url_rule(member, "lab_account_delete", self.delete, methods=["DELETE"])

    # --- who may come in ----------------------------------------------------------------------------------------

    def sign_in(self, name: str | None, password: str | None) -> User | None:
        """The user whose name and password these are; None for others, and for one that may not sign in."""
        for user in user_table.read(self._table).values():
            if user.name == name and user.enabled and role_of(user) != NO_ACCESS:
                same = hmac.compare_digest((password or "").encode(), user.password.encode())
                return user if same and user.password else None
        return None

    def find(self, number: int) -> User | None:
        """The user as it is now; None where it is gone or may not sign in any more."""
        user = user_table.read(self._table).get(number)
        return user if user and user.enabled and role_of(user) != NO_ACCESS else None

    def may(self, user: User, method: str, path: str) -> bool:
        """Whether a signed-in user may do this: reading needs Login, the BMC's own settings an administrator."""
        if method in ("GET", "HEAD"):
            return True
        privileges = _PRIVILEGES[role_of(user)]
        if path.startswith(f"{ACCOUNTS}/"):
            itself = path == f"{ACCOUNTS}/{user.number}" and set(json_body()) <= {"Password"}
            return "ConfigureUsers" in privileges or (itself and method == "PATCH")
        if path.startswith("/redfish/v1/SessionService/"):
            return True  # a session ends itself; the rest is the session service's affair
        wanted = "ConfigureComponents" if path.startswith(("/redfish/v1/Systems", "/redfish/v1/Chassis")) else None
        return (wanted or "ConfigureManager") in privileges

    # --- routes -------------------------------------------------------------------------------------------------

    def service(self) -> dict[str, Any]:
        body = resource(SERVICE, "AccountService", "v1_10_0", Id="AccountService", Name="Account Service")
        return body | {
            "ServiceEnabled": True,
            "MinPasswordLength": SHORTEST_PASSWORD,
            "MaxPasswordLength": PASSWORD_BYTES,
            "AccountLockoutThreshold": 0,
            "Accounts": {"@odata.id": ACCOUNTS},
            "Roles": {"@odata.id": ROLES},
            "Status": HEALTHY,
        }

    def role(self, role: str) -> flask.Response:
        if role not in _PRIVILEGES:
            return _unknown("Role", role)
        body = resource(f"{ROLES}/{role}", "Role", "v1_3_0", Id=role, Name=role, RoleId=role, IsPredefined=True)
        return flask.jsonify(body | {"AssignedPrivileges": list(_PRIVILEGES[role])})

    def members(self) -> dict[str, Any]:
        return collection(ACCOUNTS, "ManagerAccount", [f"{ACCOUNTS}/{number}" for number in self._named()])

    def member(self, number: str) -> flask.Response:
        user = self._named().get(int(number)) if number.isdecimal() else None
        return _unknown("ManagerAccount", number) if user is None else flask.jsonify(_describe(user))

    def create(self) -> flask.Response:
        body = json_body()
        for name in ("UserName", "Password", "RoleId"):
            if name not in body:
                message = f"The create operation failed because the required property {name} was missing."
                return failure(400, "CreateFailedMissingReqProperties", message, name)
        changes = self._changes(body, None)
        if isinstance(changes, flask.Response):
            return changes
        taken = user_table.read(self._table)
        number = next((number for number in range(FIRST, LARGEST_NUMBER + 1) if number not in taken), None)
        if number is None:
            message = "The create operation failed because the resource has reached the limit of possible resources."
            return failure(400, "CreateLimitReachedForResource", message)
        self._link.bmc("user-change", number=number, changes={"enabled": True, "link_auth": True, **changes})
        answer = flask.jsonify(_describe(self._named()[number]))
        answer.status_code = 201
        answer.headers["Location"] = f"{ACCOUNTS}/{number}"
        return answer

    def patch(self, number: str) -> flask.Response:
        user = self._named().get(int(number)) if number.isdecimal() else None
        if user is None:
            return _unknown("ManagerAccount", number)
        changes = self._changes(json_body(), user)
        if isinstance(changes, flask.Response):
            return changes
        try:
            self._link.bmc("user-change", number=user.number, changes=changes)
        except LabRefused as refusal:
            return failure(409, "PropertyValueResourceConflict", refusal.message)
        return nothing()

    def delete(self, number: str) -> flask.Response:
        if not number.isdecimal() or int(number) not in self._named():
            return _unknown("ManagerAccount", number)
        try:
            self._link.bmc("user-remove", number=int(number))
        except LabRefused as refusal:
            return failure(409, "ResourceCannotBeDeleted", refusal.message)
        return nothing()

    # --- inside -------------------------------------------------------------------------------------------------

    def _named(self) -> dict[int, User]:
        return {number: user for number, user in user_table.read(self._table).items() if user.name}

    def _changes(self, body: dict[str, Any], user: User | None) -> dict[str, Any] | flask.Response:
        """What a request asks for, checked; or the refusal."""
        if not body:
            return failure(400, "PropertyMissing", "The request has no property that can be changed.")
        changes: dict[str, Any] = {}
        for name, value in body.items():
            if name not in _PROPERTIES:
                return failure(400, "PropertyUnknown", f"The property {name} is not in the list of properties.", name)
            refusal = self._refusal(name, value, user)
            if refusal is not None:
                return refusal
            changes[_PROPERTIES[name]] = _PRIVILEGE_OF[value] if name == "RoleId" else value
        return changes

    def _refusal(self, name: str, value: object, user: User | None) -> flask.Response | None:
        if name == "Enabled":
            return None if isinstance(value, bool) else _wrong(name, str(value))
        if not isinstance(value, str):
            return _wrong(name, "******" if name == "Password" else str(value))
        if name == "RoleId":
            return None if value in _PRIVILEGE_OF else value_not_in_list(value, name)
        if name == "Password":
            fits = SHORTEST_PASSWORD <= len(value.encode()) <= PASSWORD_BYTES and value.isprintable()
            return None if fits else _wrong(name, "******")
        if not _NAME.fullmatch(value) or len(value) > NAME_BYTES:
            return _wrong(name, value)
        if any(other.name == value for other in self._named().values() if other != user):
            message = f"The requested resource of type ManagerAccount with the property UserName {value} exists."
            return failure(400, "ResourceAlreadyExists", message, "ManagerAccount", "UserName", value)
        return None


def _describe(user: User) -> dict[str, Any]:
    path, role = f"{ACCOUNTS}/{user.number}", role_of(user)
    body = resource(path, "ManagerAccount", "v1_9_0", Id=str(user.number), Name="User Account")
    return body | {
        "UserName": user.name,
        "Password": None,
        "RoleId": role,
        "Enabled": user.enabled,
        "Locked": False,
        "PasswordChangeRequired": False,
        "AccountTypes": ["Redfish", "IPMI"],
        "Links": {"Role": {"@odata.id": f"{ROLES}/{role}"}},
    }


def _wrong(name: str, shown: str) -> flask.Response:
    message = f"The value {shown} for the property {name} is of a different format than the property can accept."
    return failure(400, "PropertyValueFormatError", message, shown, name)


def _unknown(kind: str, name: str) -> flask.Response:
    return failure(
        404, "ResourceNotFound", f"The requested resource of type {kind} named {name} was not found.", kind, name
    )
