"""The BMC's own users over Redfish: listed, made, removed, their passwords changed (DSP2046, ManagerAccount)."""

from typing import Any
from urllib.parse import quote

from oobctl.constants import BmcRole
from oobctl.drivers.interfaces import Fence
from oobctl.drivers.readings import UsersReport
from oobctl.drivers.redfish import accounts, change
from oobctl.drivers.redfish.account_decode import Account, predefined
from oobctl.drivers.redfish.accounts import Accounts
from oobctl.drivers.redfish.answers import Reply
from oobctl.drivers.redfish.session import RedfishSession
from oobctl.drivers.redfish.tree import Tree
from oobctl.drivers.redfish.waiting import tries
from oobctl.errors import BmcBadAnswer, BmcError, BmcRefused, NotSupported, OutcomeUnknown, StateNotReached

_SEEN_WITHIN = 20.0  # seconds, until what was done must be read back


class RedfishUsers:
    """interfaces.Users of one service. No method puts a password into a message."""

    def __init__(self, session: RedfishSession, tree: Tree, fence: Fence) -> None:
        self._session, self._tree, self._fence = session, tree, fence

    def read(self) -> UsersReport:
        found = self._read()
        if not accounts.fixed(self._session):
            return UsersReport(found.users, problems=found.problems)
        return UsersReport(found.users, len(found.all), len(self._empty(found)), found.problems)

    def add(self, name: str, password: str, role: BmcRole) -> str:
        """Returns when the user was read as enabled, with that role."""
        self._check(name, password)
        role_id = self._role_id(role)
        what = f"make the user {name}"
        found = self._read()
        body: dict[str, Any] = {"UserName": name, "Password": password, "RoleId": role_id}
        there = found.named(name)
        if there is not None:
            reply = self._patch(there, {"Password": password, "RoleId": role_id, **_enable(there)}, what, password)
        elif accounts.fixed(self._session):
            slot = self._slot_for(found, name)
            reply = self._patch(slot, {**body, "Enabled": True}, what, password)
        else:
            reply = self._session.write("POST", found.collection, body, self._fence, what=what, secrets=(password,))
        if not reply.ok:
            raise reply.error(what)
        return self._until(name, role, what).account_id

    def remove(self, name: str) -> None:
        """Returns when the user was not read any more. Raises BmcRefused for the one that we log in as."""
        if name == self._session.login.secret.user:
            raise BmcRefused(f"{name} is the user that we log in as at this BMC: it is not removed.")
        there = self._read().named(name)
        if there is None:
            return
        what = f"remove the user {name}"
        if accounts.fixed(self._session):
            reply = self._patch(there, {"Enabled": False, "UserName": ""}, what, "")
        else:
            reply = self._session.write("DELETE", there.path, None, self._fence, what=what)
        if not reply.ok and self._read().named(name) is not None:
            raise reply.error(what)
        self._until_gone(name, what)

    def set_password(self, name: str, password: str) -> None:
        """For our own user this connection ends with it, whatever the BMC answers: connect anew.

        Raises BmcRefused where there is no such user, or the BMC takes the password not.
        """
        self._check(name, password)
        what = f"change the password of the user {name}"
        if name == self._session.login.secret.user:
            self._set_ours(password, what)
            return
        there = self._read().named(name)
        if there is None:
            raise BmcRefused(f"This BMC has no user {name}.")
        reply = self._patch(there, {"Password": password}, what, password)
        if not reply.ok:
            raise reply.error(what)

    # --- parts of these

    def _read(self) -> Accounts:
        return accounts.read(self._session, self._tree)

    def _check(self, name: str, password: str) -> None:
        """Raises BmcRefused where the profile says that the BMC takes no such name or password."""
        limits = self._session.login.profile.users
        if not 0 < len(name.encode()) <= limits.longest_name:
            raise BmcRefused(f"This BMC takes user names of 1 to {limits.longest_name} bytes.")
        if not 0 < len(password.encode()) <= limits.longest_password:
            raise BmcRefused(f"This BMC takes passwords of 1 to {limits.longest_password} bytes.")

    def _role_id(self, role: BmcRole) -> str:
        """The BMC's own id of a role. Raises NotSupported where it lists roles, and not this one."""
        try:
            listed = accounts.roles(self._session, self._tree)
        except (BmcRefused, BmcBadAnswer, NotSupported):
            listed = None
        if listed is None:
            return str(role)
        fitting = [one for one in listed if predefined(one) is role]
        if not fitting:
            raise NotSupported(f"This BMC has the roles {', '.join(listed[:16])}, and none that is {role}.")
        return fitting[0]

    def _empty(self, found: Accounts) -> list[Account]:
        """The accounts that a user can be written into."""
        first = self._session.login.profile.users.first_slot
        return [
            account for account in found.all if account.empty and account.slot is not None and account.slot >= first
        ]

    def _slot_for(self, found: Accounts, name: str) -> Account:
        empty = self._empty(found)
        if not empty:
            raise BmcRefused(f"This BMC has no account left for {name}: all {len(found.all)} are taken. Remove one.")
        return min(empty, key=lambda account: account.slot or 0)

    def _patch(self, account: Account, body: dict[str, Any], what: str, password: str) -> Reply:
        return change.patch(self._session, account.path, body, self._fence, what=what, secrets=(password,))

    def _until(self, name: str, role: BmcRole, what: str) -> Account:
        """Read back until the user is there, enabled and with that role; one that is off is switched on, once."""
        switched = False
        there = None
        for _ in tries(_SEEN_WITHIN):
            there = self._read().named(name)
            if there is None:
                continue
            if there.enabled is False and not switched:
                switched = True
                self._patch(there, {"Enabled": True}, what, "")
            elif there.enabled is not False and (there.role_id is None or predefined(there.role_id) is role):
                return there
        seen = "there is no such user" if there is None else f"its role is {there.role_id}, enabled: {there.enabled}"
        raise StateNotReached(f"The BMC was asked to {what} and accepted it, but {seen}.", last_read=seen)

    def _until_gone(self, name: str, what: str) -> None:
        for _ in tries(_SEEN_WITHIN):
            if self._read().named(name) is None:
                return
        raise StateNotReached(f"The BMC was asked to {what} and accepted it, but it is still there.")

    def _set_ours(self, password: str, what: str) -> None:
        """Also where the BMC wants that first and allows nothing else. Nothing logs in with the old one again."""
        with self._session.password_change() as told:
            path = told or self._our_path(told is not None)
            body = {"Password": password}
            try:
                reply = change.patch(self._session, path, body, self._fence, what=what, secrets=(password,))
            except BmcError as error:
                if error.details.get("sent") is not False:
                    self._session.retire()
                raise
            if reply.ok or reply.unclear:
                self._session.retire()
            if reply.unclear:
                raise OutcomeUnknown(
                    f"The BMC at {self._session.where} was asked to {what} and gave no clear answer ({reply.words()}): "
                    "it may have done so."
                )
            if not reply.ok:
                raise reply.error(what)

    def _our_path(self, limited: bool) -> str:
        """The path of our account; where it can't be looked up, the one that most services give it (by its name)."""
        ours = self._session.login.secret.user
        try:
            there = self._read().named(ours)
        except (BmcRefused, NotSupported):
            if not limited:
                raise
            return f"/redfish/v1/AccountService/Accounts/{quote(ours, safe='')}"
        if there is None:
            raise BmcRefused(
                f"This BMC lists no account {ours}, though it let us in as that: its password is not here."
            )
        return there.path


def _enable(account: Account) -> dict[str, Any]:
    """Some services have no Enabled, and refuse it."""
    return {} if account.enabled is None else {"Enabled": True}
