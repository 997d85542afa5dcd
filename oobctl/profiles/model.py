"""The hardware profile: every number and choice that differs between one kind of BMC and another."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from oobctl.constants import BootMode, BootPath, Capability, EventWay, Evidence, Firmware, FirmwareState, Protocol
from oobctl.profiles.criteria import Criteria
from oobctl.profiles.launch import Launch
from oobctl.profiles.quirks import Quirk, QuirkNote


@dataclass(frozen=True)
class Timeouts:
    """Seconds. `longest_send` is the most that a write may take, from the lease's check to its last byte out."""

    connect: float
    answer: float
    longest_send: float


@dataclass(frozen=True)
class PowerLimits:
    """Seconds: the dwell of a cycle between off and on, and how long each state may take to come."""

    cycle_dwell: float
    off_limit: float
    on_limit: float
    shutdown_limit: float


@dataclass(frozen=True)
class SessionLimits:
    """How many sessions a BMC holds per protocol, and how many of these stay free for humans."""

    ipmi: int
    redfish: int
    vnc: int
    free_for_humans: int

    def ours(self, protocol: Protocol) -> int:
        """How many sessions all our processes together may have open."""
        held = {Protocol.IPMI: self.ipmi, Protocol.REDFISH: self.redfish, Protocol.VNC: self.vnc}
        return max(1, held[protocol] - self.free_for_humans)


class BootValidBit(StrEnum):
    """What becomes of bit 7 of boot option parameter 5 (IPMI 2.0, table 28-14).

    `held`: it is set while an override waits, and clear once the firmware has used it, whatever the device then says.
    `lost`: it always reads as clear, so the device alone says whether there is an override.
    """

    HELD = "held"
    LOST = "lost"


@dataclass(frozen=True)
class IpmiSettings:
    """Cipher suites in the order they are tried, and the privilege that a session asks for.

    `boot_valid_bit`: whether the BMC keeps the bit that says whether its boot flags hold; None where nobody knows.
    """

    cipher_suites: tuple[int, ...]
    privilege: str
    boot_valid_bit: BootValidBit | None


@dataclass(frozen=True)
class BootSettings:
    """`override_expiry`: seconds until a boot-once override that no boot used is cleared by us.

    `used_within`: seconds from a power-on or reset until the firmware has surely used the override.
    `mode`: what to send where nobody chose one; None leaves it to the BMC.
    """

    override_expiry: float
    used_within: float
    mode: BootMode | None


@dataclass(frozen=True)
class MediaSettings:
    """`fetches`: the ways in which the BMC can fetch an image (https, http, nfs, cifs), the best first.

    `slots`: which slots to use for an image, the best first, as regular expressions of their ids; empty: any CD or DVD.
    """

    fetches: tuple[str, ...]
    slots: tuple[str, ...]


@dataclass(frozen=True)
class BootModeAttribute:
    """The BIOS attribute that tells as what the server starts. `attribute`: a regular expression of its name.

    `values`: those that mean each; any other tells nothing.
    """

    attribute: str
    values: Mapping[Firmware, tuple[str, ...]]

    def told(self, found: Mapping[str, object]) -> tuple[str, Firmware] | None:
        """The attribute's name and as what the server starts that has these values; None where they do not say."""
        names = [name for name in found if re.search(self.attribute, name)]
        if len(names) != 1:  # which of several it goes by is not known
            return None
        name = names[0]
        return next(((name, firmware) for firmware, values in self.values.items() if found[name] in values), None)


@dataclass(frozen=True)
class BiosSettings:
    """`customer_denied`: regular expressions of attribute names that customers may not set.

    `busy_limit`: seconds for which a BMC that refuses settings while the firmware starts is asked again.
    `boot_mode`: None where no attribute is known to tell it.
    """

    customer_denied: tuple[str, ...]
    busy_limit: float
    boot_mode: BootModeAttribute | None


@dataclass(frozen=True)
class UserSettings:
    """What the BMC takes: the longest user name and password in bytes, the first account that is free to use."""

    longest_name: int
    longest_password: int
    first_slot: int


@dataclass(frozen=True)
class EventLogSettings:
    """`skipped`: LogServices that hold no hardware events, as regular expressions of their ids or paths.

    A path (/Managers/[^/]+/LogServices/Log1$) tells two logs of one id apart.
    """

    skipped: tuple[str, ...]


@dataclass(frozen=True)
class EventSettings:
    """`ways`: how the monitor may be told of events, the best first; what the BMC does not offer is passed over."""

    ways: tuple[EventWay, ...]


@dataclass(frozen=True)
class WebsocketConsole:
    """Consoles over the BMC's own web server: paths, and the names of the cookies that its log-in gives.

    `login` takes `{"data": [user, password]}`; the value of `token_cookie` is the subprotocol of websockets, and that
    of the header `token_header` in what is posted. serial: None where the serial line is had over IPMI alone.
    """

    login: str
    logout: str
    screen: str
    session_cookie: str
    token_cookie: str
    serial: str | None = None
    token_header: str = "X-XSRF-TOKEN"  # noqa: S105 - the name of a header


KEYSYMS = {"Escape": 0xFF1B, "Delete": 0xFFFF, **{f"F{number}": 0xFFBD + number for number in range(1, 13)}}
"""The keys that enter some firmware's setup, by X11's names."""


@dataclass(frozen=True)
class InstallSettings:
    """boot_paths: from where an installer is started, the first that there is. Limits, in seconds: of the old system's
    shutdown, then its power is cut; from the power-on to the installer's first word; of an installer's silence; from
    its end to the new system's first report."""

    boot_paths: tuple[BootPath, ...]
    shutdown_limit: float
    start_limit: float
    silence_limit: float
    first_boot_limit: float


@dataclass(frozen=True)
class SetupKey:
    """The key that a firmware wants for its setup although it was told by a boot override. every, seconds: how it is
    pressed, from just before the server is switched on."""

    key: str
    every: float
    seconds: float

    @property
    def keysym(self) -> int:
        return KEYSYMS[self.key]


@dataclass(frozen=True)
class ConsoleSettings:
    """`idle_limit`, `longest`: seconds after which a console without input, or any console, is ended.

    `websocket`: None where the BMC has no console of its own that is plain RFB. `launch`: how the console in its own
    web pages is had; None where nobody knows. `setup_key`: None where the boot override alone leads into the setup.
    """

    idle_limit: float
    longest: float
    websocket: WebsocketConsole | None = None
    launch: Launch | None = None
    setup_key: SetupKey | None = None


@dataclass(frozen=True)
class InventorySettings:
    """`firmware_ids`: how the Id of a SoftwareInventory begins, and what that says of it."""

    firmware_ids: Mapping[str, FirmwareState]


SECURITY_FACTS = {
    "null_user": "a user without a name is enabled",
    "cipher_zero": "IPMI cipher suite 0 lets anybody in without a password",
    "ipmi_over_lan": "IPMI over LAN is switched on",
    "channel_privilege": "the highest privilege over the LAN channel",
    "channel_access": "the LAN channel is open while the server runs",
    "host_interface": "the server's own operating system reaches the BMC (KCS, host interface)",
    "default_user": "a user with a maker's default name is enabled",
    "administrators": "how many enabled users are administrators",
    "other_users": "how many enabled users there are besides ours",
    "insecure_protocols": "unencrypted protocols that are switched on (HTTP, Telnet, SNMP)",
    "certificate_expires": "when the BMC's certificate ends",
}
"""What `security` reads, and what each fact means."""


@dataclass(frozen=True)
class Profile:
    """One file of hwprofiles/. `transports`: per capability, the protocols in the order they are preferred.

    `any_of`: it fits a BMC that says all of one of these; none makes a generic profile, which fits by protocol alone.
    `polling`: per capability the seconds between two readings; power None takes the installation's setting.
    `security_baseline`: per fact (SECURITY_FACTS) what it must be. `evidence`: what each capability was tried on.
    """

    name: str
    title: str
    protocols: tuple[Protocol, ...]
    any_of: tuple[Criteria, ...]
    transports: Mapping[str, tuple[Protocol, ...]]
    timeouts: Timeouts
    power: PowerLimits
    bmc_back_limit: float
    bmc_refusal_pause: float
    sessions: SessionLimits
    polling: Mapping[Capability, float | None]
    ipmi: IpmiSettings
    boot: BootSettings
    install: InstallSettings
    media: MediaSettings
    bios: BiosSettings
    users: UserSettings
    event_log: EventLogSettings
    events: EventSettings
    consoles: ConsoleSettings
    inventory: InventorySettings
    security_baseline: Mapping[str, str | int | bool]
    quirks: Mapping[Quirk, QuirkNote]
    evidence: Mapping[Capability, Evidence]

    @property
    def generic(self) -> bool:
        """It fits by protocol alone."""
        return not self.any_of

    def offers(self, capability: Capability) -> bool:
        """Whether there is a way to it over a protocol of the profile's."""
        return bool(set(self.transports[capability]) & set(self.protocols))

    def evidence_of(self, capability: Capability) -> Evidence:
        """What its claims about a capability rest on."""
        return self.evidence.get(capability, Evidence.DOCUMENTED)

    def way_to(self, capability: str, spoken: Collection[Protocol]) -> Protocol | None:
        """The protocol that carries the capability where the BMC speaks these; None where none does."""
        return next((protocol for protocol in self.transports.get(capability, ()) if protocol in spoken), None)

    def has(self, quirk: Quirk) -> bool:
        """Whether the BMC differs from its standard in that way."""
        return quirk in self.quirks

    def for_firmware(self, firmware: str | None) -> "Profile":
        """The profile with the quirks alone that this firmware has."""
        held = {quirk: note for quirk, note in self.quirks.items() if note.holds_for(firmware)}
        return replace(self, quirks=held)
