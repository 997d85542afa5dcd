"""Where a server boots from: once or always, until somebody changes it."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from oobctl import clock
from oobctl.actions import steps
from oobctl.audit.tags import Tag
from oobctl.constants import BootEnabled, BootMode, BootSource, Capability, Lock, Outcome, Permission
from oobctl.drivers.interfaces import BootOverride as Override
from oobctl.errors import BmcError, StateNotReached
from oobctl.jobs.action import Action, Step, wrong
from oobctl.jobs.run import Run
from oobctl.store import BootOverride, database

_READ_BACK_SECONDS = 10.0
Wanted = Callable[[Run], "BootParameters"]


class BootParameters(BaseModel):
    """source and enabled in Redfish's words; mode None leaves it to the BMC. The source None clears the override."""

    model_config = ConfigDict(extra="forbid")
    source: BootSource = Field(
        description="Pxe, Cd, Hdd, BiosSetup, UefiHttp (Redfish alone), or None, which clears the override."
    )
    enabled: BootEnabled = Field(default=BootEnabled.ONCE, description="Once, Continuous, or Disabled.")
    mode: BootMode | None = Field(default=None, description="Legacy or UEFI; empty: as the server is set.")

    @model_validator(mode="after")
    def _whole(self) -> "BootParameters":
        if self.source is BootSource.NONE:
            self.enabled = BootEnabled.DISABLED
        elif self.enabled is BootEnabled.DISABLED:
            raise wrong("enabled", f"Disabled clears the override, and {self.source} sets one: choose one of the two")
        return self


def _read_before(wanted_of: Wanted, run: Run) -> str:
    """Where the BMC cannot hold what is wanted, that is seen before anything is noted or sent."""
    wanted = wanted_of(run)
    if wanted.source is not BootSource.NONE:
        run.bmc.boot.check(wanted.source, wanted.enabled, wanted.mode)
    override = run.bmc.boot.read()
    run.saw("before", **_words(override))
    return f"Read: {_said(override)}"


def _watch(wanted_of: Wanted, run: Run) -> str:
    """Before a boot-once override is sent, a row says so: whatever happens to this job, it is found and cleared."""
    wanted = wanted_of(run)
    if wanted.enabled is not BootEnabled.ONCE:
        return "Nothing to watch: it is no override for one boot"
    expires = clock.now() + timedelta(seconds=run.profile.boot.override_expiry)
    with database().write() as session:
        if run.acted.job_id not in session.scalars(_open_rows(run).with_only_columns(BootOverride.job_id)).all():
            _close(session, run, "replaced by a later override")
            session.add(
                BootOverride(
                    server_id=run.acted.server_id,
                    job_id=run.acted.job_id,
                    source=wanted.source,
                    mode=wanted.mode,
                    expires_at=expires,
                )
            )
    return f"Watched until it is used; cleared at {clock.rfc3339(expires)} if no boot uses it"


def _ensure(wanted_of: Wanted, run: Run) -> str:
    """An unclear answer is no end: what counts is what is read. Clearing is always sent: a read may not show all."""
    wanted = wanted_of(run)
    clears = wanted.enabled is BootEnabled.DISABLED
    if not clears and _agrees(run.bmc.boot.read(), wanted, strictly=True):
        run.note("The BMC had this override already; nothing was sent.")
    else:
        _send(run, wanted)
    read: list[Override] = []

    def there() -> bool:
        read[:] = [run.bmc.boot.read()]
        return _agrees(read[0], wanted)

    agreed = run.until(there, run.patience(_READ_BACK_SECONDS), "for the override to be read back")
    found = read[0] if read else None
    run.saw("after", **(_words(found) if found else {}))
    if not agreed or found is None:
        raise StateNotReached(
            f"The BMC was sent the override, but reads back {_said(found) if found else 'nothing'}. "
            "Look before the next boot, or clear the override.",
            wanted=f"{wanted.source} {wanted.enabled} {wanted.mode or ''}".strip(),
            last_read=_said(found) if found else "nothing",
        )
    if wanted.enabled is not BootEnabled.ONCE:
        with database().write() as session:
            _close(session, run, "read as cleared" if clears else "replaced by a lasting override")
    return _conclude(run, wanted, found)


def _send(run: Run, wanted: BootParameters) -> None:
    try:
        run.bmc.boot.set(wanted.source, wanted.enabled, wanted.mode)
    except BmcError as error:
        if not error.retryable or error.details.get("sent") is False:
            raise
        run.note(f"The answer was unclear, so it was read back: {error.message}")


def _conclude(run: Run, wanted: BootParameters, found: Override) -> str:
    if wanted.enabled is BootEnabled.DISABLED:
        run.outcome = Outcome.PROVEN
        return "Read back: no override"
    run.outcome = Outcome.PENDING
    held = [("once or always", found.enabled, True), ("Legacy or UEFI", found.mode, wanted.mode is not None)]
    missing = [words for words, value, asked in held if asked and value is None]
    if missing:
        run.evidence["not_confirmed"] = [f"{words}: not confirmed by the BMC" for words in missing]
    tail = f" ({'; '.join(missing)} not confirmed by the BMC)" if missing else ""
    return f"Read back: {_said(found)}{tail}. It waits for the next boot"


def _open_rows(run: Run) -> Select[BootOverride]:
    return select(BootOverride).where(BootOverride.server_id == run.acted.server_id, BootOverride.closed_at.is_(None))


def _close(session: Session, run: Run, because: str) -> None:
    for row in session.scalars(_open_rows(run)):
        row.closed_at, row.closed_because = clock.now(), because


def _agrees(read: Override, wanted: BootParameters, strictly: bool = False) -> bool:
    """Whether what was read is what was wanted. A part that the BMC does not hold (None) agrees, unless strictly."""
    if wanted.enabled is BootEnabled.DISABLED:
        return not read.active
    enabled = read.enabled is wanted.enabled or (read.enabled is None and not strictly)
    mode = wanted.mode is None or read.mode is wanted.mode or (read.mode is None and not strictly)
    return read.source is wanted.source and enabled and mode


def is_waiting(run: Run, wanted: BootParameters) -> bool:
    """Whether the next boot is from that source, once or always, as the BMC says now. Raises BmcError."""
    read = run.bmc.boot.read()
    return read.active and read.source is wanted.source


def ensure_cleared(run: Run) -> str:
    """Clear the override, also one that a read does not show, and read back. Raises StateNotReached, BmcError."""
    return _ensure(lambda _run: BootParameters(source=BootSource.NONE), run)


def _parameters(run: Run) -> BootParameters:
    assert isinstance(run.parameters, BootParameters)
    return run.parameters


def override_steps(wanted: Wanted) -> tuple[Step, ...]:
    """The steps that set an override, watch it, and read it back."""
    return (
        Step("read_override", "Read the boot override", partial(_read_before, wanted)),
        Step("watch_override", "Watch the override until it is used", partial(_watch, wanted)),
        Step("ensure_override", "Set the override and read back", partial(_ensure, wanted)),
    )


def once(source: BootSource) -> tuple[Step, ...]:
    """The same, for one boot from that source."""
    wanted = BootParameters(source=source)
    return override_steps(lambda _run: wanted)


def _words(override: Override) -> dict[str, str | None]:
    return {
        "BootSourceOverrideTarget": str(override.source) if override.source else None,
        "BootSourceOverrideEnabled": str(override.enabled) if override.enabled else None,
        "BootSourceOverrideMode": str(override.mode) if override.mode else None,
    }


def _said(override: Override) -> str:
    if not override.active:
        return "no override"
    source = override.source or "another source"
    return " ".join(str(part) for part in (source, override.enabled, override.mode) if part)


ACTIONS = (
    Action(
        name="boot.set",
        title="Set boot device",
        consequence="The next boot of {server} uses it. Nothing restarts now.",
        danger="gentle",
        permission=Permission.POWER,
        lock=Lock.SERVER,
        tag=Tag.SERVER_BOOT_SET,
        capability=Capability.BOOT,
        parameters=BootParameters,
        steps=(steps.IDENTITY, *override_steps(_parameters)),
        no_return="ensure_override",
    ),
)
