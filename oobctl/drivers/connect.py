"""Connecting to a server's BMC: rows, profile and secret in, capabilities out; the login waits for the first use."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from oobctl.constants import CONSOLES, Capability, Protocol, SessionPurpose
from oobctl.drivers import identity, ipmi, loops, redfish
from oobctl.drivers.interfaces import (
    Bios,
    BmcDevice,
    Boot,
    Chassis,
    EventLog,
    Events,
    Fence,
    HealthStatus,
    Identity,
    Inventory,
    Power,
    PowerMetering,
    Security,
    Sensors,
    Users,
    VirtualMedia,
)
from oobctl.drivers.refusals import parked_error
from oobctl.drivers.security import MergedSecurity
from oobctl.drivers.slots import Slot
from oobctl.drivers.ways import Rows, address_of, login_to, profile_of, rows_of
from oobctl.errors import BmcBusy, BmcUnreachable, ConfigurationError, NotSupported, NoWay
from oobctl.profiles import Profile

_READ_TIMES = 3  # how often a reading is repeated whose session ended in the middle

T = TypeVar("T")
_TITLES = {Protocol.IPMI: "IPMI", Protocol.REDFISH: "Redfish"}
Check = Callable[[Identity], None]
Transport = ipmi.IpmiTransport | redfish.RedfishTransport
Spoken = TypeVar("Spoken", ipmi.IpmiTransport, redfish.RedfishTransport)


class ConnectedBmc:
    """interfaces.Bmc. Sessions open at the first use of a capability; `close` ends them all."""

    def __init__(
        self, rows: Rows, profile: Profile, purpose: SessionPurpose, holder: str, fence: Fence, check: Check
    ) -> None:
        self._rows, self._profile = rows, profile
        self._purpose, self._holder, self._fence, self._check = purpose, holder, fence, check
        self._transports: dict[Protocol, Transport] = {}
        self._slots: list[Slot] = []
        self._checked: dict[Protocol, int] = {}  # at which login of a transport it was last asked who it is
        self._lock = loops.Lock()
        self._closed = False
        self._passing: dict[object, list[Protocol]] = {}  # per task: what its reading alone needs

    @property
    def profile(self) -> Profile:
        """The hardware profile: limits, dwell, transports."""
        return self._profile

    @property
    def power(self) -> Power:
        found: Power = self._capability(Capability.POWER)
        return found

    @property
    def boot(self) -> Boot:
        found: Boot = self._capability(Capability.BOOT)
        return found

    @property
    def chassis(self) -> Chassis:
        found: Chassis = self._capability(Capability.CHASSIS)
        return found

    @property
    def bmc(self) -> BmcDevice:
        found: BmcDevice = self._capability(Capability.BMC)
        return found

    @property
    def sensors(self) -> Sensors:
        found: Sensors = self._capability(Capability.SENSORS)
        return found

    @property
    def event_log(self) -> EventLog:
        found: EventLog = self._capability(Capability.EVENT_LOG)
        return found

    @property
    def inventory(self) -> Inventory:
        found: Inventory = self._capability(Capability.INVENTORY)
        return found

    @property
    def health(self) -> HealthStatus:
        found: HealthStatus = self._capability(Capability.HEALTH)
        return found

    @property
    def bios(self) -> Bios:
        found: Bios = self._capability(Capability.BIOS)
        return found

    @property
    def virtual_media(self) -> VirtualMedia:
        found: VirtualMedia = self._capability(Capability.VIRTUAL_MEDIA)
        return found

    @property
    def power_metering(self) -> PowerMetering:
        found: PowerMetering = self._capability(Capability.POWER_METERING)
        return found

    @property
    def users(self) -> Users:
        found: Users = self._capability(Capability.USERS)
        return found

    @property
    def events(self) -> Events:
        return self._speaking(Protocol.REDFISH, redfish.RedfishTransport).events

    @property
    def serial(self) -> ipmi.IpmiSerial:
        """The serial line. Raises NoWay where the BMC speaks no IPMI."""
        if Protocol.IPMI not in self._rows.endpoints:
            raise NoWay(
                f"The BMC of {self._rows.server.name} has no IPMI endpoint, and the serial line is opened over IPMI "
                "alone. Add an IPMI endpoint where the BMC speaks it."
            )
        return self._speaking(Protocol.IPMI, ipmi.IpmiTransport).serial()

    @property
    def security(self) -> Security:
        """Over each protocol that the BMC speaks: no one of them tells all."""
        first = self.protocol_of(Capability.SECURITY)
        ways = [one for one in self._profile.transports[Capability.SECURITY] if one in self._rows.endpoints]
        if len(ways) == 1:
            found: Security = self._transport_of(first).capability(Capability.SECURITY)
            return found
        kept = {self._profile.way_to(one, self._rows.endpoints) for one in Capability if one not in CONSOLES}
        with self._lock:
            passing = self._passing.setdefault(loops.task(), [])  # read again, it is open already
            passing += [one for one in ways if one not in {*kept, *self._transports}]
        return MergedSecurity({way: partial(self.over, way, Capability.SECURITY) for way in ways})

    def protocol_of(self, capability: str) -> Protocol:
        """Which protocol carries the capability: the first of the profile's for which there is an endpoint.

        Raises NotSupported where there is none.
        """
        protocol = self._profile.way_to(capability, self._rows.endpoints)
        if protocol is not None:
            return protocol
        spoken = " and ".join(_TITLES[one] for one in sorted(self._rows.endpoints)) or "nothing"
        what = "BIOS settings" if capability == Capability.BIOS else capability.replace("_", " ")
        raise NotSupported(f"Over {spoken}, which is all that is known of this BMC's ways, there is no {what}.")

    @property
    def logins(self) -> int:
        """How many logins were made so far."""
        return sum(self._logins().values())

    def checked(self, read: Callable[[], T]) -> T:
        """What `read` gives, all of it from the BMC that was enrolled: over a new login it is asked who it is first.

        Raises what `read` and the check raise, and BmcBusy where the BMC ends every session before it was read.
        """
        try:
            for _ in range(_READ_TIMES):
                before = self._logins()
                found = read()
                self._check_logins()
                if all(count in {0, before.get(protocol) or 1} for protocol, count in self._logins().items()):
                    return found
        finally:
            self._leave_passing()
        raise BmcBusy(
            f"The BMC of {self._rows.server.name} ended our session {_READ_TIMES} times while it was read, so that "
            "what it said may be in part another one's. Try again in a minute."
        )

    def _leave_passing(self) -> None:
        """Log out over a protocol that carries nothing by itself: a session that is kept for nothing is a human's.

        Only what this task's own reading opened: another one may be reading over the others.
        """
        if not self._passing:
            return
        with self._lock:
            passing = self._passing.pop(loops.task(), [])
            left = {one: self._transports.pop(one) for one in passing if one in self._transports}
            self._slots = [slot for slot in self._slots if slot not in [one.login.slot for one in left.values()]]
        for protocol, transport in left.items():
            self._checked.pop(protocol, None)
            transport.close()

    def _logins(self) -> dict[Protocol, int]:
        return {protocol: transport.logins for protocol, transport in list(self._transports.items())}

    def _check_logins(self) -> None:
        for protocol, count in self._logins().items():
            if count and self._checked.get(protocol) != count and protocol in self._transports:
                self._ask_who(protocol)

    @property
    def protocols(self) -> list[Protocol]:
        """Those for which there is an endpoint."""
        return sorted(self._rows.endpoints)

    def crawl(self, bounds: redfish.Bounds) -> redfish.Crawl:
        """All that its Redfish service gives to read. Raises NotSupported where it has none."""
        return self._speaking(Protocol.REDFISH, redfish.RedfishTransport).crawl(bounds)

    def dump(self, seconds: float) -> ipmi.Dump:
        """What it answers to the questions of a bug report over IPMI. Raises NotSupported where it speaks none."""
        return self._speaking(Protocol.IPMI, ipmi.IpmiTransport).dump(seconds)

    def known(self) -> list[tuple[str, str | None]]:
        """What tells this server from others and must be in no bug report, with its kind (scrub.Scrubber.learn).

        Raises what `login_to` raises.
        """
        server, bmc = self._rows.server, self._rows.bmc
        found = [("host", server.name), ("serial", server.serial), ("id", server.system_uuid), ("id", bmc.guid)]
        found.append(("mac", bmc.mac))
        for protocol, endpoint in self._rows.endpoints.items():
            secret = self._transport_of(protocol).login.secret
            found += [("address", endpoint.address), ("user", secret.user), ("secret", secret.password)]
        return found

    def close(self) -> None:
        """Log out everywhere, for good: who still reads over it gets an error. Never raises."""
        with self._lock:
            self._closed = True
            for slot in self._slots:
                slot.retire()
            for transport in self._transports.values():
                transport.close()
            self._transports.clear()

    def over(self, protocol: Protocol, capability: Capability) -> Any:
        """A capability over one protocol, whatever the profile prefers. Raises NotSupported where there is no way."""
        if protocol not in self._rows.endpoints:
            raise NotSupported(f"The BMC of {self._rows.server.name} has no {protocol} endpoint.")
        return self._transport_of(protocol).capability(capability)

    def _capability(self, capability: Capability) -> Any:
        protocol = self.protocol_of(capability)
        return self._transport_of(protocol).capability(capability)

    def _transport_of(self, protocol: Protocol) -> Transport:
        with self._lock:
            if protocol not in self._transports:
                if self._closed:  # a reading that goes on over the other protocol would log in, and nobody out
                    raise BmcUnreachable(f"The connection to the BMC of {self._rows.server.name} was closed.")
                self._transports[protocol] = self._make(protocol)
            return self._transports[protocol]

    def _speaking(self, protocol: Protocol, kind: type[Spoken]) -> Spoken:
        transport = self._transport_of(protocol) if protocol in self._rows.endpoints else None
        if not isinstance(transport, kind):
            raise NotSupported(f"The BMC of {self._rows.server.name} has no {protocol} endpoint.")
        return transport

    def _make(self, protocol: Protocol) -> Transport:
        def check_who() -> None:
            self._check_who(protocol)

        login = login_to(self._rows, protocol, self._profile, self._purpose, self._holder, check_who)
        self._slots.append(login.slot)
        if protocol is Protocol.IPMI:
            return ipmi.IpmiTransport(login, self._fence)
        return redfish.RedfishTransport(login, self._fence, self._rows.server.system_path)

    def identify(self) -> Identity:
        """Ask the BMC who it is, and check it. Raises what the check raises, and BmcError's subclasses."""
        return self._ask_who(self.protocol_of("bmc"))

    def _check_who(self, protocol: Protocol) -> None:
        """No write goes out over a login that was not asked who it is: behind an address another BMC may answer now."""
        if self._checked.get(protocol) != self._transports[protocol].logins:
            self._ask_who(protocol)

    def _ask_who(self, protocol: Protocol) -> Identity:
        transport = self._transport_of(protocol)
        while True:
            before = transport.logins
            device: BmcDevice = transport.capability(Capability.BMC)
            found = device.identity()
            if transport.logins in {before, 1}:  # else one half of it may be another BMC's
                break
        self._check(found)
        self._checked[protocol] = transport.logins
        return found


def connect(
    server_id: str, *, purpose: SessionPurpose, holder: str, fence: Fence, check: Check | None = None
) -> ConnectedBmc:
    """The BMC of a server. Reads the database once; nothing is sent before a capability is used.

    purpose: what the sessions are for. holder: the process, as recovery will look for it. fence: asked before each
    write. check: given who answers before the first write over each login; raises where it is another server (None:
    identity.check, without more). Raises NotFound, ConfigurationError (no profile, endpoint, credential or key),
    BmcAuthFailed (every credential is parked).
    """
    rows = rows_of(server_id)
    if not rows.endpoints:
        raise ConfigurationError(f"The BMC of {rows.server.name} has no endpoint. Add its address and password.")
    parked = [credential for credential in rows.credentials.values() if credential and credential.parked_at]
    if len(parked) == len(rows.endpoints):
        endpoint = next(iter(rows.endpoints.values()))
        raise parked_error(address_of(endpoint), str(parked[0].parked_because))

    def by_rows(found: Identity) -> None:
        loops.aside(lambda: identity.check(found, server_id))

    return ConnectedBmc(rows, profile_of(rows.bmc), purpose, holder, fence, check or by_rows)
