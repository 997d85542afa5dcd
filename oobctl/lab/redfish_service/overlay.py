"""Puts the overlay over sushy-tools' app: routes of our own, and corrections of its answers."""

import json
from collections.abc import Callable
from typing import Any

import flask
from sushy_tools.emulator import main as sushy
from werkzeug.exceptions import HTTPException

from oobctl.lab.redfish_service import accounts, bmc_resources, chassis_resources, sessions, storage, systems
from oobctl.lab.redfish_service.answers import failure
from oobctl.lab.redfish_service.bios_resources import BiosResources
from oobctl.lab.redfish_service.bmc_network import BmcNetwork
from oobctl.lab.redfish_service.configuration import Configuration
from oobctl.lab.redfish_service.event_service import EventService
from oobctl.lab.redfish_service.event_subscriptions import SERVICE as EVENT_SERVICE
from oobctl.lab.redfish_service.hardware import UPDATE, Hardware
from oobctl.lab.redfish_service.log_services import LogServices
from oobctl.lab.redfish_service.rack_link import RackLink
from oobctl.lab.redfish_service.subsystems import Subsystems
from oobctl.lab.redfish_service.system_driver import LabSystems
from oobctl.lab.redfish_service.tasks import SERVICE as TASK_SERVICE
from oobctl.lab.redfish_service.tasks import Tasks
from oobctl.lab.redfish_service.virtual_media import VirtualMedia

Amend = Callable[[dict[str, Any]], None]


def create_app(configuration: Configuration, link: RackLink) -> flask.Flask:
    """sushy-tools' app as the BMC of this server. There is one per process: sushy-tools keeps it in a global."""
    app: flask.Flask = sushy.app
    app.config["SUSHY_EMULATOR_STATE_DIR"] = str(configuration.ready.parent / "redfish-state")
    app.config |= storage.sushy_configuration(configuration)
    # sushy-tools chooses its driver from its configuration and knows no further ones.
    driver = LabSystems(configuration, link)
    sushy.Application.systems = property(lambda _app: driver)
    users = accounts.Accounts(configuration.users, link)
    sessions.Sessions(configuration, link, users).install(app)
    hardware, drives, tasks = Hardware(configuration, link), storage.Drives(configuration, link), Tasks()
    for part in (
        users,
        hardware,
        tasks,
        Subsystems(configuration, link),
        BmcNetwork(configuration, link),
        LogServices(link),
        BiosResources(link),
        VirtualMedia(configuration, link, tasks),
        EventService(link),
    ):
        part.install(app)
    system = systems.Systems(configuration, link)
    chassis = chassis_resources.ChassisResources(configuration, link)
    bmc = bmc_resources.BmcResources(configuration, link)
    _install_system(app, system)
    _install_chassis(app, chassis)
    _install_bmc(app, bmc)
    _correct(
        app,
        {
            "root_resource": _amend_root,
            "system_resource": system.amend,
            "manager_resource": bmc.amend,
            "storage": drives.amend_storage,
            "drive_resource": drives.amend,
            "ethernet_interface": hardware.amend_network_card,
            "UpdateService.update_service_resource": hardware.amend_update_service,
        },
    )
    app.view_functions["UpdateService.update_service_simple_update"] = _no_updates
    app.register_error_handler(HTTPException, _http_error)
    return app


def _no_updates() -> flask.Response:
    return failure(404, "ActionNotSupported", "The action UpdateService.SimpleUpdate is not supported.")


def _install_system(app: flask.Flask, system: systems.Systems) -> None:
    sushy_system = app.view_functions["system_resource"]

    def resource(identity: str) -> Any:
        if flask.request.method == "PATCH":
            return system.patch()
        return sushy_system(identity=identity)

    app.view_functions["system_resource"] = resource
    app.view_functions["system_reset_action"] = lambda identity: system.reset()


def _install_chassis(app: flask.Flask, chassis: chassis_resources.ChassisResources) -> None:
    app.view_functions["chassis_collection_resource"] = chassis.members
    app.view_functions["chassis_resource"] = chassis.resource
    app.view_functions["thermal_resource"] = chassis.thermal
    app.add_url_rule(f"{chassis_resources.COLLECTION}/<identity>/Power", "lab_power", chassis.power)


def _install_bmc(app: flask.Flask, bmc: bmc_resources.BmcResources) -> None:
    path = bmc_resources.PATH
    app.add_url_rule(f"{path}/Actions/Manager.Reset", "lab_bmc_reset", bmc.reset, methods=["POST"])
    app.add_url_rule(f"{path}/EthernetInterfaces", "lab_bmc_interfaces", bmc.interfaces)
    app.add_url_rule(f"{path}/EthernetInterfaces/eth0", "lab_bmc_interface", bmc.interface)


def _amend_root(body: dict[str, Any]) -> None:
    body["SessionService"] = {"@odata.id": sessions.SERVICE}
    body["Links"] = {"Sessions": {"@odata.id": sessions.SESSIONS}}
    body["Product"] = "OOBLab BMC"
    body["AccountService"] = {"@odata.id": accounts.SERVICE}
    body["UpdateService"] = {"@odata.id": UPDATE}
    body["Tasks"] = {"@odata.id": TASK_SERVICE}
    body["EventService"] = {"@odata.id": EVENT_SERVICE}


def _correct(app: flask.Flask, amendments: dict[str, Amend]) -> None:
    """Let each amendment change the JSON that its endpoint of sushy-tools answered."""

    def amend(answer: flask.Response) -> flask.Response:
        amendment = amendments.get(flask.request.endpoint or "")
        if amendment and flask.request.method == "GET" and answer.status_code == 200:
            body = json.loads(answer.get_data())
            amendment(body)
            answer.set_data(json.dumps(body))
        answer.headers["OData-Version"] = "4.0"
        return answer

    app.after_request(amend)


def _http_error(error: HTTPException) -> flask.Response:
    """Routing errors in Redfish's shape."""
    message_id = {404: "ResourceMissingAtURI", 405: "OperationNotAllowed"}.get(error.code or 500, "GeneralError")
    return failure(error.code or 500, message_id, error.description or "The request failed.")
