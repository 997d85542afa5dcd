"""Events of BMCs make their next reading earlier, and nothing else: what is true is what is read (decisions/0012)."""

import hashlib
import resource
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

import structlog

from oobctl.constants import EventWay
from oobctl.drivers import loops
from oobctl.drivers.interfaces import Bmc
from oobctl.drivers.redfish.loop import loop
from oobctl.errors import BmcBadAnswer, BmcBusy, BmcRefused, NotSupported, OobctlError
from oobctl.monitor.earlier import Earlier
from oobctl.monitor.event_listener import EventListener
from oobctl.monitor.plan import early
from oobctl.monitor.watch import Watch

log = structlog.get_logger()

_LOOK_SECONDS = 0.5
_BEGUN_AT_ONCE = 16  # of thousands of BMCs, at each look
_CHECK_SECONDS = 3600.0  # whether our subscription is still there, and whether a BMC that told nothing does now
_STEADY_SECONDS = 60.0  # a stream that was open for so long had not failed
_LONGEST_PAUSE_SECONDS = 600.0
_TAG = "oobctl"


@dataclass
class _Kept:
    """What we have at one BMC. connection: over which it was last checked that our subscription is there."""

    bmc_id: str
    next_at: float = 0.0
    busy: bool = False
    failures: int = 0
    context: str | None = None
    connection: object = None
    way: EventWay | None = None
    cleared: bool = False  # of what a monitor before us left
    left: bool = False
    guard: loops.Lock = field(default_factory=loops.Lock)


def _third_of_our_sockets() -> int:
    """Polls need the others more."""
    sockets = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return 1 << 20 if sockets == resource.RLIM_INFINITY else sockets // 3


class Events:
    """Streams and subscriptions of one monitor. `look` and `hasten` are the planning thread's."""

    first_pause = 5.0
    most_streams = _third_of_our_sockets()

    def __init__(self, monitor: str, site_id: str) -> None:
        self._monitor, self._tag = monitor, f"{_TAG}/{site_id}/"
        self._earlier = Earlier()
        self._listener = EventListener(self._earlier.tell)
        self._guard = threading.Lock()
        self._kept: dict[str, _Kept] = {}
        self._look_at = 0.0
        self._streams = 0  # changed in the loop alone
        self._by = {EventWay.SSE: self._by_stream, EventWay.SUBSCRIPTION: self._by_subscription}

    def open(self) -> None:
        """Listen, where the installation wants it. Raises ConfigurationError."""
        self._listener.open()

    def close(self) -> None:
        self._listener.close()

    # --- what is told

    def hasten(self, watches: Iterable[Watch], now: float) -> None:
        """What BMCs told since the last time makes them due."""
        due = self._earlier.due(now)
        for watch in watches if due else ():
            if watch.bmc_id in due:
                watch.hasten(now)

    # --- being told

    def look(self, watches: Sequence[Watch], now: float) -> None:
        """Begin what is due: a stream that ended, a subscription that may be gone."""
        if now < self._look_at:
            return
        self._look_at, begun = now + _LOOK_SECONDS, 0
        for bmc_id, watch in {watch.bmc_id: watch for watch in watches if _may_tell(watch)}.items():
            with self._guard:
                kept = self._kept.setdefault(bmc_id, _Kept(bmc_id))
            if kept.busy or not (kept.next_at <= now or _is_renewed(kept, watch)):
                continue
            kept.busy = True
            loops.start(loop(), partial(self._tend, kept, watch))
            begun += 1
            if begun >= _BEGUN_AT_ONCE:
                return

    def _tend(self, kept: _Kept, watch: Watch) -> None:
        """One try; as long as a stream is open it goes on. Never raises."""
        began, wait = time.monotonic(), None
        try:
            wait = self._listen(kept, watch)
        except OobctlError as error:
            if not watch.gone and not kept.failures:
                log.info("a BMC tells of no events for now", server=watch.name, because=error.message)
        except Exception:
            log.exception("the events of a BMC failed", server=watch.name)
        now = time.monotonic()
        kept.failures = 0 if wait is not None or now - began > _STEADY_SECONDS else kept.failures + 1
        pause = min(_LONGEST_PAUSE_SECONDS, self.first_pause * 2.0 ** min(kept.failures, 16))
        kept.next_at = now + early(pause if wait is None else wait)
        kept.busy = False

    def _listen(self, kept: _Kept, watch: Watch) -> float | None:
        """In the best way that there is. Returns the seconds until the next look; None: soon, and later each time."""
        with watch.connected(self._monitor) as bmc:
            offer = bmc.checked(bmc.events.offer)
            if offer.subscriptions and not kept.cleared:
                self._clear(kept, bmc)
        ways = {EventWay.SSE: offer.stream and watch.keep_warm, EventWay.SUBSCRIPTION: offer.subscriptions}
        wait: float | None = _CHECK_SECONDS
        for way in watch.event_ways:
            try:
                if ways[way] and self._by[way](kept, watch):
                    return _CHECK_SECONDS if way is EventWay.SUBSCRIPTION else None
            except (NotSupported, BmcRefused, BmcBusy) as error:
                if not kept.failures:
                    log.info("a BMC refuses to tell of events", server=watch.name, way=way, because=error.message)
                wait = None if isinstance(error, BmcBusy) else wait
        self._note(kept, watch, None)
        return wait

    def _by_stream(self, kept: _Kept, watch: Watch) -> bool:
        """Returns when the stream has ended; False where we have too many open.

        Nobody holds the connection meanwhile: whoever closes it ends the stream.

        Raises NotSupported, BmcRefused, BmcBusy where there is none to be had.
        """
        if self._streams >= self.most_streams:
            return False
        self._streams += 1
        try:
            with watch.connected(self._monitor) as bmc:
                events = bmc.events
            stream = events.stream()
            again = kept.way is EventWay.SSE
            self._note(kept, watch, EventWay.SSE)
            if again:  # nobody heard what was told meanwhile
                self._earlier.tell(kept.bmc_id)
            stream.read(partial(self._earlier.tell, kept.bmc_id))
        finally:
            self._streams -= 1
        return True

    def _by_subscription(self, kept: _Kept, watch: Watch) -> bool:
        """False where nothing listens. Raises as `_by_stream` does."""
        address = self._listener.address_of(kept.bmc_id)
        if address is None:
            return False
        with watch.connected(self._monitor) as bmc:
            self._subscribe(kept, bmc, address)
            kept.connection = watch.connection
        self._note(kept, watch, EventWay.SUBSCRIPTION)
        return True

    def _clear(self, kept: _Kept, bmc: Bmc) -> None:
        """Away with what a monitor before us has left. Where the BMC does not let us, that is its trouble."""
        try:
            self._subscribe(kept, bmc, None)
        except (NotSupported, BmcRefused, BmcBadAnswer) as error:
            log.info("the subscriptions at a BMC cannot be looked at", because=error.message)
        kept.cleared = True

    def _subscribe(self, kept: _Kept, bmc: Bmc, address: str | None) -> None:
        """Ours is there, once; what was there of a monitor before us is not. address None: none is to be there."""
        context = None if address is None else self._tag + hashlib.sha256(address.encode()).hexdigest()[:16]
        with kept.guard:
            if kept.left:
                return
            there = bmc.events.subscriptions(self._tag)
            ours = [one for one in there if one.context == context][:1]
            for other in there:
                if other not in ours:
                    bmc.events.unsubscribe(other)
            kept.context = context
            if address is not None and context is not None and not ours:
                bmc.events.subscribe(address, context)

    @staticmethod
    def _note(kept: _Kept, watch: Watch, way: EventWay | None) -> None:
        if kept.way is not way:
            log.info("how a BMC tells of events", server=watch.name, way=way or "not at all")
        kept.way = way

    # --- leaving

    def subscribed(self, watches: Iterable[Watch]) -> list[Watch]:
        """One watch of each BMC at which we have a subscription."""
        with self._guard:
            ours = {bmc_id for bmc_id, kept in self._kept.items() if kept.context is not None}
        return list({watch.bmc_id: watch for watch in watches if watch.bmc_id in ours}.values())

    def leave(self, watch: Watch) -> None:
        """The BMC is not ours to read from now on: no subscription of ours stays. Never raises.

        What cannot be ended (the BMC is silent) is ended by the next monitor that reads it.
        """
        with self._guard:
            kept = self._kept.pop(watch.bmc_id, None)
        self._listener.forget(watch.bmc_id)
        if kept is None:
            return
        try:
            with kept.guard:
                kept.left = True
                if kept.context is None or watch.silent:
                    return
                with watch.connected(self._monitor, last=True) as bmc:
                    for ours in bmc.events.subscriptions(kept.context):
                        bmc.events.unsubscribe(ours)
        except OobctlError as error:
            log.warning(
                "a BMC keeps our subscription; the next monitor ends it", server=watch.name, because=error.message
            )
        except Exception:
            log.exception("leaving the events of a BMC failed", server=watch.name)


def _may_tell(watch: Watch) -> bool:
    """Only a BMC that answers its polls is asked: they find out whether it does."""
    return bool(watch.event_ways) and watch.may_sweep and not watch.failures and not watch.gone


def _is_renewed(kept: _Kept, watch: Watch) -> bool:
    """We have logged in anew since our subscription was seen: the BMC may have restarted, and forgotten it."""
    if kept.way is not EventWay.SUBSCRIPTION or kept.failures or not watch.keep_warm:
        return False
    return watch.connection is not None and watch.connection != kept.connection
