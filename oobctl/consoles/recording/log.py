"""Serial logs: which servers' are kept now, and the last lines of one, kept for a job that failed."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta

from nacl.public import PrivateKey
from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from oobctl import clock
from oobctl.audit import record
from oobctl.config import settings
from oobctl.consoles import admission
from oobctl.consoles.recording import kept
from oobctl.consoles.recording.asciicast import LineTape
from oobctl.consoles.recording.kept import Closed, Subject
from oobctl.consoles.recording.lines import Line, last_of, lines_of
from oobctl.consoles.recording.sealed import Reader
from oobctl.constants import ConsoleKind, JobState, RecordingPurpose, SerialLog
from oobctl.errors import DamagedRecording, NoWay
from oobctl.store import Job, Recording, Server, database
from oobctl.vault import read_key

LINES_OF_A_JOB = 200
_UNDER_WAY = (JobState.RUNNING, JobState.WAITING, JobState.CANCELLING)
_WENT_WRONG = (JobState.FAILED, JobState.NEEDS_ATTENTION)
_AFTER = timedelta(seconds=2)  # a server that failed says why in the moment after
_LATEST = timedelta(minutes=5)  # a gateway that starts keeps nothing for jobs of yesterday


def wanted(site_id: str, gateway: str | None = None) -> list[Subject]:
    """The serial lines of the site that are to be kept now; by that gateway: but for those that another one keeps.

    Raises StoreUnavailable.
    """
    just_now = clock.now() - 2 * _AFTER
    at_work = exists().where(Job.server_id == Server.id, or_(Job.state.in_(_UNDER_WAY), Job.finished_at > just_now))
    query = select(Server).where(
        Server.site_id == site_id,
        Server.lifecycle.in_(admission.SHOWN_IN),
        or_(Server.serial_log == SerialLog.ALWAYS, (Server.serial_log == SerialLog.FAILURE) & at_work),
    )
    if gateway is not None:
        goes_on = (Recording.purpose == RecordingPurpose.LOG, Recording.ended_at.is_(None))
        query = query.where(~exists().where(Recording.server_id == Server.id, *goes_on, Recording.gateway != gateway))
    with database().read() as session:
        return [_subject(session, server) for server in session.scalars(query) if _has_a_line(server)]


def keep_for_jobs(site_id: str, gateway: str) -> None:
    """Keep the last lines for jobs that have failed, and drop what was kept of lines only in case of that.

    Raises StoreUnavailable, OSError, ConfigurationError.
    """
    now = clock.now()
    with database().read() as session:
        if session.scalar(select(Server.id).where(Server.serial_log != SerialLog.OFF).limit(1)) is None:
            return
    failed = select(Job).join(Server, Server.id == Job.server_id).where(
        Server.site_id == site_id, Server.serial_log != SerialLog.OFF, Job.state.in_(_WENT_WRONG),
        Job.finished_at.between(now - _LATEST, now - _AFTER), Job.started_at.is_not(None),
        ~exists().where(Recording.job_id == Job.id, Recording.purpose == RecordingPurpose.JOB),
    )  # fmt: skip
    with database().read() as session:
        jobs = [(job, session.get_one(Server, job.server_id).name) for job in session.scalars(failed)]
    for job, server_name in jobs:
        _keep_for(job, server_name, gateway, read_key(settings().keys / f"{site_id}.key"))
    _drop_unneeded(site_id)


def rows_of(session: Session, server_id: str, account_id: str | None) -> list[Recording]:
    """The files of a server's serial log in one tenant's time, the oldest first."""
    query = select(Recording).where(
        Recording.server_id == server_id, Recording.account_id == account_id, Recording.removed_at.is_(None),
        Recording.purpose == RecordingPurpose.LOG,
    )  # fmt: skip
    return list(session.scalars(query.order_by(Recording.id)))


def of_job(session: Session, job: Job) -> Recording | None:
    """The lines that were kept for a job."""
    query = select(Recording).where(Recording.job_id == job.id, Recording.purpose == RecordingPurpose.JOB)
    found = session.scalars(query).first()
    return found if found is not None and found.removed_at is None and found.ended_at is not None else None


def _subject(session: Session, server: Server) -> Subject:
    account_id = record.account_of(session, server.id)
    return Subject(server.id, server.name, account_id, ConsoleKind.SERIAL, RecordingPurpose.LOG)


def _has_a_line(server: Server) -> bool:
    try:
        admission.check_way(server, ConsoleKind.SERIAL)
    except NoWay:
        return False
    return True


def _keep_for(job: Job, server_name: str, gateway: str, key: PrivateKey) -> None:
    """An empty one too: the job's page says then that the line was silent."""
    assert job.started_at is not None
    began = job.started_at
    with database().read() as session:
        rows = rows_of(session, job.server_id, job.account_id)
    found = last_of(_since(rows, key, began), "", None, LINES_OF_A_JOB)[-LINES_OF_A_JOB:]
    subject = Subject(
        job.server_id, server_name, job.account_id, ConsoleKind.SERIAL, RecordingPurpose.JOB, job_id=job.id
    )
    begun = kept.begin(subject, gateway, began_at=began)
    if begun is None:
        return
    recording_id, writer = begun
    tape = LineTape(server_name, began)
    for line in found:
        tape.show(line.text.encode() + b"\r\n", max(0, int((line.at - began).total_seconds() * 1000)))
    for chunk in tape.end():
        writer.write(chunk)
    sha256 = writer.close(0)
    kept.close(Closed(recording_id, f"{job.action} failed.", sha256, writer.size, ()))


def _since(rows: list[Recording], key: PrivateKey, began: datetime) -> Iterator[Line]:
    for row in rows:
        # One that is at another gateway, or gone, leaves a gap, and no other lines out.
        with suppress(OSError, DamagedRecording), Reader(kept.path_of(row.id), key) as reader:
            yield from (line for line in lines_of(reader) if line.at >= began)


def _drop_unneeded(site_id: str) -> None:
    """Of servers whose lines are kept for failures alone: those that are closed, once nothing runs any more."""
    query = select(Recording.server_id).join(Server, Server.id == Recording.server_id).where(
        Server.site_id == site_id, Server.serial_log == SerialLog.FAILURE, Recording.removed_at.is_(None),
        Recording.purpose == RecordingPurpose.LOG, Recording.ended_at.is_not(None),
    )  # fmt: skip
    with database().read() as session:
        servers = set(session.scalars(query)) if session.scalar(query.limit(1)) is not None else set()
    if servers:
        at_work = {subject.server_id for subject in wanted(site_id)}
        kept.drop_logs(servers - at_work)
