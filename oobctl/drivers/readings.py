"""What capabilities read: parts, sensors, log entries and settings of a server, alike over both protocols.

A damaged item is left out and named in `problems`: never a crash, and never a wrong value shown as a right one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from oobctl import clock
from oobctl.bios_values import BiosAttribute as BiosAttribute
from oobctl.bios_values import Scalar as Scalar
from oobctl.constants import BmcRole, Health, PartKind, ReadingType, State


@dataclass(frozen=True)
class Thresholds:
    """In the sensor's unit, by Redfish's names: caution is IPMI's non-critical, fatal its non-recoverable."""

    lower_fatal: float | None = None
    lower_critical: float | None = None
    lower_caution: float | None = None
    upper_caution: float | None = None
    upper_critical: float | None = None
    upper_fatal: float | None = None


@dataclass(frozen=True)
class Sensor:
    """One sensor. `reading` None: not known (absent, NaN, switched off, still being read). Then health is Unknown, or
    what the BMC complains of; never OK.

    units: UCUM as Redfish has them (Cel, V, A, W, RPM, %, Hz, J, kW.h). states: what a discrete sensor says, in words.
    context: PhysicalContext of Redfish, or IPMI's entity in words. source: the resource's path, or "sensor 0x20".
    """

    name: str
    reading_type: ReadingType
    reading: float | None
    units: str | None
    health: Health
    state: State
    source: str
    thresholds: Thresholds = Thresholds()
    states: tuple[str, ...] = ()
    context: str | None = None


@dataclass(frozen=True)
class SensorReport:
    sensors: tuple[Sensor, ...]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class EventLogEntry:
    """One entry of one of the BMC's logs. created None: the BMC had no date then. raw: as the BMC gave it (hex, JSON).

    entry_id: the BMC's own, unique in its log until that is cleared. component: the sensor or part, in the BMC's words.
    asserted: None where the entry is no beginning and no end of anything.
    """

    log: str
    entry_id: str
    created: datetime | None
    severity: Health
    message: str
    raw: str
    message_id: str | None = None
    component: str | None = None
    asserted: bool | None = None
    repaired: bool | None = None


@dataclass(frozen=True)
class EventLogReport:
    """Entries oldest first. `markers`: per log what to give to the next `read` to get what is newer.

    whole: the logs whose entries were all read (the first time, or after they were cleared or wrapped).
    """

    entries: tuple[EventLogEntry, ...]
    markers: Mapping[str, str]
    whole: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """One part of a server. location: slot, bay or socket as the BMC labels it. capacity_bytes: memory and drives.

    details: what else is known, by the names of Redfish (SpeedMbps, TotalCores, MediaType, PowerCapacityWatts).
    """

    kind: PartKind
    name: str
    source: str
    location: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    part_number: str | None = None
    serial: str | None = None
    firmware: str | None = None
    capacity_bytes: int | None = None
    mac_addresses: tuple[str, ...] = ()
    state: State = State.UNKNOWN
    health: Health = Health.UNKNOWN
    details: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True)
class InventoryReport:
    parts: tuple[Part, ...]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class PartHealth:
    """Why a part is not OK, or not known: `because` in words. redundancy: a lost one counts as a part of that name."""

    kind: PartKind
    name: str
    health: Health
    state: State
    location: str | None = None
    because: str | None = None


@dataclass(frozen=True)
class HealthReport:
    """Rolled up from parts: the worst of those present. Unknown where no part says anything; null is never OK.

    parts: those that are not OK. known and unknown: of how many parts the health was, and was not, told.
    """

    health: Health
    parts: tuple[PartHealth, ...]
    known: int
    unknown: int
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class BiosReport:
    """values: what holds now. pending: what will hold after the next boot. registry_id: None where there is none.

    A password's value is never read out: it is left out of values.
    """

    values: Mapping[str, Scalar | None]
    pending: Mapping[str, Scalar | None]
    registry_id: str | None
    attributes: tuple[BiosAttribute, ...]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class MediaSlot:
    """One slot of virtual media. slot: its id at the BMC. image: what is in it, its query and user part left out."""

    slot: str
    name: str
    media_types: tuple[str, ...]
    inserted: bool | None
    image: str | None = None
    connected_via: str | None = None
    write_protected: bool | None = None
    source: str = ""


@dataclass(frozen=True)
class MediaReport:
    slots: tuple[MediaSlot, ...]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class PowerMeter:
    """What the server draws, in watts; the statistics over `interval_seconds`."""

    name: str
    consumed_watts: float | None
    average_watts: float | None = None
    minimum_watts: float | None = None
    maximum_watts: float | None = None
    interval_seconds: float | None = None
    capacity_watts: float | None = None
    limit_watts: float | None = None


@dataclass(frozen=True)
class PowerMeteringReport:
    meters: tuple[PowerMeter, ...]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class BmcUser:
    """A user of the BMC itself. user_id: its number (IPMI) or its resource's Id. ours: the one that we log in as."""

    user_id: str
    name: str
    role: BmcRole
    enabled: bool | None
    locked: bool | None = None
    ours: bool = False
    source: str = ""


@dataclass(frozen=True)
class UsersReport:
    """capacity: how many users the BMC holds; free: how many more it takes. None where it does not say."""

    users: tuple[BmcUser, ...]
    capacity: int | None = None
    free: int | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class SecurityFact:
    """One thing about a BMC's exposure. value None: it can't be read there."""

    name: str
    value: Scalar | None
    detail: str | None = None


@dataclass(frozen=True)
class SecurityReport:
    """Facts by the names of `profiles.model.SECURITY_FACTS`. users: who may log in; None where not all could be read.

    Each user has a name of its own there: one without a name, or with another's, is called by its number as well.
    """

    facts: tuple[SecurityFact, ...]
    problems: tuple[str, ...] = ()
    users: tuple[BmcUser, ...] | None = None


def as_json(value: Any) -> Any:
    """A report as JSON has it: objects, lists, RFC 3339 times, words."""
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: as_json(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, datetime):
        return clock.rfc3339(value)
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(item) for item in value]
    return value
