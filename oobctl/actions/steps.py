"""Steps that many actions share: who is it, what is its power, and states that are ensured."""

import time
from typing import Any

from oobctl import clock, readings
from oobctl.constants import Capability, Outcome, PowerState, ResetType
from oobctl.errors import BmcError, StateNotReached, WrongState
from oobctl.jobs.action import Step
from oobctl.jobs.run import Run
from oobctl.store import database

_SEND_AGAIN_AFTER = 0.5  # of a state's time limit: one more try of a command that a repeat can't hurt


def check_identity(run: Run) -> str:
    """Read who answers, and compare it with who was enrolled: a login does it, here and after a crash."""
    found = run.read_identity()
    known = {"system UUID": found.system_uuid, "BMC GUID": found.bmc_guid, "serial": found.serial, "MAC": found.bmc_mac}
    first = next((f"{what} {value}" for what, value in known.items() if value), "nothing")
    return f"The right server: {first}"


def require_on(run: Run) -> str:
    """The server must run. Raises WrongState with a hint where it does not."""
    state = run.read_power("before")
    if state is not PowerState.ON:
        verb = run.action.needs_on or "do"
        raise WrongState(f"{run.name} is {state}, so there is nothing to {verb}. Use power.on to start it.")
    return f"Read: {state}"


def read_before(run: Run) -> str:
    """The power state before anything is done."""
    return f"Read: {run.read_power('before')}"


def ensure_power(run: Run, wanted: PowerState, reset: ResetType, seconds: float) -> str:
    """Read, send `reset` if needed, and read back until the hardware is there. Returns a sentence.

    An unclear answer to the command is no end: what counts is what is read. Raises StateNotReached where the hardware
    is not there in time; BmcError where it could not even be asked, and nothing was sent.
    """
    if not run.half_way and run.read_power("after") is wanted:
        return _reached(run, wanted, f"Was {wanted} already; nothing was sent")
    limit = run.patience(seconds)
    sender = _Sender(run, reset, again_after=seconds * _SEND_AGAIN_AFTER)

    def there() -> bool:
        if run.read_power("after") is wanted:
            return True
        sender.send_when_due()
        return run.read_power("after") is wanted

    if not run.until(there, limit, f"for {run.name} to be {wanted}"):
        raise _not_reached(run, wanted, limit, sender)
    return _reached(run, wanted, f"Read back: {wanted}")


def read_and_keep(run: Run, capability: Capability) -> Any:
    """Read one capability now, and keep it: what an action has read back is what pages show from then on.

    Returns its report (drivers.readings). Raises BmcError's subclasses.
    """
    at = clock.now()
    report = getattr(run.bmc, capability.value).read()
    with database().write() as session:
        readings.keep(session, run.acted.server_id, capability, report, at)
    return report


class _Sender:
    """Sends a command that a repeat can't hurt: once, and once more when nothing has come of it for a while."""

    def __init__(self, run: Run, reset: ResetType, again_after: float) -> None:
        self._run, self._reset, self._again_after = run, reset, again_after
        self._times = 0
        self._sent_at = 0.0
        self._taken, self._unclear = False, run.sent_before  # what an earlier run sent

    def send_when_due(self) -> None:
        if (self._times == 1 and time.monotonic() - self._sent_at < self._again_after) or self._times > 1:
            return
        self._times += 1
        self._sent_at = time.monotonic()
        if self._times > 1:
            self._run.note(f"{self._reset} was sent twice: nothing had come of it for {self._again_after:.0f} s.")
        try:
            self._run.bmc.power.set(self._reset)
        except BmcError as error:
            if error.details.get("sent") is not False:
                self._unclear = True
            raise
        self._taken = True

    @property
    def out(self) -> bool:
        """The command may have reached the BMC."""
        return self._taken or self._unclear

    @property
    def said(self) -> str:
        """What is known of the command."""
        if self._taken:
            return f"The BMC took the command {self._reset}."
        if self._unclear:
            return f"The command {self._reset} was sent, and whether the BMC took it is not known."
        return f"The command {self._reset} could not be sent."


def _reached(run: Run, state: PowerState, words: str) -> str:
    run.outcome = Outcome.PROVEN
    run.read_back(state)
    return "Sent by an earlier run. Read back: " + state if run.sent_before else words


def _not_reached(run: Run, wanted: PowerState, seconds: float, sender: _Sender) -> StateNotReached:
    """What is known: the last reading, whether the command went out, and how the server is left."""
    last = run.evidence.get("after", {}).get("PowerState", "nothing")
    silence = f" Since then: {run.last_error.message}" if run.last_error else ""
    again = "use power.on" if wanted is PowerState.ON else "try again"
    return StateNotReached(
        f"{run.name} was not {wanted} within {seconds:.0f} s; last read: {last}.{silence} {sender.said} "
        f"{_left(run, last, sender)} Look at its screen, then {again}.",
        wanted=str(wanted),
        last_read=last,
    )


def _left(run: Run, last: str, sender: _Sender) -> str:
    if run.last_error is None:
        return f"{run.name} is left {last}."
    if sender.out or last == "nothing":
        return f"What {run.name} is now is not known."
    return f"{run.name} is probably left {last}."


def ensure_off(run: Run) -> str:
    return ensure_power(run, PowerState.OFF, ResetType.FORCE_OFF, run.profile.power.off_limit)


def ensure_on(run: Run) -> str:
    return ensure_power(run, PowerState.ON, ResetType.ON, run.profile.power.on_limit)


def dwell(run: Run) -> str:
    """Stay off for a while, so that power supplies and disks really lose their charge."""
    seconds = run.profile.power.cycle_dwell
    run.wait(seconds, f"{seconds:.0f} s with the power off")
    return f"Stayed off for {seconds:.0f} s"


IDENTITY = Step("check_identity", "Check that this is the right server", check_identity)
READ = Step("read_power", "Read the power state", read_before)
MUST_BE_ON = Step("read_power", "Read the power state", require_on)
ENSURE_OFF = Step("ensure_off", "Switch off and read back", ensure_off)
DWELL = Step("dwell", "Stay off", dwell)
ENSURE_ON = Step("ensure_on", "Switch on and read back", ensure_on)
