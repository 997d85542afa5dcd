"""The management controller itself: restart it when it misbehaves. The server keeps running."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from oobctl.actions import steps
from oobctl.audit.tags import Tag
from oobctl.constants import Lock, Outcome, Permission, ResetType
from oobctl.errors import BmcError, StateNotReached
from oobctl.jobs.action import Action, Step
from oobctl.jobs.run import Run

_GOES_AWAY_WITHIN = 20.0


class ResetParameters(BaseModel):
    """reset_type: GracefulRestart (warm) or ForceRestart (cold)."""

    model_config = ConfigDict(extra="forbid")
    reset_type: Literal["GracefulRestart", "ForceRestart"] = Field(
        default="GracefulRestart", description="GracefulRestart (warm) or ForceRestart (cold)."
    )


def _send(run: Run) -> str:
    assert isinstance(run.parameters, ResetParameters)
    run.saw("before", PowerState=str(run.read_power()))
    run.bmc.bmc.reset(ResetType(run.parameters.reset_type))
    run.outcome = Outcome.ACCEPTED
    return "The BMC took the command to restart"


def _wait_back(run: Run) -> str:
    """The BMC was seen to go away and to answer again: proven. It answered all the time: accepted."""
    run.disconnect()
    gone = run.until(lambda: not _answers(run), _GOES_AWAY_WITHIN, "for the BMC to go away")
    seconds = run.profile.bmc_back_limit
    if not run.until(lambda: _answers(run), seconds, "for the BMC to answer again"):
        raise StateNotReached(
            f"The BMC of {run.name} did not answer again within {seconds:.0f} s of its restart. The server itself was "
            "not touched. If it stays silent, its power has to be cut at the rack.",
            wanted="answering",
            last_read="silent",
        )
    state = run.read_power("after")
    if not gone:
        run.evidence["not_confirmed"] = ["the restart itself: the BMC answered all the time"]
        return f"The BMC answers; that it restarted was not seen. The server is {state}"
    run.outcome = Outcome.PROVEN
    return f"The BMC went away and answers again; the server is {state}"


def _answers(run: Run) -> bool:
    """Whether a new login works: a session of before would tell nothing."""
    run.disconnect()
    try:
        run.connect_once()
    except BmcError as error:
        if not error.retryable:
            raise
        return False
    return True


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
            steps.IDENTITY,
            Step("send_reset", "Send the restart, once", _send, once=True),
            Step("wait_back", "Wait for the BMC to answer again", _wait_back),
        ),
        no_return="send_reset",
    ),
)
