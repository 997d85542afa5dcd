"""How the service asks the supervisor about its server, and passes commands on."""

from pathlib import Path
from typing import Any

from oobctl.lab.rack_socket import ask_at


class RackLink:
    """One server as the supervisor knows it; IPMI asks the same supervisor, so both protocols agree."""

    def __init__(self, socket: Path, server: str) -> None:
        self._socket = socket
        self._server = server

    def view(self) -> dict[str, Any]:
        """power_state, override, led, last_reset, faults, media. Raises LabError."""
        return ask_at(self._socket, "view", server=self._server)

    def faults(self) -> frozenset[str]:
        return frozenset(self.view()["faults"])

    def command(self, name: str, /, **arguments: Any) -> None:
        """Carry out a chassis command. Raises LabRefused when the chassis cannot."""
        ask_at(self._socket, "command", server=self._server, command=name, source="redfish", arguments=arguments)

    def bmc(self, what: str, /, **arguments: Any) -> dict[str, Any]:
        """Ask for the BMC's logs, BIOS settings or users, or change them (bmc_requests.py). Raises LabRefused."""
        return ask_at(self._socket, "bmc", server=self._server, what=what, arguments=arguments)
