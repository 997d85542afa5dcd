"""The gateway's process: its listener, its heartbeat, and the look each second at who may still be there."""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import structlog
import uvloop
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from sqlalchemy import select, update

from oobctl import clock
from oobctl.config import settings
from oobctl.consoles import admission, ending, setup_keys
from oobctl.consoles.recording import kept, pictures
from oobctl.consoles.recording import log as log_of
from oobctl.consoles.recording.kept import Subject
from oobctl.consoles.recording.pictures import Wanted
from oobctl.consoles.recording.policy import Rule, rules_of
from oobctl.consoles.setup_keys import WantedKey
from oobctl.drivers import dead_sessions, slots
from oobctl.errors import ConfigurationError, OobctlError, StoreUnavailable
from oobctl.gateway import launches, watching
from oobctl.gateway.connection import PATH, Connections
from oobctl.gateway.entrance import Entrance
from oobctl.gateway.launch_session import Session
from oobctl.gateway.launches import Launches
from oobctl.gateway.listener import KEEP_ALIVE_SECONDS, runner_of
from oobctl.gateway.logs import Logs
from oobctl.gateway.pictures import Pictures
from oobctl.gateway.places import Place, Places
from oobctl.gateway.setup_keys import SetupKeys
from oobctl.gateway.watching import Watching
from oobctl.ids import new_id
from oobctl.installation import find_site
from oobctl.jobs import recovery
from oobctl.jobs.heartbeats import Heartbeats, Holders
from oobctl.store import PanelSession, Process, database, db_now

log = structlog.get_logger()
logging.getLogger("aiohttp.server").addFilter(lambda record: not _is_bad_http(record))

_LOOK_SECONDS = 1.0
_THREADS = 64  # what waits for a BMC or the database waits in one of them
_SURE_SECONDS = 5.0  # for so long after a look nobody's access has ended unseen
_SEEN_EVERY = 60.0  # how often a panel session hears that its person types
_SESSION_BEAT_SECONDS = 30.0
_PRUNE_SECONDS = 600.0
_LAUNCHES_SECONDS = 60.0


def run(site: str, stop: threading.Event) -> None:
    """Serve consoles until `stop` is set.

    Raises ConfigurationError where the site is missing, or nothing can listen at OOBCTL_GATEWAY_LISTEN.
    """
    found = find_site(site)
    process = f"gateway-{new_id()}"
    launch_url = launches.checked_url()
    recovery.beat(process, "gateway", found.id, first=True, url=settings().gateway_address, launch_url=launch_url)
    heart = recovery.Beating(process, "gateway", found.id)
    heart.start()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_Gateway(process, found.id, launch_url).serve(stop))
    finally:
        heart.stop()
        with contextlib.suppress(StoreUnavailable):
            ending.leave_all_of([process])
            kept.close_left_by([process])
            recovery.leave(process)


def _is_bad_http(record: logging.LogRecord) -> bool:
    """What is no HTTP may hold a key that somebody sent where none is taken: it goes into no log."""
    return record.exc_info is not None and isinstance(record.exc_info[1], HttpProcessingError)


class _Gateway:
    def __init__(self, process: str, site_id: str, launch_url: str | None) -> None:
        self._id, self._site_id, self._launch_url = process, site_id, launch_url
        self._entrance = Entrance()
        self._places = Places(process)
        self._heartbeats, self._holders = Heartbeats(), Holders(process, site_id)
        self._looked = time.monotonic()
        self._beaten = 0.0
        self._pruned, self._launches_ended = float("-inf"), time.monotonic()  # at first a dead gateway's are ended
        self._launches = Launches(
            process, site_id, launch_url or "", self._entrance, lambda: self._places.takes_input,
            self._places.to_note.append,
        )  # fmt: skip
        self._logs = Logs(process, self._places)
        self._pictures = Pictures(self._places)
        self._setup_keys = SetupKeys(self._places)
        self._wanted: list[Wanted] = []
        self._wanted_keys: list[WantedKey] = []
        self._chores = ThreadPoolExecutor(1, "chores")  # large files are read there
        self._own_thread = ThreadPoolExecutor(1, "look")  # it waits for no BMC that keeps the others waiting

    async def serve(self, stop: threading.Event) -> None:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS, "gateway"))
        service = web.Application()
        service.router.add_get(PATH, Connections(self._id, self._places, self._site_id, self._entrance).handle)
        service.router.add_get(watching.PATH, Watching(self._site_id, self._entrance).handle)
        runners: list[web.BaseRunner] = [
            web.AppRunner(service, access_log=None, shutdown_timeout=5.0, keepalive_timeout=KEEP_ALIVE_SECONDS)
        ]
        try:
            await _listen(runners[0], settings().gateway, "OOBCTL_GATEWAY_LISTEN")
            if self._launch_url is not None:
                runners.append(runner_of(self._launches.handle))
                await _listen(runners[1], settings().launch, "OOBCTL_LAUNCH_LISTEN")
            log.info("the gateway is ready", listen=settings().gateway, url=settings().gateway_address)
            looking = asyncio.create_task(self._look())
            while not stop.is_set():
                await asyncio.sleep(_LOOK_SECONDS)
                # Whatever keeps the look waiting: what is typed meanwhile is not passed on for long.
                self._let_input(time.monotonic() - self._looked <= _SURE_SECONDS)
                self._end_too_long()
                self._prune()
                self._end_launches()
                if looking.done():
                    looking = asyncio.create_task(self._look())
        finally:
            await self._setup_keys.close()
            await self._pictures.close()
            await self._logs.close()
            await self._places.close()
            await self._launches.close()
            for runner in runners:
                await runner.cleanup()
            with contextlib.suppress(StoreUnavailable):
                await asyncio.to_thread(self._note_ends)

    @property
    def _all_open(self) -> list[Place | Session]:
        return [*self._places, *self._launches]

    async def _look(self) -> None:
        """Who may not be there any more is let go. Never raises."""
        consoles = [one.ticket.console_id for one in self._all_open]
        loop = asyncio.get_running_loop()
        try:
            over, rules, logs = await loop.run_in_executor(
                self._own_thread, self._keep_up, consoles, self._places.servers
            )
        except StoreUnavailable as error:
            self._heartbeats.forgive()
            self._holders.forgive()
            log.warning("the gateway waits for the database", because=error.message)
            return
        except Exception:
            log.exception("a look at the open consoles failed; it goes on")
            return
        self._looked = time.monotonic()
        self._places.keep_rules(rules)
        if logs is not None:
            self._logs.keep(logs)
        for wanted in self._wanted:
            self._pictures.take(wanted)
        for key in self._wanted_keys:
            self._setup_keys.press(key)
        self._wanted, self._wanted_keys = [], []
        ended = {one.console_id: one.because for one in over}
        for one in self._all_open:
            because = ended.get(one.ticket.console_id)
            if because is not None:
                one.end(because)

    def _end_too_long(self) -> None:
        for one in self._all_open:
            because = _too_long(one)
            if because is not None:
                one.end(because)
        self._launches.tidy()

    def _let_input(self, passes: bool) -> None:
        if passes is self._places.takes_input:
            return
        self._places.let_input(passes)
        for place in self._places:
            place.seat.tell({"type": "input", "passes": passes})

    def _keep_up(
        self, consoles: list[str], servers: Collection[str]
    ) -> tuple[list[admission.Over], Mapping[str, Rule], list[Subject] | None]:
        """What the database is needed for, in a thread. Raises StoreUnavailable."""
        self._reap()
        self._holders.look()
        slots.look_all(self._id)
        if time.monotonic() - self._beaten > _SESSION_BEAT_SECONDS:
            self._beaten = time.monotonic()
            slots.beat_all(self._id)
        self._note_ends()
        self._places.recordings.note_ends()
        self._touch()
        ending.end_unopened(self._site_id)
        self._wanted += pictures.claim(self._site_id, self._id)
        self._wanted_keys += setup_keys.claim(self._site_id)
        ended = admission.over(consoles) if consoles else []
        return ended, rules_of(servers) if servers else {}, self._keep_logs()

    def _note_ends(self) -> None:
        """Raises StoreUnavailable; then they are noted later."""
        while self._places.to_note:
            console_id, because, used, elsewhere = self._places.to_note[0]
            ending.left(console_id, because, used, elsewhere=elsewhere)
            self._places.to_note.popleft()

    def _end_launches(self) -> None:
        """What a log-out failed for, here or elsewhere, is tried again."""
        if self._launch_url is not None and time.monotonic() - self._launches_ended > _LAUNCHES_SECONDS:
            self._launches_ended = time.monotonic()
            self._chores.submit(_quietly, partial(dead_sessions.end_launches, self._site_id))

    def _prune(self) -> None:
        if time.monotonic() - self._pruned > _PRUNE_SECONDS:
            self._pruned = time.monotonic()
            self._chores.submit(_quietly, kept.prune)

    def _keep_logs(self) -> list[Subject] | None:
        """The serial lines that are to be kept; None: nobody knows now. A defect here ends nobody's console."""
        try:
            log_of.keep_for_jobs(self._site_id, self._id)
            return log_of.wanted(self._site_id, self._id)
        except (OSError, OobctlError) as error:
            log.warning("which serial logs are kept is not known now", because=str(error))
            return None

    def _reap(self) -> None:
        """What a dead gateway had open is over; who was there opens it again, here."""
        others = select(Process.id, Process.seen, db_now() - Process.seen).where(
            Process.site_id == self._site_id, Process.kind == "gateway", Process.id != self._id
        )
        with database().read() as session:
            rows = [(row[0], row[1], row[2]) for row in session.execute(others)]
        for dead in self._heartbeats.dead(rows, settings().dead_after_seconds):
            ending.leave_all_of([dead])
            self._chores.submit(_quietly, partial(kept.close_left_by, [dead]))
            dead_sessions.close_all_of(dead)
            recovery.leave(dead)
            log.warning("a gateway died; its consoles are over", gateway=dead)

    def _touch(self) -> None:
        """Who types at a console is not idle in the panel."""
        now = time.monotonic()
        active = [
            place
            for place in self._places  # not of a BMC's own pages, which ask by themselves
            if place.ticket.panel_session and place.input_at > place.touched_at and now - place.touched_at > _SEEN_EVERY
        ]
        if not active:
            return
        hashes = {place.ticket.panel_session for place in active}
        with database().write() as session:
            session.execute(
                update(PanelSession).where(PanelSession.secret_hash.in_(hashes)).values(seen_at=clock.now())
            )
        for place in active:
            place.touched_at = now


def _quietly(chore: Callable[[], object]) -> None:
    """What cannot be done now is done at a later time."""
    try:
        chore()
    except StoreUnavailable as error:
        log.warning("it is tidied up later", because=error.message)
    except Exception:
        log.exception("it could not be tidied up")


async def _listen(runner: web.BaseRunner, where: str, setting: str) -> None:
    await runner.setup()
    address, _, port = where.rpartition(":")
    try:
        await web.TCPSite(runner, address.strip("[]"), int(port), backlog=1024).start()
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"The gateway cannot listen at {where!r}: {getattr(error, 'strerror', error)}. Set {setting} to a free "
            "ADDRESS:PORT."
        ) from error


def _too_long(place: Place | Session) -> str | None:
    limits, now = place.ticket.limits, time.monotonic()
    if limits is None:
        return None
    if now - place.began > limits.longest:
        return f"A console is open for {limits.longest / 3600:g} h at most. Open it again."
    if place.acts and now - place.input_at > limits.idle_limit:
        return f"It was not used for {limits.idle_limit / 60:g} min, so it was closed. Open it again."
    return None
