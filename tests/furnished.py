"""An installation made once and copied for each test: people of every role, servers of two accounts and of nobody."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from oobctl import administer
from oobctl.administer.endpoints import add_endpoint
from oobctl.constants import Lifecycle, Protocol
from oobctl.store import Server, Site, database
from tests.databases import Databases
from tests.guard import Guard
from tests.installation import CUSTOMER, Installation

OTHER_CUSTOMER = "Other Customer"
SERVERS = {"web01": CUSTOMER, "db01": CUSTOMER, "other01": OTHER_CUSTOMER, "spare01": None}
BMC_PASSWORD = "canary-8d21c7"


class Furnished:
    """`servers` answer nowhere: their addresses are loopback's, with nobody behind."""

    def __init__(self, guard: Guard, databases: Databases, home: Path, kind: str) -> None:
        self._guard, self._home = guard, home
        self._url = databases.migrated(kind)
        with Installation(guard, home, self._url) as made:
            made.initialise().add_people()
            for number, (name, account) in enumerate(SERVERS.items(), start=1):
                made.add_server(name, [endpoint(f"127.0.9.{number}")], account=account)
                with database().write() as session:
                    server = session.get_one(Server, made.servers[name])
                    server.lifecycle = Lifecycle.ASSIGNED if account else Lifecycle.READY
                    server.serial = f"SN-{name}"
        self.people, self.servers = made.people, made.servers

    def installation(self, databases: Databases, home: Path) -> Iterator[Installation]:
        """A copy for one test, active until the test's end."""
        shutil.copytree(self._home, home)
        url = databases.copy_of(self._url)
        with Installation(self._guard, home, url) as copy:
            copy.people, copy.servers = dict(self.people), dict(self.servers)
            yield copy
        databases.drop(url)


def endpoint(address: str, protocol: Protocol = Protocol.IPMI) -> administer.EndpointSpec:
    """An endpoint with the canary password."""
    return administer.EndpointSpec.model_validate(
        {"protocol": protocol, "address": address, "user": "admin", "password": BMC_PASSWORD}
    )


def over_redfish_too(server_id: str) -> None:
    """Give the server's BMC a Redfish endpoint, where nobody is, as if it had been enrolled over it."""
    with database().write() as session:
        server = session.get_one(Server, server_id)
        spec = endpoint(server.bmc.endpoints[0].address, Protocol.REDFISH)
        add_endpoint(session, session.get_one(Site, server.site_id), server.bmc, spec)
