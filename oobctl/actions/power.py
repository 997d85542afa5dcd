"""Power: on, off, shut down, cycle, reset, NMI."""

from pydantic import BaseModel, ConfigDict, Field

from oobctl import clock
from oobctl.actions import steps
from oobctl.audit.tags import Tag
from oobctl.constants import Lock, Outcome, Permission, PowerState, ResetType
from oobctl.errors import JobCancelled, OobctlError, StateNotReached
from oobctl.jobs.action import Action, NoParameters, Step
from oobctl.jobs.run import Run
from oobctl.profiles.quirks import Quirk

_TELLS_WITHIN = 15.0


class OffParameters(NoParameters):
    """preempt: staff only; end the job that has the server now, which then needs attention."""

    preempt: bool = Field(default=False, description="Staff: end the job that has the server now.")


class ShutdownParameters(BaseModel):
    """timeout_seconds: how long the operating system may take; None: what the profile says."""

    model_config = ConfigDict(extra="forbid")
    timeout_seconds: int | None = Field(
        default=None, ge=10, le=3600, description="How long the operating system may take."
    )


def _ask_shutdown(run: Run) -> str:
    run.bmc.power.set(ResetType.GRACEFUL_SHUTDOWN)
    run.outcome = Outcome.ACCEPTED
    return "The BMC passed the request on to the operating system"


def _wait_off(run: Run) -> str:
    assert isinstance(run.parameters, ShutdownParameters)
    seconds = run.parameters.timeout_seconds or run.profile.power.shutdown_limit
    words = f"for {run.name}'s operating system to shut down"
    try:
        is_off = run.until(lambda: run.read_power("after") is PowerState.OFF, seconds, words)
    except JobCancelled as cancelled:
        run.evidence["not_confirmed"] = ["the shutdown: the operating system was asked, and may still carry it out"]
        raise JobCancelled(
            f"Cancelled while the job waited {words}. The operating system had been asked already: {run.name} may "
            "still go off. Look at it before you rely on it."
        ) from cancelled
    if is_off:
        run.outcome = Outcome.PROVEN
        run.read_back(PowerState.OFF)
        return "Read back: Off"
    last = run.evidence.get("after", {}).get("PowerState", "nothing")
    raise StateNotReached(
        f"{run.name}'s operating system did not shut down within {seconds:.0f} s; last read: {last}. "
        "Nothing was forced. Look at its screen; power.off switches it off hard, and unsaved data is lost.",
        wanted="Off",
        last_read=last,
    )


def _reset_once(run: Run) -> str:
    """The reset, sent once. Where a BMC hangs on it, the power goes off here, which may be repeated, and on later."""
    if run.profile.has(Quirk.FORCE_RESTART_HANGS):
        run.note("Done as off, pause, on: this kind of BMC can hang when it is asked for a reset.")
        return f"No reset was sent: this BMC can hang on it. Switched off. {steps.ensure_off(run)}"
    before = run.bmc.power.last_reset()
    run.saw("before", LastResetTime=clock.rfc3339(before))
    run.bmc.power.send_once(ResetType.FORCE_RESTART)
    run.outcome = Outcome.ACCEPTED
    return "The BMC took the reset"


def _read_after_reset(run: Run) -> str:
    """A newer LastResetTime proves a reset; a BMC that tells none leaves it at accepted."""
    if run.profile.has(Quirk.FORCE_RESTART_HANGS):
        return f"{steps.dwell(run)}. {steps.ensure_on(run)}"
    before = run.evidence.get("before", {}).get("LastResetTime")
    found: dict[str, str | None] = {}

    def told() -> bool:
        found["LastResetTime"] = clock.rfc3339(run.bmc.power.last_reset())
        found["PowerState"] = str(run.read_power("after"))
        return found["LastResetTime"] != before or before is None

    run.saw_boot()
    told_in_time = run.until(told, _TELLS_WITHIN, "for the BMC to tell of the reset")
    if "PowerState" not in found:
        run.evidence["not_confirmed"] = ["the reset itself: the BMC could not be read since"]
        return "The BMC could not be read since; it had taken the reset"
    after = found["LastResetTime"]
    run.saw("after", LastResetTime=after)
    if told_in_time and after is not None:
        run.outcome = Outcome.PROVEN
        return f"Read back: {found['PowerState']}, last reset at {after}"
    why = "this BMC tells no time of the last reset" if after is None else "its time of the last reset did not change"
    run.evidence["not_confirmed"] = [f"the reset itself: {why}"]
    return f"Read back: {found['PowerState']}. That it was reset is not confirmed by the BMC"


def _nmi_once(run: Run) -> str:
    run.bmc.power.send_once(ResetType.NMI)
    run.outcome = Outcome.ACCEPTED
    run.evidence["not_confirmed"] = ["the interrupt itself: no BMC tells of it; look at the server's screen"]
    try:
        return f"The BMC took it; the server is {run.read_power('after')}"
    except OobctlError as error:
        return f"The BMC took it; the power could not be read afterwards ({error.message})"


ACTIONS = (
    Action(
        name="power.on",
        title="Power on",
        consequence="{server} starts.",
        danger="gentle",
        permission=Permission.POWER,
        lock=Lock.SERVER,
        tag=Tag.SERVER_POWER_ON,
        steps=(steps.IDENTITY, steps.READ, steps.ENSURE_ON),
        no_return="ensure_on",
    ),
    Action(
        name="power.shutdown",
        title="Shut down",
        consequence="{server}'s operating system is asked to shut down. If it ignores that, nothing is forced.",
        danger="gentle",
        permission=Permission.POWER,
        lock=Lock.SERVER,
        tag=Tag.SERVER_POWER_SHUTDOWN,
        needs_on="shut down",
        parameters=ShutdownParameters,
        steps=(
            steps.IDENTITY,
            steps.MUST_BE_ON,
            Step("ask_shutdown", "Ask the operating system to shut down", _ask_shutdown),
            Step("wait_off", "Wait for the shutdown", _wait_off),
        ),
    ),
    Action(
        name="power.off",
        title="Power off (hard)",
        consequence="{server} is {state}. Its power is cut at once: unsaved data is lost.",
        danger="hard",
        permission=Permission.POWER,
        lock=Lock.SERVER,
        tag=Tag.SERVER_POWER_OFF,
        parameters=OffParameters,
        steps=(steps.IDENTITY, steps.READ, steps.ENSURE_OFF),
        no_return="ensure_off",
    ),
    Action(
        name="power.cycle",
        title="Power cycle",
        consequence="{server} is {state}. Its power is cut and comes back after some seconds: unsaved data is lost.",
        danger="hard",
        permission=Permission.POWER,
        lock=Lock.SERVER,
        tag=Tag.SERVER_POWER_CYCLE,
        needs_on="cycle",
        steps=(steps.IDENTITY, steps.MUST_BE_ON, steps.ENSURE_OFF, steps.DWELL, steps.ENSURE_ON),
        no_return="ensure_off",
    ),
    Action(
        name="power.reset",
        title="Reset",
        consequence="{server} is {state}. It restarts at once without shutting down: unsaved data is lost.",
        danger="hard",
        permission=Permission.POWER,
        lock=Lock.SERVER,
        tag=Tag.SERVER_POWER_RESET,
        needs_on="reset",
        steps=(
            steps.IDENTITY,
            steps.MUST_BE_ON,
            Step(
                "send_reset",
                "Send the reset, once",
                _reset_once,
                once=True,
                once_unless=Quirk.FORCE_RESTART_HANGS,
            ),
            Step("read_back", "Read back", _read_after_reset),
        ),
        no_return="send_reset",
    ),
    Action(
        name="power.nmi",
        title="Send NMI",
        consequence="{server} gets a non-maskable interrupt: most operating systems stop and write a crash dump.",
        danger="hard",
        permission=Permission.POWER,
        lock=Lock.SERVER,
        tag=Tag.SERVER_POWER_NMI,
        needs_on="interrupt",
        steps=(steps.IDENTITY, steps.MUST_BE_ON, Step("send_nmi", "Send the interrupt, once", _nmi_once, once=True)),
        no_return="send_nmi",
    ),
)
