"""Serving a tree over TLS: the connection is closed where no answer is to come, and while the BMC restarts."""

import secrets
import socket
import tempfile
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from oobctl.lab.certificates import CertificateFiles, fingerprint, issue
from oobctl.lab.redfish_service.tls_server import TlsHandler, TlsServer
from oobctl.lab.redfish_service.trees import behaviours as named
from oobctl.lab.redfish_service.trees import state as making
from oobctl.lab.redfish_service.trees.load import load
from oobctl.lab.redfish_service.trees.service import NO_ANSWER, TreeService


class TreeServer(TlsServer):
    """One tree on one loopback address, with a new self-signed certificate. Port 0 takes a free one."""

    def __init__(
        self,
        source: Path | str | Mapping[str, Any],
        behaviours: Iterable[str] = (),
        *,
        address: str = "127.0.0.1",
        port: int = 0,
        user: str | None = None,
        password: str | None = None,
    ) -> None:
        self.password = password or secrets.token_urlsafe(9)
        self.state = making.make(load(source), user, self.password)
        self.service = TreeService(self.state, [named.make(behaviour) for behaviour in behaviours])
        with tempfile.TemporaryDirectory() as folder:
            files = CertificateFiles(Path(folder) / "bmc.pem", Path(folder) / "bmc.key")
            issue(files, name="bmc", address=address, authority=None)
            self.fingerprint = fingerprint(files.certificate)
            super().__init__(address, port, files.certificate, files.key, self.service, TreeHandler)
        self._thread: threading.Thread | None = None

    @property
    def user(self) -> str:
        return self.state.passwords.user

    @property
    def address(self) -> str:
        return str(self.server_address[0])

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def admit(self, connection: socket.socket) -> bool:
        """While the BMC restarts, nobody is let in."""
        with self.state.lock:
            if self.state.bmc.refused <= 0:
                return True
            self.state.bmc.refused -= 1
            return False

    def start(self) -> None:
        """Serve in a thread until `stop`."""
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), name="tree", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        if self._thread is not None:
            self.shutdown()
            self._thread.join()
        self.state.delivery.close()
        self.server_close()


class TreeHandler(TlsHandler):
    """One connection; a restart of the BMC ends it."""

    server: TreeServer

    def setup(self) -> None:
        super().setup()
        self._restarts = self.server.state.bmc.restarts

    def exchange(self, body: bytes) -> None:
        if self.server.state.bmc.restarts != self._restarts:
            self.close_connection = True
            return
        status, headers, answer = self.run(body)
        if any(name.lower() == NO_ANSWER for name, _value in headers):
            self.close_connection = True
            return
        self.answer(status, headers, answer)
