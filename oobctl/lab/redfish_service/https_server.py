"""The HTTPS server of a rack's BMC: the request log, and the faults of a BMC's network stack."""

import contextlib
import json
import os
import select
import socket
import ssl
import threading
import time
from datetime import UTC, datetime
from http import HTTPStatus

from oobctl.lab.errors import LabError
from oobctl.lab.faults import (
    BMC_DEAD,
    BMC_DROP_ANSWERS,
    BMC_DROP_REQUESTS,
    BMC_GARBAGE,
    BMC_SLOW,
    SLOW_SECONDS,
)
from oobctl.lab.redfish_service import oem_pages, web_console
from oobctl.lab.redfish_service.configuration import Configuration
from oobctl.lab.redfish_service.rack_link import RackLink
from oobctl.lab.redfish_service.tls_server import TlsHandler, TlsServer, WsgiApp

_SILENT = frozenset({BMC_DEAD, BMC_DROP_ANSWERS, BMC_DROP_REQUESTS})
_WEBSOCKETS = frozenset({web_console.SCREEN, web_console.SERIAL, oem_pages.STREAM})
_LONGEST_SILENCE = 600.0


class BmcServer(TlsServer):
    """Serves the app of one server of the rack."""

    def __init__(self, configuration: Configuration, link: RackLink, app: WsgiApp) -> None:
        there = configuration
        super().__init__(there.address, there.port, there.certificate, there.key, app, BmcHandler)
        self.link = link
        self.web = web_console.WebConsole(configuration)
        self.pages = oem_pages.OemPages(configuration)
        self._log_path = configuration.request_log
        self._log_lock = threading.Lock()

    def admit(self, connection: socket.socket) -> bool:
        if BMC_DEAD in self.faults():
            self.keep_silent(connection)
            return False
        return True

    def faults(self) -> frozenset[str]:
        try:
            return self.link.faults()
        except LabError:
            return frozenset({BMC_DEAD})  # the supervisor is ending, and this process with it

    def keep_silent(self, connection: socket.socket) -> None:
        """Hold a connection without an answer until the client gives up or the fault is cleared."""
        connection.settimeout(1.0)
        end = time.monotonic() + _LONGEST_SILENCE
        while self.faults() & _SILENT and time.monotonic() < end:
            if select.select([connection], [], [], 0.5)[0]:
                try:
                    if not connection.recv(4096):
                        return
                except (OSError, ssl.SSLError):
                    return

    def note(self, arrived: datetime, method: str, path: str, status: int | None) -> None:
        """Add a line to the request log: times, method, path, status; nothing that was sent with it."""
        entry = {
            "time": arrived.isoformat(),
            "answered": datetime.now(UTC).isoformat() if status else None,
            "method": method,
            "path": path,
            "status": status,
        }
        with self._log_lock, self._log_path.open("a") as file:
            file.write(json.dumps(entry) + "\n")


class BmcHandler(TlsHandler):
    """One connection: answers as the faults allow."""

    server: BmcServer

    def exchange(self, body: bytes) -> None:
        arrived = datetime.now(UTC)
        path = self.path.partition("?")[0]
        active = self.server.faults()
        if active & {BMC_DEAD, BMC_DROP_REQUESTS}:
            self._stay_silent(arrived, path)
            return
        if path in _WEBSOCKETS and self.headers.get("Upgrade", "").lower() == "websocket":
            self._open_websocket(arrived, path)
            return
        status, headers, answer = self._at_the_web(path, body) or self.run(body)
        # Asked again: the request itself may have met a fault that began meanwhile.
        active = self.server.faults()
        if active & _SILENT:
            self._stay_silent(arrived, path)
            return
        if BMC_SLOW in active:
            time.sleep(SLOW_SECONDS)
        if BMC_GARBAGE in active:
            self.close_connection = True
            self.wfile.write(os.urandom(512))
        elif isinstance(answer, bytes):
            self.answer(status, headers, answer)
        self.server.note(arrived, self.command, path, int(status.split()[0]))
        if not isinstance(answer, bytes) and BMC_GARBAGE not in active:
            self.answer(status, headers, answer)  # until it ends

    def _at_the_web(self, path: str, body: bytes) -> tuple[str, list[tuple[str, str]], bytes] | None:
        """The BMC's own pages, and the log-in and log-out of its websockets."""
        sent = self.headers
        page = self.server.pages.answer(self.command, path, body, sent.get("Cookie"), sent.get("X-CSRF-TOKEN"))
        if page is not None:
            return f"{page.status} {HTTPStatus(page.status).phrase}", page.headers, page.body
        web = self.server.web
        if (self.command, path) == ("POST", web_console.LOGIN):
            status, cookies = web.log_in(body)
            headers = [("Set-Cookie", f"{name}={value}; SameSite=Strict; Secure") for name, value in cookies.items()]
            return f"{status} {HTTPStatus(status).phrase}", [*headers, ("Content-Type", "application/json")], b"{}"
        if (self.command, path) == ("POST", web_console.LOGOUT):
            status = web.log_out(self.headers.get("Cookie"), self.headers.get("X-XSRF-TOKEN"))
            return f"{status} {HTTPStatus(status).phrase}", [("Content-Type", "application/json")], b"{}"
        return None

    def _open_websocket(self, arrived: datetime, path: str) -> None:
        """That of the screen or of the serial line, until one side ends."""
        self.close_connection = True
        token, cookies = self.headers.get("Sec-WebSocket-Protocol", ""), self.headers.get("Cookie")
        pages = path == oem_pages.STREAM
        session = self.server.pages.session_of(cookies) if pages else self.server.web.session_of(cookies, token)
        self.server.note(arrived, self.command, path, 401 if session is None else 101)
        if session is None:
            self.answer("401 Unauthorized", [], b"")
            return
        self.send_response(101)
        for name, value in (
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Accept", web_console.accepted(self.headers.get("Sec-WebSocket-Key", ""))),
            ("Sec-WebSocket-Protocol", token),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.flush()
        with contextlib.suppress(OSError, EOFError):
            web = self.server.web
            (web.carry_serial if path == web_console.SERIAL else web.carry)(self.connection)

    def _stay_silent(self, arrived: datetime, path: str) -> None:
        self.close_connection = True
        self.server.note(arrived, self.command, path, None)
        self.server.keep_silent(self.connection)
