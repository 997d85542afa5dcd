"""The users of a BMC over IPMI as they stand in its table (IPMI 2.0, sections 22.26 to 22.31), and the LAN channel."""

from collections.abc import Iterator
from dataclasses import dataclass

from oobctl.constants import BmcRole
from oobctl.drivers.identity import clean
from oobctl.drivers.ipmi import codes
from oobctl.drivers.ipmi.asking import APP, ask
from oobctl.drivers.ipmi.session import IpmiSession
from oobctl.errors import BmcBadAnswer

GET_CHANNEL_INFO, GET_CHANNEL_ACCESS = 0x42, 0x41
SET_ACCESS, GET_ACCESS, SET_NAME, GET_NAME, SET_PASSWORD = 0x43, 0x44, 0x45, 0x46, 0x47
THIS_CHANNEL = 0x0E
NULL_USER = 1  # it has no name, and can't get one
NO_ACCESS = 0x0F
_NAME_BYTES = 16
_MESSAGING = 0x10
_ENABLED, _DISABLED = 0b01, 0b10
_ROLES = {
    4: BmcRole.ADMINISTRATOR,
    3: BmcRole.OPERATOR,
    2: BmcRole.READ_ONLY,
    NO_ACCESS: BmcRole.NO_ACCESS,
    0: BmcRole.NO_ACCESS,
}
PRIVILEGES = {
    BmcRole.ADMINISTRATOR: 4,
    BmcRole.OPERATOR: 3,
    BmcRole.READ_ONLY: 2,
    BmcRole.NO_ACCESS: NO_ACCESS,
}


@dataclass(frozen=True)
class Row:
    """One place of the table. enabled None: the BMC does not tell. messaging: IPMI over this channel is allowed."""

    number: int
    name: bytes  # without its padding; empty where the place is free
    privilege: int
    enabled: bool | None
    messaging: bool

    @property
    def shown(self) -> str:
        """The name as it may be stored and shown."""
        return clean(self.name.decode("utf-8", errors="replace")) or ""

    @property
    def role(self) -> BmcRole:
        return _ROLES.get(self.privilege, BmcRole.OTHER)

    @property
    def may_log_in(self) -> bool:
        """Whether the BMC would let it in over this channel; one of which it does not tell counts as enabled."""
        return self.enabled is not False and self.messaging and self.role is not BmcRole.NO_ACCESS


@dataclass(frozen=True)
class Table:
    """The rows that were read. capacity: how many places there are."""

    rows: tuple[Row, ...]
    capacity: int
    problems: tuple[str, ...]

    def named(self, name: str) -> Row | None:
        """The user of that name; the null user is never found."""
        wanted = name.encode()
        return next((row for row in self.rows if row.number != NULL_USER and row.name and row.name == wanted), None)


def channel(session: IpmiSession) -> int:
    """The number of the LAN channel that we came over. Raises BmcError's subclasses."""
    what = "say which channel we came over"
    data = codes.check(ask(session, APP, GET_CHANNEL_INFO, bytes((THIS_CHANNEL,)), what=what), what)
    if not data:
        raise BmcBadAnswer("The BMC was asked for its LAN channel's number, and its answer was empty.")
    return data[0] & 0x0F


def table(session: IpmiSession, lan: int) -> Table:
    """All users of the BMC with their access over the channel `lan`. Raises BmcError's subclasses."""
    reader = _Reader(session, lan)
    rows = tuple(reader.rows())
    return Table(rows, reader.capacity, tuple(reader.problems))


def row(session: IpmiSession, lan: int, number: int) -> Row:
    """One user, as it is now."""
    return _Reader(session, lan).row(number)


class _Reader:
    def __init__(self, session: IpmiSession, lan: int) -> None:
        self._session, self._lan = session, lan
        self.capacity = 0
        self.problems: list[str] = []

    def rows(self) -> Iterator[Row]:
        self.capacity = self._access(NULL_USER)[0] & 0x3F
        for number in range(1, self.capacity + 1):
            try:
                yield self.row(number)
            except BmcBadAnswer as error:
                self.problems.append(f"The BMC's user {number} was left out: {error.message}")

    def row(self, number: int) -> Row:
        access = self._access(number)
        status = access[1] >> 6
        return Row(
            number=number,
            name=self._name(number),
            privilege=access[3] & 0x0F,
            enabled={_ENABLED: True, _DISABLED: False}.get(status),
            messaging=bool(access[3] & _MESSAGING),
        )

    def _access(self, number: int) -> bytes:
        what = f"say what its user {number} may do"
        data = codes.check(ask(self._session, APP, GET_ACCESS, bytes((self._lan, number)), what=what), what)
        if len(data) < 4:
            raise BmcBadAnswer(f"The BMC was asked to {what} and answered {len(data)} of 4 bytes.")
        return data

    def _name(self, number: int) -> bytes:
        """Empty where there is none: some BMCs refuse the question about a free place."""
        answer = ask(self._session, APP, GET_NAME, bytes((number,)), what=f"say the name of its user {number}")
        return answer.data[:_NAME_BYTES].split(b"\0")[0].rstrip() if answer.code == 0 else b""
