"""What a BMC can do, one Protocol per capability; both transports answer the same words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from typing import Protocol as Interface

from oobctl.constants import (
    BmcRole,
    BootEnabled,
    BootMode,
    BootSource,
    Capability,
    IndicatorLED,
    PowerState,
    Protocol,
    ResetType,
    TlsMode,
)
from oobctl.drivers.readings import (
    BiosReport,
    EventLogReport,
    HealthReport,
    InventoryReport,
    MediaReport,
    PowerMeteringReport,
    Scalar,
    SecurityReport,
    SensorReport,
    UsersReport,
)

T = TypeVar("T")
Fence = Callable[[float], None]
"""Called right before each write with the longest time, in seconds, that the send can take. Raises LeaseLost."""


@dataclass(frozen=True)
class EndpointAddress:
    """Where and how one protocol of a BMC is reached. tls_ca is PEM text; tls_fingerprint SHA-256 of the DER, hex."""

    id: str
    bmc_id: str
    protocol: Protocol
    address: str
    port: int
    tls_mode: TlsMode | None = None
    tls_fingerprint: str | None = None
    tls_ca: str | None = None


@dataclass(frozen=True)
class Identity:
    """Who a BMC says that it and its system are. UUIDs in RFC 4122 text, lower case, byte order normalised.

    A placeholder (all zeros, all ones, a vendor's well-known default) is None, like what was not said.
    """

    system_uuid: str | None = None
    serial: str | None = None
    bmc_guid: str | None = None
    bmc_mac: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    board: str | None = None  # the mainboard's model: the FRU's, or the chassis's where Redfish names it there
    bmc_firmware: str | None = None
    bmc_model: str | None = None
    root_vendor: str | None = None  # ServiceRoot.Vendor and Product
    root_product: str | None = None
    oem: tuple[str, ...] = ()  # the keys of Oem in the service root and the manager
    bios_version: str | None = None
    ipmi_manufacturer: int | None = None  # IANA number, and the maker's number of the product (IPMI 2.0, table 20-2)
    ipmi_product: int | None = None


@dataclass(frozen=True)
class BootOverride:
    """A boot source override, as set or as read. None: the BMC does not hold that part, or does not confirm it.

    source None: there is an override, to something for which we have no word (a USB stick, a diagnostic partition).
    enabled None: it may be active; it counts as active until it is read as gone.
    """

    source: BootSource | None
    enabled: BootEnabled | None
    mode: BootMode | None

    @property
    def active(self) -> bool:
        return self.source is not BootSource.NONE and self.enabled is not BootEnabled.DISABLED


class Power(Interface):
    """Chassis power of one system."""

    def read(self) -> PowerState:
        """The power state now, from the hardware."""
        ...

    def set(self, reset: ResetType) -> None:
        """Send On, ForceOff or GracefulShutdown: a repeat does no harm.

        Returns when the BMC took it, not when it happened. A BMC that refuses because the system is in that state
        already counts as taken.
        """
        ...

    def send_once(self, reset: ResetType) -> None:
        """Send ForceRestart or Nmi, exactly once: no retry, no replay.

        Raises OutcomeUnknown where the answer is unclear; a BmcError with the detail `sent` False where surely nothing
        went out.
        """
        ...

    def last_reset(self) -> datetime | None:
        """When the system was last reset, where the BMC tells; else None."""
        ...


class Boot(Interface):
    """The boot source override of one system."""

    def read(self) -> BootOverride: ...

    def check(self, source: BootSource, enabled: BootEnabled, mode: BootMode | None) -> None:
        """Raises NotSupported where this BMC can't hold that override, as far as it says. Nothing is sent."""
        ...

    def set(self, source: BootSource, enabled: BootEnabled, mode: BootMode | None) -> None:
        """Set or (BootEnabled.DISABLED) clear the override. mode None: as the profile says, else as it is."""
        ...


class Chassis(Interface):
    """The identify LED."""

    def read_indicator(self) -> IndicatorLED:
        """Unknown where the BMC does not tell."""
        ...

    def set_indicator(self, led: IndicatorLED, seconds: int | None = None) -> None:
        """Lit, Blinking or Off. seconds: for how long; None: until changed.

        Raises NotSupported where the protocol can't say it: nothing was sent then.
        """
        ...


class BmcDevice(Interface):
    """The management controller itself."""

    def identity(self) -> Identity: ...

    def reset(self, reset: ResetType) -> None:
        """GracefulRestart (warm) or ForceRestart (cold), exactly once.

        Raises OutcomeUnknown where the answer is unclear; a BmcError with the detail `sent` False where surely nothing
        went out.
        """
        ...


class Sensors(Interface):
    """Temperatures, fans, voltages, currents, power, and discrete states."""

    def read(self) -> SensorReport: ...


class EventLog(Interface):
    """The BMC's logs of hardware events."""

    def read(self, after: Mapping[str, str] | None = None) -> EventLogReport:
        """Entries newer than the markers of an earlier report; all of a log that has none, or was cleared since."""
        ...

    def clear(self, markers: Mapping[str, str]) -> tuple[str, ...]:
        """Empty the logs of which a copy up to these markers is kept. Returns the logs that were emptied.

        Raises BmcBusy where an entry came after the marker, and nothing was cleared: read again first. NotSupported
        where no log can be cleared.
        """
        ...


class Inventory(Interface):
    """What the server is made of."""

    def read(self) -> InventoryReport: ...


class HealthStatus(Interface):
    """Is anything broken?"""

    def read(self) -> HealthReport: ...


class Bios(Interface):
    """The firmware's settings."""

    def read(self) -> BiosReport: ...

    def set(self, values: Mapping[str, Scalar]) -> None:
        """Make these pending for the next boot. Values were checked against the registry before.

        Raises BmcRefused with the BMC's own words where it takes one of them not; nothing is pending then.
        """
        ...

    def reset(self) -> None:
        """Ask for the factory's defaults, at the next boot (Bios.ResetBios)."""
        ...


class VirtualMedia(Interface):
    """Images that the server sees as drives."""

    def read(self) -> MediaReport: ...

    def insert(self, slot: str, url: str) -> None:
        """Put an image into a slot, read-only. `url`: of our own media service, with no user or password in it."""
        ...

    def eject(self, slot: str) -> None:
        """Take out what is in the slot; an empty one counts as done."""
        ...


class PowerMetering(Interface):
    """What the server draws."""

    def read(self) -> PowerMeteringReport: ...


class Users(Interface):
    """The BMC's own users. A password is never read, and stands in no message."""

    def read(self) -> UsersReport: ...

    def add(self, name: str, password: str, role: BmcRole) -> str:
        """Make an enabled user; one of that name that is there already gets this password and role. Returns its id.

        Raises BmcRefused where no place is left or the BMC takes the name or password not.
        """
        ...

    def remove(self, name: str) -> None:
        """Remove the user of that name; one that is not there counts as done."""
        ...

    def set_password(self, name: str, password: str) -> None:
        """Change a user's password; a repeat does no harm. Our own session may end by it."""
        ...


class Security(Interface):
    """How far the BMC is open."""

    def read(self) -> SecurityReport: ...


@dataclass(frozen=True)
class EventOffer:
    """How a BMC can tell of events: by a stream that we open, by sending to subscribers."""

    stream: bool
    subscriptions: bool


@dataclass(frozen=True)
class Subscription:
    """Somebody's subscription at a BMC. context: what the subscriber named it by. id: its path."""

    id: str
    context: str


class EventStream(Interface):
    """A stream of events that is open. It ends with the session that it was opened with."""

    def read(self, told: Callable[[], None]) -> None:
        """Call `told` whenever events came, until the stream ends. `told` must not block.

        Nothing of what an event says is kept. Raises BmcError's subclasses where it ends otherwise than in order.
        """
        ...


class Events(Interface):
    """What a BMC tells by itself. It is a hint to look, and nothing else: nobody vouches for what an event says."""

    def offer(self) -> EventOffer: ...

    def stream(self) -> EventStream:
        """Open the stream, over the session that there is. Raises NotSupported where there is none to be had."""
        ...

    def subscriptions(self, tag: str) -> list[Subscription]:
        """Those whose context begins with the tag. Nobody else's are told."""
        ...

    def subscribe(self, destination: str, context: str) -> None:
        """Have events sent to this address of ours. Raises BmcError's subclasses where the BMC refuses."""
        ...

    def unsubscribe(self, subscription: Subscription) -> None:
        """End one; one that is not there counts as done."""
        ...


class Bmc(Interface):
    """A connected BMC. Each capability comes over the transport that the profile picks.

    An attribute raises NotSupported where the BMC or its profile lacks the capability.
    """

    @property
    def power(self) -> Power: ...
    @property
    def boot(self) -> Boot: ...
    @property
    def chassis(self) -> Chassis: ...
    @property
    def bmc(self) -> BmcDevice: ...
    @property
    def sensors(self) -> Sensors: ...
    @property
    def event_log(self) -> EventLog: ...
    @property
    def inventory(self) -> Inventory: ...
    @property
    def health(self) -> HealthStatus: ...
    @property
    def bios(self) -> Bios: ...
    @property
    def virtual_media(self) -> VirtualMedia: ...
    @property
    def power_metering(self) -> PowerMetering: ...
    @property
    def users(self) -> Users: ...
    @property
    def security(self) -> Security: ...
    @property
    def events(self) -> Events: ...

    def identify(self) -> Identity:
        """Ask the BMC who it is, and check that it is the one that was enrolled.

        Raises WrongServer, and BmcBusy where it says nothing that can be compared.
        """
        ...

    def checked(self, read: Callable[[], T]) -> T:
        """What `read` gives, all of it from the BMC that was enrolled: over a new login it is asked who it is first.

        Raises what `read` and `identify` raise.
        """
        ...

    def over(self, protocol: Protocol, capability: Capability) -> Any:
        """A capability over one protocol, whatever the profile prefers. Raises NotSupported where there is no way."""
        ...

    def protocol_of(self, capability: str) -> Protocol:
        """Which protocol carries the capability (constants.Capability)."""
        ...

    @property
    def protocols(self) -> list[Protocol]:
        """Those for which there is an endpoint."""
        ...

    @property
    def logins(self) -> int:
        """How many logins were made so far, over all protocols."""
        ...

    def close(self) -> None:
        """Log out everywhere. Never raises."""
        ...
