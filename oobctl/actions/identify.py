"""The identify LED: a light on the chassis that tells a technician which server it is."""

from pydantic import BaseModel, ConfigDict, Field, model_validator

from oobctl.actions import steps
from oobctl.audit.tags import Tag
from oobctl.constants import Capability, IndicatorLED, Lock, Outcome, Permission
from oobctl.errors import StateNotReached
from oobctl.jobs.action import Action, Step, wrong
from oobctl.jobs.run import Run

_READ_BACK_SECONDS = 5.0


class IdentifyParameters(BaseModel):
    """state: Lit, Blinking or Off. seconds: for how long, where the BMC can say it."""

    model_config = ConfigDict(extra="forbid")
    state: IndicatorLED = Field(default=IndicatorLED.LIT, description="Lit, Blinking (Redfish alone) or Off.")
    seconds: int | None = Field(
        default=None, ge=1, le=255, description="For how long (IPMI alone can say it); empty: until it is changed."
    )

    @model_validator(mode="after")
    def _settable(self) -> "IdentifyParameters":
        if self.state is IndicatorLED.UNKNOWN:
            raise wrong("state", "it must be Lit, Blinking or Off")
        if self.state is IndicatorLED.OFF and self.seconds is not None:
            raise wrong("seconds", "it goes with Lit and Blinking")
        return self


def _set(run: Run) -> str:
    wanted = run.parameters
    assert isinstance(wanted, IdentifyParameters)
    run.saw("before", IndicatorLED=str(run.bmc.chassis.read_indicator()))
    run.bmc.chassis.set_indicator(wanted.state, wanted.seconds)
    run.outcome = Outcome.ACCEPTED
    return "The BMC took it"


def _read_back(run: Run) -> str:
    wanted = run.parameters
    assert isinstance(wanted, IdentifyParameters)
    read = [IndicatorLED.UNKNOWN]

    def settled() -> bool:
        read[0] = run.bmc.chassis.read_indicator()
        return read[0] in {IndicatorLED.UNKNOWN, wanted.state} or _same_light(read[0], wanted.state)

    agreed = run.until(settled, _READ_BACK_SECONDS, "for the light to be read back")
    run.saw("after", IndicatorLED=str(read[0]))
    if read[0] is IndicatorLED.UNKNOWN:
        run.evidence["not_confirmed"] = ["the light: this BMC does not tell whether it is lit"]
        return "The BMC does not tell whether the light is lit"
    if not agreed:
        raise StateNotReached(
            f"The BMC took it, but the light of {run.name} reads {read[0]} instead of {wanted.state}.",
            wanted=str(wanted.state),
            last_read=str(read[0]),
        )
    run.outcome = Outcome.PROVEN
    return f"Read back: {read[0]}"


def _same_light(read: IndicatorLED, wanted: IndicatorLED) -> bool:
    """A BMC that has one kind of light shows it for both words; off and not off are never the same."""
    return IndicatorLED.OFF not in {read, wanted}


ACTIONS = (
    Action(
        name="identify.set",
        title="Identify light",
        consequence="The light on the chassis of {server} changes. Nothing else does.",
        danger="gentle",
        permission=Permission.POWER,
        lock=Lock.SERVER,
        tag=Tag.SERVER_IDENTIFY_SET,
        capability=Capability.CHASSIS,
        parameters=IdentifyParameters,
        steps=(
            steps.IDENTITY,
            Step("set_light", "Set the light", _set),
            Step("read_back", "Read back", _read_back),
        ),
        no_return="set_light",
    ),
)
