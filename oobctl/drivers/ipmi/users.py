"""The BMC's users over IPMI: list, add, remove, set a password (IPMI 2.0, sections 22.26 to 22.31)."""

import contextlib
import secrets

from oobctl.constants import BmcRole
from oobctl.drivers.interfaces import Fence
from oobctl.drivers.ipmi import user_table
from oobctl.drivers.ipmi.asking import APP
from oobctl.drivers.ipmi.session import IpmiSession
from oobctl.drivers.ipmi.user_table import NULL_USER, PRIVILEGES, SET_ACCESS, SET_NAME, SET_PASSWORD, Row, Table
from oobctl.drivers.readings import BmcUser, UsersReport
from oobctl.errors import BmcRefused, NotFound, NotSupported, StateNotReached

_SHORT, _LONG = 16, 20  # bytes of the two forms of a password
_LONG_FORM = 0x80
_DISABLE, _ENABLE, _SET = 0, 1, 2
_CHANGE, _MESSAGING = 0x80, 0x10
_LONGEST_NAME = 16


class IpmiUsers:
    """interfaces.Users over one session. User 1, which has no name, is never touched."""

    def __init__(self, session: IpmiSession, fence: Fence) -> None:
        self._session, self._fence = session, fence

    def read(self) -> UsersReport:
        """All that have a name, and those that may log in without one."""
        found = user_table.table(self._session, user_table.channel(self._session))
        users = tuple(self._user(row) for row in found.rows if row.name or (row.may_log_in and row.enabled))
        return UsersReport(users, found.capacity, len(self._free(found)), found.problems)

    def add(self, name: str, password: str, role: BmcRole) -> str:
        """Made in a place that is free, and enabled last: nobody gets in half way."""
        self._check_name(name)
        self._check_password(password)
        if role not in PRIVILEGES:
            raise BmcRefused(f"IPMI has no role {role}. Take Administrator, Operator or ReadOnly.")
        lan = user_table.channel(self._session)
        found = user_table.table(self._session, lan)
        row = found.named(name)
        if row is None:
            row = self._place(found)
            self._quietly_disable(row.number)
            self._name(row.number, name)
        self._password(row.number, password, name)
        self._access(row.number, lan, PRIVILEGES[role])
        self._switch(row.number, _ENABLE)
        self._prove(lan, row.number, name, PRIVILEGES[role])
        return str(row.number)

    def remove(self, name: str) -> None:
        """Locked out first: disabled, without access, with a password that nobody knows; then its name goes.

        A BMC that keeps the name keeps a user that can't get in.
        """
        if name == self._ours:
            raise BmcRefused("That is the user that oobctl itself logs in as, so it was not removed.")
        lan = user_table.channel(self._session)
        row = user_table.table(self._session, lan).named(name)
        if row is None:
            return
        self._quietly_disable(row.number)
        self._access(row.number, lan, user_table.NO_ACCESS, messaging=False)
        self._password(row.number, secrets.token_urlsafe(12)[:_SHORT], name)
        self._quietly_disable(row.number)
        with contextlib.suppress(BmcRefused, NotSupported):
            self._name(row.number, "")
        left = user_table.row(self._session, lan, row.number)
        if left.name and left.may_log_in:
            raise StateNotReached(
                f"The BMC took the commands to remove its user {name}, and the user can still log in."
            )

    def set_password(self, name: str, password: str) -> None:
        """Our own user's is sent once: where no answer comes it is OutcomeUnknown, and either password may hold.

        A second try would log in with the old one, which a BMC may punish. Raises NotFound where there is no such user.
        """
        self._check_password(password)
        lan = user_table.channel(self._session)
        row = user_table.table(self._session, lan).named(name)
        if row is None:
            raise NotFound(f"The BMC has no user {name}.")
        if name == self._ours:
            data, what = self._password_bytes(row.number, password), f"change the password of its user {name}"
            self._session.write_once(APP, SET_PASSWORD, data, self._fence, what=what)
        else:
            self._password(row.number, password, name)

    # --- checks, before anything is sent

    @property
    def _ours(self) -> str:
        return self._session.login.secret.user

    def _check_name(self, name: str) -> None:
        longest = min(self._session.login.profile.users.longest_name, _LONGEST_NAME)
        if not name or not name.isascii() or not name.isprintable() or " " in name or len(name) > longest:
            raise BmcRefused(
                f"This BMC takes user names of 1 to {longest} ASCII letters, digits and signs, without spaces."
            )
        if name == self._ours:
            raise BmcRefused("That is the user that oobctl itself logs in as, so it was not changed.")

    def _check_password(self, password: str) -> None:
        longest = min(self._session.login.profile.users.longest_password, _LONG)
        if not password or not password.isascii() or not password.isprintable() or len(password) > longest:
            raise BmcRefused(f"This BMC takes passwords of 1 to {longest} printable ASCII characters.")

    def _free(self, found: Table) -> list[Row]:
        first = max(self._session.login.profile.users.first_slot, NULL_USER + 1)
        return [row for row in found.rows if row.number >= first and not row.name]

    def _place(self, found: Table) -> Row:
        free = self._free(found)
        if not free:
            raise BmcRefused(
                f"All {found.capacity} places for users of this BMC are taken. Remove one that is not used."
            )
        return free[0]

    def _user(self, row: Row) -> BmcUser:
        return BmcUser(
            user_id=str(row.number),
            name=row.shown,
            role=row.role,
            enabled=row.enabled,
            ours=row.shown == self._ours,
            source=f"user {row.number}",
        )

    # --- writes

    def _name(self, number: int, name: str) -> None:
        data = bytes((number,)) + name.encode().ljust(_LONGEST_NAME, b"\0")
        self._session.write(APP, SET_NAME, data, self._fence, what=f"name its user {number}")

    def _password(self, number: int, password: str, name: str) -> None:
        data = self._password_bytes(number, password)
        self._session.write(APP, SET_PASSWORD, data, self._fence, what=f"set the password of its user {name}")

    @staticmethod
    def _password_bytes(number: int, password: str) -> bytes:
        secret = password.encode()
        long = len(secret) > _SHORT
        return bytes((number | (_LONG_FORM if long else 0), _SET)) + secret.ljust(_LONG if long else _SHORT, b"\0")

    def _access(self, number: int, lan: int, privilege: int, *, messaging: bool = True) -> None:
        first = _CHANGE | (_MESSAGING if messaging else 0) | lan
        data = bytes((first, number, privilege))
        self._session.write(APP, SET_ACCESS, data, self._fence, what=f"set what its user {number} may do")

    def _switch(self, number: int, how: int) -> None:
        what = f"{'enable' if how == _ENABLE else 'disable'} its user {number}"
        self._session.write(APP, SET_PASSWORD, bytes((number, how)), self._fence, what=what)

    def _quietly_disable(self, number: int) -> None:
        """Some BMCs refuse to disable a place that has no name, or no password, yet."""
        with contextlib.suppress(BmcRefused, NotSupported):
            self._switch(number, _DISABLE)

    def _prove(self, lan: int, number: int, name: str, privilege: int) -> None:
        """Raises StateNotReached where the table says something else than was set."""
        row = user_table.row(self._session, lan, number)
        if row.name != name.encode() or row.privilege != privilege or row.enabled is False:
            raise StateNotReached(
                f"The BMC took the commands to make its user {name}, and its table says otherwise: user {number} is "
                f"named {row.shown or 'nothing'}, has the role {row.role} and is "
                f"{'disabled' if row.enabled is False else 'enabled'}."
            )
