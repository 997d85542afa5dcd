"""What the API tells of the whole fleet. Lists have the worst first and are cut; counts are of all servers."""

from pydantic import BaseModel, ConfigDict, Field

from oobctl.constants import Capability, Contact, Health, PowerState
from web.shapes import Moment


class PlaceShape(BaseModel):
    """One rack, site, or all. Each server counts once: where its BMC gives no readings as silent, what was not read
    lately as unknown.

    `watts`: what the `telling` of them draw that say so now.
    """

    model_config = ConfigDict(from_attributes=True)
    site: str | None
    rack: str | None = Field(description="Null: those that stand in no rack that is known, or all racks.")
    servers: int
    ok: int
    warning: int
    critical: int
    unknown: int
    silent: int
    watts: float
    telling: int


class OfServer(BaseModel):
    server: str
    server_id: str
    site: str
    rack: str | None


class UnwellShape(OfServer):
    health: Health
    parts: list[str] = Field(description="What is not OK, in words.")
    health_read_at: Moment
    health_since: Moment | None = Field(description="When it was first read so; null where nobody saw the change.")


class SilentShape(OfServer):
    """`power_state` is the last known one, read at `power_read_at`: not the state now."""

    contact: Contact = Field(description="In which way it gives no readings.")
    silent_since: Moment
    silent_because: str | None
    silent_code: str | None
    power_state: PowerState
    power_read_at: Moment | None


class TooHotShape(OfServer):
    """`limit`: the highest threshold that is reached. `current` false: so it was at `read_at`; it may still be."""

    sensor: str
    celsius: float
    limit: float
    health: Health
    current: bool
    read_at: Moment


class InletShape(OfServer):
    """`margin`: degrees up to `limit`, the lowest upper threshold of the sensor; null where it has none."""

    sensor: str
    celsius: float
    limit: float | None
    margin: float | None
    read_at: Moment


class OldShape(OfServer):
    """`rounds`: how many intervals ago it was read. `read_at` null: it could not be read since the server was added."""

    capability: Capability
    read_at: Moment | None
    interval_seconds: float
    rounds: float
    problem: str | None = Field(description="Why the newest try gave nothing; null where nothing went wrong.")


class FleetShape(BaseModel):
    at: Moment
    total: PlaceShape
    sites: list[PlaceShape] = Field(description="Those with trouble first.")
    racks: list[PlaceShape] = Field(description="Those with trouble first.")
    unwell: list[UnwellShape] = Field(description="Servers whose health is not OK, Critical ones first: at most 50.")
    silent: list[SilentShape] = Field(description="BMCs that give no readings, the newest first: at most 50.")
    too_hot: list[TooHotShape] = Field(description="Temperatures that have reached an upper threshold: at most 50.")
    too_hot_count: int = Field(description="How many such temperatures there are.")
    inlets: list[InletShape] = Field(description="The warmest air that goes into servers now: at most 10.")
    inlet_count: int = Field(description="How many servers tell their inlet's temperature now.")
    hungriest: list[PlaceShape] = Field(description="The racks that draw the most: at most 10.")
    oldest: list[OldShape] = Field(
        description="What was read the most intervals ago, of servers whose BMCs answer: at most 10."
    )
