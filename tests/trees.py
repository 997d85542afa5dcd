"""BMCs for tests: trees served over TLS with any behaviours, their variants, and rows that lead to them."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from oobctl.administer import EndpointSpec
from oobctl.config import settings
from oobctl.constants import Lifecycle, Protocol, SessionPurpose, TlsMode
from oobctl.drivers.connect import Check, ConnectedBmc, connect
from oobctl.drivers.interfaces import Fence
from oobctl.lab.redfish_service.trees.asked import Recorded
from oobctl.lab.redfish_service.trees.load import Tree, load
from oobctl.lab.redfish_service.trees.resources import Resources, renamed
from oobctl.lab.redfish_service.trees.server import TreeServer
from oobctl.lab.redfish_service.trees.state import State
from oobctl.store import Bmc, BmcSession, Credential, Endpoint, Server, Site, database
from oobctl.vault import Secret, make_key, seal

WRITTEN = Path(__file__).parent / "trees"
CAPTURED = ("dell", "hpe", "supermicro", "nvidia_gb200", "redfishctl_supermicro_x10")
HOLDER = "worker-test"
DATA = [Path(__file__).parents[1].parent / "shared" / "data", *map(Path, filter(None, [os.getenv("OOBCTL_TEST_DATA")]))]
"""Where captured trees may be; taken down here, for tests clear the settings from the environment."""


@dataclass
class Served:
    """A BMC that answers. Look at `state` and `requests`; change its tree by `state.resources.at(path)[...] = ...`."""

    server: TreeServer

    @property
    def state(self) -> State:
        return self.server.state

    @property
    def requests(self) -> list[Recorded]:
        """All so far, in order; no secret is in them."""
        return self.server.service.requests

    @property
    def address(self) -> str:
        return self.server.address

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, in hex."""
        return self.server.fingerprint

    @property
    def user(self) -> str:
        return self.server.user

    @property
    def password(self) -> str:
        return self.server.password

    def asked(self, method: str, path: str | None = None) -> list[Recorded]:
        """The requests of one method (to one path)."""
        found = [request for request in self.requests if request.method == method]
        return [request for request in found if path is None or request.path.rstrip("/") == path]

    @contextmanager
    def client(self, *, user: str | None = None, password: str | None = None) -> Iterator[httpx.Client]:
        """A plain HTTP client with Basic, for tests of the service itself; it follows no redirect."""
        pair = (user or self.user, password or self.password)
        with httpx.Client(base_url=f"https://{self.address}:{self.port}", auth=pair, verify=False) as client:
            yield client


@contextmanager
def serve(
    tree: Path | str | Mapping[str, Any] = "plain",
    behaviours: Iterable[str] = (),
    *,
    user: str | None = None,
    password: str | None = None,
) -> Iterator[Served]:
    """Serve a tree on loopback: a mapping, a path, or the name of one in tests/trees.

    behaviours: names, or `name=number`. user None: the tree's first administrator.
    """
    source = written(tree) if isinstance(tree, str) and tree.isidentifier() else tree
    server = TreeServer(source, behaviours, user=user, password=password)
    server.start()
    try:
        yield Served(server)
    finally:
        server.stop()


# --- trees -----------------------------------------------------------------------------------------------------------


def written(name: str = "plain") -> Tree:
    """A tree of tests/trees, as a copy of its own."""
    copy: Tree = json.loads(_written(name))
    return copy


@lru_cache(maxsize=8)
def _written(name: str) -> str:
    return json.dumps(load(WRITTEN / f"{name}.yaml"))


def captured(name: str) -> Path:
    """The archive of a captured tree (CAPTURED). Skips the test where it is not on this machine.

    They hold real serials and addresses: nothing of them may be quoted in a test.
    """
    for folder in DATA:
        if (path := folder / "redfish-trees" / f"{name}.tar.gz").is_file():
            return path
    pytest.skip(f"the captured tree {name} is not here: set OOBCTL_TEST_DATA to the folder with redfish-trees")


def changed(tree: Tree, path: str, **values: Any) -> Tree:
    """The tree with these values in one resource; a value of None is JSON's null."""
    return {**tree, path: {**tree[path], **values}}


def without(tree: Tree, path: str, *keys: str) -> Tree:
    """The tree without these keys of a resource; without any keys, without the resource and all below it."""
    if keys:
        return {**tree, path: {key: value for key, value in tree[path].items() if key not in keys}}
    resources = Resources(dict(tree))
    above = path.rpartition("/")[0]
    if above in resources and path in resources.members(above):
        resources.put(above, json.loads(json.dumps(resources.at(above))))
        resources.list_members(above, [member for member in resources.members(above) if member != path])
    resources.remove(path)
    return {found: resources.get(found) for found in resources.paths()}


def with_another(tree: Tree, path: str, name: str, **values: Any) -> Tree:
    """The tree with a copy of a collection's member and all below it: several ComputerSystems or Managers, say."""
    above = path.rpartition("/")[0]
    new = f"{above}/{name}"
    copies = {
        new + found[len(path) :]: renamed(resource, path, new)
        for found, resource in tree.items()
        if found == path or found.startswith(f"{path}/")
    }
    copies[new] |= {"Id": name, **values}
    resources = Resources(json.loads(json.dumps({**tree, **copies})))
    resources.list_members(above, [*resources.members(above), new])
    return {found: resources.get(found) for found in resources.paths()}


# --- the way to a BMC ------------------------------------------------------------------------------------------------


def endpoint_of(bmc: Served) -> EndpointSpec:
    """How an administrator tells of it."""
    return EndpointSpec.model_validate(
        {
            "protocol": Protocol.REDFISH,
            "address": bmc.address,
            "port": bmc.port,
            "user": bmc.user,
            "password": bmc.password,
            "tls": {"mode": TlsMode.PIN, "fingerprint": bmc.fingerprint},
        }
    )


def way(
    bmc: Served,
    *,
    profile: str = "generic-redfish",
    firmware: str | None = None,
    name: str = "web01",
    system_path: str | None = None,
    pinned: str | None = None,
) -> str:
    """Rows of this process's database (the fixture `sqlite` or `db`) that lead to the BMC; returns the server's id.

    What identifies the system is enrolled from the tree. pinned None: the BMC's own certificate.
    """
    system = bmc.state.resources.at(bmc.state.system(system_path))
    with database().write() as tx:
        site = tx.scalar(select(Site)) or Site(name="main", public_key=b"")
        tx.add(site)
        tx.flush()
        if not site.public_key:
            site.public_key = make_key(settings().keys / f"{site.id}.key")
        row = Bmc(site_id=site.id, profile=profile, firmware=firmware)
        tx.add(row)
        tx.flush()
        endpoint = Endpoint(
            bmc_id=row.id,
            protocol=Protocol.REDFISH,
            address=bmc.address,
            port=bmc.port,
            tls_mode=TlsMode.PIN,
            tls_fingerprint=pinned or bmc.fingerprint,
        )
        tx.add(endpoint)
        tx.flush()
        sealed = seal(site.public_key, endpoint.id, endpoint.address, Secret(bmc.user, bmc.password))
        tx.add(Credential(endpoint_id=endpoint.id, sealed=sealed))
        server = Server(
            name=name,
            site_id=site.id,
            bmc_id=row.id,
            lifecycle=Lifecycle.READY,
            system_uuid=str(system["UUID"]).lower() if system.get("UUID") else None,
            serial=system.get("SerialNumber"),
            system_path=system_path,
        )
        tx.add(server)
        tx.flush()
        return server.id


def connect_to(
    server_id: str,
    *,
    fence: Fence | None = None,
    check: Check | None = None,
    holder: str = HOLDER,
    purpose: SessionPurpose = SessionPurpose.ACT,
) -> ConnectedBmc:
    """drivers.connect of that server, with a fence that lets everything pass."""
    return connect(server_id, purpose=purpose, holder=holder, fence=fence or (lambda _seconds: None), check=check)


@contextmanager
def connected(bmc: Served, **rows: Any) -> Iterator[ConnectedBmc]:
    """`way` and `connect_to` in one, closed at the end."""
    found = connect_to(way(bmc, **rows))
    try:
        yield found
    finally:
        found.close()


def slots_taken() -> list[BmcSession]:
    """The session slots that are claimed now."""
    with database().read() as tx:
        return list(tx.scalars(select(BmcSession)))
