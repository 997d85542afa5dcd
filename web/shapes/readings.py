"""What the API tells of what was last read of a server; the parts are as drivers' reports have them."""

from typing import Any

from pydantic import BaseModel, Field

from oobctl.constants import BmcRole, Health, PartKind, ReadingType, State
from web.shapes import Moment

Scalar = bool | int | float | str


class ReadProblem(BaseModel):
    """Why the newest try gave nothing. Code not_supported: this BMC has no such thing."""

    code: str
    message: str


class ReadShape(BaseModel):
    """When it was read. What was read is null where nothing was, or not since the server is the asker's."""

    read_at: Moment | None
    age_seconds: float | None
    tried_at: Moment | None = Field(description="The newest try, whatever came of it.")
    problem: ReadProblem | None = Field(description="Null where the newest try succeeded.")
    problems: list[str] = Field(default=[], description="Parts that the BMC told wrong, and that were left out.")


class ThresholdsShape(BaseModel):
    lower_fatal: float | None = None
    lower_critical: float | None = None
    lower_caution: float | None = None
    upper_caution: float | None = None
    upper_critical: float | None = None
    upper_fatal: float | None = None


class SensorShape(BaseModel):
    """`reading` null: not known, and then health is Unknown. `states`: what a discrete sensor says, in words."""

    name: str
    reading_type: ReadingType
    reading: float | None
    units: str | None
    health: Health
    state: State
    source: str
    thresholds: ThresholdsShape = ThresholdsShape()
    states: list[str] = []
    context: str | None = None


class SeriesShape(BaseModel):
    """One sensor over the history's times: per time a number, or null where nothing was read then.

    `source` is told where several sensors have one name. A sensor that tells another unit than before (its firmware is
    another, say) is another series: `last_read` is when the first one ended.
    """

    name: str
    units: str
    reading_type: ReadingType
    source: str | None
    context: str | None
    last_read: Moment = Field(description="The last of the history's times at which it had a number.")
    minimum: list[float | None]
    average: list[float | None]
    maximum: list[float | None]


class HistoryShape(BaseModel):
    """`times`: beginnings of spans of `step` seconds in which anything was read. Of old ones only longer are kept."""

    begin: Moment = Field(alias="from")
    end: Moment = Field(alias="to")
    step: int
    times: list[Moment]
    series: list[SeriesShape]


class SensorsShape(ReadShape):
    sensors: list[SensorShape] | None = None
    history: HistoryShape | None = Field(None, description="Null where none was asked for.")


class PartHealthShape(BaseModel):
    kind: PartKind
    name: str
    health: Health
    state: State
    location: str | None = None
    because: str | None = None


class HealthShape(ReadShape):
    """Rolled up from parts. `parts`: those that are not OK; known, unknown: of how many it was told, and was not."""

    health: Health = Health.UNKNOWN
    known: int | None = None
    unknown: int | None = None
    parts: list[PartHealthShape] | None = None


class PartShape(BaseModel):
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
    mac_addresses: list[str] = []
    state: State = State.UNKNOWN
    health: Health = Health.UNKNOWN
    details: dict[str, Scalar] = {}


class InventoryShape(ReadShape):
    parts: list[PartShape] | None = None


class AllowedShape(BaseModel):
    value: str
    display_name: str


class AttributeShape(BaseModel):
    """A BIOS setting: what it is now, what it will be after the next boot, and what the registry says of it.

    `type` null: the registry does not know it. A password is never told.
    """

    name: str
    value: Scalar | None
    pending: Scalar | None = Field(description="Null where nothing is pending.")
    type: str | None = None
    display_name: str | None = None
    help: str | None = None
    menu: str | None = Field(None, description="The registry's path of its menu.")
    menu_names: list[str] = Field([], description="How the setup itself calls each part of it; empty: not told.")
    allowed: list[AllowedShape] = []
    lower: int | None = None
    upper: int | None = None
    increment: int | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    default: Scalar | None = None
    read_only: bool = False
    hidden: bool = False
    reset_required: bool = True
    settable: bool = Field(description="Whether the asker may set it on this server; a value is checked all the same.")
    not_settable_because: str | None = Field(description="Why not; null where it is settable.")


class BiosShape(ReadShape):
    registry_id: str | None = None
    attributes: list[AttributeShape] | None = None


class SlotShape(BaseModel):
    slot: str
    name: str
    media_types: list[str]
    inserted: bool | None
    image: str | None = None
    connected_via: str | None = None
    write_protected: bool | None = None
    source: str = ""


class MediaShape(ReadShape):
    slots: list[SlotShape] | None = None


class MeterShape(BaseModel):
    name: str
    consumed_watts: float | None
    average_watts: float | None = None
    minimum_watts: float | None = None
    maximum_watts: float | None = None
    interval_seconds: float | None = None
    capacity_watts: float | None = None
    limit_watts: float | None = None


class MeteringShape(ReadShape):
    meters: list[MeterShape] | None = None


class BmcUserShape(BaseModel):
    user_id: str
    name: str
    role: BmcRole
    enabled: bool | None
    locked: bool | None = None
    ours: bool = Field(default=False, description="The one that oobctl signs in as.")
    source: str = ""


class UsersShape(ReadShape):
    users: list[BmcUserShape] | None = None
    capacity: int | None = None
    free: int | None = None


class FactShape(BaseModel):
    """`value` null: it can't be read there. `should`: what the profile asks for; null where it does not."""

    name: str
    value: Scalar | None
    detail: str | None = None
    meaning: str | None = None
    should: Scalar | None = None


Drift = list[dict[str, Any]]
DRIFT = "How the BMC differs from what its profile asks for, each `{fact, is, should}`."


class ForeignUserShape(BaseModel):
    """A user of the BMC that is not ours. Unknown: it was not there at first, and nobody acknowledged it."""

    name: str
    role: BmcRole


class SecurityShape(ReadShape):
    facts: list[FactShape] | None = None
    unknown_users: list[ForeignUserShape] | None = Field(
        default=None, description="Users of the BMC that nobody knows: see POST /servers/{server}/known-users."
    )
    known_users: list[ForeignUserShape] | None = Field(
        default=None, description="Those that were there at first or are acknowledged: see DELETE of the same address."
    )
    drift: Drift | None = Field(default=None, description=DRIFT)


class LogEntryShape(BaseModel):
    """`created` null: the BMC had no date then. `gone_at`: since when it is not in the BMC's log any more."""

    id: str
    log: str
    entry_id: str
    created: Moment | None
    severity: Health
    message: str
    message_id: str | None
    component: str | None
    asserted: bool | None
    repaired: bool | None
    seen_at: Moment
    gone_at: Moment | None
    raw: str | None = Field(description="As the BMC gave it; for staff.")


class EventLogPage(ReadShape):
    items: list[LogEntryShape]
    next: str | None
    counts: dict[str, dict[str, int]] = Field(description="Per log of the BMC, how many entries of each severity.")


class BaselineShape(BaseModel):
    name: str
    settings: int = Field(description="How many.")
    saved_by: str
    saved_at: Moment


class BaselinePage(BaseModel):
    items: list[BaselineShape]
    next: str | None


class DifferenceShape(BaseModel):
    """Null on the side that does not have it."""

    name: str
    saved: Scalar | None
    now: Scalar | None
    pending: Scalar | None


class BiosDiffShape(BaseModel):
    baseline: BaselineShape
    read_at: Moment
    age_seconds: float
    differences: list[DifferenceShape]
