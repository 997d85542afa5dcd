"""Virtual media: an image of ours in a slot of the BMC, which the server sees as a drive; and out again."""

from collections.abc import Callable
from functools import partial

from pydantic import BaseModel, ConfigDict, Field, field_validator
from sqlalchemy.orm import Session

from oobctl.actions import steps
from oobctl.actions.slot_owners import Owners, owners
from oobctl.audit.tags import Tag
from oobctl.constants import Capability, Lock, Outcome, Permission
from oobctl.drivers import media_slots
from oobctl.drivers.readings import MediaReport, MediaSlot
from oobctl.errors import (
    BmcError,
    InvalidParameter,
    JobCancelled,
    NotSupported,
    OobctlError,
    StateNotReached,
    WrongState,
)
from oobctl.images import access, catalogue, serving
from oobctl.jobs.action import Action, Step
from oobctl.jobs.run import Run
from oobctl.store import Server

Wanted = Callable[[Run], "InsertParameters"]

_READ_BACK_SECONDS = 60.0
_EARLIER = "earlier_images"
"""The evidence's name for the images of ours that were in slots at first, by slot."""


def _none_where_empty(value: str | None) -> str | None:
    return value or None


class InsertParameters(BaseModel):
    """image: a name of the site's catalogue. slot: the slot's id at the BMC; None: the best one."""

    model_config = ConfigDict(extra="forbid")
    image: str = Field(description="The image's name, as the catalogue has it.")
    slot: str | None = Field(default=None, max_length=128, description="The BMC's slot; empty: the best one.")

    _best = field_validator("slot")(_none_where_empty)

    @field_validator("image")
    @classmethod
    def _named(cls, value: str) -> str:
        try:
            return catalogue.check_name(value)
        except InvalidParameter as error:
            raise ValueError(error.message) from error


class EjectParameters(BaseModel):
    """slot: the slot's id at the BMC; None: every slot that has something of this server in it."""

    model_config = ConfigDict(extra="forbid")
    slot: str | None = Field(default=None, max_length=128, description="The BMC's slot; empty: all of them.")

    _all = field_validator("slot")(_none_where_empty)


def check_known(session: Session, server: Server, by_staff: bool, parameters: BaseModel) -> None:
    """Raises InvalidParameter for an image that the site has not, where that is known here.

    With SQLite all of an installation is on one computer, the catalogue too. Else the worker asks the media service.
    """
    assert isinstance(parameters, InsertParameters)
    if session.get_bind().dialect.name != "sqlite":
        return
    names = [image.name for image in catalogue.all_images()]
    if parameters.image not in names:
        known = ", ".join(names) or "none yet"
        raise InvalidParameter(f"The site has no image {parameters.image}. There are: {known}.", field="image")


def _check_image(wanted_of: Wanted, run: Run) -> str:
    """The media service must serve it before a BMC is sent there. Ends what an earlier run of this job gave out."""
    wanted = wanted_of(run)
    access.close_job(run.acted.job_id)
    scheme, fetches = access.service().partition(":")[0], run.profile.media.fetches
    if scheme not in fetches:
        raise NotSupported(
            f"The BMC of {run.name} fetches images over {', '.join(fetches)}, and the site's media service speaks "
            f"{scheme}. Nothing was sent."
        )
    size = serving.check(run.acted.server_id, run.acted.job_id, wanted.image)
    return f"{wanted.image}, {size / 2**20:,.1f} MB, is there and can be fetched"


def _read_before(run: Run) -> str:
    """Which images of ours are in slots is kept before anything is taken out: a run after a crash puts it back too."""
    report = run.bmc.virtual_media.read()
    said = _said_all(run, report)
    run.saw("before", slots=said)
    whose = owners(run)
    images = {slot.slot: name for slot in report.slots if (name := whose.image(slot)) is not None}
    if images:
        run.evidence[_EARLIER] = images
    return f"Read: {said or 'no slots'}"


def _ensure_inserted(wanted_of: Wanted, run: Run) -> str:
    wanted = wanted_of(run)
    slot = _choose(run, wanted)
    earlier = run.evidence.get(_EARLIER, {}).get(slot.slot)
    try:
        _make_room(run, slot, earlier)
        _put_in(run, slot, wanted.image)
    except (BmcError, JobCancelled) as error:
        left = _put_back(run, slot, earlier) if slot.inserted or earlier else ""
        raise type(error)(f"{error.message} {left}".rstrip(), **error.details) from error
    report = _read_and_keep(run)
    found = _slot_of(report, slot.slot)
    access.keep_only(run.acted.server_id, _in_slots(report))
    run.saw("after", slot=slot.name, image=wanted.image if found else None)
    run.outcome = Outcome.PROVEN
    return f"Read back: {wanted.image} is in {slot.name}"


def _make_room(run: Run, slot: MediaSlot, earlier: str | None) -> None:
    """Take out what is in the slot. Raises WrongState where that is another server's."""
    if not slot.inserted:
        if earlier is not None:  # an earlier run of this job did
            run.note(f"What was in {slot.name} ({earlier}) was taken out first.")
        return
    whose = owners(run)
    if not whose.ours(slot) and not run.acted.by_staff:
        raise _not_ours(run, [slot])
    _keep_for_staff(run, whose, [slot])
    run.bmc.virtual_media.eject(slot.slot)
    run.note(f"What was in {slot.name} ({whose.told(slot)}) was taken out first.")


def _put_in(run: Run, slot: MediaSlot, image: str) -> None:
    """Raises BmcError where the BMC refuses it, StateNotReached where it does not show it in time."""
    url = access.open_for(run.acted.server_id, run.acted.job_id, image)
    try:
        run.bmc.virtual_media.insert(slot.slot, url)
    except BmcError as error:
        if not error.retryable or error.details.get("sent") is False:
            access.close_job(run.acted.job_id)
            raise
        run.note(f"The answer was unclear, so it was read back: {error.message}")

    def there() -> bool:
        return _holds(_slot(run, slot.slot), image)

    if not run.until(there, run.patience(_READ_BACK_SECONDS), "for the BMC to have the image"):
        run.saw("after", slot=slot.name, image=None)
        raise StateNotReached(
            f"The BMC of {run.name} took the image, but {slot.name} does not show it within {_READ_BACK_SECONDS:.0f} "
            f"s. Can the BMC reach the media service at {access.service()}?",
            wanted=image,
            last_read="not inserted",
        )


def _put_back(run: Run, slot: MediaSlot, earlier: str | None) -> str:
    """The new image was refused after the old one was taken out. Returns what is in the slot now, as a sentence."""
    if earlier is not None:
        try:
            _put_in_again(run, slot, earlier)
        except OobctlError as error:
            run.note(f"{earlier} could not be put back into {slot.name}: {error.message}")
    try:
        report = _read_and_keep(run)
    except BmcError as error:
        run.saw("after", slot=slot.name, image="not known")
        return f"What is in {slot.name} now is not known: {error.message}"
    access.keep_only(run.acted.server_id, _in_slots(report))
    found = _slot_of(report, slot.slot)
    now = owners(run).told(found) if found is not None and found.inserted else None
    run.saw("after", slot=slot.name, image=now)
    if now is None:
        was = owners(run).told(slot) if slot.inserted else earlier
        return f"{slot.name} is empty now: {was}, which was in it, was taken out."
    return f"{now} is in {slot.name} {'again' if now == earlier else 'now'}."


def _put_in_again(run: Run, slot: MediaSlot, earlier: str) -> None:
    found = _slot(run, slot.slot)
    if found is None or found.inserted:
        return
    serving.check(run.acted.server_id, run.acted.job_id, earlier)
    _put_in(run, slot, earlier)
    run.note(f"{earlier} was put back into {slot.name}.")


def _eject(run: Run) -> str:
    assert isinstance(run.parameters, EjectParameters)
    return ensure_ejected(run, run.parameters.slot)


def ensure_ejected(run: Run, wanted: str | None = None) -> str:
    """Empty the slot of that id, or all that have something of this server in them, and read back.

    Raises BmcError, StateNotReached where something stays, WrongState for what is another server's.
    """
    slots = _slots(run)
    if wanted is not None and all(slot.slot != wanted for slot in slots):
        raise _no_slot(run, wanted)
    full = [slot for slot in slots if slot.inserted and wanted in {None, slot.slot}]
    mine = _may_empty(run, full, named=wanted is not None)
    for slot in mine:
        run.bmc.virtual_media.eject(slot.slot)
    emptied = {slot.slot for slot in mine}

    def gone() -> bool:
        return not any(slot.inserted for slot in _slots(run) if slot.slot in emptied)

    if not run.until(gone, run.patience(_READ_BACK_SECONDS), "for the slot to be empty"):
        raise StateNotReached(
            f"The BMC of {run.name} took the request, and still has an image in its slot. Try again, or restart it.",
            wanted="empty",
            last_read=_said_all(run, run.bmc.virtual_media.read()),
        )
    report = _read_and_keep(run)
    access.keep_only(run.acted.server_id, _in_slots(report))
    run.saw("after", slots=_said_all(run, report))
    run.outcome = Outcome.PROVEN
    return f"Read back: {', '.join(slot.name for slot in mine)} empty" if mine else "It was empty already"


def ensure_out(run: Run, image: str) -> str:
    """Empty the slots that have this image in them for this server, and read back; others stay. Raises as above."""
    whose = owners(run)
    full = [slot for slot in _slots(run) if slot.inserted and whose.image(slot) == image]
    for slot in full:
        ensure_ejected(run, slot.slot)
    if full:
        return f"Read back: {', '.join(slot.name for slot in full)} empty"
    access.close_job(run.acted.job_id)
    return f"{image} is in no slot"


def _may_empty(run: Run, full: list[MediaSlot], *, named: bool) -> list[MediaSlot]:
    """Those of the full slots that are this server's. Raises WrongState where none is.

    On a BMC of several servers the others keep theirs; staff may empty a slot that they name.
    """
    whose = owners(run)
    mine = [slot for slot in full if whose.ours(slot) or (named and run.acted.by_staff)]
    foreign = [slot for slot in full if slot not in mine]
    if foreign and not mine:
        raise _not_ours(run, foreign)
    if foreign:
        names = ", ".join(slot.name for slot in foreign)
        run.note(f"Left as it is, because this BMC serves several servers and it is not {run.name}'s: {names}.")
    _keep_for_staff(run, whose, mine)
    return mine


def _keep_for_staff(run: Run, whose: Owners, slots: list[MediaSlot]) -> None:
    """What staff take out that is not this server's is named to staff alone."""
    taken = {slot.name: media_slots.file_name(slot.image or "") for slot in slots if not whose.ours(slot)}
    if taken:
        run.evidence.setdefault("staff", {})["taken_out"] = taken


def _not_ours(run: Run, slots: list[MediaSlot]) -> WrongState:
    names = ", ".join(slot.slot for slot in slots)
    return WrongState(
        f"The BMC of {run.name} serves several servers, and what is in {names} was not put there for {run.name}. "
        "Nothing was taken out. Staff can empty a slot by its name."
    )


def _in_slots(report: MediaReport) -> list[str | None]:
    return [slot.image for slot in report.slots if slot.inserted]


def _choose(run: Run, wanted: InsertParameters) -> MediaSlot:
    """The slot that was named; else the best one by the server's profile, empty ones before full ones."""
    slots = _slots(run)
    if wanted.slot is not None:
        for slot in slots:
            if slot.slot == wanted.slot:
                return slot
        raise _no_slot(run, wanted.slot)
    return media_slots.choose(slots, run.profile.media.slots)


def _no_slot(run: Run, name: str) -> InvalidParameter:
    known = ", ".join(slot.slot for slot in _slots(run)) or "none"
    return InvalidParameter(f"The BMC of {run.name} has no slot {name!r}. It has: {known}.", field="slot")


def _slots(run: Run) -> tuple[MediaSlot, ...]:
    return run.bmc.virtual_media.read().slots


def _read_and_keep(run: Run) -> MediaReport:
    report: MediaReport = steps.read_and_keep(run, Capability.VIRTUAL_MEDIA)
    return report


def _slot(run: Run, name: str) -> MediaSlot | None:
    return _slot_of(run.bmc.virtual_media.read(), name)


def _slot_of(report: MediaReport, name: str) -> MediaSlot | None:
    return next((slot for slot in report.slots if slot.slot == name), None)


def _holds(slot: MediaSlot | None, image: str) -> bool:
    """Some BMCs tell the address, some the file's name, some only that there is something."""
    if slot is None or not slot.inserted:
        return False
    return slot.image is None or slot.image.rstrip("/").endswith(image)


def _said_all(run: Run, report: MediaReport) -> str:
    """The way to an image is the BMC's business: of what is in a slot its name alone is said."""
    whose = owners(run)
    return ", ".join(f"{slot.name} {whose.told(slot)}" for slot in report.slots)


def _insert(run: Run) -> InsertParameters:
    assert isinstance(run.parameters, InsertParameters)
    return run.parameters


def insert_steps(wanted: Wanted) -> tuple[Step, ...]:
    """The steps that put an image into a slot, what was in it taken out, and read it back."""
    return (
        Step("check_image", "Check that the image is there", partial(_check_image, wanted)),
        Step("read_media", "Read what is in the slots", _read_before),
        Step("ensure_inserted", "Insert the image and read back", partial(_ensure_inserted, wanted)),
    )


ACTIONS = (
    Action(
        name="media.insert",
        title="Insert virtual media",
        consequence="{server} sees the image as a drive. Nothing restarts; it boots from it only if you set that.",
        danger="gentle",
        permission=Permission.REINSTALL,
        lock=Lock.SERVER,
        tag=Tag.SERVER_MEDIA_INSERT,
        capability=Capability.VIRTUAL_MEDIA,
        parameters=InsertParameters,
        check=check_known,
        steps=(
            steps.IDENTITY,
            *insert_steps(_insert),
        ),
    ),
    Action(
        name="media.eject",
        title="Eject virtual media",
        consequence="{server} loses the virtual drive. An operating system that uses it notices.",
        danger="gentle",
        permission=Permission.REINSTALL,
        lock=Lock.SERVER,
        tag=Tag.SERVER_MEDIA_EJECT,
        capability=Capability.VIRTUAL_MEDIA,
        parameters=EjectParameters,
        steps=(
            steps.IDENTITY,
            Step("read_media", "Read what is in the slots", _read_before),
            Step("ensure_ejected", "Empty the slot and read back", _eject),
        ),
    ),
)
