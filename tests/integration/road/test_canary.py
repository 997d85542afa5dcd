"""A BMC's password stands nowhere: no file, no answer, no command line, no environment of ours has it."""

import base64
import subprocess
from pathlib import Path
from typing import Any

import pytest

from oobctl import administer
from oobctl.access import SYSTEM
from oobctl.constants import JobState, Protocol
from oobctl.store import database
from tests.databases import newest_binaries
from tests.installation import endpoints_of
from tests.integration.road.conftest import Road

WRONG = "canary-wrong-3f81"


def spellings(secret: str) -> list[bytes]:
    """As it is, in hex, and in the three alignments of base64."""
    found = [secret.encode(), secret.encode().hex().encode()]
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + secret.encode())
        found.append(encoded[4 if shift else 0 : -4])
    return found


def places_with(secrets: list[str], places: dict[str, bytes]) -> list[str]:
    return [where for where, content in places.items() for one in secrets for word in spellings(one) if word in content]


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def dump(road: Road) -> bytes:
    """All that the database holds, DBOS's tables too."""
    if database().is_sqlite:
        path = Path(road.database_url.removeprefix("sqlite:///"))
        return b"".join(part.read_bytes() for part in path.parent.glob(f"{path.name}*"))
    url = road.database_url.replace("postgresql+psycopg://", "postgresql://")
    return subprocess.run([newest_binaries() / "pg_dump", url], capture_output=True, check=True).stdout


def of_the_processes(road: Road) -> dict[str, bytes]:
    pids = [process.pid for process in road.processes if process.running]
    children = [int(child) for pid in pids for child in _children(pid)]
    return {
        f"/proc/{pid}/{what}": Path(f"/proc/{pid}/{what}").read_bytes()
        for pid in pids + children
        for what in ("cmdline", "environ")
    }


def _children(pid: int) -> list[str]:
    return [child for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]


def answers(road: Road) -> dict[str, bytes]:
    """Everything that the API tells an administrator."""
    paths = ["/servers", "/jobs", "/audit", "/openapi.json"]
    paths += [f"/servers/{name}" for name in road.servers]
    with road.client("admin") as client:
        found = {path: client.get(path) for path in paths}
        for job in found["/jobs"].json()["items"]:
            found[job["id"]] = client.get(f"/jobs/{job['id']}")
    assert {answer.status_code for answer in found.values()} == {200}
    return {path: answer.content for path, answer in found.items()}


def test_a_bmcs_password_is_in_nothing_that_we_wrote_said_or_started(road: Road, tmp_path: Path) -> None:
    secrets = [WRONG]
    road.start_panel()
    road.start_monitor()
    for name in road.servers:
        lab: Any = road.view.server(name)
        secrets += [endpoint.password for endpoint in (lab.ipmi, lab.redfish) if endpoint]
        assert road.do("power.cycle", name).state is JobState.SUCCEEDED
    (endpoint,) = endpoints_of(road.view.server("web01"))
    administer.set_credential(SYSTEM, road.servers["web01"], Protocol.IPMI, endpoint.user, WRONG)
    job = road.do("power.cycle", "web01")
    assert job.error is not None
    assert job.error["code"] == "bmc_auth_failed"
    with road.client("admin") as client:
        body = {
            "name": "x",
            "endpoints": [{"protocol": "ipmi", "address": "no address", "user": "u", "password": WRONG}],
        }
        refused = client.post("/servers", json=body)
    assert refused.status_code == 422
    places = files_below(road.home) | answers(road) | of_the_processes(road)
    places |= {"the database": dump(road), "the refusal": refused.content}
    assert len([where for where in places if "/logs/" in where]) >= 3
    assert places_with(secrets, places) == []
    administer.set_credential(
        SYSTEM, road.servers["web01"], Protocol.IPMI, endpoint.user, endpoint.password.get_secret_value()
    )


@pytest.mark.parametrize("hidden", [b"...canary-wrong-3f81...", b"63616e6172792d77726f6e672d33663831"])
def test_the_search_finds_a_password(hidden: bytes) -> None:
    assert places_with([WRONG], {"somewhere": hidden}) == ["somewhere"]


@pytest.mark.parametrize("before", [b"", b"u", b"us", b"user:"])
def test_the_search_finds_a_password_in_base64(before: bytes) -> None:
    assert places_with([WRONG], {"a header": base64.b64encode(before + WRONG.encode() + b"!")}) == ["a header"]
