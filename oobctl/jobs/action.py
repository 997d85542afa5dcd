"""What an action is: a name, a permission, a lock, and the steps that carry it out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError
from sqlalchemy.orm import Session

from oobctl.access import Actor
from oobctl.audit.tags import Tag
from oobctl.constants import Capability, Lock, Permission
from oobctl.errors import NotFound
from oobctl.profiles.model import Profile
from oobctl.profiles.quirks import Quirk
from oobctl.store import Job, Server
from oobctl.vault import Secret

if TYPE_CHECKING:
    from oobctl.jobs.run import Run


class NoParameters(BaseModel):
    """An action that takes nothing, and refuses what it does not know."""

    model_config = ConfigDict(extra="forbid")


def wrong(field: str, message: str) -> PydanticCustomError:
    """For a rule over several parameters: what is wrong, and with which of them."""
    return PydanticCustomError("wrong_together", "{said}", {"said": message, "field": field})


class Skipped(str):
    """What a step says that had nothing to do: the page does not call it done."""

    __slots__ = ()


@dataclass(frozen=True)
class Step:
    """One step. `run` reads, acts if needed, and reads back; it may be run again after a crash.

    title: what the page says while it runs. once: it sends something that must not be repeated; after a crash in the
    middle of it the job ends needs_attention. once_unless: a quirk with which it does something else, that may be
    repeated. Its sentence of what was done is what `run` returns; Skipped where it did nothing.
    """

    name: str
    title: str
    run: Callable[["Run"], str]
    once: bool = False
    once_unless: Quirk | None = None

    def is_once(self, profile: Profile) -> bool:
        """Whether it must not be repeated at a BMC of this profile."""
        return self.once and not (self.once_unless is not None and profile.has(self.once_unless))


@dataclass(frozen=True)
class Action:
    """Something that can be asked of a server.

    consequence: what the page says before it is done, {server} and {state} filled in; the danger goes look, gentle,
    hard, destructive. no_return: the first step from which on a cancel is refused, because the server would be left
    worse than either end. check: at the door, in its transaction: what the store already knows to be wrong with the
    parameters (whether staff asks is told); raises InvalidParameter or WrongState. secret: also at the door, makes what
    is shown once to who asks and kept, sealed to the site, for the worker (store.JobSecret). capability: what of the
    BMC it needs to do anything at all; a server whose BMC has no way to it is not offered the action. lacks: what else
    the server lacks for it, in a sentence. complete: at the door, first of all: puts in what the parameters name and
    who asks keeps here (a saved script); raises NotFound.

    Where not all that is asked may be kept with the job: request is what is asked, keep gives the `parameters` that are
    kept and recorded, and arrange puts the rest away at the door, in its transaction; it returns what is shown once.
    unwind: after a failure or a cancel, puts right what the steps began; it may run again, says what it did in a
    sentence, and raises where it could not: a person has to look then.
    """

    name: str
    title: str
    consequence: str
    danger: str
    permission: Permission
    lock: Lock
    tag: Tag
    steps: tuple[Step, ...]
    parameters: type[BaseModel] = NoParameters
    check: Callable[[Session, Server, bool, BaseModel], None] | None = None
    secret: Callable[[Session, Server, Job], Secret] | None = None
    no_return: str | None = None
    needs_on: str | None = None  # what it does to a server, as a verb, where it can do it to a running one alone
    capability: Capability | None = None
    lacks: Callable[[Session, Server], str | None] | None = None
    request: type[BaseModel] | None = None
    complete: Callable[[Session, Actor, Any], BaseModel] | None = None
    keep: Callable[[Any], BaseModel] | None = None
    arrange: Callable[[Session, Server, Job, Any], Secret | None] | None = None
    unwind: Callable[["Run"], str] | None = None
    on_unassigned: bool = False  # also while the server is enrolling or quarantined

    @property
    def asks(self) -> type[BaseModel]:
        """What who asks has to say."""
        return self.request or self.parameters

    def position_of(self, step: str) -> int:
        """Where the step of that name stands."""
        return [found.name for found in self.steps].index(step)


Find = Callable[[str], Action]
"""Gives the action of a name; raises NotFound. jobs itself knows none."""


def tag_of(find: Find, name: str) -> str:
    """An action's audit tag. One that this release does not know any more is recorded under its own name."""
    try:
        return find(name).tag
    except NotFound:
        return f"server:{name.replace('.', ':')}"
