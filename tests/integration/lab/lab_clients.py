"""How the tests look at a lab server: ipmitool, an HTTP client that is not ours, its logs."""

import os
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from oobctl.lab import rack
from oobctl.lab.rack import LabServer, RackInfo

SYSTEM = "/redfish/v1/Systems/1"
_MANAGER = "/redfish/v1/Managers/1"


def eventually(check: Callable[[], object], patience: float = 60.0) -> None:
    """Wait until `check` is true; the patience is for a loaded machine."""
    deadline = time.monotonic() + patience
    while not check():
        assert time.monotonic() < deadline, f"not within {patience:.0f} s"
        time.sleep(0.1)


def wait_for_bmc_reset(server: "Server", sign_in: tuple[str, str] | None = None) -> None:
    """Reset a BMC over Redfish, and wait until it is back."""
    with restarts(server, sign_in), server.redfish(sign_in=sign_in) as client:
        answer = client.post(f"{_MANAGER}/Actions/Manager.Reset", json={"ResetType": "GracefulRestart"})
        assert answer.status_code == 204


@contextmanager
def restarts(server: "Server", sign_in: tuple[str, str] | None = None) -> Iterator[None]:
    """Within it the BMC is told to restart; waits until it has. It answers for a moment before it goes."""
    with server.redfish(sign_in=sign_in) as client:
        first_start = client.get(_MANAGER).json()["LastResetTime"]
    yield

    def is_back() -> bool:
        try:
            with server.redfish(timeout=5, sign_in=sign_in) as client:
                return bool(client.get(_MANAGER).json()["LastResetTime"] > first_start)
        except httpx.HTTPError:
            return False

    eventually(is_back)


class Server:
    """One server as the tests look at it: ipmitool, an HTTP client, its logs."""

    def __init__(self, info: RackInfo, name: str) -> None:
        self.home: Path = info.home
        self.name = name
        self.lab: LabServer = info.servers[name]

    def ipmi(self, *arguments: str, timeout: float = 60.0) -> "subprocess.CompletedProcess[str]":
        endpoint = self.lab.ipmi
        assert endpoint is not None
        where = ["-H", endpoint.address, "-p", str(endpoint.port), "-U", endpoint.user, "-E"]
        return subprocess.run(
            ["ipmitool", "-I", "lanplus", "-C", "3", "-N", "1", "-R", "2", *where, *arguments],
            env={**os.environ, "IPMI_PASSWORD": endpoint.password},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def ipmi_power(self) -> str:
        return self.ipmi("power", "status").stdout.strip().removeprefix("Chassis Power is ")

    def tls(self) -> ssl.SSLContext:
        assert self.lab.tls is not None
        if self.lab.tls["mode"] == "ca":
            return ssl.create_default_context(cafile=self.lab.tls["ca_file"])
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context

    def redfish(
        self, *, timeout: float = 60.0, signed_in: bool = True, sign_in: tuple[str, str] | None = None
    ) -> httpx.Client:
        endpoint = self.lab.redfish
        assert endpoint is not None
        return httpx.Client(
            base_url=f"https://{endpoint.address}:{endpoint.port}",
            auth=(sign_in or (endpoint.user, endpoint.password)) if signed_in else None,
            verify=self.tls(),
            trust_env=False,
            timeout=timeout,
        )

    def system(self) -> dict[str, Any]:
        with self.redfish() as client:
            found: dict[str, Any] = client.get(SYSTEM).json()
        return found

    def reset(self, reset_type: str) -> httpx.Response:
        with self.redfish() as client:
            return client.post(f"{SYSTEM}/Actions/ComputerSystem.Reset", json={"ResetType": reset_type})

    def patch(self, body: dict[str, Any]) -> httpx.Response:
        with self.redfish() as client:
            return client.patch(SYSTEM, json=body)

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = rack.status(self.home)["servers"][self.name]
        return found

    def commands(self, command: str, source: str | None = None) -> int:
        return sum(entry["command"] == command and source in (None, entry["source"]) for entry in self.lab.commands())

    def serial(self, since: int = 0) -> str:
        if not self.lab.serial_log.exists():
            return ""
        return self.lab.serial_log.read_bytes()[since:].decode(errors="replace")

    def serial_size(self) -> int:
        return self.lab.serial_log.stat().st_size

    def wait_for_os(self, since: int = 0) -> None:
        """Wait until the guest says that it is up; from an offset of the serial log."""
        eventually(lambda: f"{self.name} is up" in self.serial(since), 120)

    def start_fresh(self) -> None:
        """Cut the power and start the guest anew, up to its login prompt."""
        since = self.serial_size()
        rack.command(self.home, self.name, "power-off")
        rack.command(self.home, self.name, "power-on")
        self.wait_for_os(since)
        eventually(lambda: f"{self.name} login:" in self.serial(since))
