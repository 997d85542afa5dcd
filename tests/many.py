"""A site of the lab's light BMCs, by the hundred or thousand: their rows, and who they are."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from oobctl.config import settings
from oobctl.constants import Lifecycle, Protocol, SessionPurpose
from oobctl.drivers.connect import connect
from oobctl.lab.rack import RackInfo
from oobctl.store import Bmc, Credential, Endpoint, Server, Site, database
from oobctl.vault import Secret, make_key, seal

AT_ONCE = 32


def write_rows(many: RackInfo, elsewhere: Mapping[int, tuple[str, int]] | None = None) -> tuple[str, list[str]]:
    """The ids of the site and of its servers; who they are is enrolled at their first login.

    elsewhere: address and port of those that are reached in another way, by their number.
    """
    assert many.light is not None
    ways = [(address, many.light["port"]) for address in many.light["addresses"]]
    ways = [(elsewhere or {}).get(number, way) for number, way in enumerate(ways)]
    with database().write() as tx:
        site = Site(name="main", public_key=b"")
        tx.add(site)
        tx.flush()
        site.public_key = make_key(settings().keys / f"{site.id}.key")
        ids = []
        for number, (address, port) in enumerate(ways):
            bmc = Bmc(site_id=site.id, profile="generic-ipmi")
            tx.add(bmc)
            tx.flush()
            endpoint = Endpoint(bmc_id=bmc.id, protocol=Protocol.IPMI, address=address, port=port)
            tx.add(endpoint)
            tx.flush()
            secret = Secret(many.light["user"], many.light["password"])
            tx.add(Credential(endpoint_id=endpoint.id, sealed=seal(site.public_key, endpoint.id, address, secret)))
            server = Server(name=f"light{number:04}", site_id=site.id, bmc_id=bmc.id, lifecycle=Lifecycle.READY)
            tx.add(server)
            tx.flush()
            ids.append(server.id)
        return site.id, ids


def enrol_all(ids: list[str]) -> None:
    """Log in to each, many at once, and keep who it is."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(_enrol, ids))


def _enrol(server_id: str) -> None:
    bmc = connect(
        server_id,
        purpose=SessionPurpose.ACT,
        holder="worker-test",
        fence=lambda _seconds: None,
        check=lambda _found: None,
    )
    try:
        found = bmc.identify()
    finally:
        bmc.close()
    with database().write() as tx:
        tx.get_one(Bmc, tx.get_one(Server, server_id).bmc_id).guid = found.bmc_guid
        tx.get_one(Server, server_id).system_uuid = found.system_uuid
