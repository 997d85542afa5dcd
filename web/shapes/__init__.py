"""What the API answers, as models: the OpenAPI document is made of them, and so is every answer."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field, PlainSerializer, WithJsonSchema

from oobctl import clock
from oobctl.constants import (
    Contact,
    Evidence,
    Health,
    JobState,
    Lifecycle,
    Outcome,
    Permission,
    PowerState,
    Protocol,
    Role,
    StepState,
)

Moment = Annotated[
    datetime,
    PlainSerializer(clock.rfc3339, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


class StepShape(BaseModel):
    name: str
    title: str
    state: StepState
    started_at: Moment | None
    finished_at: Moment | None
    detail: str | None


class JobShape(BaseModel):
    """A job. `server` is its name and `server_id` its id; `outcome` is null until the job succeeded."""

    id: str
    action: str
    title: str
    server: str
    server_id: str
    state: JobState
    outcome: Outcome | None
    waits_for: str | None = Field(description="What a queued or running job waits for, in words.")
    steps: list[StepShape]
    error: dict[str, Any] | None = Field(
        description="`code`, `message`, `retryable`, `sent` (whether a command went out), `mended_by_provider` (told "
        "to customers: where it stays so, only the provider can mend it), and what belongs to the code."
    )
    evidence: dict[str, Any] | None = Field(description="What was read from the hardware before and after.")
    parameters: dict[str, Any]
    reason: str = Field(description="Why it was allowed.")
    requested_by: str = Field(description="The user, also where a token acted for them; else the token.")
    requested_by_kind: str = Field(description="user, token or system: what asked for it.")
    requested_by_token: str | None = Field(description="The token that asked, for the user or under its own name.")
    source_ip: str | None
    retry_of: str | None
    created_at: Moment
    not_before: Moment | None
    started_at: Moment | None
    finished_at: Moment | None
    cancellable: bool = Field(description="Whether a cancel would be taken now, of somebody who may.")
    cancel_asked_at: Moment | None
    cancel_asked_by: str | None
    resolved_at: Moment | None
    resolved_by: str | None
    resolution: str | None
    pictures: list[str] = Field(
        default_factory=list,
        description="Recordings that are pictures of its screen; told of one job alone.",
    )
    revision: int = Field(description="Grows with each change; the id of its event in the stream.")


class SecretShape(BaseModel):
    user: str
    password: str


class AcceptedShape(JobShape):
    """A job that was just asked for."""

    shown_once: SecretShape | None = Field(description="A user and password that were made for who asked: never again.")


class JobPage(BaseModel):
    items: list[JobShape]
    next: str | None


class OfferShape(BaseModel):
    """An action, and whether the asker may do it on this server now."""

    name: str
    title: str
    danger: str = Field(description="look, gentle, hard or destructive")
    consequence: str
    parameters: dict[str, Any] = Field(description="What it takes, as a JSON schema.")
    permission: Permission
    allowed: bool
    reason: str = Field(description="Why it is allowed, or why not.")
    nothing_to_do: str | None = Field(
        description="Why it would fail, by the last reading; pages do not offer it then. The job itself reads anew."
    )


class JobHeadShape(BaseModel):
    """A job as far as its server's line tells of it."""

    id: str
    action: str
    title: str
    state: JobState
    requested_by: str
    requested_by_kind: str
    requested_by_token: str | None
    created_at: Moment
    not_before: Moment | None


class ServerShape(BaseModel):
    id: str
    name: str
    site: str
    rack: str | None = Field(description="For staff: the rack in which it stands; null: none is known.")
    rack_unit: int | None = Field(description="For staff: its lowest unit in the rack.")
    account: str | None
    lifecycle: Lifecycle
    quarantined_because: str | None
    power_state: PowerState = Field(description="As last read from the hardware.")
    power_read_at: Moment | None
    power_age_seconds: float | None = Field(description="How old `power_state` is.")
    power_fresh: bool = Field(
        description="Whether `power_state` may be taken for the state now: read within the last few of the monitor's "
        "rounds, of a server that is polled (a quarantined one is not) and whose BMC answers."
    )
    silent_since: Moment | None = Field(description="Since when the BMC gives no readings; null while it does.")
    silent_because: str | None
    silent_code: str | None = Field(description="The code of the error that came of asking it last.")
    contact: Contact | None = Field(
        description="In which way the BMC gives no readings now: it is silent, refuses our password, is busy, answers "
        "wrongly, or cannot be asked; null while it gives them."
    )
    health: Health = Field(description="As last read, rolled up from the parts; Unknown where nothing was.")
    health_read_at: Moment | None
    health_since: Moment | None = Field(description="When it was first read so; null where nobody saw the change.")
    health_age_seconds: float | None = Field(description="How old `health` is.")
    manufacturer: str | None
    model: str | None
    serial: str | None
    profile: str
    generic: bool = Field(description="Whether the profile is one that fits any BMC of its protocol.")
    profile_note: str | None = Field(description="For staff: why the BMC has a generic profile, or that it is missing.")
    capabilities: list[str] = Field(description="What its BMC can do over the protocols that it is reached by.")
    protocols: dict[str, Protocol] = Field(description="Per capability, the protocol that carries it.")
    evidence: dict[str, Evidence] = Field(
        description="Per capability, what the profile was tried on: a captured BMC, a simulator, or documents alone."
    )
    active_job: JobHeadShape | None = Field(
        description="The job that has the server now. A reading (server.inspect) keeps it from nothing, and is none."
    )
    needs_attention: JobHeadShape | None = Field(description="The newest job that waits for somebody to look.")


class ServerDetail(ServerShape):
    security_drift: list[dict[str, Any]] | None = Field(
        description="For staff: how the BMC differs from what its profile asks for, each `{fact, is, should}`."
    )
    actions: list[OfferShape]
    scheduled_jobs: list[JobHeadShape] = Field(description="What waits for its time, the soonest first.")


class ServerPage(BaseModel):
    items: list[ServerShape]
    next: str | None


class ChargeShape(BaseModel):
    amount: str = Field(examples=["0.00"])
    currency: str = Field(examples=["EUR"])


class AuditShape(BaseModel):
    """One record. `kind`: intent, outcome, refusal or event; an action leaves an intent and an outcome."""

    id: str
    at: Moment
    kind: str
    tag: str
    actor: str
    actor_id: str | None
    actor_kind: str
    actor_token: str | None = Field(description="The token that acted, for the actor or under its own name.")
    actor_role: str | None
    source_ip: str | None
    user_agent: str | None
    server: str | None
    server_id: str | None
    parameters: dict[str, Any]
    reason: str | None
    outcome: str | None
    evidence: dict[str, Any] | None
    job: str | None
    charge: ChargeShape


class AuditPage(BaseModel):
    items: list[AuditShape]
    next: str | None


class SiteShape(BaseModel):
    id: str
    name: str
    created_at: Moment


class AccountShape(BaseModel):
    id: str
    name: str
    kind: str
    created_at: Moment
    suspended_at: Moment | None


class UserShape(BaseModel):
    id: str
    name: str
    created_at: Moment
    disabled_at: Moment | None


class TokenShape(BaseModel):
    id: str
    name: str
    account: str
    role: Role
    user: str | None
    permissions: list[Permission] | None
    created_at: Moment
    expires_at: Moment | None
    revoked_at: Moment | None


class NewToken(TokenShape):
    secret: str = Field(description="Shown this once, and stored nowhere.")


class GrantShape(BaseModel):
    id: str
    server: str
    user: str | None
    token: str | None
    permission: Permission
    granted_by: str
    created_at: Moment
    expires_at: Moment | None
    revoked_at: Moment | None


class ProblemShape(BaseModel):
    """RFC 9457. Members beside these belong to the code: `field`, `job`, `action`, `error_id`."""

    type: str
    title: str
    status: int
    detail: str
    code: str
