"""What an installer says, and what it is answered: go on, wait, stop, reboot."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from oobctl import clock
from oobctl.drivers.identity import clean
from oobctl.errors import InvalidParameter, NotAllowed
from oobctl.images.installs import claims
from oobctl.images.installs.phases import Phase, Word
from oobctl.store import Install, InstallLog, database

_LONGEST_REASON = 1_500  # a list of partitions is in some
_LONGEST_LINE = 400
_MOST_LINES = 5_000
"""Of one install: an installer that goes mad must not fill the database."""


@dataclass(frozen=True)
class Report:
    """One report. log_from: the number of the first of the log's lines, counted from 0."""

    phase: Phase
    bytes_done: int = 0
    reason: str = ""
    log: str = ""
    log_from: int = 0


def report(token: str, said: Report) -> Word:
    """Keep what the installer says. A report that is overtaken by a later phase keeps its log lines alone.

    Raises NotFound, WrongState, where it has no job any more, NotAllowed where it has not begun what it says is done.
    """
    with database().write() as session:
        install = claims.of_token(session, token)
        if said.phase.is_after_the_first_byte and install.first_write_at is None:
            raise NotAllowed("Ask to begin first.")
        now = clock.now()
        install.heard_at = now
        _keep_log(session, install, said)
        if not said.phase.is_before(install.phase) and install.configured_at is None:
            _go_on(install, said)
        if install.configured_at is None:
            return Word.GO
        return Word.REBOOT if install.may_reboot_at is not None else Word.WAIT


def _go_on(install: Install, said: Report) -> None:
    install.phase = said.phase
    install.bytes_done = max(install.bytes_done, said.bytes_done)
    if said.phase in {Phase.REFUSED, Phase.FAILED}:
        install.reason = clean(said.reason, _LONGEST_REASON) or "it did not say why"
    if said.phase.is_after_the_first_byte:
        install.written_at = install.written_at or clock.now()
    if said.phase is Phase.CONFIGURED:
        install.configured_at = clock.now()


def begin(token: str) -> Word:
    """Whether the installer may write its first byte. From `go` on the old system is taken to be gone.

    Raises NotFound, WrongState.
    """
    with database().write() as session:
        install = claims.of_token(session, token)
        install.heard_at = clock.now()
        if install.may_write_at is None:
            return Word.WAIT
        install.first_write_at = install.first_write_at or clock.now()
        return Word.GO


def _keep_log(session: Session, install: Install, said: Report) -> None:
    """Lines that are there already are passed over: a report whose answer was lost comes again."""
    if said.log_from < 0:
        raise InvalidParameter("log_from must not be negative.", field="log_from")
    lines = said.log.splitlines()[max(0, install.log_lines - said.log_from) :]
    room = _MOST_LINES - install.log_lines
    kept = [clean(line, _LONGEST_LINE) or "" for line in lines[: max(0, room)]]
    if not kept or said.log_from > install.log_lines:
        return
    session.add(InstallLog(job_id=install.job_id, first=install.log_lines, text="\n".join(kept)))
    install.log_lines += len(kept)
