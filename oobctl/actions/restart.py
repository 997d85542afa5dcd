"""Steps that restart a server so that something which waits for its next boot holds: off, dwell, on, each read back."""

from oobctl.actions import steps
from oobctl.constants import BiosApply, PowerState
from oobctl.jobs.action import Skipped, Step
from oobctl.jobs.run import Run

_WAITS = "It waits for the next boot"


def wanted(run: Run) -> bool:
    """Whether this job restarts the server: it was asked to, and the server ran when it began."""
    asked = getattr(run.parameters, "apply", BiosApply.NEXT_BOOT) is BiosApply.NOW
    return asked and run.evidence.get("before", {}).get("PowerState") == PowerState.ON


def read_power(run: Run) -> str:
    """The power state before anything is set: only a server that runs is restarted."""
    state = run.read_power("before")
    if getattr(run.parameters, "apply", None) is BiosApply.NOW and state is not PowerState.ON:
        run.note(f"{run.name} is {state}, so nothing is restarted: the settings hold when it is started next.")
    return f"Read: {state}"


def _off(run: Run) -> str:
    return steps.ensure_off(run) if wanted(run) else Skipped(f"Nothing is restarted. {_WAITS}")


def _dwell(run: Run) -> str:
    return steps.dwell(run) if wanted(run) else Skipped("Nothing to wait for")


def _on(run: Run) -> str:
    return steps.ensure_on(run) if wanted(run) else Skipped(f"{run.name} is as it was")


READ_POWER = Step("read_power", "Read the power state", read_power)
RESTART = (
    Step("restart_off", "Switch off and read back, where it is to hold now", _off),
    Step("restart_dwell", "Stay off", _dwell),
    Step("restart_on", "Switch on and read back", _on),
)
NO_RETURN = "restart_off"
