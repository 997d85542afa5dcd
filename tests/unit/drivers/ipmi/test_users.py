"""Users on BMCs that no simulator at hand is: long passwords, kept names, tables that say otherwise."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from oobctl import profiles
from oobctl.constants import BmcRole
from oobctl.drivers.ipmi import codes
from oobctl.drivers.ipmi.lan import Answer
from oobctl.drivers.ipmi.security import IpmiSecurity, suites_of
from oobctl.drivers.ipmi.session import IpmiSession
from oobctl.drivers.ipmi.users import IpmiUsers
from oobctl.errors import StateNotReached
from oobctl.vault import Secret

CHANNEL, GET_ACCESS, GET_NAME, SET_ACCESS, SET_NAME, SET_PASSWORD = 0x42, 0x44, 0x46, 0x43, 0x45, 0x47
CAPABILITIES, SUITES, LAN = 0x38, 0x54, 0x02
ENABLED, DISABLED, MESSAGING = 0x40, 0x80, 0x10


class Users:
    """A BMC's table of four places: name, privilege with flags, status bits."""

    def __init__(self) -> None:
        self.names = {1: b"", 2: b"admin", 3: b"", 4: b""}
        self.access = {1: 0x0F, 2: MESSAGING | 4, 3: 0x0F, 4: 0x0F}
        self.status = {1: DISABLED, 2: ENABLED, 3: DISABLED, 4: DISABLED}
        self.passwords: dict[int, bytes] = {}
        self.keeps_names = False  # an empty name is refused
        self.deaf = False  # it takes what is set of access, and does nothing
        self.answers: dict[int, Answer] = {}  # of other commands

    def session(self) -> IpmiSession:
        login = SimpleNamespace(profile=profiles.find("generic-ipmi"), secret=Secret("admin", "secret"))
        return cast(IpmiSession, SimpleNamespace(login=login, exchange=self.exchange, write=self.write))

    def exchange(self, netfn: int, command: int, data: bytes = b"", **more: Any) -> Answer:
        if command == CHANNEL and data == b"\x0e":
            return Answer(0, bytes((1, 4, 1, 0x80)))
        if command == GET_ACCESS:
            return Answer(0, bytes((4, self.status[data[1]] | 1, 1, self.access[data[1]])))
        if command == GET_NAME:
            return Answer(0, self.names[data[0]].ljust(16, b"\0"))
        return self.answers.get(command, Answer(0xC1, b""))

    def write(self, netfn: int, command: int, data: bytes, fence: Any, *, what: str) -> bytes:
        fence(1.0)
        return codes.check(self._set(command, data), what)

    def _set(self, command: int, data: bytes) -> Answer:
        number = data[1 if command == SET_ACCESS else 0] & 0x3F
        if command == SET_NAME:
            if self.keeps_names and not data[1:].strip(b"\0"):
                return Answer(0xCC, b"")
            self.names[number] = data[1:].rstrip(b"\0")
        elif command == SET_ACCESS and not self.deaf:
            self.access[number] = data[0] & 0x70 | data[2]
        elif command == SET_PASSWORD and data[1] == 2:
            self.passwords[number] = data
        elif command == SET_PASSWORD:
            self.status[number] = ENABLED if data[1] == 1 else DISABLED
        return Answer(0, b"")


def users(bmc: Users) -> IpmiUsers:
    return IpmiUsers(bmc.session(), lambda _seconds: None)


@pytest.mark.parametrize(
    ("password", "sent"),
    [
        ("a" * 16, b"\x03\x02" + b"a" * 16),
        ("b", b"\x03\x02b" + bytes(15)),
        ("c" * 17, b"\x83\x02" + b"c" * 17 + bytes(3)),  # bit 7: the form of 20 bytes
        ("d" * 20, b"\x83\x02" + b"d" * 20),
    ],
)
def test_a_password_is_sent_in_the_form_that_holds_it(password: str, sent: bytes) -> None:
    assert IpmiUsers._password_bytes(3, password) == sent


def test_the_table_says_who_is_enabled_and_who_is_not() -> None:
    bmc = Users()
    number = users(bmc).add("temp", "secret-1", BmcRole.OPERATOR)
    report = users(bmc).read()
    assert [(user.name, user.enabled, user.role, user.ours) for user in report.users] == [
        ("admin", True, BmcRole.ADMINISTRATOR, True),
        ("temp", True, BmcRole.OPERATOR, False),
    ]
    assert (number, report.capacity, report.free) == ("3", 4, 1)


def test_a_user_is_enabled_last() -> None:
    seen: list[int] = []

    class Watched(Users):
        def write(self, netfn: int, command: int, data: bytes, fence: Any, *, what: str) -> bytes:
            seen.append(self.status[3])
            return super().write(netfn, command, data, fence, what=what)

    bmc = Watched()
    users(bmc).add("temp", "secret-1", BmcRole.OPERATOR)
    assert set(seen) == {DISABLED}
    assert bmc.status[3] == ENABLED


def test_a_bmc_that_keeps_the_name_keeps_a_user_that_can_not_get_in() -> None:
    bmc = Users()
    users(bmc).add("temp", "secret-1", BmcRole.OPERATOR)
    before = bmc.passwords[3]
    bmc.keeps_names = True
    users(bmc).remove("temp")
    assert (bmc.status[3], bmc.access[3] & MESSAGING, bmc.access[3] & 0x0F) == (DISABLED, 0, 0x0F)
    assert bmc.passwords[3] != before


def test_a_bmc_that_takes_the_commands_and_does_otherwise_is_told_on() -> None:
    bmc = Users()
    bmc.deaf = True
    with pytest.raises(StateNotReached, match="has the role NoAccess"):
        users(bmc).add("temp", "secret-1", BmcRole.OPERATOR)


def test_a_user_without_a_name_that_is_enabled_is_listed_and_told() -> None:
    bmc = Users()
    bmc.status[1], bmc.access[1] = ENABLED, MESSAGING | 4
    assert [(user.user_id, user.name) for user in users(bmc).read().users] == [("1", ""), ("2", "admin")]
    assert facts(bmc)["null_user"] == (True, "user 1")
    assert facts(bmc)["other_users"] == (1, "user 1")


def facts(bmc: Users) -> dict[str, tuple[Any, str | None]]:
    report = IpmiSecurity(bmc.session(), lambda _seconds: None).read()
    return {fact.name: (fact.value, fact.detail) for fact in report.facts}


@pytest.mark.parametrize(
    ("status", "told", "value"),
    [
        (0, None, None),
        (0, 0x00, False),
        (0, 0x01, True),
        (0, 0x02, True),
        (DISABLED, 0x02, True),
        (DISABLED, None, False),
    ],
)
def test_what_the_bmc_tells_before_a_login_decides_about_the_null_user(
    status: int, told: int | None, value: bool | None
) -> None:
    bmc = Users()
    bmc.status[1], bmc.access[1] = status, MESSAGING | 4
    if told is not None:
        bmc.answers[CAPABILITIES] = Answer(0, bytes((1, 0x80, told, 2, 0, 0, 0, 0)))
    assert facts(bmc)["null_user"][0] is value


def parameters(count: int, entries: bytes, privileges: bytes) -> Any:
    """Answers to LAN parameters 22 to 24."""
    held = {0x16: bytes((0x11, count)), 0x17: b"\x11\0" + entries, 0x18: b"\x11\0" + privileges}
    return lambda data: Answer(0, held[data[1]]) if data[1] in held else Answer(0xC1, b"")


LISTED = bytes((1, 0xC0, 0, 0, 0x40, 0x80, 0xC0, 3, 1, 0x41, 0x81))
UNLISTED = bytes((1, 0xC0, 3, 1, 0x41, 0x81, 0xC0, 17, 3, 0x44, 0x81))


@pytest.mark.parametrize(
    ("suites", "lan", "value"),
    [
        (UNLISTED, None, False),
        (LISTED, (2, b"\0\3", b"\x40"), False),  # suite 0 has no privilege: it is switched off
        (LISTED, (2, b"\0\3", b"\x44"), True),
        (LISTED, (2, b"\3\0", b"\x04"), False),
        (LISTED, (2, b"\3\0", b"\x14"), True),
        (LISTED, (1, b"\3\0", b"\x44"), True),  # offered, and not in the list: the bytes behind the count are padding
        (LISTED, None, True),
        (None, (2, b"\0\3", b"\x44"), True),
        (None, (1, b"\3\0", b"\x04"), None),
        (None, None, None),
    ],
)
def test_cipher_suite_0_is_open_where_it_is_offered_and_has_a_privilege(
    suites: bytes | None, lan: tuple[int, bytes, bytes] | None, value: bool | None
) -> None:
    class Lan(Users):
        def exchange(self, netfn: int, command: int, data: bytes = b"", **more: Any) -> Answer:
            if command == LAN and lan is not None:
                answer: Answer = parameters(*lan)(data)
                return answer
            return super().exchange(netfn, command, data, **more)

    bmc = Lan()
    if suites is not None:
        bmc.answers[SUITES] = Answer(0, suites)
    told, detail = facts(bmc)["cipher_zero"]
    assert told is value
    assert told is not None or detail


def test_suite_0_without_a_known_privilege_says_that_it_is_offered() -> None:
    bmc = Users()
    bmc.answers[SUITES] = Answer(0, LISTED)
    told, detail = facts(bmc)["cipher_zero"]
    assert told is True
    assert (detail or "").startswith("The BMC offers suite 0 to anybody who asks.")


def test_cipher_suite_records_of_makers_are_skipped() -> None:
    assert suites_of(bytes((0xC1, 0x80, 1, 2, 3, 0x01, 0x41, 0x81, 0xC0, 17, 3, 0x44, 0x81))) == {0x80, 17}
    assert suites_of(b"\xc0") == set()
