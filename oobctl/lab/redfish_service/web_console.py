"""The web server of a BMC, as OpenBMC's bmcweb has it: a log-in with cookies, and the screen over a websocket."""

import base64
import hashlib
import json
import secrets
import socket
import struct
import threading
from contextlib import suppress
from http.cookies import CookieError, SimpleCookie
from typing import Any

from oobctl.drivers.rfb.handshake import answer_to
from oobctl.lab import user_table
from oobctl.lab.redfish_service.configuration import Configuration

LOGIN, LOGOUT, SCREEN, SERIAL = "/login", "/logout", "/kvm/0", "/console0"
_SECRET_OF_WEBSOCKETS = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
_BINARY, _CLOSE, _PING, _PONG = 2, 8, 9, 10
_VERSION, _NO_PASSWORD, _OK = b"RFB 003.008\n", b"\x01\x01", b"\0\0\0\0"


class WebConsole:
    """Its sessions live in memory, as those of the Redfish service do."""

    def __init__(self, configuration: Configuration) -> None:
        self._there = configuration
        self._sessions: dict[str, str] = {}  # the token of each
        self._lock = threading.Lock()

    def log_in(self, body: bytes) -> tuple[int, dict[str, str]]:
        """Status, and the cookies."""
        name, password = _credentials(body)
        users = user_table.read(self._there.users).values()
        if not any(user.enabled and (user.name, user.password) == (name, password) for user in users):
            return 401, {}
        session, token = secrets.token_hex(16), secrets.token_hex(16)
        with self._lock:
            self._sessions[session] = token
        return 200, {"SESSION": session, "XSRF-TOKEN": token}

    def log_out(self, cookies: str | None, token: str | None) -> int:
        session = self.session_of(cookies, token)
        if session is None:
            return 401
        with self._lock:
            self._sessions.pop(session, None)
        return 200

    def session_of(self, cookies: str | None, token: str | None) -> str | None:
        """The session whose cookie and token these are."""
        with suppress(CookieError):
            found = SimpleCookie(cookies or "").get("SESSION")
            with self._lock:
                if found is not None and token and self._sessions.get(found.value) == token:
                    return found.value
        return None

    def carry(self, browser: socket.socket) -> None:
        """The screen, until one side ends. The browser is offered no password: who is here has logged in."""
        with socket.create_connection((self._there.address, self._there.vnc_port), 10) as screen:
            screen.settimeout(None)
            browser.settimeout(None)
            start = _enter(screen, (self._there.ready.parent / "vnc-password").read_text())
            frames = Frames(browser)
            frames.send(_VERSION)
            frames.read(len(_VERSION))
            frames.send(_NO_PASSWORD)
            frames.read(1)
            frames.send(_OK)
            frames.read(1)
            frames.send(start)
            _both(screen, frames)

    def carry_serial(self, browser: socket.socket) -> None:
        """The serial line, until one side ends."""
        with socket.create_connection(self._there.serial, 10) as port:
            port.settimeout(None)
            browser.settimeout(None)
            _both(port, Frames(browser))


class Frames:
    """Binary messages over a websocket (RFC 6455, section 5), after its handshake."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._rest = b""
        self._sending = threading.Lock()

    def send(self, content: bytes, kind: int = _BINARY) -> None:
        size = len(content)
        head = struct.pack(">BB", 0x80 | kind, size) if size < 126 else struct.pack(">BBH", 0x80 | kind, 126, size)
        if size > 0xFFFF:
            head = struct.pack(">BBQ", 0x80 | kind, 127, size)
        with self._sending:
            self._connection.sendall(head + content)

    def read_some(self) -> bytes:
        """Raises EOFError where the other side closes."""
        if self._rest:
            found, self._rest = self._rest, b""
            return found
        while True:
            kind, content = self._frame()
            if kind == _CLOSE:
                raise EOFError
            if kind == _PING:
                self.send(content, _PONG)
            elif content and kind not in {_PONG}:
                return content

    def read(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            found += self.read_some()
        self._rest = found[count:] + self._rest
        return found[:count]

    def _frame(self) -> tuple[int, bytes]:
        first, size = self._exactly(2)
        size &= 0x7F
        if size >= 126:
            size = int.from_bytes(self._exactly(2 if size == 126 else 8), "big")
        mask = self._exactly(4)
        content = self._exactly(size)
        key = (mask * (size // 4 + 1))[:size]
        plain = (int.from_bytes(content, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")
        return first & 0x0F, plain

    def _exactly(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            piece = self._connection.recv(count - len(found))
            if not piece:
                raise EOFError
            found += piece
        return found


def accepted(key: str) -> str:
    """What a handshake is answered with (RFC 6455, section 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key.encode() + _SECRET_OF_WEBSOCKETS).digest()).decode()  # noqa: S324 - as it says


def _enter(screen: socket.socket, password: str) -> bytes:
    """Log in at the machine's own VNC server; returns its ServerInit."""
    stream = screen.makefile("rb")
    stream.read(len(_VERSION))
    screen.sendall(_VERSION)
    stream.read(stream.read(1)[0])
    screen.sendall(b"\x02")
    screen.sendall(answer_to(stream.read(16), password))
    stream.read(4)
    screen.sendall(b"\x01")
    start = stream.read(24)
    return start + stream.read(int.from_bytes(start[20:], "big"))


def _both(there: socket.socket, frames: Frames) -> None:
    """Carry bytes both ways until one side ends."""
    back = threading.Thread(target=_copy, args=(there, frames), daemon=True)
    back.start()
    with suppress(OSError, EOFError):
        while True:
            there.sendall(frames.read_some())
    with suppress(OSError):
        there.shutdown(socket.SHUT_RDWR)
    back.join(5)


def _copy(there: socket.socket, frames: Frames) -> None:
    with suppress(OSError):
        while content := there.recv(1 << 16):
            frames.send(content)
        frames.send(b"", _CLOSE)


def _credentials(body: bytes) -> tuple[Any, Any]:
    try:
        name, password = json.loads(body)["data"]
    except (ValueError, KeyError, TypeError):
        return None, None
    return name, password
