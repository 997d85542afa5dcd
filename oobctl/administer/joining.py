"""One row per BMC: which known one a new server or endpoint names, and whether it may share it."""

from ipaddress import IPv6Address, ip_address

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from oobctl.administer.specs import PORTS, EndpointSpec, ServerSpec, TlsSpec
from oobctl.constants import Lifecycle, Lock, Protocol
from oobctl.errors import InvalidParameter, ServerBusy, WrongState
from oobctl.jobs import lease
from oobctl.store import Bmc, BmcUser, Endpoint, Server, Site


def lock_site(session: Session, site: Site) -> None:
    """Whoever adds a way to a BMC of the site next waits for this transaction: two at once would not see each other."""
    session.refresh(site, with_for_update={"key_share": True})


def known_bmc(session: Session, site: Site, spec: ServerSpec) -> Bmc | None:
    """The BMC of the site that already answers at the endpoints of a new server; None where none does.

    Raises WrongState where some of them are another BMC's, or the BMC can't be shared now; InvalidParameter where the
    certificate is to be checked in another way (field `tls`), or it is not said which system it is (`system_path`);
    ServerBusy while a job has the BMC.
    """
    found = [
        (given, endpoint_at(session, site.id, given.protocol, str(given.address), _port(given)))
        for given in spec.endpoints
    ]
    bmcs = {there.bmc_id for _given, there in found if there is not None}
    if not bmcs:
        return None
    bmc = session.get_one(Bmc, bmcs.pop())
    names = ", ".join(server.name for server in behind(session, bmc.id))
    for given, there in found:
        if there is None or bmcs:
            raise WrongState(
                f"Of the endpoints given, some are those of the BMC of {names}, and not all. One BMC is kept once: "
                f"give those that {names} has, or change how {names} is reached first (oobctl endpoint set)."
            )
        _check_trust(given, there, names)
    _check_system(session, bmc, spec.system_path)
    _check_shareable(session, bmc, names)
    return bmc


def endpoint_at(session: Session, site_id: str, protocol: Protocol, address: str, port: int) -> Endpoint | None:
    """The endpoint of a BMC in use, in that site, which is reached there."""
    query = (
        select(Endpoint)
        .join(Bmc)
        .where(Bmc.site_id == site_id, Endpoint.protocol == protocol, Endpoint.port == port)
        .where(select(Server.id).where(Server.bmc_id == Bmc.id, Server.lifecycle != Lifecycle.RETIRED).exists())
    )
    return next((row for row in session.scalars(query) if _plain(row.address) == _plain(address)), None)


def behind(session: Session, bmc_id: str) -> list[Server]:
    """The servers of a BMC that are in use, by name."""
    return list(session.scalars(_behind(bmc_id).order_by(Server.name, Server.id)))


def check_path_free(session: Session, bmc_id: str, path: str, but: str | None = None) -> None:
    """Raises WrongState where another server of the BMC is that system."""
    taken = session.scalar(_behind(bmc_id).where(Server.system_path == path, Server.id != (but or "")).limit(1))
    if taken is not None:
        raise WrongState(f"{path} of that BMC is {taken.name} already. A machine is one server.")


def _behind(bmc_id: str) -> Select[Server]:
    return select(Server).where(Server.bmc_id == bmc_id, Server.lifecycle != Lifecycle.RETIRED)


def _port(given: EndpointSpec) -> int:
    return given.port or PORTS[given.protocol]


def _plain(address: str) -> str:
    """An IPv4 address written as an IPv6 one is the same address."""
    parsed = ip_address(address)
    return str((parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None) or parsed)


def _check_trust(given: EndpointSpec, there: Endpoint, names: str) -> None:
    """What is not said is as it is; a new server does not change how the BMC of another one is checked."""
    if given.protocol is not Protocol.REDFISH or given.tls == TlsSpec():
        return
    if (given.tls.mode, given.tls.plain_fingerprint, given.tls.ca) != (
        there.tls_mode,
        there.tls_fingerprint,
        there.tls_ca,
    ):
        raise InvalidParameter(
            f"That is the BMC of {names}, whose certificate is checked in another way. Leave tls out, or change it for "
            f"{names} first (oobctl endpoint set).",
            field="tls",
        )


def _check_system(session: Session, bmc: Bmc, path: str | None) -> None:
    first = behind(session, bmc.id)[0]
    if path is None:
        raise InvalidParameter(
            f"That is the BMC of {first.name}. If it has several systems, say which one this server is: "
            "system_path, as /redfish/v1/Systems/ID (oobctl server add --system-path).",
            field="system_path",
        )
    check_path_free(session, bmc.id, path)
    unsaid = session.scalar(_behind(bmc.id).where(Server.system_path.is_(None)).limit(1))
    if unsaid is not None:
        raise WrongState(
            f"Which system of that BMC {unsaid.name} is has not been said yet. Say it first: oobctl endpoint set "
            f"{unsaid.name} redfish --system-path /redfish/v1/Systems/ID"
        )


def _check_shareable(session: Session, bmc: Bmc, names: str) -> None:
    """Who can log in at a BMC can reach all servers behind it."""
    users = session.scalars(select(BmcUser.name).where(BmcUser.bmc_id == bmc.id, BmcUser.removed_at.is_(None))).all()
    if users:
        raise WrongState(
            f"The BMC of {names} has temporary users ({', '.join(users)}), who could reach this server too. Remove "
            "them first: bmc.user_remove."
        )
    check_idle(session, bmc)


def check_idle(session: Session, bmc: Bmc) -> None:
    """Raises ServerBusy while a job has the BMC, or a server behind it."""
    keys = {key: server.name for server in behind(session, bmc.id) for key in lease.keys(session, Lock.BMC, server)}
    for key, name in keys.items():
        job_id = lease.job_of(session, key)
        if job_id is not None:
            raise ServerBusy(
                f"Job {job_id} is talking to the BMC of {name}. Wait for its end, or cancel it.", job=job_id
            )
