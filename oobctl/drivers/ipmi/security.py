"""How far a BMC is open, as IPMI tells it: users, the LAN channel, cipher suites (IPMI 2.0, sections 22 and 23)."""

from collections.abc import Callable

from oobctl.constants import BmcRole
from oobctl.drivers import exposure
from oobctl.drivers.interfaces import Fence
from oobctl.drivers.ipmi import codes, user_table
from oobctl.drivers.ipmi.asking import APP, TRANSPORT, ask
from oobctl.drivers.ipmi.session import IpmiSession
from oobctl.drivers.ipmi.user_table import GET_CHANNEL_ACCESS, GET_CHANNEL_INFO, Row
from oobctl.drivers.readings import BmcUser, Scalar, SecurityFact, SecurityReport
from oobctl.errors import BmcBadAnswer, BmcBusy, BmcRefused, NotSupported

_GET_CAPABILITIES, _GET_SUITES, _GET_LAN = 0x38, 0x54, 0x02
_NULL_USERS = 0x03  # users without a name, with and without a password
_SUITE_COUNT, _SUITE_ENTRIES, _SUITE_PRIVILEGES = 0x16, 0x17, 0x18  # LAN parameters 22 to 24
_SUITES_AT_MOST, _LISTS_AT_MOST = 16, 0x40
_ACTIVE = 0x80  # Get Channel Access: the setting in use, not the one kept for later
_SYSTEM_INTERFACE, _SYSTEM_MEDIUM = 0x0F, 0x0C
_MODES = ("disabled", "before the system boots", "always", "shared with the system")
_PRIVILEGES = {1: "Callback", 2: "User", 3: "Operator", 4: "Administrator", 5: "OEM"}
_DEFAULT_NAMES = frozenset({"admin", "administrator", "root", "userid", "sysadmin", "anonymous", "guest", "test"})
_RECORD_STARTS = frozenset({0xC0, 0xC1})  # a standard suite; one of a maker, with three bytes of its number

Fact = tuple[Scalar | None, str | None]


class IpmiSecurity:
    """interfaces.Security over one session."""

    def __init__(self, session: IpmiSession, _fence: Fence) -> None:
        self._session = session

    def read(self) -> SecurityReport:
        """Each fact that IPMI can tell; None with the reason for the others."""
        lan = user_table.channel(self._session)
        found = user_table.table(self._session, lan)
        facts = {name: self._told(fact) for name, fact in self._of_channel(lan).items()}
        let_in = [row for row in found.rows if row.may_log_in]
        facts |= self._of_users(let_in)
        facts["null_user"] = self._null_user([row for row in let_in if not row.name])
        facts["insecure_protocols"] = (None, "IPMI does not tell.")
        facts["certificate_expires"] = (None, "IPMI has no certificates.")
        told = tuple(SecurityFact(name, value, detail) for name, (value, detail) in facts.items())
        users = None if found.problems else exposure.may_log_in(self._user(row) for row in let_in if self._counts(row))
        return SecurityReport(told, found.problems, users)

    def _user(self, row: Row) -> BmcUser:
        ours = row.shown == self._session.login.secret.user
        return BmcUser(str(row.number), row.shown, row.role, row.enabled, ours=ours)

    @staticmethod
    def _counts(row: Row) -> bool:
        """A place without a name is free where the BMC does not say that it is enabled; null_user tells of that."""
        return bool(row.name) or row.enabled is True

    @staticmethod
    def _told(fact: Callable[[], Fact]) -> Fact:
        try:
            return fact()
        except (BmcBusy, BmcRefused, NotSupported, BmcBadAnswer) as error:
            return None, error.message

    def _of_channel(self, lan: int) -> dict[str, Callable[[], Fact]]:
        return {
            "cipher_zero": lambda: self._cipher_zero(lan),
            "ipmi_over_lan": lambda: (self._access(lan)[0] & 0x07 != 0, f"The channel {lan} is the one we came over."),
            "channel_privilege": lambda: (_PRIVILEGES.get(self._access(lan)[1] & 0x0F, "none"), f"Channel {lan}."),
            "channel_access": lambda: self._open_while_running(lan),
            "host_interface": self._host_interface,
        }

    def _of_users(self, users: list[Row]) -> dict[str, Fact]:
        """users: those that the BMC would let in."""
        ours = self._session.login.secret.user
        default = sorted(row.shown for row in users if row.shown.casefold() in _DEFAULT_NAMES)
        return {
            "default_user": (bool(default), ", ".join(default) or None),
            "administrators": (sum(row.role is BmcRole.ADMINISTRATOR for row in users), None),
            "other_users": (
                sum(row.shown != ours for row in users),
                ", ".join(row.shown or f"user {row.number}" for row in users if row.shown != ours) or None,
            ),
        }

    def _null_user(self, nameless: list[Row]) -> Fact:
        """From the table, and from what the BMC tells anybody who asks before a login (section 22.13)."""
        numbers = ", ".join(f"user {row.number}" for row in nameless)
        if any(row.enabled for row in nameless):
            return True, numbers
        request = bytes((user_table.THIS_CHANNEL, 4))
        answer = ask(self._session, APP, _GET_CAPABILITIES, request, what="say who may log in")
        if answer.code == 0 and len(answer.data) >= 3:
            return bool(answer.data[2] & _NULL_USERS), numbers or None
        if nameless:
            return None, f"The BMC does not tell whether {numbers}, which has no name, is enabled."
        return False, None

    # --- the channel

    def _access(self, lan: int) -> bytes:
        what = "say who may use its LAN channel"
        data = codes.check(ask(self._session, APP, GET_CHANNEL_ACCESS, bytes((lan, _ACTIVE)), what=what), what)
        if len(data) < 2:
            raise BmcBadAnswer(f"The BMC was asked to {what} and answered {len(data)} of 2 bytes.")
        return data

    def _open_while_running(self, lan: int) -> Fact:
        mode = self._access(lan)[0] & 0x07
        if mode >= len(_MODES):
            return None, f"The BMC names the unknown access mode {mode}."
        return mode in (2, 3), f"Access mode: {_MODES[mode]}."

    def _host_interface(self) -> Fact:
        """IPMI tells whether there is one, and never whether a maker's lock closes it."""
        answer = ask(
            self._session, APP, GET_CHANNEL_INFO, bytes((_SYSTEM_INTERFACE,)), what="describe its system interface"
        )
        if answer.code == 0 and len(answer.data) > 1 and answer.data[1] & 0x7F == _SYSTEM_MEDIUM:
            return None, "There is a system interface (KCS, BT or SSIF); IPMI does not tell whether a lock closes it."
        return None, "The BMC describes no system interface."

    # --- cipher suite 0

    def _cipher_zero(self, lan: int) -> Fact:
        """Suite 0 with a privilege lets anybody in; one that is listed and has no privilege is switched off."""
        offered = self._offered(lan)
        if offered is not None and 0 not in offered:
            return False, None
        privilege = self._privilege_of_zero(lan)
        if privilege is not None:
            words = _PRIVILEGES.get(privilege)
            return privilege != 0, f"Up to the privilege {words}." if words else None
        if offered is None:
            return None, "The BMC tells neither its cipher suites nor who may use them."
        return True, "The BMC offers suite 0 to anybody who asks. Which privilege it gives, the BMC does not tell."

    def _offered(self, lan: int) -> set[int] | None:
        """The suites of the channel; None where the BMC does not list them."""
        data = b""
        for index in range(_LISTS_AT_MOST):
            request = bytes((lan, 0, 0x80 | index))  # payload type IPMI, listed by suite
            answer = ask(self._session, APP, _GET_SUITES, request, what="list its cipher suites")
            if answer.code or not answer.data:
                break
            data += answer.data[1:]
            if len(answer.data) - 1 < _SUITES_AT_MOST:
                break
        return suites_of(data) or None

    def _privilege_of_zero(self, lan: int) -> int | None:
        """The privilege that suite 0 gives, 0 for none; None where the BMC does not tell."""
        count = self._parameter(lan, _SUITE_COUNT)
        entries, held = self._parameter(lan, _SUITE_ENTRIES), self._parameter(lan, _SUITE_PRIVILEGES)
        listed = entries[1 : 1 + (count[0] & 0x1F)] if count else b""
        nibbles = [nibble for byte in held[1:] for nibble in (byte & 0x0F, byte >> 4)]
        place = listed.find(0)
        return nibbles[place] if 0 <= place < len(nibbles) else None

    def _parameter(self, lan: int, parameter: int) -> bytes:
        """A LAN parameter without its revision byte; empty where the BMC lacks it."""
        request = bytes((lan, parameter, 0, 0))
        answer = ask(self._session, TRANSPORT, _GET_LAN, request, what="say who may use its cipher suites")
        return answer.data[1:] if answer.code == 0 else b""


def suites_of(data: bytes) -> set[int]:
    """The numbers of the cipher suite records (section 22.15.1). Pure."""
    found: set[int] = set()
    position = 0
    while position + 1 < len(data):
        if data[position] not in _RECORD_STARTS:
            position += 1
            continue
        found.add(data[position + 1])
        position += 2 if data[position] == 0xC0 else 5
    return found
