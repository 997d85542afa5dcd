"""What was recorded at a server: which recordings there are, who may see them, and the key to watch one."""

from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from oobctl.access import Actor, find_server
from oobctl.audit import record, refusals
from oobctl.audit.tags import Tag
from oobctl.consoles.recording import kept, log, pictures, watching
from oobctl.constants import RecordingPurpose, SerialLog
from oobctl.control.consoles import check_may, gateway_for
from oobctl.errors import NotAllowed, NotFound, WrongState
from oobctl.store import Job, Recording, RecordingKey, Server, database


@dataclass(frozen=True)
class Opened:
    """What may be read at the gateway, with the token. row None: the serial log."""

    server: Server
    row: Recording | None
    gateway: str
    token: str


def recordings(
    session: Session, actor: Actor, server: str, *, after: str | None = None, limit: int = 50
) -> tuple[list[Recording], str | None]:
    """Of the server's consoles, the newest first, and the cursor of the next page; those that were removed too.

    A tenant sees those of their own time. Raises NotFound, NotAllowed.
    """
    found = check_may(session, actor, server, "see what was recorded at")
    query = select(Recording).where(
        Recording.server_id == found.id, Recording.purpose == RecordingPurpose.CONSOLE,
        or_(Recording.removed_because.is_(None), Recording.removed_because != kept.NOTHING_SHOWN),
    )  # fmt: skip
    if not actor.is_staff:
        query = query.where(Recording.account_id == record.account_of(session, found.id))
    if after is not None:
        query = query.where(Recording.id < after)
    rows = list(session.scalars(query.order_by(Recording.id.desc()).limit(limit + 1)))
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def find_recording(session: Session, actor: Actor, recording_id: str) -> Recording:
    """One that the actor may see. Raises NotFound, NotAllowed."""
    row = session.get(Recording, recording_id)
    if row is None:
        raise NotFound("There is no such recording.")
    server = find_server(session, actor, row.server_id)
    watching.check(session, actor, server, row.account_id)
    return row


def lines_of_job(session: Session, actor: Actor, job: Job) -> Recording | None:
    """The last lines of the serial line that were kept when it failed; None: none, or not yet.

    Raises NotFound where the server is another tenant's by now, NotAllowed.
    """
    found = log.of_job(session, job)
    if found is not None:
        watching.check(session, actor, find_server(session, actor, job.server_id), found.account_id)
    return found


def pictures_of_job(session: Session, actor: Actor, job: Job) -> list[Recording]:
    """Pictures of the screen that were taken for it, for who may see them; else none."""
    found = pictures.of_job(session, job.id)
    if not found:
        return []
    try:
        watching.check(session, actor, find_server(session, actor, job.server_id), job.account_id)
    except (NotFound, NotAllowed):
        return []
    return found


def picture_pending(session: Session, job: Job) -> bool:
    """Whether a picture was asked for, and is not taken yet."""
    found = pictures.asked_for(session, job.id)
    return found is not None and found.ended_at is None


def watch(actor: Actor, recording_id: str, *, panel_session: str | None = None) -> Opened:
    """A key to a recording, which is on record. panel_session: the hash of theirs, which it is bound to.

    Raises NotFound, NotAllowed with the reason (recorded), WrongState where it was removed, NoGateway.
    """
    with database().read() as session:
        known = session.get(Recording, recording_id)
        server_id = known.server_id if known is not None else None
    if server_id is None:
        raise NotFound("There is no such recording.")
    return _opened(actor, server_id, recording_id, panel_session)


def watch_log(actor: Actor, server: str, *, panel_session: str | None = None) -> Opened:
    """A key to the server's serial log of the tenant's time, which is on record. Raises as `watch`."""
    return _opened(actor, server, None, panel_session)


def set_serial_log(actor: Actor, server: str, when: SerialLog) -> None:
    """Say when the server's serial output is kept. Raises NotFound, NotAllowed (recorded)."""
    try:
        with database().write() as session:
            found = check_may(session, actor, server, "say what is kept of the serial line of")
            session.refresh(found, with_for_update=True)
            found.serial_log = when
            said = {"serial_log": when}
            record.event(session, actor, Tag.SERVER_CONSOLE_SET, server=found, parameters=said, reason="asked for")
    except NotAllowed as refused:
        _note_refusal(actor, server, Tag.SERVER_CONSOLE_SET, refused)
        raise


def _opened(actor: Actor, server: str, recording_id: str | None, panel_session: str | None) -> Opened:
    try:
        with database().write() as session:
            found = find_server(session, actor, server)
            row = session.get(Recording, recording_id) if recording_id is not None else None
            account_id = row.account_id if row is not None else record.account_of(session, found.id)
            reason = watching.check(session, actor, found, account_id)
            if row is not None and row.removed_at is not None:
                raise WrongState(f"The recording was removed. {row.removed_because}")
            key = RecordingKey(
                recording_id=recording_id, server_id=found.id, actor=actor.to_json(), panel_session=panel_session
            )
            token = watching.issue(key)
            session.add(key)
            parameters = {"recording": recording_id} if recording_id is not None else {"serial_log": True}
            record.event(
                session, actor, Tag.SERVER_CONSOLE_WATCH, server=found, account_id=account_id, parameters=parameters,
                reason=reason,
            )  # fmt: skip
            return Opened(found, row, gateway_for(session, found).url or "", token)
    except NotAllowed as refused:
        _note_refusal(actor, server, Tag.SERVER_CONSOLE_WATCH, refused)
        raise


def _note_refusal(actor: Actor, server: str, tag: Tag, refused: NotAllowed) -> None:
    with database().write() as session:
        found = find_server(session, actor, server)
        refusals.add(session, actor, tag, server=found, reason=refused.message)
