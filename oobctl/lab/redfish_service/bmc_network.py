"""How far the BMC is open: its network protocols, and the interface that the server's own system reaches it by."""

import json
from typing import Any

import flask

from oobctl.lab.credentials import write_secret
from oobctl.lab.redfish_service.answers import collection, failure, json_body, nothing, resource
from oobctl.lab.redfish_service.configuration import Configuration
from oobctl.lab.redfish_service.rack_link import RackLink
from oobctl.lab.redfish_service.readings import HEALTHY
from oobctl.lab.redfish_service.routes import serve

BMC = "/redfish/v1/Managers/1"
PROTOCOLS, HOST_INTERFACES = f"{BMC}/NetworkProtocol", f"{BMC}/HostInterfaces"
_INTERFACE = f"{HOST_INTERFACES}/1"


class BmcNetwork:
    """NetworkProtocol tells what really listens. A HostInterface can be switched; nothing else hangs on it here."""

    def __init__(self, configuration: Configuration, link: RackLink) -> None:
        self._configuration = configuration
        self._link = link
        self._state = configuration.ready.parent / "host-interface.json"

    def install(self, app: flask.Flask) -> None:
        serve(
            app,
            {
                PROTOCOLS: self.protocols,
                HOST_INTERFACES: lambda: collection(HOST_INTERFACES, "HostInterface", [_INTERFACE]),
                _INTERFACE: self.interface,
            },
        )
        app.add_url_rule(_INTERFACE, "lab_host_interface", self.patch, methods=["PATCH"])

    def protocols(self) -> dict[str, Any]:
        who = self._configuration
        body = resource(PROTOCOLS, "ManagerNetworkProtocol", "v1_8_0", Id="NetworkProtocol", Name="Network Protocol")
        closed = {"ProtocolEnabled": False}
        ipmi = {"ProtocolEnabled": True, "Port": who.ipmi_port} if who.ipmi_port else {**closed, "Port": 623}
        return body | {
            "HostName": f"{who.server}-bmc",
            "FQDN": f"{who.server}-bmc.lab.invalid",
            "HTTP": {**closed, "Port": 80},
            "HTTPS": {"ProtocolEnabled": True, "Port": who.port},
            "IPMI": ipmi,
            "SSH": {**closed, "Port": 22},
            "Telnet": {**closed, "Port": 23},
            "SNMP": {**closed, "Port": 161},
            "KVMIP": {"ProtocolEnabled": True, "Port": who.vnc_port},
            "VirtualMedia": {"ProtocolEnabled": True, "Port": who.port},
            "Status": HEALTHY,
        }

    def interface(self) -> dict[str, Any]:
        body = resource(_INTERFACE, "HostInterface", "v1_3_0", Id="1", Name="Host Interface")
        return body | {
            "HostInterfaceType": "NetworkHostInterface",
            "InterfaceEnabled": self._enabled(),
            "ExternallyAccessible": False,
            "AuthenticationModes": ["BasicAuth", "RedfishSessionAuth"],
            "CredentialBootstrapping": {"Enabled": False, "EnableAfterReset": False, "RoleId": "Administrator"},
            "Status": HEALTHY,
        }

    def patch(self) -> flask.Response:
        """PATCH InterfaceEnabled; kept over a reset of the BMC."""
        body = json_body()
        if set(body) != {"InterfaceEnabled"} or not isinstance(body["InterfaceEnabled"], bool):
            message = "The interface takes InterfaceEnabled alone, true or false."
            return failure(400, "PropertyValueTypeError", message, "InterfaceEnabled")
        write_secret(self._state, json.dumps(body))
        self._link.bmc(
            "log-note", name="HostInterfaceChanged", message=f"InterfaceEnabled is {body['InterfaceEnabled']}."
        )
        return nothing()

    def _enabled(self) -> bool:
        try:
            return bool(json.loads(self._state.read_text())["InterfaceEnabled"])
        except (FileNotFoundError, ValueError, KeyError):
            return True
