"""A console in the own web pages of a BMC, as makers build them: absolute addresses, cookies, redirects, a websocket.

It stands in for no maker's pages: what it shows is what such pages have in common.
"""

import json
import secrets
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from urllib.parse import parse_qs

from oobctl.lab import user_table
from oobctl.lab.redfish_service.configuration import Configuration

LOGIN, LOGOUT, CONSOLE, VIEWER, STREAM = "/web/login", "/web/logout", "/web/console", "/viewer/", "/viewer/stream"
_COOKIE, _TOKEN = "WEBSESSION", "X-CSRF-TOKEN"
_NOVNC = Path(__file__).resolve().parents[3] / "web" / "static" / "vendor" / "novnc-novnc"
_TYPES = {".js": "text/javascript; charset=utf-8", ".html": "text/html; charset=utf-8"}
_PAGE = """<!doctype html>
<html><head><meta charset="utf-8"><title>Remote console of {server}</title>
<style>body {{ margin: 0; background: #20262e; color: #fff; font: 15px sans-serif }} header {{ padding: 8px 16px }}
#screen {{ height: calc(100vh - 40px) }}</style>
<script type="module" src="{base}/viewer/viewer.js"></script></head>
<body><header>BMC of {server} at {address} · <span id="state">connecting</span></header>
<div id="screen"></div></body></html>
"""
_SCRIPT = """import RFB from "{base}/viewer/novnc/core/rfb.js";
const state = document.getElementById("state");
const about = await (await fetch("{base}/viewer/about")).json();
document.title = `Remote console of ${{about.server}}`;
const stream = "wss:\\/\\/{authority}/viewer/stream";
const rfb = new RFB(document.getElementById("screen"), stream, {{ wsProtocols: ["binary"] }});
rfb.scaleViewport = true;
rfb.addEventListener("connect", () => {{ state.textContent = "connected"; }});
rfb.addEventListener("disconnect", () => {{ state.textContent = "disconnected"; }});
window.rfb = rfb;
"""


@dataclass(frozen=True)
class Page:
    """What is answered: its status, its headers, its body."""

    status: int
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)


class OemPages:
    """Its sessions live in memory."""

    def __init__(self, configuration: Configuration) -> None:
        self._there = configuration
        self._authority = f"{configuration.address}:{configuration.port}"
        self._base = f"https://{self._authority}"
        self._sessions: dict[str, str] = {}  # the token of each
        self._lock = threading.Lock()

    def answer(self, method: str, path: str, body: bytes, cookies: str | None, token: str | None) -> Page | None:
        """None: that is not for these pages."""
        if not path.startswith(("/web/", VIEWER)):
            return None
        if (method, path) == ("POST", LOGIN):
            return self._log_in(body)
        session = self.session_of(cookies)
        if session is None:
            return Page(401, b"Log in first.", [("WWW-Authenticate", f'Basic realm="BMC at {self._there.address}"')])
        if (method, path) == ("POST", LOGOUT):
            return self._log_out(session, token)
        if method not in {"GET", "HEAD"}:
            return Page(405)
        if path == CONSOLE:
            return Page(302, headers=[("Location", f"{self._base}{VIEWER}?from=console")])
        return self._viewer(path)

    def session_of(self, cookies: str | None) -> str | None:
        """The session that a Cookie header names."""
        with suppress(CookieError):
            found = SimpleCookie(cookies or "").get(_COOKIE)
            with self._lock:
                return found.value if found is not None and found.value in self._sessions else None
        return None

    @property
    def open(self) -> int:
        """How many are logged in."""
        with self._lock:
            return len(self._sessions)

    def _log_in(self, body: bytes) -> Page:
        given = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
        users = user_table.read(self._there.users).values()
        named = (given.get("username"), given.get("password"))
        if not any(user.enabled and (user.name, user.password) == named for user in users):
            return Page(401)
        session, token = secrets.token_hex(16), secrets.token_hex(16)
        with self._lock:
            self._sessions[session] = token
        cookie = ("Set-Cookie", f"{_COOKIE}={session}; Path=/; Secure; HttpOnly")
        return Page(200, json.dumps({"csrf": token}).encode(), [cookie, ("Content-Type", "application/json")])

    def _log_out(self, session: str, token: str | None) -> Page:
        with self._lock:
            if self._sessions.get(session) != token:
                return Page(403)
            del self._sessions[session]
        return Page(200, b"{}", [("Content-Type", "application/json")])

    def _viewer(self, path: str) -> Page:
        known = {"server": self._there.server, "address": self._there.address}
        known |= {"base": self._base, "authority": self._authority}
        if path == VIEWER:
            seen = ("Set-Cookie", "LASTSEEN=viewer; Path=/viewer/")
            return Page(200, _PAGE.format(**known).encode(), [seen, ("Content-Type", _TYPES[".html"])])
        if path == f"{VIEWER}viewer.js":
            return Page(200, _SCRIPT.format(**known).encode(), [("Content-Type", _TYPES[".js"])])
        if path == f"{VIEWER}about":
            return Page(200, json.dumps(known).encode(), [("Content-Type", "application/json")])
        file = (_NOVNC / path.removeprefix(f"{VIEWER}novnc/")).resolve()
        if not path.startswith(f"{VIEWER}novnc/") or not file.is_relative_to(_NOVNC) or not file.is_file():
            return Page(404)
        return Page(200, file.read_bytes(), [("Content-Type", _TYPES.get(file.suffix, "application/octet-stream"))])
