"""The management controller itself: restart it when it misbehaves, rung by rung. The server keeps running.

The ladder of `bmc.reset`: probe; close dead sessions of ours; a warm restart; a cold one. Each rung is a step, and one
that is not needed says why. What can't be repeated is sent once: the warm and the cold restart are two commands, each
with a once-step of its own. The cold one is sent only after a clear word on the warm one: the BMC refused it, or took
it and did not come back right in the profile's time. After an unclear answer, a "busy" (it may be updating its
firmware), or an interrupted send the job ends, and neither is sent. reset_type GracefulRestart or ForceRestart sends
that one alone.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from oobctl.actions import probe
from oobctl.audit.tags import Tag
from oobctl.constants import Capability, Lock, Outcome, Permission, PowerState, Protocol, ResetType
from oobctl.drivers import dead_sessions, refusals
from oobctl.errors import (
    BmcAuthUnconfirmed,
    BmcError,
    BmcRefused,
    BmcSessionsExhausted,
    BmcUnreachable,
    NotSupported,
    OobctlError,
    StateNotReached,
)
from oobctl.jobs.action import Action, Step
from oobctl.jobs.run import Run

_GOES_AWAY_WITHIN = 20.0
_LETS_US_IN_WITHIN = 15.0
_WORDS = {ResetType.GRACEFUL_RESTART: "warm", ResetType.FORCE_RESTART: "cold"}
_KINDS = "auto: warm, then cold where the warm one did not do. GracefulRestart (warm) or ForceRestart (cold): it alone."


class ResetParameters(BaseModel):
    """reset_type: auto (warm, then cold where needed), or GracefulRestart (warm) or ForceRestart (cold) alone."""

    model_config = ConfigDict(extra="forbid")
    reset_type: Literal["auto", "GracefulRestart", "ForceRestart"] = Field(default="auto", description=_KINDS)


def _asked(run: Run) -> ResetType | None:
    """The kind that alone was asked for; None: the ladder."""
    assert isinstance(run.parameters, ResetParameters)
    return None if run.parameters.reset_type == "auto" else ResetType(run.parameters.reset_type)


# --- probe, and sessions that nobody holds -----------------------------------------------------------------------


def _probe(run: Run) -> str:
    """A login ends dead sessions too (drivers/slots.py), so they are counted before it."""
    run.evidence["sessions"] = {"dead": len(dead_sessions.dead_sessions(run.acted.server_id))}
    return probe.words(_look(run))


def _look(run: Run) -> list[probe.Seen]:
    found = probe.look(run, "probe")
    read = next((seen.power for seen in found if seen.power is not None), None)
    if read is not None:
        run.saw("before", PowerState=str(read))
    return found


def _close_sessions(run: Run) -> str:
    """End what dead processes of ours left open; probe again where that can help. Raises where nothing lets us in."""
    before = run.evidence["sessions"]["dead"]
    ended = dead_sessions.close(run.acted.server_id)
    closed = max(ended.closed, before - ended.left)  # the probe's login has ended some of them
    run.evidence["sessions"] = {"dead": before, "closed": closed, "left": ended.left}
    said = _said_of_sessions(closed, ended.left)
    seen = [told for told in run.evidence["probe"].values() if isinstance(told, dict)]
    if any(told["let_us_in"] for told in seen) and (not closed or all("code" not in told for told in seen)):
        return said
    return f"{said}. Probed again: {probe.words(_let_in(run))}"


def _said_of_sessions(closed: int, left: int) -> str:
    if not closed and not left:
        return "No dead session of oobctl's was there; those of others are left alone"
    unended = f"; {left} could not be ended" if left else ""
    return f"Closed {closed} dead session{'' if closed == 1 else 's'} of oobctl's{unended}"


def _let_in(run: Run) -> list[probe.Seen]:
    """What is seen once a protocol lets us in. Raises the reason where none does for some time."""
    found: list[probe.Seen] = []

    def entered() -> bool:
        found[:] = _look(run)
        return any(seen.entered for seen in found) or all(seen.lasting for seen in found)

    run.until(entered, _LETS_US_IN_WITHIN, "for the BMC to let us in")
    if not any(seen.entered for seen in found):
        raise _nobody_in(run, found)
    return found


def _nobody_in(run: Run, found: list[probe.Seen]) -> OobctlError:
    """Why no restart can be sent, and what to do."""
    errors = [seen.error for seen in found if seen.error is not None]
    full = next((error for error in errors if isinstance(error, BmcSessionsExhausted)), None)
    if full is not None and "holders" not in full.details:  # else they are ours, of processes that live
        return BmcSessionsExhausted(
            f"The BMC of {run.name} has no free session, and none of those that are open is a dead one of oobctl's: "
            "somebody else holds them, so no restart could be sent. Close sessions there, or wait for some to end, "
            "and try again."
        )
    other = full or next((error for error in errors if not isinstance(error, BmcUnreachable)), None)
    return other or BmcUnreachable(
        f"The BMC of {run.name} is silent over all that it speaks ({probe.words(found)}), so no restart can reach it, "
        f"and nothing was sent. {run.name} itself may well be running. Check the BMC's network cable, switch port and "
        f"address. Check its power: if all is right, only cutting all power of {run.name} at the rack restarts its BMC."
    )


# --- the two restarts ----------------------------------------------------------------------------------------------


def _send(run: Run) -> str:
    """The warm restart, or the one that alone was asked for."""
    asked = _asked(run)
    try:
        return _restart(run, asked or ResetType.GRACEFUL_RESTART, run.evidence["probe"])
    except (BmcRefused, NotSupported) as error:
        if asked is not None:
            raise
        run.acted_already = False  # the BMC said no: nothing has changed
        return f"The BMC takes no warm restart: {error.message}"


def _send_cold(run: Run) -> str:
    """Only after a clear word on the warm one, and only where something lets us in."""
    asked = _asked(run)
    if asked is not None:
        return f"Not needed: a {_WORDS[asked]} restart alone was asked for"
    if run.evidence.get("came_back"):
        return "Not needed: the BMC came back from its warm restart"
    refused = not _sent(run)
    if not refused and run.until(lambda: _is_back(run), 0, "for a last look before the cold restart"):
        return f"Not needed: {_back(run, gone=True)}"
    found = probe.look(run, "before_cold")
    if not any(seen.entered for seen in found):
        raise _not_back(run, f"{probe.words(found)}. A cold restart cannot reach it and was not sent")
    try:
        return _restart(run, ResetType.FORCE_RESTART, run.evidence["before_cold"])
    except (BmcRefused, NotSupported) as error:
        warm = "was refused as well" if refused else "was taken, and the BMC did not come back right from it"
        raise type(error)(f"{error.message} The warm restart {warm}.", **error.details) from error


def _restart(run: Run, kind: ResetType, seen: dict[str, Any]) -> str:
    """Send it over the first of the profile's protocols that lets us in, once. Raises what BmcDevice.reset raises."""
    profile = run.profile
    away = _GOES_AWAY_WITHIN + profile.bmc_back_limit + profile.bmc_refusal_pause
    refusals.restarts(run.acted.server_id, away)  # while it starts it may refuse good passwords
    bmc = run.connection()
    entry: dict[str, Any] = {"ResetType": str(kind), "taken": False}
    try:
        way = _way(run, seen) or bmc.protocol_of(Capability.BMC)
        entry |= {"over": str(way), "answering": [name for name, told in _protocols(seen) if told["let_us_in"]]}
        bmc.over(way, Capability.BMC).reset(kind)
    except BmcError as error:
        entry |= {"code": error.code, "message": error.message}
        raise
    else:
        entry["taken"] = True
    finally:
        run.evidence["restarts"] = [*run.evidence.get("restarts", []), entry]
        bmc.close()
    run.outcome = Outcome.ACCEPTED
    return f"The BMC took the command for a {_WORDS[kind]} restart, over {way}"


def _protocols(seen: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(name, told) for name, told in seen.items() if isinstance(told, dict)]


def _way(run: Run, seen: dict[str, Any]) -> Protocol | None:
    entered = [name for name, told in _protocols(seen) if told["let_us_in"]]
    return run.profile.way_to(Capability.BMC, [Protocol(name) for name in entered])


def _sent(run: Run) -> dict[str, Any] | None:
    """The last restart that the BMC took."""
    return next((entry for entry in reversed(run.evidence.get("restarts", [])) if entry["taken"]), None)


# --- and back ------------------------------------------------------------------------------------------------------


def _wait_back(run: Run) -> str:
    if not _sent(run):
        return "Not needed: the BMC refused the warm restart, so it did not go away"
    said = _came_back(run)
    if said is not None:
        run.evidence["came_back"] = True
        return said
    if _asked(run) is not None:
        raise _not_back(run)
    return f"The BMC did not come back right within {run.profile.bmc_back_limit:.0f} s of its warm restart"


def _wait_cold(run: Run) -> str:
    sent = _sent(run)
    if _asked(run) is not None or sent is None or sent["ResetType"] != ResetType.FORCE_RESTART:
        return "Not needed: no cold restart was sent"
    said = _came_back(run)
    if said is None:
        raise _not_back(run)
    return said


def _came_back(run: Run) -> str | None:
    """Seen to go away and to answer again: proven. It answered all the time: accepted. None: it is not back."""
    gone = run.until(lambda: _is_away(run), _GOES_AWAY_WITHIN, "for the BMC to go away")
    words = "for the BMC to answer again"
    back = run.until(lambda: _is_back(run), run.profile.bmc_back_limit, words)
    if not back and isinstance(run.last_error, BmcAuthUnconfirmed):  # it is up, and was not asked since: once more
        back = run.until(lambda: _is_back(run), float(run.last_error.details.get("retry_after", 0)) + 1, words)
    if not back:
        return None
    return _back(run, gone=gone)


def _back(run: Run, *, gone: bool) -> str:
    state = run.evidence.get("after", {}).get("PowerState", "in a state that it does not tell")
    if not gone:
        run.evidence["not_confirmed"] = ["the restart itself: the BMC answered all the time"]
        return f"The BMC answers; that it restarted was not seen. The server is {state}"
    run.outcome = Outcome.PROVEN
    return f"The BMC went away and answers again; the server is {state}"


def _is_away(run: Run) -> bool:
    """Whether something that let us in before does not: a session of before would tell nothing."""
    sent = _sent(run)
    assert sent is not None
    return any(seen.away for seen in probe.look(run, only=sent["answering"]))


def _is_back(run: Run) -> bool:
    """Whether all that has to answer lets us in and tells the power. Raises what no more waiting mends."""
    found = probe.look(run, only=_needed(run))
    for seen in found:
        if seen.error is not None and (seen.lasting or seen.error.retryable):
            raise seen.error
    before = run.evidence["probe"]
    if not all(seen.well and _tells_power(seen, before[seen.protocol]) for seen in found):
        return False
    read = next((seen.power for seen in found if seen.power is not None), None)
    if read is not None:
        run.saw("after", PowerState=str(read))
    return True


def _tells_power(seen: probe.Seen, before: dict[str, Any]) -> bool:
    """Whether it tells the power as it did before: a BMC that never told it has lost nothing."""
    return seen.power is not PowerState.UNKNOWN or before.get("PowerState", PowerState.UNKNOWN) == PowerState.UNKNOWN


def _needed(run: Run) -> list[str]:
    """What answered before the restart, and what its profile uses; not what no restart mends (a wrong password)."""
    seen = dict(_protocols(run.evidence["probe"]))
    spoken = [Protocol(name) for name in seen]
    used = {run.profile.way_to(capability, spoken) for capability in (Capability.BMC, Capability.POWER)}
    return [
        name for name, told in seen.items() if told["let_us_in"] or (name in used and not told.get("lasting", False))
    ]


def _not_back(run: Run, then: str = "") -> StateNotReached:
    sent = _sent(run)
    kind = "restart" if sent is None else f"{_WORDS[ResetType(sent['ResetType'])]} restart"
    more = f" Then: {then}." if then else ""
    return StateNotReached(
        f"The BMC of {run.name} did not answer again as it should within {run.profile.bmc_back_limit:.0f} s of its "
        f"{kind}.{more} The server itself was not touched. If it stays silent, its power has to be cut at the rack.",
        wanted="answering",
        last_read="silent",
    )


ACTIONS = (
    Action(
        name="bmc.reset",
        title="Restart the BMC",
        consequence="The BMC of {server} restarts and is away for some minutes. The server itself keeps running.",
        danger="gentle",
        permission=Permission.POWER,
        lock=Lock.BMC,
        tag=Tag.SERVER_BMC_RESET,
        parameters=ResetParameters,
        steps=(
            Step("probe", "Probe: does the BMC answer, and is it the right one", _probe),
            Step("close_sessions", "Close dead sessions of oobctl's at the BMC", _close_sessions),
            Step("send_reset", "Send the restart, once", _send, once=True),
            Step("wait_back", "Wait for the BMC to answer again", _wait_back),
            Step("send_cold", "Send a cold restart, once, where the warm one did not do", _send_cold, once=True),
            Step("wait_cold", "Wait for the BMC after a cold restart", _wait_cold),
        ),
        no_return="send_reset",
    ),
)
