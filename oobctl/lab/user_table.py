"""The users of a BMC as ipmi_sim keeps them in its state: read, and written so that it takes them at its next start."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from oobctl.lab.credentials import write_secret

CALLBACK, USER, OPERATOR, ADMINISTRATOR, NO_ACCESS = 1, 2, 3, 4, 15  # IPMI 2.0 section 6.8
FIRST, LAST = 2, 63  # user 1 is the one without a name
NAME_BYTES, PASSWORD_BYTES = 16, 20
_ESCAPE = re.compile(rb"\\([0-9a-fA-F]{2})")


@dataclass(frozen=True)
class User:
    """One user. privilege: IPMI's number. enabled: it may sign in."""

    number: int
    name: str
    password: str
    privilege: int = USER
    enabled: bool = False
    link_auth: bool = False
    callback_only: bool = False
    max_sessions: int = 0

    @property
    def is_administrator(self) -> bool:
        return self.enabled and self.privilege == ADMINISTRATOR and bool(self.name)


def read(path: Path) -> dict[int, User]:
    """The users that have a name or may sign in, by number; none where the file is missing."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return {}
    fields: dict[int, dict[str, bytes]] = {}
    for line in lines:
        key, _, rest = line.partition(b":")
        number, _, name = key.decode("ascii", "replace").partition(".")
        if number.isdigit() and name:
            fields.setdefault(int(number), {})[name] = rest.partition(b":")[2]
    users = (_user(number, found) for number, found in sorted(fields.items()))
    return {user.number: user for user in users if user.number >= FIRST and (user.name or user.enabled)}


def _user(number: int, fields: Mapping[str, bytes]) -> User:
    def integer(name: str) -> int:
        value = fields.get(name, b"0")
        return int(value) if value.isdigit() else 0

    return User(
        number,
        name=_unescaped(fields.get("username", b"")),
        password=_unescaped(fields.get("passwd", b"")),
        privilege=integer("privilege"),
        enabled=bool(integer("valid")),
        link_auth=bool(integer("link_auth")),
        callback_only=bool(integer("cb_only")),
        max_sessions=integer("max_sessions"),
    )


def _unescaped(value: bytes) -> str:
    whole = _ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), value)
    return whole.rstrip(b"\0").decode("utf-8", "replace")


def write(path: Path, users: Iterable[User]) -> None:
    """Write all users (0600); the numbers that are not among them are empty. Raises ValueError for what is too long."""
    by_number = {user.number: user for user in users}
    lines = []
    for number in range(LAST + 1):
        lines += _lines(by_number.get(number) or User(number, "", "", privilege=USER if number == 1 else 0))
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_secret(path, "\n".join(lines) + "\n")


def _lines(user: User) -> list[str]:
    values = {
        "valid": f"i:{int(user.enabled)}",
        "link_auth": f"i:{int(user.link_auth)}",
        "cb_only": f"i:{int(user.callback_only)}",
        "username": f"d:{_escaped(user.name, NAME_BYTES)}",
        "passwd": f"d:{_escaped(user.password, PASSWORD_BYTES)}",
        "privilege": f"i:{user.privilege}",
        "max_sessions": f"i:{user.max_sessions}",
    }
    return [f"{user.number}.{name}:{value}" for name, value in values.items()]


def _escaped(text: str, size: int) -> str:
    data = text.encode()
    if len(data) > size:
        raise ValueError(f"{len(data)} bytes do not fit into {size}")
    printable = set(range(0x20, 0x7F)) - {ord("\\")}
    return "".join(chr(byte) if byte in printable else f"\\{byte:02x}" for byte in data.ljust(size, b"\0"))
