"""The Redfish service: certificates, sessions, the BMC's reset, links that can be walked."""

import ssl
from http.client import HTTPSConnection

import httpx
import pytest

from oobctl.lab import rack
from tests.integration.lab.lab_clients import SYSTEM, Server, wait_for_bmc_reset

SESSIONS = "/redfish/v1/SessionService/Sessions"
BMC = "/redfish/v1/Managers/1"


def _sign_in(server: Server, client: httpx.Client) -> httpx.Response:
    endpoint = server.lab.redfish
    assert endpoint is not None
    return client.post(SESSIONS, json={"UserName": endpoint.user, "Password": endpoint.password})


def test_the_certificate_of_db01_is_good_for_its_address_by_the_lab_s_authority(db01: Server) -> None:
    context = db01.tls()
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert db01.system()["PowerState"] == "On"


def test_the_certificate_of_app01_is_trusted_by_nobody_else(app01: Server, db01: Server) -> None:
    endpoint = app01.lab.redfish
    assert endpoint is not None
    with httpx.Client(verify=db01.tls(), trust_env=False) as client, pytest.raises(httpx.ConnectError, match="CERTIF"):
        client.get(f"https://{endpoint.address}:{endpoint.port}/redfish/v1/")


def test_the_service_root_is_open_and_nothing_else_is(db01: Server) -> None:
    with db01.redfish(signed_in=False) as client:
        assert client.get("/redfish/v1/").status_code == 200
        for path in (SYSTEM, SESSIONS, BMC, "/redfish/v1/Chassis/1/Power"):
            assert client.get(path).status_code == 401


def test_a_session_opens_is_listed_is_used_and_ends(db01: Server) -> None:
    with db01.redfish(signed_in=False) as client:
        opened = _sign_in(db01, client)
        assert opened.status_code == 201
        token, location = {"X-Auth-Token": opened.headers["X-Auth-Token"]}, opened.headers["Location"]
        assert client.get(SYSTEM, headers=token).status_code == 200
        assert {"@odata.id": location} in client.get(SESSIONS, headers=token).json()["Members"]
        assert client.delete(location, headers=token).status_code == 204
        assert client.get(SYSTEM, headers=token).status_code == 401


def test_a_wrong_password_opens_no_session(db01: Server) -> None:
    with db01.redfish(signed_in=False) as client:
        assert client.post(SESSIONS, json={"UserName": "admin", "Password": "wrong"}).status_code == 401


def test_the_seventh_session_is_refused_until_one_ends(db01: Server) -> None:
    with db01.redfish(signed_in=False) as client:
        opened = []
        while (answer := _sign_in(db01, client)).status_code == 201:
            opened.append(answer)
            assert len(opened) <= 6
        assert answer.status_code == 503
        assert answer.json()["error"]["code"].endswith("SessionLimitExceeded")
        for session in opened:
            token = {"X-Auth-Token": session.headers["X-Auth-Token"]}
            assert client.delete(session.headers["Location"], headers=token).status_code == 204
        assert len(opened) == 6


def test_a_reset_of_the_bmc_ends_sessions_and_leaves_the_server_on(db01: Server) -> None:
    machine, before = db01.status()["pids"]["qemu"], db01.commands("bmc reset", "redfish")
    with db01.redfish(signed_in=False) as client:
        token = {"X-Auth-Token": _sign_in(db01, client).headers["X-Auth-Token"]}
    wait_for_bmc_reset(db01)
    with db01.redfish(signed_in=False) as client:
        assert client.get(SYSTEM, headers=token).status_code == 401
    assert db01.status()["pids"]["qemu"] == machine
    assert db01.commands("bmc reset", "redfish") == before + 1


def test_from_the_system_a_client_walks_to_chassis_and_bmc(app01: Server) -> None:
    with app01.redfish() as client:
        root = client.get("/redfish/v1/").json()
        system = client.get(client.get(root["Systems"]["@odata.id"]).json()["Members"][0]["@odata.id"]).json()
        chassis = client.get(system["Links"]["Chassis"][0]["@odata.id"]).json()
        bmc = client.get(system["Links"]["ManagedBy"][0]["@odata.id"]).json()
        interface = client.get(client.get(bmc["EthernetInterfaces"]["@odata.id"]).json()["Members"][0]["@odata.id"])
        assert client.get(chassis["Thermal"]["@odata.id"]).json()["Fans"]
        assert client.get(chassis["Power"]["@odata.id"]).json()["PowerSupplies"]
    assert chassis["Links"]["ComputerSystems"] == bmc["Links"]["ManagerForServers"] == [{"@odata.id": SYSTEM}]
    assert interface.json()["MACAddress"] == app01.lab.identity["bmc_mac"]


def test_an_unknown_path_is_a_404_with_an_extended_error(db01: Server) -> None:
    with db01.redfish() as client:
        answer = client.get("/redfish/v1/Nowhere")
    assert answer.status_code == 404
    assert answer.json()["error"]["@Message.ExtendedInfo"][0]["MessageId"].endswith("ResourceMissingAtURI")


def test_a_connection_serves_several_requests(db01: Server) -> None:
    endpoint = db01.lab.redfish
    assert endpoint is not None
    connection = HTTPSConnection(endpoint.address, endpoint.port, context=db01.tls(), timeout=60)
    try:
        connection.connect()
        first = connection.sock
        for _ in range(3):
            connection.request("GET", "/redfish/v1/")
            assert connection.getresponse().read()
            assert connection.sock is first
    finally:
        connection.close()


def test_the_request_log_names_paths_and_no_secret(db01: Server) -> None:
    with db01.redfish(signed_in=False) as client:
        answer = _sign_in(db01, client)
        client.delete(answer.headers["Location"], headers={"X-Auth-Token": answer.headers["X-Auth-Token"]})
    log = (db01.lab.chassis_log.parent / "redfish-requests.log").read_text()
    assert db01.lab.redfish is not None
    assert SESSIONS in log
    assert db01.lab.redfish.password not in log
    assert answer.headers["X-Auth-Token"] not in log


def test_commands_over_redfish_are_counted_as_such(db01: Server) -> None:
    before = db01.commands("power off", "redfish"), db01.commands("power off")
    db01.reset("ForceOff")
    assert (db01.commands("power off", "redfish"), db01.commands("power off")) == (before[0] + 1, before[1] + 1)
    rack.command(db01.home, "db01", "power-on")
