"""The captured trees served: each loads, what it links answers as in the capture, and nothing is added to it."""

import json
import tarfile
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from oobctl.lab.redfish_service.trees.load import Tree, load
from tests.trees import CAPTURED, Served, captured, serve

ROOT = "/redfish/v1"
MOST = 300  # of the resources of a tree, evenly taken: all of them need longer than a test should


@pytest.fixture(params=CAPTURED)
def name(request: pytest.FixtureRequest) -> str:
    captured(str(request.param))
    return str(request.param)


@pytest.fixture
def bmc(name: str) -> Iterator[Served]:
    with serve(captured(name)) as served:
        yield served


@pytest.fixture
def client(bmc: Served) -> Iterator[httpx.Client]:
    with bmc.client() as found:
        yield found


def links_of(value: Any) -> Iterator[str]:
    """The paths that a resource links, without its own parts (#)."""
    if isinstance(value, dict):
        for key, inside in value.items():
            if key == "@odata.id" and isinstance(inside, str) and inside.startswith(f"{ROOT}/"):
                yield inside.partition("#")[0].rstrip("/")
            else:
                yield from links_of(inside)
    elif isinstance(value, list):
        for item in value:
            yield from links_of(item)


def reached(tree: Tree) -> set[str]:
    """What a walk over the links finds from the root, in the capture alone."""
    found, todo = {ROOT}, [ROOT]
    while todo:
        for path in links_of(tree[todo.pop()]):
            if path in tree and path not in found:
                found.add(path)
                todo.append(path)
    return found


def without_etag(resource: Any) -> Any:
    return {key: value for key, value in resource.items() if key != "@odata.etag"}


def test_every_resource_of_the_archive_is_in_the_tree(name: str) -> None:
    with tarfile.open(captured(name)) as archive:
        files = [member.name for member in archive if member.name.endswith("/index.json")]
    assert len(load(captured(name))) == len(files)


def test_links_that_resolve_in_the_capture_answer_with_what_it_holds(
    name: str, bmc: Served, client: httpx.Client
) -> None:
    tree = load(captured(name))
    walked = sorted(reached(tree))
    ended = "/SessionService/Sessions"  # the capture's own sessions ended with it
    paths = [path for path in walked if ended not in path][:: len(walked) // MOST + 1]
    assert len(paths) > 60
    for path in paths:
        answer = client.get(path)
        assert answer.status_code == 200, path
        same = without_etag(answer.json()) == without_etag(tree[path])
        assert same, path  # not shown: it may hold serials


def test_what_the_capture_lacks_is_404(name: str, client: httpx.Client) -> None:
    tree = load(captured(name))
    broken = {path for path in links_of(list(tree.values())) if path not in tree}
    for path in [*sorted(broken)[:20], f"{ROOT}/Nowhere"]:
        assert client.get(path).status_code == 404


def test_a_capture_has_a_session_service_and_power_that_can_be_switched(
    name: str, bmc: Served, client: httpx.Client
) -> None:
    body = {"UserName": bmc.user, "Password": bmc.password}
    made = client.post(f"{ROOT}/SessionService/Sessions", json=body, auth=httpx.Auth())
    token = {"X-Auth-Token": made.headers["X-Auth-Token"]}
    listed = client.get(f"{ROOT}/SessionService/Sessions", headers=token, auth=httpx.Auth())
    assert [member["@odata.id"] for member in listed.json()["Members"]] == [made.headers["Location"]]
    for system in bmc.state.resources.of_kind("ComputerSystem"):
        action = (bmc.state.resources.at(system).get("Actions") or {}).get("#ComputerSystem.Reset")
        if action is None or "PowerState" not in bmc.state.resources.at(system):
            continue
        for kind, power in (("ForceOff", "Off"), ("On", "On")):
            assert client.post(action["target"], json={"ResetType": kind}).status_code == 204
            assert bmc.state.power(system) == power


def test_bios_settings_of_a_capture_wait_for_a_boot_where_it_has_them(bmc: Served, client: httpx.Client) -> None:
    system = bmc.state.system()
    place = bmc.state.resources.linked(
        bmc.state.resources.linked(system, "Bios"), "@Redfish.Settings", "SettingsObject"
    )
    if place is None or place not in bmc.state.resources:
        assert bmc.state.pending_bios() == {}
        return
    name, now = next((name, value) for name, value in bmc.state.bios().items() if isinstance(value, str) and value)
    answer = client.patch(place, json={"Attributes": {name: now}})
    assert answer.status_code in {204, 400}  # 400: the registry says that it can't be written
    assert client.patch(place, json={"Attributes": {"NoSuchAttribute": 1}}).status_code == 400
    assert "NoSuchAttribute" not in json.dumps(bmc.state.pending_bios())
