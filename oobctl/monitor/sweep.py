"""Reading what is due of one server beside its power: one capability, and what comes of it."""

import time
from queue import SimpleQueue

import structlog

from oobctl import clock, readings
from oobctl.constants import Capability, Health
from oobctl.drivers.readings import EventLogReport, HealthReport
from oobctl.errors import (
    BmcAuthFailed,
    BmcIdentityChanged,
    BmcSessionsExhausted,
    OobctlError,
    StoreUnavailable,
    WrongServer,
)
from oobctl.monitor.polls import another_answers, was_asked
from oobctl.monitor.watch import Watch
from oobctl.readings import Report, Taken

log = structlog.get_logger()

_NOT_ASKED_SECONDS = 30.0  # until the next try where our own sessions, or the database, were in the way


def sweep(watch: Watch, holder: str, taken: "SimpleQueue[Taken]") -> None:
    """Read what is due, put what came of it in the queue, and plan the next time. Never raises."""
    plan = watch.plan  # another one, made meanwhile, wants it read again
    capability = plan.begin()
    found: Report | OobctlError | None = None
    at = clock.now()
    try:
        if not watch.gone:
            found = _read(watch, capability, holder)
    except WrongServer as error:
        another_answers(watch, error)
    except StoreUnavailable as error:
        log.warning("a reading waits for the database", because=error.message)
    except Exception as error:  # a defect of ours, or of a library: it is said, and the rest is read all the same
        log.exception("a reading failed", server=watch.name, capability=capability)
        found = OobctlError(
            f"oobctl itself failed in reading the {readings.words(capability)} ({type(error).__name__})."
        )
    if found is None:
        plan.put_off(capability, _NOT_ASKED_SECONDS, time.monotonic())
        return
    one = Taken(watch.server_id, capability, at, found)
    if not isinstance(found, OobctlError | EventLogReport):
        _ = one.plain  # made here, so that the thread that writes has less to do
    taken.put(one)
    plan.tried(capability, found.code if isinstance(found, OobctlError) else None, time.monotonic())
    if isinstance(found, HealthReport):
        _compare(watch, found)


def _compare(watch: Watch, found: HealthReport) -> None:
    """Parts that are not well, or are again, make the sensors due: one page shows both, and they are to agree."""
    ill = frozenset((part.name, part.health) for part in found.parts if part.health is not Health.UNKNOWN)
    if ill != watch.ill:
        watch.ill = ill
        watch.plan.hasten((Capability.SENSORS,), time.monotonic())


def _read(watch: Watch, capability: Capability, holder: str) -> Report | OobctlError | None:
    """The report, or why there is none; nothing where the BMC was not asked. Raises WrongServer, StoreUnavailable."""
    try:
        with watch.connected(holder) as bmc:
            return readings.read(bmc, watch.server_id, capability)
    except (WrongServer, StoreUnavailable):
        raise
    except OobctlError as error:
        if (
            isinstance(error, BmcSessionsExhausted)
            or error.retryable
            or isinstance(error, BmcAuthFailed | BmcIdentityChanged)
        ):
            watch.drop()
        return None if watch.gone or not was_asked(error) else error
