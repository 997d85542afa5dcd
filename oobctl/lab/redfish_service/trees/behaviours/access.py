"""Behaviours of sessions, accounts and ETags."""

import json
from typing import Any

import flask

from oobctl.lab.redfish_service.trees import accounts, refusals
from oobctl.lab.redfish_service.trees.asked import Asked
from oobctl.lab.redfish_service.trees.behaviours.behaviour import Behaviour
from oobctl.lab.redfish_service.trees.load import ROOT
from oobctl.lab.redfish_service.trees.state import State
from oobctl.profiles.quirks import Quirk


class EtagRequired(Behaviour):
    """A PATCH without If-Match is refused with 428; a wrong one is 412 anyway."""

    name = Quirk.ETAG_REQUIRED

    def refuse(self, state: State, asked: Asked) -> flask.Response | None:
        if asked.method != "PATCH" or "if-match" in asked.headers:
            return None
        return refusals.failure(428, "PreconditionRequired", "A precondition header is required to change it.")


class SessionLimit(Behaviour):
    """No more than `number` sessions at once."""

    name = "session-limit"
    default = 4

    def prepare(self, state: State) -> None:
        state.session_limit = int(self.number)


class SessionsAtRoot(Behaviour):
    """There is no SessionService: the sessions are at /redfish/v1/Sessions, and the root says nothing of them."""

    name = Quirk.SESSIONS_AT_ROOT

    def prepare(self, state: State) -> None:
        old, new = state.sessions_path, f"{ROOT}/Sessions"
        service = state.resources.linked(ROOT, "SessionService")
        members = state.resources.content(old) if old is not None else None
        if service is not None:
            state.resources.remove(service)
        state.resources.put(new, {**(members or {}), "@odata.id": new, "Members": []})
        for key in ("Links", "SessionService"):
            state.resources.root.pop(key, None)
        state.sessions_path = new


class PasswordChangeRequired(Behaviour):
    """The password is to be changed first: a login says so, and then nothing else is allowed."""

    name = Quirk.PASSWORD_CHANGE_REQUIRED

    def __init__(self, number: float | None = None) -> None:
        super().__init__(number)
        self._changed: set[str] = set()

    def refuse(self, state: State, asked: Asked) -> flask.Response | None:
        if asked.who is None or asked.who.account is None or asked.who.account in self._changed:
            return None
        ends_session = asked.method == "DELETE" and asked.path in state.sessions
        if ends_session or (asked.method == "PATCH" and asked.path == asked.who.account):
            return None
        return refusals.failure(403, "PasswordChangeRequired", *_words(asked.who.account))

    def amend(self, state: State, asked: Asked, answer: flask.Response) -> flask.Response:
        if asked.method == "PATCH" and answer.status_code < 300 and (asked.body or {}).get("Password"):
            self._changed.add(asked.path)
        if asked.method == "POST" and answer.status_code == 201 and asked.path == state.sessions_path:
            account = state.sessions[answer.headers["Location"]].who.account
            if account is not None and account not in self._changed:
                body: dict[str, Any] = json.loads(answer.get_data())
                refused = refusals.failure(403, "PasswordChangeRequired", *_words(account))
                body["@Message.ExtendedInfo"] = json.loads(refused.get_data())["error"]["@Message.ExtendedInfo"]
                answer.set_data(json.dumps(body))
        return answer


def _words(account: str) -> tuple[str, str]:
    message = (
        "The password provided for this account must be changed before access is granted. PATCH the Password property "
        f"for this account located at the target URI {account} to complete this process."
    )
    return message, account


class AccountSlotsFixed(Behaviour):
    """There are `number` accounts, empty ones among them: one is made and removed by PATCH alone."""

    name = Quirk.ACCOUNT_SLOTS_FIXED
    default = 16

    def prepare(self, state: State) -> None:
        path = accounts.collection(state)
        if path is None:
            return
        for number in range(1, int(self.number) + 1):
            slot = f"{path}/{number}"
            if slot not in state.resources:
                empty = {
                    "@odata.id": slot, "@odata.type": "#ManagerAccount.v1_4_0.ManagerAccount", "@odata.etag": "",
                    "Id": str(number), "Name": "User Account", "UserName": "", "Password": None, "RoleId": "None",
                    "Enabled": False, "Locked": False,
                }  # fmt: skip
                state.resources.put(slot, empty)
                state.resources.list_members(path, [*state.resources.members(path), slot])

    def refuse(self, state: State, asked: Asked) -> flask.Response | None:
        path = accounts.collection(state)
        if asked.method == "POST" and asked.path == path:
            return refusals.not_allowed(asked.sent_path)
        if asked.method == "DELETE" and state.resources.kind(asked.path) == "ManagerAccount":
            return refusals.not_allowed(asked.sent_path, "PATCH")
        return None


BEHAVIOURS = (EtagRequired, SessionLimit, SessionsAtRoot, PasswordChangeRequired, AccountSlotsFixed)
