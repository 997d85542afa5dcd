"""Endpoints: where a BMC answers, how its certificate is checked, and the password for it."""

from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.orm import Session

from oobctl import ids, vault
from oobctl.access import Actor
from oobctl.administer import joining
from oobctl.administer.change import Change, change, find_endpoint
from oobctl.administer.specs import OWN_SCREEN, PORTS, EndpointChange, EndpointSpec, TlsSpec
from oobctl.audit.tags import Tag
from oobctl.constants import MANAGEMENT, Lifecycle, Protocol, TlsMode
from oobctl.errors import InvalidParameter, NotFound, WrongState
from oobctl.store import Bmc, Credential, Endpoint, Server, Site


def add_endpoint(session: Session, site: Site, bmc: Bmc, spec: EndpointSpec) -> Endpoint:
    """The row of a new endpoint and its sealed credential, in the caller's transaction."""
    endpoint = Endpoint(
        id=ids.new_id(),
        bmc_id=bmc.id,
        protocol=spec.protocol,
        address=str(spec.address),
        port=spec.port or PORTS[spec.protocol],
    )
    if spec.protocol is Protocol.REDFISH or (spec.protocol is Protocol.VNC and spec.tls != TlsSpec()):
        _trust(endpoint, spec.tls)
    session.add(endpoint)
    _seal(session, site, endpoint, spec.user, spec.password)
    return endpoint


def mend_credential(session: Session, site: Site, server: Server, spec: EndpointSpec) -> None:
    """Seal what was given for an endpoint of a known BMC where nothing that works is kept for it."""
    endpoint = find_endpoint(session, server, spec.protocol)
    if endpoint.credential is None or endpoint.credential.parked_at is not None:
        _seal(session, site, endpoint, spec.user, spec.password)


def set_endpoint(actor: Actor, server: str, protocol: Protocol, wanted: EndpointChange) -> bool:
    """Change where the BMC speaks the protocol, or add that it does.

    True: at another address somebody else may answer, so the server is enrolling again; submit server.enroll.
    Raises NotAllowed, NotFound, ServerBusy while a job runs on it, WrongState for a retired server, and where another
    BMC is known at that address, InvalidParameter (field `password` where a new address comes without one: a moved
    address voids the sealed one).
    """
    with change(actor, Tag.SERVER_ENDPOINT_SET) as this:
        found = this.server(server)
        _check_free(this, found)
        joining.lock_site(this.session, this.session.get_one(Site, found.site_id))
        _check_ours(this.session, found, protocol, wanted)
        try:
            endpoint = find_endpoint(this.session, found, protocol)
        except NotFound:
            moved = True
            endpoint = _add(this, found, protocol, wanted)
        else:
            moved = _change(this, found, endpoint, wanted)
        _check_screen(this.session, found.bmc)
        moved = moved and protocol in MANAGEMENT  # a screen does not say whose it is
        if wanted.system_path is not None and wanted.system_path != found.system_path:
            joining.check_path_free(this.session, found.bmc_id, wanted.system_path, but=found.id)
            found.system_path, moved = wanted.system_path, True
        if moved:
            _enroll_again(this.session, found.bmc_id)
        what = wanted.model_dump(mode="json", exclude={"user": True, "password": True, "tls": {"ca": True}})
        given = {name: value for name, value in what.items() if value is not None}
        changed = "credential" if wanted.password else None
        this.note(server=found, protocol=protocol, **given, **({"changed": changed} if changed else {}))
        return moved


def remove_endpoint(actor: Actor, server: str, protocol: Protocol) -> None:
    """The BMC is not spoken to over that protocol any more. Its last endpoint stays: retire the server instead.

    Raises NotAllowed, NotFound, ServerBusy while a job runs on it, WrongState.
    """
    with change(actor, Tag.SERVER_ENDPOINT_REMOVE, server, protocol=protocol) as this:
        found = this.server(server)
        _check_free(this, found)
        endpoint = find_endpoint(this.session, found, protocol)
        managing = {one.protocol for one in found.bmc.endpoints if one.protocol in MANAGEMENT}
        if managing == {protocol}:
            raise WrongState(f"{found.name} has no other endpoint. Add the other one first, or retire the server.")
        if endpoint.credential is not None:
            this.session.delete(endpoint.credential)
        this.session.flush()
        this.session.delete(endpoint)
        if protocol in MANAGEMENT:
            _enroll_again(this.session, found.bmc_id)  # its profile was chosen for both
        this.note(server=found, protocol=protocol)


def set_credential(actor: Actor, server: str, protocol: Protocol, user: str, password: str) -> None:
    """A new user and password for an endpoint; a parked credential is tried again. Raises NotAllowed, NotFound."""
    with change(actor, Tag.SERVER_ENDPOINT_SET) as this:
        found = this.server(server)
        endpoint = find_endpoint(this.session, found, protocol)
        _seal(this.session, this.session.get_one(Site, found.site_id), endpoint, user, SecretStr(password))
        this.note(server=found, protocol=protocol, changed="credential")


def confirm_certificate(actor: Actor, server: str, fingerprint: str) -> None:
    """Trust the Redfish certificate of that SHA-256 fingerprint. Raises NotAllowed, NotFound, InvalidParameter."""
    plain = fingerprint.replace(":", "").lower()
    if len(plain) != 64 or set(plain) - set("0123456789abcdef"):
        raise InvalidParameter("A fingerprint is a SHA-256 in hex: 64 digits.", field="fingerprint")
    with change(actor, Tag.SERVER_ENDPOINT_SET) as this:
        found = this.server(server)
        endpoint = find_endpoint(this.session, found, Protocol.REDFISH)
        this.note(server=found, protocol=Protocol.REDFISH, fingerprint=plain, before=endpoint.tls_fingerprint)
        endpoint.tls_mode, endpoint.tls_fingerprint = TlsMode.PIN, plain


def _check_ours(session: Session, server: Server, protocol: Protocol, wanted: EndpointChange) -> None:
    """Raises WrongState where another BMC of the site is reached there: one BMC is kept once."""
    now = next((one for one in server.bmc.endpoints if one.protocol is protocol), None)
    address = str(wanted.address) if wanted.address else now.address if now else None
    port = wanted.port or (now.port if now else PORTS[protocol])
    there = address and joining.endpoint_at(session, server.site_id, protocol, address, port)
    if there and there.bmc_id != server.bmc_id:
        names = ", ".join(one.name for one in joining.behind(session, there.bmc_id))
        raise WrongState(
            f"That is the BMC of {names}, and one BMC is kept once. If {server.name} is another system of it, retire "
            f"{server.name} and add it again with that BMC's endpoints and its system_path."
        )


def _check_screen(session: Session, bmc: Bmc) -> None:
    """Raises InvalidParameter where its screen would be at an address at which nobody says who it is."""
    session.flush()
    session.refresh(bmc, ["endpoints"])
    managing = {one.address for one in bmc.endpoints if one.protocol in MANAGEMENT}
    if any(one.address not in managing for one in bmc.endpoints):
        raise InvalidParameter(f"{OWN_SCREEN}. Change the other one first.", field="address")


def _add(this: Change, server: Server, protocol: Protocol, wanted: EndpointChange) -> Endpoint:
    if wanted.address is None:
        raise InvalidParameter(f"{server.name} has no {protocol} endpoint yet: give its address.", field="address")
    user, password = _credential(wanted)
    spec = EndpointSpec(
        protocol=protocol,
        address=wanted.address,
        port=wanted.port,
        user=user,
        password=password,
        tls=wanted.tls or TlsSpec(),
    )
    return add_endpoint(this.session, this.session.get_one(Site, server.site_id), server.bmc, spec)


def _change(this: Change, server: Server, endpoint: Endpoint, wanted: EndpointChange) -> bool:
    """Returns whether another address or port was set: somebody else may answer there."""
    before = (endpoint.address, endpoint.port)
    if wanted.tls is not None:
        if endpoint.protocol is Protocol.IPMI:
            raise InvalidParameter(f"{endpoint.protocol} has no certificate: leave tls out.", field="tls")
        _trust(endpoint, wanted.tls)
    endpoint.address = str(wanted.address) if wanted.address else endpoint.address
    endpoint.port = wanted.port or endpoint.port
    if endpoint.address != before[0] or wanted.password is not None or wanted.user is not None:
        _seal(this.session, this.session.get_one(Site, server.site_id), endpoint, *_credential(wanted))
    return (endpoint.address, endpoint.port) != before


def _credential(wanted: EndpointChange) -> tuple[str, SecretStr]:
    user, password = wanted.user, wanted.password
    if user is None or password is None:
        field = "user" if user is None else "password"
        raise InvalidParameter(
            f"Give the BMC's user and password too: {field} is missing. A password is sealed for one address alone, so "
            "that nobody can have it sent to another one.",
            field=field,
        )
    return user, password


def _seal(session: Session, site: Site, endpoint: Endpoint, user: str, password: SecretStr) -> None:
    """Seal a user and password for the endpoint where it is now; what the BMC refused before is forgotten."""
    secret = vault.Secret(user, password.get_secret_value())
    sealed = vault.seal(site.public_key, endpoint.id, endpoint.address, secret)
    if endpoint.credential is None:
        session.add(Credential(endpoint_id=endpoint.id, sealed=sealed))
        return
    endpoint.credential.sealed, endpoint.credential.next_sealed = sealed, None
    endpoint.credential.parked_at = endpoint.credential.parked_because = None
    endpoint.credential.let_in = endpoint.credential.refused_at = None


def _trust(endpoint: Endpoint, tls: TlsSpec) -> None:
    endpoint.tls_mode, endpoint.tls_fingerprint, endpoint.tls_ca = tls.mode, tls.plain_fingerprint, tls.ca


def _check_free(this: Change, server: Server) -> None:
    if server.lifecycle is Lifecycle.RETIRED:
        raise WrongState(f"{server.name} is retired.")
    joining.check_idle(this.session, server.bmc)  # other servers behind it are reached over it too


def _enroll_again(session: Session, bmc_id: str) -> None:
    """Until the enrolment has read who answers there, no action is taken on a server behind this BMC."""
    behind = select(Server).where(Server.bmc_id == bmc_id)
    for server in session.scalars(behind.where(Server.lifecycle.in_([Lifecycle.READY, Lifecycle.ASSIGNED]))):
        server.lifecycle = Lifecycle.ENROLLING
