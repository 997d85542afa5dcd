"""After a change of hands: nothing that the last tenant set at the BMC is there for the next one."""

from collections.abc import Callable

from sqlalchemy import select, update

from oobctl import clock, readings
from oobctl.access import SYSTEM
from oobctl.actions import steps
from oobctl.actions.inspection import read_and_keep
from oobctl.actions.slot_owners import owners
from oobctl.audit import record
from oobctl.audit.tags import Tag
from oobctl.constants import BootEnabled, BootSource, Lock, Outcome, Permission
from oobctl.drivers.readings import MediaSlot
from oobctl.errors import BmcBadAnswer, BmcRefused, NotSupported, StateNotReached
from oobctl.images import access
from oobctl.jobs.action import Action, Step
from oobctl.jobs.run import Run
from oobctl.readings.tell import HANDED_ON
from oobctl.store import BootOverride, Job, Server, database

_READ_BACK_SECONDS = 20.0
_OVERRIDE, _MEDIA, _BIOS = "the boot override", "virtual media", "BIOS settings that wait for the next boot"


def _clear_override(run: Run) -> str:
    """Also one that the BMC alone knows. Sent whatever is read: a read may not show all."""

    def clear() -> None:
        active = run.bmc.boot.read().active
        try:
            run.bmc.boot.set(BootSource.NONE, BootEnabled.DISABLED, None)
        except (BmcRefused, NotSupported):
            if active:
                raise
        _until(run, lambda: not run.bmc.boot.read().active, _OVERRIDE)
        mine = (BootOverride.server_id == run.acted.server_id) & BootOverride.closed_at.is_(None)
        values = {"closed_at": clock.now(), "closed_because": "cleared when the server changed hands"}
        with database().write() as session:
            session.execute(update(BootOverride).where(mine).values(values))

    return _cleared(run, _OVERRIDE, ("boot.set",), lambda: run.bmc.boot.read() is not None, clear)


def _empty_slots(run: Run) -> str:
    whose = owners(run)

    def full() -> list[MediaSlot]:
        return [slot for slot in run.bmc.virtual_media.read().slots if slot.inserted]

    def clear() -> None:
        for slot in full():
            if whose.ours(slot):
                run.bmc.virtual_media.eject(slot.slot)
        _until(run, lambda: not any(map(whose.ours, full())), _MEDIA)
        access.close(run.acted.server_id)
        strange = [slot.name for slot in full() if not whose.others(slot)]
        if strange:
            raise StateNotReached(
                f"This BMC serves several servers, and whose image is in {', '.join(strange)} is not known."
            )

    return _cleared(run, _MEDIA, ("media.insert",), lambda: bool(full()), clear)


def _drop_bios(run: Run) -> str:
    """Where a BMC has no way to drop them, they are made to be what holds now."""

    def clear() -> None:
        report = run.bmc.bios.read()
        now = {name: report.values.get(name) for name in report.pending}
        run.bmc.bios.set({name: value for name, value in now.items() if value is not None})
        _until(run, lambda: not run.bmc.bios.read().pending, _BIOS)

    return _cleared(run, _BIOS, ("bios.set", "bios.reset"), lambda: bool(run.bmc.bios.read().pending), clear)


def _cleared(run: Run, what: str, set_by: tuple[str, ...], there: Callable[[], bool], clear: Callable[[], None]) -> str:
    """What a BMC refuses to let go of is noted for staff, and the rest is cleared all the same.

    Where it is away, busy or another one, the job ends with that, and is asked for again.
    """
    if _set_since(run, set_by):
        return f"{what}: set since by who has the server now, so it was left as it is"
    try:
        if not there():
            return f"{what}: nothing there"
    except NotSupported:
        return f"{what}: this BMC has none"
    try:
        clear()
    except (BmcRefused, BmcBadAnswer, NotSupported, StateNotReached) as error:
        staff = run.evidence.setdefault("staff", {})
        staff["left"] = {**staff.get("left", {}), what: error.message}
        return f"{what}: could not be cleared"
    return f"{what}: read back as cleared"


def _until(run: Run, gone: Callable[[], bool], what: str) -> None:
    if run.until(gone, run.patience(_READ_BACK_SECONDS), "for what the last tenant set to be gone"):
        return
    if run.last_error is not None:
        raise run.last_error
    raise StateNotReached(f"The BMC of {run.name} took the request, and still has {what}.")


def _set_since(run: Run, actions: tuple[str, ...]) -> bool:
    """Whether who has the server now has begun one of these actions: then it is theirs."""
    with database().read() as session:
        since = session.get_one(Server, run.acted.server_id).uncleared_since
        if since is None:  # staff ask for it by hand: all of it goes
            return False
        mine = select(Job.id).where(Job.server_id == run.acted.server_id, Job.action.in_(actions))
        begun = mine.where(Job.created_at >= since, Job.started_at.is_not(None)).limit(1)
        return session.scalar(begun) is not None


def _conclude(run: Run) -> str:
    """What was read before tells of the last tenant: it is forgotten, and read anew. What is left is put to staff."""
    left: dict[str, str] = run.evidence.get("staff", {}).get("left", {})
    with database().write() as session:
        session.execute(update(Server).where(Server.id == run.acted.server_id).values(uncleared_since=None))
        readings.forget(session, run.acted.server_id, *HANDED_ON)
        if left:
            record.insert(
                session, SYSTEM, "event", Tag.SERVER_LEFT, server_id=run.acted.server_id, account_id=None,
                parameters={"left": left}, outcome="done", evidence=None,
                reason=f"The last tenant's could not be cleared at the BMC: {', '.join(left)}. Clear it by hand.",
            )  # fmt: skip
    for capability in HANDED_ON:
        read_and_keep(run, capability)
    if left:
        raise StateNotReached(
            f"What was set before {run.name} changed hands could not all be cleared: {', '.join(left)}. Staff are told."
        )
    run.outcome = Outcome.PROVEN
    return "Nothing of the last tenant's is left; BIOS and virtual media are read anew"


ACTIONS = (
    Action(
        name="server.release",
        title="Clear what was set",
        consequence="The boot override of {server} is cleared, its virtual media are ejected, and BIOS settings that "
        "wait for its next boot are dropped. It does that by itself when it changes hands.",
        danger="gentle",
        permission=Permission.SERVICE,
        lock=Lock.SERVER,
        tag=Tag.SERVER_RELEASE,
        steps=(
            steps.IDENTITY,
            Step("clear_override", "Clear the boot override and read back", _clear_override),
            Step("empty_slots", "Empty the virtual media and read back", _empty_slots),
            Step("drop_bios", "Drop BIOS settings that wait, and read back", _drop_bios),
            Step("read_anew", "Read anew", _conclude),
        ),
    ),
)
