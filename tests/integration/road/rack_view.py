"""How the rack sees its servers, past everything of ours: ipmitool, an HTTP client, the chassis log, the packets."""

import os
import ssl
import subprocess
from typing import Any

import httpx

from oobctl.lab import rack as virtual_rack
from oobctl.lab.rack import LabServer, RackInfo
from tests.installation import eventually

SESSIONS = "/redfish/v1/SessionService/Sessions"


class RackView:
    """What really happened, and the faults."""

    def __init__(self, rack: RackInfo) -> None:
        self._rack = rack

    def commands(self, server: str, since: int = 0) -> list[str]:
        """What reached the chassis from its BMC's protocols and what the guest did, oldest first."""
        log = self._rack.servers[server].commands()[since:]
        return [entry["command"] for entry in log if entry["source"] != "lab"]

    def entries(self, server: str, since: int = 0) -> list[dict[str, Any]]:
        return self._rack.servers[server].commands()[since:]

    def mark(self, server: str) -> int:
        """Where the chassis log ends now."""
        return len(self._rack.servers[server].commands())

    def power(self, server: str) -> str:
        """`On` or `Off`, from ipmitool where the server speaks IPMI, else from a Redfish client that is not ours."""
        if self._rack.servers[server].ipmi is None:
            return str(self.redfish(server, "/redfish/v1/Systems/1")["PowerState"])
        return self.ipmitool(server, "power", "status").rpartition(" is ")[2].capitalize()

    def ipmitool(self, server: str, *arguments: str) -> str:
        endpoint = self._rack.servers[server].ipmi
        assert endpoint is not None
        where = ["-H", endpoint.address, "-p", str(endpoint.port), "-U", endpoint.user, "-E"]
        done = subprocess.run(
            ["ipmitool", "-I", "lanplus", "-C", "3", *where, *arguments],
            env={**os.environ, "IPMI_PASSWORD": endpoint.password},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout.strip()

    def redfish(self, server: str, path: str) -> dict[str, Any]:
        """GET with user and password, so that no session is opened."""
        endpoint = self._rack.servers[server].redfish
        assert endpoint is not None
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        answer = httpx.get(
            f"https://{endpoint.address}:{endpoint.port}{path}",
            auth=(endpoint.user, endpoint.password),
            verify=context,
            trust_env=False,
            timeout=60,
        )
        answer.raise_for_status()
        return dict(answer.json())

    def open_sessions(self, server: str) -> int:
        """How many Redfish sessions the BMC holds; 0 where it speaks none."""
        if self._rack.servers[server].redfish is None:
            return 0
        return len(self.redfish(server, SESSIONS)["Members"])

    def packets_in(self, server: str, since: float) -> int:
        """IPMI packets that reached the BMC since a unix time."""
        return len([1 for _at, way, _size in virtual_rack.packets(self._rack.home, server, since=since) if way == "in"])

    def start_fresh(self, *servers: str) -> None:
        """Start servers anew, and wait until their operating systems have come up."""
        since = {}
        for server in servers:
            log = self._rack.servers[server].serial_log
            self.command(server, "power-off")
            since[server] = log.stat().st_size if log.exists() else 0
            self.command(server, "power-on")
        for server in servers:
            log = self._rack.servers[server].serial_log
            eventually(lambda: f"{server} login:".encode() in log.read_bytes()[since[server] :], 120)  # noqa: B023

    def server(self, name: str) -> LabServer:
        return self._rack.servers[name]

    def inject(self, server: str, fault: str) -> None:
        virtual_rack.inject(self._rack.home, server, fault)

    def clear(self, server: str) -> None:
        virtual_rack.clear(self._rack.home, server)

    def command(self, server: str, name: str, **arguments: Any) -> None:
        """Push the server's buttons from outside its BMC."""
        virtual_rack.command(self._rack.home, server, name, **arguments)
