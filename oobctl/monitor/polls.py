"""The power poll of one server: its state, or why there is none, and what that means for its connection."""

import time
from dataclasses import dataclass
from datetime import datetime
from queue import SimpleQueue

import structlog

from oobctl import clock
from oobctl.constants import PowerState
from oobctl.drivers import loops
from oobctl.errors import BmcUnreachable, OobctlError, StoreUnavailable, WrongServer
from oobctl.jobs.quarantine import quarantine
from oobctl.monitor.watch import Watch

log = structlog.get_logger()


@dataclass(frozen=True)
class Poll:
    """What one poll found: a state, or why there is none, and the code of that error."""

    server_id: str
    at: datetime
    state: PowerState | None
    because: str | None
    code: str | None = None


def poll(watch: Watch, holder: str, polls: "SimpleQueue[Poll]") -> None:
    """Read the power state and put what was found in the queue. Never raises."""
    try:
        if not watch.gone:
            _poll(watch, holder, polls)
    except Exception:
        log.exception("a poll failed", server=watch.name)
    finally:
        watch.busy = False


def _poll(watch: Watch, holder: str, polls: "SimpleQueue[Poll]") -> None:
    try:
        with watch.connected(holder) as bmc:
            state = bmc.checked(bmc.power.read)
    except WrongServer as error:
        another_answers(watch, error)
    except StoreUnavailable as error:
        log.warning("a poll waits for the database", because=error.message)
    except OobctlError as error:
        watch.drop()
        if not was_asked(error):
            watch.next_at = time.monotonic() + float(error.details.get("retry_after", watch.interval))
            log.info("a poll did not ask its BMC", server=watch.name, because=error.message)
        else:
            _fell_silent(watch, polls, error)
    else:
        watch.silent, watch.answered, watch.failures = False, True, 0
        polls.put(Poll(watch.server_id, clock.now(), state, None))


def was_asked(error: OobctlError) -> bool:
    """False where our own slots were taken, or the BMC is let be after logins that it left unanswered."""
    return not {"holders", "retry_after"} & error.details.keys()


def another_answers(watch: Watch, error: WrongServer) -> None:
    """Nothing of what it said is kept, and it is read no more."""
    watch.drop()
    try:
        loops.aside(lambda: quarantine(watch.server_id, error))
    except StoreUnavailable as away:
        log.warning("a quarantine waits for the database", server=watch.name, because=away.message)
    else:
        log.error("another server answers; it is quarantined", server=watch.name, because=error.message)


def _fell_silent(watch: Watch, polls: "SimpleQueue[Poll]", error: OobctlError) -> None:
    if watch.gone:  # we closed the connection ourselves
        return
    watch.silent = True
    if isinstance(error, BmcUnreachable):
        watch.unanswered()
    else:  # it answers, if not as it should
        watch.failures = 0
    polls.put(Poll(watch.server_id, clock.now(), None, error.message, error.code))
