"""The way to a server's BMC: what the database says of it, and the login that this makes."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import selectinload

from oobctl import profiles
from oobctl.constants import MANAGEMENT, Capability, Lifecycle, Protocol, SessionPurpose
from oobctl.drivers.credentials import Secrets
from oobctl.drivers.interfaces import EndpointAddress
from oobctl.drivers.launch_slot import LaunchSlot
from oobctl.drivers.login import Login
from oobctl.drivers.shared_session import Box, SharedSlot
from oobctl.drivers.slots import Slot, limit_of
from oobctl.errors import NotFound, NotSupported
from oobctl.profiles import Profile
from oobctl.store import Bmc as BmcRow
from oobctl.store import Credential, Endpoint, Server, Site, database


@dataclass(frozen=True)
class Rows:
    """What the database says about one server's way to its BMC. screen: where it shows its screen over VNC."""

    server: Server
    bmc: BmcRow
    endpoints: dict[Protocol, Endpoint]
    credentials: dict[Protocol, Credential | None]
    public_key: bytes = b""
    screen: Endpoint | None = None


def profile_of(bmc: BmcRow) -> Profile:
    """With the quirks of its firmware."""
    return profiles.find(bmc.profile).for_firmware(bmc.firmware)


def redfish_login(rows: Rows, purpose: SessionPurpose, holder: str) -> Login:
    """The way in for who ends sessions there. Raises what `connect` raises, and BmcAuthFailed."""
    return login_to(rows, Protocol.REDFISH, profile_of(rows.bmc), purpose, holder, lambda: None)


def rows_of(server_id: str) -> Rows:
    """Raises NotFound."""
    with database().read() as tx:
        server = tx.get(Server, server_id)
        if server is None:
            raise NotFound("There is no such server.")
        bmc = tx.scalar(
            select(BmcRow)
            .where(BmcRow.id == server.bmc_id)
            .options(selectinload(BmcRow.endpoints).selectinload(Endpoint.credential))
        )
        assert bmc is not None  # the foreign key holds it
        every = {Protocol(endpoint.protocol): endpoint for endpoint in bmc.endpoints}
        endpoints = {key: every[key] for key in MANAGEMENT if key in every}
        credentials = {key: endpoint.credential for key, endpoint in endpoints.items()}
        key = tx.get_one(Site, bmc.site_id).public_key
        return Rows(server, bmc, endpoints, credentials, key, every.get(Protocol.VNC))


def check_alone(server_id: str, what: str) -> None:
    """Raises NotSupported where the BMC serves several servers: it tells nothing of whose screen or line it has."""
    behind = select(Server.bmc_id).where(Server.id == server_id).scalar_subquery()
    with database().read() as tx:
        others = (Server.bmc_id == behind, Server.lifecycle != Lifecycle.RETIRED)
        count = tx.scalar(select(func.count()).select_from(Server).where(*others)) or 0
    if count > 1:
        raise NotSupported(
            f"The BMC of this server serves several servers and does not tell whose {what} it has: none is opened."
        )


def address_of(endpoint: Endpoint) -> EndpointAddress:
    """An endpoint's row as the drivers know it."""
    return EndpointAddress(
        id=endpoint.id,
        bmc_id=endpoint.bmc_id,
        protocol=Protocol(endpoint.protocol),
        address=endpoint.address,
        port=endpoint.port,
        tls_mode=endpoint.tls_mode,
        tls_fingerprint=endpoint.tls_fingerprint,
        tls_ca=endpoint.tls_ca,
    )


def screen_login(rows: Rows, holder: str) -> Login:
    """The way in to a server's screen: its VNC endpoint, else the BMC's own web server, as the profile says.

    Raises NotSupported where there is neither, and as `login_to` does.
    """
    profile = profile_of(rows.bmc)
    spoken = [*rows.endpoints, *([Protocol.VNC] if rows.screen is not None else [])]
    protocol = profile.way_to(Capability.CONSOLE_SCREEN, spoken)
    row = rows.screen if protocol is Protocol.VNC else rows.endpoints.get(protocol) if protocol is not None else None
    if row is None or (protocol is not Protocol.VNC and profile.consoles.websocket is None):
        takes = " or ".join(one.upper() for one in profile.transports[Capability.CONSOLE_SCREEN]) or "such"
        raise NotSupported(f"{rows.server.name} has no {takes} endpoint. Staff can add it: oobctl endpoint set.")
    return _console_login(rows, profile, row, SessionPurpose.SCREEN, holder)


def serial_login(rows: Rows, holder: str) -> Login | None:
    """The way in to a serial line that the BMC's own web server carries; None where the line is had over IPMI.

    Raises as `login_to` does.
    """
    profile = profile_of(rows.bmc)
    web = profile.consoles.websocket
    if profile.way_to(Capability.CONSOLE_SERIAL, list(rows.endpoints)) is not Protocol.REDFISH:
        return None
    if web is None or web.serial is None:
        raise NotSupported(f"The serial line of {rows.server.name} is opened over IPMI, of which there is no endpoint.")
    return _console_login(rows, profile, rows.endpoints[Protocol.REDFISH], SessionPurpose.SOL, holder)


def launch_login(rows: Rows, holder: str) -> tuple[Login, LaunchSlot]:
    """The way in to the console in the BMC's own web pages.

    Raises NotSupported where its profile knows none or it has no Redfish endpoint, and as `login_to` does.
    """
    profile = profile_of(rows.bmc)
    row = rows.endpoints.get(Protocol.REDFISH)
    if profile.consoles.launch is None or row is None:
        raise NotSupported(f"No way to the console in the own web pages of {rows.server.name}'s BMC is known.")
    endpoint = address_of(row)
    secrets = Secrets(endpoint, rows.bmc.site_id, rows.server.name)
    secret = secrets.first(row.credential)
    box = Box(endpoint, rows.public_key, secrets.key, lambda: login.secret)
    limit, patience = profile.sessions.ours(endpoint.protocol), profile.timeouts.connect + profile.timeouts.answer
    slot = LaunchSlot(endpoint, limit, SessionPurpose.SCREEN, holder, box, patience=patience)
    login = Login(endpoint, secret, profile, slot, lambda: None, secrets)
    return login, slot


def _console_login(rows: Rows, profile: Profile, row: Endpoint, purpose: SessionPurpose, holder: str) -> Login:
    endpoint = address_of(row)
    secrets = Secrets(endpoint, rows.bmc.site_id, rows.server.name)
    secret = secrets.first(row.credential)
    slot = Slot(endpoint, profile.sessions.ours(endpoint.protocol), purpose, holder, patience=profile.timeouts.connect)
    return Login(endpoint, secret, profile, slot, lambda: None, secrets)


def login_to(
    rows: Rows,
    protocol: Protocol,
    profile: Profile,
    purpose: SessionPurpose,
    holder: str,
    check_who: Callable[[], None],
) -> Login:
    """The way in to one endpoint.

    Raises BmcAuthFailed where its credential is parked, ConfigurationError where there is none or the key does not
    open it.
    """
    endpoint = address_of(rows.endpoints[protocol])
    secrets = Secrets(endpoint, rows.bmc.site_id, rows.server.name)
    secret = secrets.first(rows.credentials[protocol])
    limit = limit_of(protocol, profile.sessions.ours(protocol), purpose)
    patience = profile.timeouts.connect
    if protocol is Protocol.IPMI:
        slot = Slot(endpoint, limit, purpose, holder, patience=patience)
        return Login(endpoint, secret, profile, slot, check_who, secrets)
    box = Box(endpoint, rows.public_key, secrets.key, lambda: login.secret)
    shared = SharedSlot(endpoint, limit, purpose, holder, box, patience=patience)
    login = Login(endpoint, secret, profile, shared, check_who, secrets)
    return login
