"""A database and a site whose servers are those of a running rack, as enrolment would write them."""

from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from oobctl.config import settings
from oobctl.constants import MANAGEMENT, Lifecycle, Protocol, SessionPurpose, TlsMode
from oobctl.drivers.connect import Check, ConnectedBmc, connect
from oobctl.drivers.interfaces import Fence
from oobctl.lab.rack import Endpoint as Way
from oobctl.lab.rack import LabServer, RackInfo
from oobctl.store import Base, Bmc, BmcSession, Credential, Database, Endpoint, Server, Site, database
from oobctl.vault import Secret, make_key, seal

HOLDER = "worker-test"


class Rows:
    """The rows of one test's site, and short ways to them."""

    def __init__(self, rack: RackInfo) -> None:
        self.rack = rack
        self.fences: list[float] = []
        Base.metadata.create_all(database().engine)
        with database().write() as tx:
            self.site = Site(name="main", public_key=b"")
            tx.add(self.site)
            tx.flush()
            self.site.public_key = make_key(settings().keys / f"{self.site.id}.key")

    def enrol(self, name: str, *, protocols: tuple[Protocol, ...] = MANAGEMENT) -> str:
        """Write a server of the rack into the database; returns its id."""
        there = self.rack.servers[name]
        profile = "generic-redfish" if there.redfish and Protocol.REDFISH in protocols else "generic-ipmi"
        with database().write() as tx:
            bmc = Bmc(site_id=self.site.id, profile=profile, mac=there.identity["bmc_mac"])
            tx.add(bmc)
            tx.flush()
            for protocol in protocols:
                self._endpoint(tx, bmc, there, protocol)
            server = Server(
                name=name,
                site_id=self.site.id,
                bmc_id=bmc.id,
                lifecycle=Lifecycle.READY,
                system_uuid=there.identity["system_uuid"],
                serial=there.identity["serial"],
            )
            tx.add(server)
            tx.flush()
            return server.id

    def _endpoint(self, tx: Session, bmc: Bmc, there: LabServer, protocol: Protocol) -> None:
        way = there.ipmi if protocol is Protocol.IPMI else there.redfish
        if way is None:
            return
        endpoint = Endpoint(bmc_id=bmc.id, protocol=protocol, address=way.address, port=way.port)
        if protocol is Protocol.REDFISH and there.tls is not None:
            endpoint.tls_mode = TlsMode(there.tls["mode"])
            endpoint.tls_fingerprint = there.tls["fingerprint"]
            endpoint.tls_ca = Path(there.tls["ca_file"]).read_text() if there.tls["mode"] == "ca" else None
        tx.add(endpoint)
        tx.flush()
        sealed = seal(self.site.public_key, endpoint.id, endpoint.address, Secret(way.user, way.password))
        tx.add(Credential(endpoint_id=endpoint.id, sealed=sealed))

    def move(self, way: Way, port: int) -> None:
        """The only endpoint is at another port of this computer now."""
        with database().write() as tx:
            endpoint = tx.query(Endpoint).one()
            endpoint.address, endpoint.port = "127.0.0.1", port
            sealed = seal(self.site.public_key, endpoint.id, endpoint.address, Secret(way.user, way.password))
            tx.execute(update(Credential).values(sealed=sealed))

    def connect(
        self,
        server_id: str,
        *,
        fence: Fence | None = None,
        holder: str = HOLDER,
        check: Check | None = None,
        purpose: SessionPurpose = SessionPurpose.ACT,
    ) -> ConnectedBmc:
        fence = fence or self.fences.append
        return connect(server_id, purpose=purpose, holder=holder, fence=fence, check=check)

    def sessions(self) -> list[BmcSession]:
        """The slots that are claimed now."""
        with database().read() as tx:
            return list(tx.scalars(select(BmcSession)))

    def parked(self) -> list[str]:
        """Why credentials are parked."""
        with database().read() as tx:
            because = tx.scalars(select(Credential.parked_because).where(Credential.parked_at.is_not(None)))
            return [str(words) for words in because]

    def sent(self, name: str, command: str) -> int:
        """How often a command reached the server's chassis, as the rack's own log counts."""
        return sum(entry["command"] == command for entry in self.rack.servers[name].commands())


def open_database(path: Path) -> Database:
    return Database(f"sqlite:///{path}")
