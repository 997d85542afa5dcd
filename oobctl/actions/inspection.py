"""Inspecting a server: what its BMC tells is read now, and kept for all who look at it later."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field, field_validator

from oobctl import clock, readings
from oobctl.actions import steps
from oobctl.audit.tags import Tag
from oobctl.constants import READ_CAPABILITIES, STAFF_CAPABILITIES, Capability, Lock, Outcome, Permission
from oobctl.errors import BmcError, BmcUnreachable, ConfigurationError, NotSupported, OobctlError, WrongServer
from oobctl.jobs.action import Action, Step
from oobctl.jobs.run import Run
from oobctl.readings import Report
from oobctl.store import database


class InspectParameters(BaseModel):
    """capabilities: what to read; empty: all that who asks may see."""

    model_config = ConfigDict(extra="forbid")
    capabilities: list[Capability] = Field(
        default_factory=list,
        max_length=len(READ_CAPABILITIES),
        description=f"Of {', '.join(READ_CAPABILITIES)}; empty: all of them.",
    )

    @field_validator("capabilities")
    @classmethod
    def _readable(cls, value: list[Capability]) -> list[Capability]:
        for name in value:
            if name not in READ_CAPABILITIES:
                raise ValueError(f"{name} is not read by an inspection")
        return list(dict.fromkeys(value))


@dataclass
class _Found:
    """What came of each capability, in words."""

    read: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    problems: int = 0
    last: OobctlError | None = None

    def add(self, name: Capability, found: Report | OobctlError) -> None:
        if isinstance(found, NotSupported):
            self.missing.append(readings.words(name))
        elif isinstance(found, OobctlError):
            self.failed.append(f"{readings.words(name)}: {found.message}")
            self.last = found
        else:
            self.read.append(readings.counted(found))
            self.problems += len(found.problems)

    def sentence(self) -> str:
        parts = [f"Read and kept: {', '.join(self.read)}"] if self.read else []
        parts += [f"{self.problems} problem{'s' * (self.problems > 1)} in what was read"] if self.problems else []
        parts += [f"This BMC has no {', no '.join(self.missing)}"] if self.missing else []
        parts += [f"Not read: {', '.join(self.failed)}"] if self.failed else []
        return ". ".join(part.rstrip(".") for part in parts)


def _inspect(run: Run) -> str:
    """Read each and keep each, so that what was read before a crash is kept. Raises the last error where none was."""
    found = _Found()
    for name in _wanted(run):
        run.wait(0.0, f"for the BMC of {run.name} to tell its {readings.words(name)}")
        was_silent = isinstance(found.last, BmcUnreachable)
        one = read_and_keep(run, name)
        found.add(name, one)
        if was_silent and isinstance(one, BmcUnreachable):  # twice in a row: it is gone, and would be for the others
            break
    if found.last is not None and not found.read and not found.missing:
        raise found.last
    for words in found.failed:
        run.note(f"Not read: {words}")
    run.saw("after", read=", ".join(found.read) or "nothing")
    run.outcome = Outcome.PROVEN
    return found.sentence()


def _wanted(run: Run) -> Sequence[Capability]:
    parameters = run.parameters
    assert isinstance(parameters, InspectParameters)
    all_of_them = [name for name in READ_CAPABILITIES if run.acted.by_staff or name not in STAFF_CAPABILITIES]
    return parameters.capabilities or all_of_them


def read_and_keep(run: Run, name: Capability) -> Report | OobctlError:
    """Read one capability and keep what came of it. Raises WrongServer, and what ends a run."""
    at = clock.now()
    found: Report | OobctlError
    try:
        found = readings.read(run.bmc, run.acted.server_id, name)
    except WrongServer:
        raise
    except (BmcError, ConfigurationError) as error:
        found = error
    with database().write() as session:
        readings.keep(session, run.acted.server_id, name, found, at)
    return found


ACTIONS = (
    Action(
        name="server.inspect",
        title="Read now",
        consequence="What the BMC of {server} tells is read now and shown from then on. Nothing on the server changes.",
        danger="look",
        permission=Permission.VIEW,
        lock=Lock.READ,
        tag=Tag.SERVER_INSPECT,
        parameters=InspectParameters,
        steps=(steps.IDENTITY, Step("inspect", "Read what the BMC tells, and keep it", _inspect)),
    ),
)
