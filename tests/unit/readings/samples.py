"""Reports as drivers make them, small."""

from datetime import UTC, datetime

from oobctl.constants import BmcRole, Health, PartKind, ReadingType, State
from oobctl.drivers.readings import (
    BiosAttribute,
    BiosReport,
    BmcUser,
    EventLogEntry,
    EventLogReport,
    HealthReport,
    InventoryReport,
    MediaReport,
    MediaSlot,
    Part,
    PartHealth,
    PowerMeter,
    PowerMeteringReport,
    SecurityFact,
    SecurityReport,
    Sensor,
    SensorReport,
    Thresholds,
    UsersReport,
)

FAN = Sensor("Fan 1", ReadingType.ROTATIONAL, 4200.0, "RPM", Health.OK, State.ENABLED, "sensor 0x30", Thresholds(500.0))
DEAD_FAN = Sensor("Fan 2", ReadingType.ROTATIONAL, None, "RPM", Health.UNKNOWN, State.ABSENT, "sensor 0x31")
SENSORS = SensorReport((FAN, DEAD_FAN), ("The sensor 0x40 could not be decoded.",))
HEALTH = HealthReport(
    Health.WARNING,
    (PartHealth(PartKind.FAN, "Fan 2", Health.WARNING, State.ENABLED, "FAN2", "below its lower limit"),),
    known=12,
    unknown=1,
)
INVENTORY = InventoryReport(
    (
        Part(PartKind.SYSTEM, "System", "/redfish/v1/Systems/1", model="Model 1", serial="SN-1", firmware="1.2.3.4"),
        Part(PartKind.MEMORY, "DIMM A1", "/redfish/v1/Systems/1/Memory/A1", "A1", capacity_bytes=17179869184),
        Part(PartKind.NETWORK_INTERFACE, "NIC 1", "x", mac_addresses=("02:00:00:00:00:01",), details={"SpeedMbps": 25}),
    )
)
MODE = BiosAttribute("BootMode", "Enumeration", "Boot mode", allowed=(("Uefi", "UEFI"), ("Bios", "Legacy")))
CORES = BiosAttribute("Cores", "Integer", lower=1, upper=64)
SECRET = BiosAttribute("AdminPassword", "Password")
BIOS = BiosReport(
    {"BootMode": "Uefi", "Cores": 16, "Unlisted": True}, {"BootMode": "Bios"}, "BiosRegistry.1", (MODE, CORES, SECRET)
)
IMAGE_KEY = "k3y-7d1f"
MEDIA = MediaReport(
    (MediaSlot("Cd", "Virtual CD", ("CD", "DVD"), True, f"https://127.0.0.9:8443/media/{IMAGE_KEY}/rescue.iso"),)
)
METERING = PowerMeteringReport((PowerMeter("Chassis", 212.5, average_watts=200.0, interval_seconds=60.0),))
USERS = UsersReport((BmcUser("2", "admin", BmcRole.ADMINISTRATOR, True, ours=True),), capacity=16, free=14)


def entry(
    number: int,
    message: str = "Fan 2 failed",
    *,
    log: str = "SEL",
    minute: int | None = None,
    created: datetime | None = None,
) -> EventLogEntry:
    """minute: of an hour long ago; created: then; neither: the BMC had no date."""
    at = created if minute is None else datetime(2026, 3, 1, 12, minute, tzinfo=UTC)
    return EventLogEntry(log, str(number), at, Health.CRITICAL, message, f"{log}-{number}-{message}")


def log(*entries: EventLogEntry, whole: tuple[str, ...] = ()) -> EventLogReport:
    last = {found.log: found.entry_id for found in entries}
    return EventLogReport(entries, last or {"SEL": "0"}, whole)


def security(**facts: bool | int | str | None) -> SecurityReport:
    return SecurityReport(tuple(SecurityFact(name, value) for name, value in facts.items()))


def open_to(*names: str, problems: tuple[str, ...] = (), **roles: BmcRole) -> SecurityReport:
    """A BMC that lets in `oobctl`, ours, those administrators, and others by their roles."""
    users = [BmcUser("2", "oobctl", BmcRole.ADMINISTRATOR, True, ours=True)]
    everybody = {**dict.fromkeys(names, BmcRole.ADMINISTRATOR), **roles}
    users += [BmcUser(str(number), name, role, True) for number, (name, role) in enumerate(everybody.items(), 3)]
    return SecurityReport((SecurityFact("other_users", len(everybody)),), problems, tuple(users))


def temperature(
    name: str, celsius: float | None, *, context: str | None = None, caution: float | None = None,
    critical: float | None = None,
) -> Sensor:  # fmt: skip
    limits = Thresholds(upper_caution=caution, upper_critical=critical)
    health = Health.UNKNOWN if celsius is None else Health.OK
    return Sensor(name, ReadingType.TEMPERATURE, celsius, "Cel", health, State.ENABLED, name, limits, context=context)
