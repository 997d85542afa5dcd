"""The field's words as types: Redfish's spelling first, then IPMI's, then ours."""

from enum import StrEnum


class Protocol(StrEnum):
    IPMI = "ipmi"
    REDFISH = "redfish"
    VNC = "vnc"  # the server's screen alone (RFC 6143)


MANAGEMENT = (Protocol.IPMI, Protocol.REDFISH)
"""What a BMC is managed over, and by which it says who it is."""


class PowerState(StrEnum):
    """Resource.PowerState of Redfish, and Unknown where nobody could read it."""

    ON = "On"
    OFF = "Off"
    POWERING_ON = "PoweringOn"
    POWERING_OFF = "PoweringOff"
    PAUSED = "Paused"
    UNKNOWN = "Unknown"


class Contact(StrEnum):
    """How a BMC keeps its readings from us. Each follows "BMC" in a sentence, its underscores as spaces."""

    SILENT = "silent"  # it leaves what it is asked unanswered
    REFUSES_US = "refuses_our_password"
    BUSY = "busy"
    ANSWERS_WRONGLY = "answers_wrongly"
    CANNOT_BE_ASKED = "cannot_be_asked"  # for want of something of ours: a profile, a password, a way to it


class ResetType(StrEnum):
    """Resource.ResetType of Redfish: what ComputerSystem.Reset and Manager.Reset take."""

    ON = "On"
    FORCE_ON = "ForceOn"
    FORCE_OFF = "ForceOff"
    GRACEFUL_SHUTDOWN = "GracefulShutdown"
    GRACEFUL_RESTART = "GracefulRestart"
    FORCE_RESTART = "ForceRestart"
    POWER_CYCLE = "PowerCycle"
    NMI = "Nmi"


class BootSource(StrEnum):
    """ComputerSystem.BootSource of Redfish, as far as we use it. IPMI has all but UefiHttp."""

    NONE = "None"
    PXE = "Pxe"
    UEFI_HTTP = "UefiHttp"
    CD = "Cd"
    HDD = "Hdd"
    BIOS_SETUP = "BiosSetup"


class BootPath(StrEnum):
    """From where a server starts an installer."""

    VIRTUAL_MEDIA = "virtual-media"
    NETWORK = "network"
    UEFI_HTTP = "uefi-http"  # from the network too: its UEFI fetches the first file over http, and needs no TFTP

    @property
    def from_network(self) -> bool:
        return self is not BootPath.VIRTUAL_MEDIA


class NetworkBoot(StrEnum):
    """How a site's servers find the boot service in their network."""

    SCRIPT = "script"  # the site's own DHCP service names iPXE's first script
    DHCP = "dhcp"  # the boot service answers DHCP by itself


class BootEnabled(StrEnum):
    """BootSourceOverrideEnabled of Redfish."""

    DISABLED = "Disabled"
    ONCE = "Once"
    CONTINUOUS = "Continuous"


class BootMode(StrEnum):
    """BootSourceOverrideMode of Redfish."""

    LEGACY = "Legacy"
    UEFI = "UEFI"


class IndicatorLED(StrEnum):
    """ComputerSystem.IndicatorLED of Redfish."""

    LIT = "Lit"
    BLINKING = "Blinking"
    OFF = "Off"
    UNKNOWN = "Unknown"


class Health(StrEnum):
    """Resource.Health of Redfish, and Unknown where it was not read."""

    OK = "OK"
    WARNING = "Warning"
    CRITICAL = "Critical"
    UNKNOWN = "Unknown"


class Outcome(StrEnum):
    """How sure we are that an action had its effect."""

    PROVEN = "proven"  # read back from the hardware
    ACCEPTED = "accepted"  # the BMC took it and nothing can be read back
    PENDING = "pending"  # waits for the next boot


class Ending(StrEnum):
    """How an action ended, when it did not end in an Outcome: the other words of an outcome record."""

    FAILED = "failed"
    CANCELLED = "cancelled"
    NEEDS_ATTENTION = "needs_attention"
    INTERRUPTED = "interrupted"  # the worker died and the step may not be repeated


class JobState(StrEnum):
    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    NEEDS_ATTENTION = "needs_attention"

    @property
    def ended(self) -> bool:
        return self in ENDED_STATES


ENDED_STATES = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.NEEDS_ATTENTION})


class StepState(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"


class Lifecycle(StrEnum):
    """Where a server stands between its purchase and its end."""

    ENROLLING = "enrolling"
    READY = "ready"
    ASSIGNED = "assigned"
    SUSPENDED = "suspended"
    QUARANTINED = "quarantined"
    RELEASING = "releasing"
    RETIRED = "retired"


POLLED = frozenset({Lifecycle.READY, Lifecycle.ASSIGNED, Lifecycle.SUSPENDED, Lifecycle.RELEASING})
"""In these the monitor reads a server; in all others what was read grows old."""


class Role(StrEnum):
    OWNER = "owner"
    OPERATOR = "operator"
    VIEWER = "viewer"
    TECHNICIAN = "technician"
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"


STAFF_ROLES = frozenset({Role.TECHNICIAN, Role.ADMINISTRATOR, Role.AUDITOR})


class Permission(StrEnum):
    VIEW = "view"
    POWER = "power"
    CONSOLE = "console"
    BIOS = "bios"
    REINSTALL = "reinstall"
    SERVICE = "service"  # staff: the BMC itself, enrolment
    ADMINISTER = "administer"  # administrators: users, grants, sites, endpoints
    AUDIT = "audit"  # the record of every account


REINSTALL = "os.reinstall"
"""The action that has a form, a plan and a command of its own."""


class Lock(StrEnum):
    """What an action keeps for itself while it runs."""

    SERVER = "server"
    BMC = "bmc"  # the BMC and every server behind it
    READ = "read"  # the inspection of a server: keeps off other inspections of it, and nothing else
    NONE = "none"


class SessionPurpose(StrEnum):
    """What a session at a BMC is for."""

    POLL = "poll"
    ACT = "act"
    SOL = "sol"
    SCREEN = "screen"


class TlsMode(StrEnum):
    CA = "ca"  # checked against a certificate authority
    PIN = "pin"  # checked against a fingerprint that a person confirmed


class Capability(StrEnum):
    """What a BMC can do for us; a profile's `transports` and `evidence` have these keys."""

    POWER = "power"
    BOOT = "boot"
    CHASSIS = "chassis"
    BMC = "bmc"
    SENSORS = "sensors"
    EVENT_LOG = "event_log"
    INVENTORY = "inventory"
    HEALTH = "health"
    BIOS = "bios"
    VIRTUAL_MEDIA = "virtual_media"
    POWER_METERING = "power_metering"
    USERS = "users"
    SECURITY = "security"
    CONSOLE_SCREEN = "console_screen"
    CONSOLE_SERIAL = "console_serial"
    CONSOLE_OEM = "console_oem"


CONSOLES = frozenset({Capability.CONSOLE_SCREEN, Capability.CONSOLE_SERIAL, Capability.CONSOLE_OEM})
"""What the gateway opens over connections of its own."""


class EventWay(StrEnum):
    """How a BMC can tell by itself that something happened."""

    SSE = "sse"  # a stream that we open (server-sent events)
    SUBSCRIPTION = "subscription"  # it sends to an address of ours


READ_CAPABILITIES = (
    Capability.HEALTH, Capability.SENSORS, Capability.EVENT_LOG, Capability.INVENTORY, Capability.BIOS,
    Capability.VIRTUAL_MEDIA, Capability.POWER_METERING, Capability.USERS, Capability.SECURITY,
)  # fmt: skip
"""Those whose latest reading is kept in the store."""

STAFF_CAPABILITIES = frozenset({Capability.USERS, Capability.SECURITY})
"""Whose readings are for staff alone: who signs in at a BMC, and how far it is open, is what an attacker looks for."""


class Evidence(StrEnum):
    """What a profile's claim about a capability rests on."""

    CAPTURED = "captured"  # tried on the captured tree of such a BMC
    SIMULATED = "simulated"  # tried on a simulator
    DOCUMENTED = "documented"  # from documents and reports alone


class ReadingType(StrEnum):
    """Sensor.ReadingType of Redfish, as far as BMCs use it; Discrete is IPMI's: states and no number."""

    TEMPERATURE = "Temperature"
    ROTATIONAL = "Rotational"
    VOLTAGE = "Voltage"
    CURRENT = "Current"
    POWER = "Power"
    ENERGY_KWH = "EnergykWh"
    FREQUENCY = "Frequency"
    HUMIDITY = "Humidity"
    AIR_FLOW = "AirFlow"
    PRESSURE = "Pressure"
    PERCENT = "Percent"
    DISCRETE = "Discrete"
    OTHER = "Other"


class State(StrEnum):
    """Resource.State of Redfish, as far as we tell the states apart, and Unknown where it was not said."""

    ENABLED = "Enabled"
    DISABLED = "Disabled"
    ABSENT = "Absent"
    STARTING = "Starting"
    STANDBY_OFFLINE = "StandbyOffline"
    UNAVAILABLE_OFFLINE = "UnavailableOffline"
    UNKNOWN = "Unknown"


class PartKind(StrEnum):
    """What a part of a server is."""

    SYSTEM = "system"
    CHASSIS = "chassis"
    BOARD = "board"
    PROCESSOR = "processor"
    MEMORY = "memory"
    DRIVE = "drive"
    STORAGE_CONTROLLER = "storage_controller"
    NETWORK_INTERFACE = "network_interface"
    POWER_SUPPLY = "power_supply"
    FAN = "fan"
    FIRMWARE = "firmware"
    OTHER = "other"


class FirmwareState(StrEnum):
    """Whether firmware that a BMC lists runs, did so before, or only lies there ready to be installed."""

    INSTALLED = "Installed"
    PREVIOUS = "Previous"
    AVAILABLE = "Available"


class BmcRole(StrEnum):
    """What a BMC's user may do: Redfish's predefined roles; IPMI calls ReadOnly User."""

    ADMINISTRATOR = "Administrator"
    OPERATOR = "Operator"
    READ_ONLY = "ReadOnly"
    NO_ACCESS = "NoAccess"
    OTHER = "Other"


class ConsoleKind(StrEnum):
    """What of a server a console shows: its screen, its serial line, or the BMC's own web pages for either (OEM).

    OEM is Redfish's word for the last (Manager.GraphicalConsole.ConnectTypesSupported).
    """

    GRAPHICAL = "graphical"
    SERIAL = "serial"
    OEM = "oem"


class ConsoleMode(StrEnum):
    """What somebody at a console may do."""

    CONTROL = "control"
    VIEW = "view"


class RecordConsoles(StrEnum):
    """Whose presence at a console makes it recorded."""

    OFF = "off"
    STAFF = "staff"
    ON = "on"  # everybody's


class SerialLog(StrEnum):
    """When what a server writes to its serial line is kept, whether somebody looks or not."""

    OFF = "off"
    FAILURE = "failure"  # while a job runs, and kept where that fails
    ALWAYS = "always"


class RecordingPurpose(StrEnum):
    """Why something was recorded."""

    CONSOLE = "console"  # somebody was at it
    LOG = "log"  # the server's serial log
    JOB = "job"  # its last lines before a job failed
    PICTURE = "picture"  # of its screen, for a job


class BiosApply(StrEnum):
    """When BIOS settings are to hold."""

    NOW = "now"  # the server is restarted for it
    NEXT_BOOT = "next_boot"


class ImageKind(StrEnum):
    """In which form an image of an operating system is put onto a disk."""

    DISK_IMAGE = "disk-image"  # a whole disk, raw and compressed; its last partition is grown
    ROOT_ARCHIVE = "root-archive"  # the files of a root filesystem, for a layout that the installer makes


class Firmware(StrEnum):
    """What a server's firmware boots an operating system as."""

    BIOS = "BIOS"
    UEFI = "UEFI"
