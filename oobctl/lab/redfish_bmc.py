"""A server's Redfish side: the service's process, its configuration and its certificates."""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from oobctl.lab import certificates, faults, processes
from oobctl.lab.certificates import CertificateFiles
from oobctl.lab.credentials import write_secret
from oobctl.lab.errors import LabError
from oobctl.lab.plan import ServerPlan

_START_PATIENCE = 20.0
_RESTARTS_SERVICE = frozenset({faults.BMC_PASSWORD_CHANGED, faults.BMC_OTHER_IDENTITY, faults.BMC_NEW_CERTIFICATE})


class RedfishBmc:
    """Starts, restarts and stops the Redfish service of one server."""

    def __init__(self, plan: ServerPlan, *, users: Path, socket: Path) -> None:
        self._plan = plan
        self._users = users
        self._socket = socket
        self._active: frozenset[str] = frozenset()
        self._service: asyncio.subprocess.Process | None = None
        authority = certificates.ensure_authority(plan.folder.parent)
        self._authority = authority if plan.model.tls == "ca" else None
        self.certificate = self._certificate("redfish")

    @property
    def pid(self) -> int | None:
        return self._service.pid if self._service and self._service.returncode is None else None

    def tls(self) -> dict[str, str]:
        """How a client checks the service: by the lab's CA, or by the certificate's fingerprint."""
        return {
            "mode": self._plan.model.tls or "",
            "ca_file": str(self._plan.folder.parent / "ca.pem"),
            "fingerprint": certificates.fingerprint(self.certificate.certificate),
        }

    async def start(self) -> None:
        await self._start_service()

    async def stop(self) -> None:
        await processes.stop(self._service)

    async def apply(self, active: frozenset[str]) -> None:
        """Make the service show exactly these faults; most of them it asks for itself, at each request."""
        before, self._active = self._active, active
        if (before ^ active) & _RESTARTS_SERVICE:
            await self.restart()

    async def restart(self, *, pause: float = 0.0) -> None:
        """End the service, connections and sessions with it, and start it again after `pause` seconds."""
        await processes.stop(self._service)
        await asyncio.sleep(pause)
        await self._start_service()

    async def _start_service(self) -> None:
        configuration = self._plan.folder / "redfish.json"
        ready = self._plan.folder / "redfish.ready"
        ready.unlink(missing_ok=True)
        write_secret(configuration, json.dumps(self._configuration(ready), indent=2))
        log = self._plan.folder / "redfish.log"
        command = [sys.executable, "-m", "oobctl.lab.redfish_service", str(configuration)]
        self._service = await processes.start(command, log=log)
        deadline = time.monotonic() + _START_PATIENCE
        while not ready.exists():
            if self._service.returncode is not None or time.monotonic() > deadline:
                raise LabError(f"The Redfish service of {self._plan.name} did not start; {log} says why.")
            await asyncio.sleep(0.02)

    def _configuration(self, ready: Path) -> dict[str, Any]:
        plan, active = self._plan, self._active
        identity = plan.identity
        if faults.BMC_OTHER_IDENTITY in active:
            identity = faults.other_identity(identity)
        files = self._certificate("other") if faults.BMC_NEW_CERTIFICATE in active else self.certificate
        return {
            "server": plan.name,
            "address": plan.address,
            "port": plan.ports.redfish,
            "firmware": plan.model.firmware,
            "users": str(self._users),
            "ipmi_port": plan.ports.ipmi if plan.model.ipmi else None,
            "vnc_port": plan.ports.vnc,
            "serial": [plan.address_behind_relay, plan.ports.serial],
            "disks": list(plan.disks),
            "authority": str(plan.folder.parent / "ca.pem"),
            "identity": identity.as_dict(),
            "certificate": str(files.certificate),
            "key": str(files.key),
            "socket": str(self._socket),
            "request_log": str(plan.folder / "redfish-requests.log"),
            "ready": str(ready),
        }

    def _certificate(self, name: str) -> CertificateFiles:
        plan = self._plan
        files = CertificateFiles(plan.folder / f"{name}.pem", plan.folder / f"{name}.key")
        if not files.exist() or name != "redfish":
            certificates.issue(files, name=plan.name, address=plan.address, authority=self._authority)
        return files
