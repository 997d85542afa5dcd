"""A WSGI app over TLS: a thread per connection, kept alive; what a server does besides is in its subclasses."""

import io
import socket
import ssl
import sys
from collections.abc import Callable, Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_IDLE_SECONDS = 60.0
_LARGEST_BODY = 1 << 20
_STREAMED = "text/event-stream"

Answer = bytes | Iterator[bytes]
"""All of it, or the pieces of a stream that ends when its connection does."""


class TlsServer(ThreadingHTTPServer):
    """Serves one WSGI app over TLS; the handshake happens in the connection's own thread. Port 0 takes a free one."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self, address: str, port: int, certificate: Path, key: Path, app: WsgiApp, handler: type["TlsHandler"]
    ) -> None:
        super().__init__((address, port), handler)
        self.app = app
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate, key)

    def admit(self, connection: socket.socket) -> bool:
        """Whether a new connection gets as far as TLS."""
        return True

    def finish_request(self, request: Any, client_address: Any) -> None:
        request.settimeout(_IDLE_SECONDS)
        request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not self.admit(request):
            return
        try:
            encrypted = self._tls.wrap_socket(request, server_side=True)
        except (OSError, ssl.SSLError):
            return  # a client that does not trust the certificate, or a port scan
        super().finish_request(encrypted, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], (OSError, ssl.SSLError)):
            super().handle_error(request, client_address)


class TlsHandler(BaseHTTPRequestHandler):
    """One connection: reads requests, runs the app, answers."""

    protocol_version = "HTTP/1.1"
    server: TlsServer

    def exchange(self, body: bytes) -> None:
        """Answer one request."""
        self.answer(*self.run(body))

    def _serve(self) -> None:
        self._streams: list[Any] = []
        try:
            self.exchange(self.rfile.read(min(int(self.headers.get("Content-Length") or 0), _LARGEST_BODY)))
        finally:
            for stream in self._streams:
                stream.close()

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do_HEAD = _serve

    def run(self, body: bytes) -> tuple[str, list[tuple[str, str]], Answer]:
        """What the app answers: its status line, headers and body; a stream of events piece by piece."""
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], _error: Any = None) -> None:
            started.append((status, headers))

        chunks = self.server.app(self._environment(body), start_response)
        if any(name.lower() == "content-type" and value.startswith(_STREAMED) for name, value in started[-1][1]):
            self._streams += [chunks] if hasattr(chunks, "close") else []
            return (*started[-1], iter(chunks))
        try:
            answer = b"".join(chunks)
        finally:
            close = getattr(chunks, "close", None)
            if close:
                close()
        return (*started[-1], answer)

    def _environment(self, body: bytes) -> dict[str, Any]:
        path, _, query = self.path.partition("?")
        environment: dict[str, Any] = {
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote(path, "latin-1"),
            "QUERY_STRING": query,
            "RAW_URI": self.path,
            "SERVER_NAME": str(self.server.server_address[0]),
            "SERVER_PORT": str(self.server.server_address[1]),
            "SERVER_PROTOCOL": self.protocol_version,
            "REMOTE_ADDR": self.client_address[0],
            "REMOTE_PORT": str(self.client_address[1]),
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "https",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in self.headers.items():
            environment[f"HTTP_{name.upper().replace('-', '_')}"] = value
        return environment

    def answer(self, status: str, headers: list[tuple[str, str]], body: Answer) -> None:
        """Write the answer, its length counted anew; a stream as long as there is one and somebody reads it."""
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            if name.lower() != "content-length":
                self.send_header(name, value)
        if not isinstance(body, bytes):
            self.close_connection = True
            self.send_header("Connection", "close")
        elif int(code) != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            for piece in [body] if isinstance(body, bytes) else body:
                self.wfile.write(piece)

    def log_message(self, format: str, *args: Any) -> None:
        """The request log has it."""
