"""The BMC itself (Redfish calls it a manager): identity, network address, reset."""

import uuid
from datetime import UTC, datetime
from typing import Any

import flask

from oobctl.lab.redfish_service.answers import collection, json_body, nothing, resource, value_not_in_list
from oobctl.lab.redfish_service.bmc_network import HOST_INTERFACES, PROTOCOLS
from oobctl.lab.redfish_service.configuration import Configuration
from oobctl.lab.redfish_service.hardware import BMC_VERSION
from oobctl.lab.redfish_service.log_services import BMC_LOGS
from oobctl.lab.redfish_service.rack_link import RackLink

PATH = "/redfish/v1/Managers/1"
_RESET_TYPES = ["GracefulRestart", "ForceRestart"]


class BmcResources:
    """The BMC of the one system."""

    def __init__(self, configuration: Configuration, link: RackLink) -> None:
        self._configuration = configuration
        self._link = link
        self._started = datetime.now(UTC).isoformat()

    def amend(self, body: dict[str, Any]) -> None:
        """Correct what sushy-tools says about the BMC."""
        who = self._configuration.identity
        interfaces = {"@odata.id": f"{PATH}/EthernetInterfaces"}
        reset = {"target": f"{PATH}/Actions/Manager.Reset", "ResetType@Redfish.AllowableValues": _RESET_TYPES}
        body |= {
            "@odata.id": PATH,
            "@odata.type": "#Manager.v1_9_0.Manager",
            "Id": "1",
            "Name": f"BMC of {self._configuration.server}",
            "Description": "BMC",
            "Model": "OOBLab BMC",
            "UUID": str(uuid.uuid5(uuid.UUID(who["system_uuid"]), "bmc")),
            "SerialNumber": who["serial"],
            "LastResetTime": self._started,
            "FirmwareVersion": BMC_VERSION,
            "NetworkProtocol": {"@odata.id": PROTOCOLS},
            "HostInterfaces": {"@odata.id": HOST_INTERFACES},
            "LogServices": {"@odata.id": BMC_LOGS},
            "EthernetInterfaces": interfaces,
            "VirtualMedia": {"@odata.id": "/redfish/v1/Systems/1/VirtualMedia"},
            "Links": {
                "ManagerForServers": [{"@odata.id": "/redfish/v1/Systems/1"}],
                "ManagerForChassis": [{"@odata.id": "/redfish/v1/Chassis/1"}],
                "ManagerInChassis": {"@odata.id": "/redfish/v1/Chassis/1"},
            },
            "Actions": {"#Manager.Reset": reset},
        }
        body.pop("ServiceEntryPointUUID", None)

    def interfaces(self) -> flask.Response:
        path = f"{PATH}/EthernetInterfaces"
        return flask.jsonify(collection(path, "EthernetInterface", [f"{path}/eth0"]))

    def interface(self) -> flask.Response:
        who = self._configuration
        body = resource(f"{PATH}/EthernetInterfaces/eth0", "EthernetInterface", "v1_6_0", Id="eth0", Name="eth0")
        body |= {"MACAddress": who.identity["bmc_mac"], "PermanentMACAddress": who.identity["bmc_mac"]}
        body |= {"IPv4Addresses": [{"Address": who.address, "SubnetMask": "255.255.255.0", "AddressOrigin": "Static"}]}
        return flask.jsonify(body)

    def reset(self) -> flask.Response:
        """POST Manager.Reset: the service ends and comes back, and every session with it."""
        reset_type = json_body().get("ResetType", "GracefulRestart")
        if reset_type not in _RESET_TYPES:
            return value_not_in_list(reset_type, "ResetType")
        self._link.command("bmc-reset")
        return nothing()
