"""What the API is asked: paths, queries and bodies, as models that refuse what they do not know."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
)

from oobctl.administer import BootMacs, RackName, RackUnit
from oobctl.constants import ConsoleKind, ConsoleMode, JobState, Permission, Protocol, RecordConsoles, Role, SerialLog
from oobctl.control import LONGEST_HOURS

_MOST_ITEMS = 200
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def _only_rfc_3339(value: object) -> object:
    """Bare digits would be read as Unix seconds: 20261125 is a day of 1970, and acts at once."""
    if isinstance(value, str) and _RFC_3339.fullmatch(value):
        return value
    raise ValueError("an RFC 3339 time with its zone is needed, as 2026-11-25T03:00:00Z (in an address a + is %2B)")


def _told_in_utc(value: datetime) -> datetime:
    try:
        value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("in UTC that is before the year 1, or after the year 9999") from error
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_only_rfc_3339), AfterValidator(_told_in_utc)]
Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=128)]


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ServerPath(BaseModel):
    server: str = Field(description="The server's id or name.", max_length=64)


class ActionPath(ServerPath):
    action: str = Field(description="For example power.cycle; GET /servers/{server} lists them.", max_length=64)


class ProtocolPath(ServerPath):
    protocol: Protocol


class JobPath(BaseModel):
    job: str = Field(description="The job's id.", max_length=64)


class ConsolePath(BaseModel):
    console: str = Field(description="The console's id.", max_length=64)


class ConsoleBody(Closed):
    kind: ConsoleKind = Field(description="graphical: the screen. serial: the serial line. oem: the BMC's own pages.")
    mode: ConsoleMode = Field(ConsoleMode.CONTROL, description="view: nothing that you type reaches the server.")


class SharePath(BaseModel):
    share: str = Field(description="The link's id.", max_length=64)


class ShareBody(ConsoleBody):
    mode: ConsoleMode = Field(ConsoleMode.VIEW, description="view: nothing that they type reaches the server.")
    hours: int = Field(1, ge=1, le=LONGEST_HOURS, strict=True, description="How long the link is good.")


class RecordingPath(BaseModel):
    recording: str = Field(description="The recording's id.", max_length=64)


class RecordBody(Closed):
    record: RecordConsoles | None = Field(
        description="off; staff: while somebody of the staff is at one; on: everybody's; null: as the account, or the "
        "site's setting, says."
    )


class SerialLogBody(Closed):
    when: SerialLog = Field(description="off; failure: while a job runs, kept where it fails; always.")


class AccountPath(BaseModel):
    account: str = Field(description="The account's name or id.", max_length=128)


class IdPath(BaseModel):
    id: str = Field(max_length=64)


class PageQuery(Closed):
    after: str | None = Field(None, description="`next` of the page before.", max_length=512)
    limit: int = Field(50, ge=1, le=_MOST_ITEMS)


class ServersQuery(PageQuery):
    q: str | None = Field(None, description="Part of a name or serial number.", max_length=64)


class JobsQuery(PageQuery):
    server: str | None = Field(None, max_length=64)
    state: JobState | None = None


class AuditQuery(PageQuery):
    server: str | None = Field(None, description="The server's id or name.", max_length=64)
    actor: str | None = Field(None, description="The name of a user or token.", max_length=128)


class ActQuery(Closed):
    not_before: Moment | None = Field(
        None,
        description="Do it then, not now: RFC 3339 with a zone, at most 366 days away. It stands here because the "
        "body is the action's parameters and no more.",
    )
    dry_run: bool = Field(
        False,
        description="Of os.reinstall: check it as the real thing, answer 200 with what it would do, and do nothing.",
    )


class ActHeader(BaseModel):
    """A second POST with the same key answers with the first one's job."""

    idempotency_key: str | None = Field(None, alias="Idempotency-Key", max_length=128)


class ResolveBody(Closed):
    note: str = Field(description="What was found and done.", max_length=2000)


class AccountBody(Closed):
    name: Title


class UserBody(Closed):
    name: Title
    password: SecretStr = Field(max_length=1024)
    account: Title
    role: Role


class TokenBody(Closed):
    name: Title
    account: Title
    role: Role
    user: Title | None = Field(None, description="The user it acts for; empty: under its own name.")
    permissions: list[Permission] | None = Field(None, description="No more than these; empty: all of the role.")
    expires_at: Moment | None = None


class GrantBody(Closed):
    server: Title
    user: Title
    permission: Permission
    expires_at: Moment | None = None


class AssignmentBody(Closed):
    account: Title | None = Field(description="Whose the server is from now on; null: nobody's.")


class PlaceBody(Closed):
    rack: RackName | None = Field(description="The rack of the server's site in which it stands; null: in none.")
    unit: RackUnit | None = Field(None, description="Its lowest unit in the rack.")


class BootMacsBody(Closed):
    macs: BootMacs = Field(description="Of the network cards from which it starts over its network; none: not known.")


class FleetQuery(Closed):
    site: str | None = Field(None, description="The name of a site.", max_length=64)
    rack: str | None = Field(None, description="The name of a rack; - for servers that stand in none.", max_length=64)


class KnownUserBody(Closed):
    name: str = Field(description="The unknown user, as the reading of its security names it.", max_length=128)


class KnownUserPath(ServerPath):
    name: str = Field(description="The known user, as the reading of the BMC's security names it.", max_length=128)


class CertificateBody(Closed):
    fingerprint: str = Field(description="SHA-256 of the certificate's DER form, in hex.", max_length=128)


class CredentialBody(Closed):
    user: str = Field(min_length=1, max_length=64)
    password: SecretStr = Field(min_length=1, max_length=128)
