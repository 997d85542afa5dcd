"""`oobctl server` against a real panel: servers that can be told apart, parameters that say one thing."""

import subprocess
from pathlib import Path

import pytest

from oobctl import administer
from oobctl.constants import Protocol
from tests.installation import CUSTOMER, Installation
from tests.unit.cli.test_messages import oobctl

OTHER = "Other Customer"


def endpoint(address: str) -> list[administer.EndpointSpec]:
    return [administer.EndpointSpec(protocol=Protocol.IPMI, address=address, user="admin", password="canary")]  # type: ignore[arg-type]


@pytest.fixture
def installation(sqlite_installation: Installation) -> Installation:
    sqlite_installation.start_panel()
    return sqlite_installation


def run(installation: Installation, *arguments: str) -> subprocess.CompletedProcess[str]:
    return oobctl("server", *arguments, OOBCTL_URL=installation.url, OOBCTL_TOKEN=installation.token("admin"))


def test_servers_of_one_name_are_told_apart_by_account_and_id(installation: Installation) -> None:
    first = installation.add_server("twin", endpoint("192.0.2.71"))
    plain = run(installation, "list")
    assert CUSTOMER in plain.stdout
    assert first not in plain.stdout
    assert first in run(installation, "list", "--ids").stdout
    second = installation.add_server("twin", endpoint("192.0.2.72"), account=OTHER)
    lines = [line for line in run(installation, "list").stdout.splitlines() if "twin" in line]
    found = {server: account for line in lines for server in (first, second) for account in (CUSTOMER, OTHER)
             if server in line and account in line}  # fmt: skip
    assert found == {first: CUSTOMER, second: OTHER}


def test_a_parameter_given_twice_is_refused_and_nothing_is_asked_for(installation: Installation) -> None:
    installation.add_server("lamp", endpoint("192.0.2.73"))
    done = run(installation, "act", "lamp", "identify.set", "state=Lit", "state=Off")
    assert (done.returncode, "state is given twice" in done.stderr) == (2, True), done
    assert run(installation, "act", "lamp", "no.such", "state=Lit").returncode == 1


def test_which_system_of_its_bmc_a_server_is_can_be_said(installation: Installation) -> None:
    """A path that is none is refused by the API: so it got there."""
    url, token = installation.url, installation.token("admin")
    path = ("--system-path", "nonsense")
    later = oobctl("endpoint", "set", "web01", "ipmi", *path, OOBCTL_URL=url, OOBCTL_TOKEN=token)
    add = ("server", "add", "blade1", "--redfish", "192.0.2.74", *path)
    at_once = oobctl(*add, stdin="canary\n", OOBCTL_URL=url, OOBCTL_TOKEN=token)
    assert [(one.returncode, "system_path" in one.stderr) for one in (later, at_once)] == [(1, True)] * 2, at_once


def test_a_parameters_text_is_taken_from_a_file(installation: Installation, tmp_path: Path) -> None:
    file = tmp_path / "own.ipxe"
    file.write_text("echo no first line\n")
    done = run(installation, "act", "web01", "boot.script", f"script=@{file}")
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done
    assert "ipxe" in done.stdout + done.stderr
    missing = run(installation, "act", "web01", "boot.script", f"script=@{tmp_path}/none")
    assert (missing.returncode, "cannot be read as text" in missing.stderr) == (2, True), missing
