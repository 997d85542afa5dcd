"""Redfish services over TLS, many in one process, and fast ones: prints where they are, and on request the GETs so far.

What asks them is to be the slower one: else it sleeps between two answers, and what waking costs is measured.
python -m tests.benchmarks.services HOW_MANY. It ends when its input ends.
"""

import asyncio
import json
import ssl
import sys
import tempfile
from pathlib import Path
from typing import cast

import uvloop

from oobctl.lab.certificates import CertificateFiles, fingerprint, issue
from tests.trees import written

SESSIONS = "/redfish/v1/SessionService/Sessions"
USER, PASSWORD = "root", "none-of-it-is-real"


def answer(status: str, body: bytes, *more: str) -> bytes:
    """As it goes over the wire."""
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *more]
    return "\r\n".join([*lines, "", ""]).encode() + body


TREE = {path: answer("200 OK", json.dumps(resource).encode()) for path, resource in written().items()}
MISSING = answer("404 Not Found", b"{}")
LET_IN = answer("201 Created", b"{}", "X-Auth-Token: token", f"Location: {SESSIONS}/1")


class Service(asyncio.Protocol):
    """One connection: whole requests in, answers out."""

    gets = 0
    transport: asyncio.Transport
    left = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.left += data
        while b"\r\n\r\n" in self.left:
            head, _, rest = self.left.partition(b"\r\n\r\n")
            size = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:"), 0)
            if len(rest) < size:
                return
            self.left = rest[size:]
            method, path, _ = head.split(b" ", 2)
            self.transport.write(self.said(method.decode(), path.decode()))

    def said(self, method: str, path: str) -> bytes:
        if method != "GET":
            return LET_IN if method == "POST" else answer("204 No Content", b"")
        Service.gets += 1
        return TREE.get(path.rstrip("/") or path, MISSING)


async def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = CertificateFiles(Path(folder) / "bmc.pem", Path(folder) / "bmc.key")
        issue(files, name="bmc", address="127.0.0.1", authority=None)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(files.certificate, files.key)
        pin = fingerprint(files.certificate)
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(Service, "127.0.0.1", 0, ssl=context) for _ in range(count)]
    same = {"address": "127.0.0.1", "fingerprint": pin, "user": USER, "password": PASSWORD}
    print(json.dumps([same | {"port": server.sockets[0].getsockname()[1]} for server in servers]), flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(Service.gets, flush=True)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
