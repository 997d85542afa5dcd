"""One server that is watched, and the warm connection to its BMC, which its power poll and one reading share."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from oobctl import clock
from oobctl.constants import Capability, EventWay, Health, Protocol, SessionPurpose
from oobctl.drivers import loops
from oobctl.drivers.connect import ConnectedBmc, connect
from oobctl.drivers.ipmi.loop import loop as ipmi_loop
from oobctl.drivers.redfish.loop import loop as redfish_loop
from oobctl.errors import BmcUnreachable
from oobctl.monitor.plan import Plan, early, patience

TOLD = (Capability.HEALTH, Capability.EVENT_LOG)
"""What an event of a BMC can be about, beside its power."""


class _Shared:
    """A connection and how many use it now; once doomed, the last one closes it."""

    def __init__(self, bmc: ConnectedBmc, number: int) -> None:
        self.bmc, self.number = bmc, number
        self.users = 0
        self.doomed = False


@dataclass
class Watch:
    """One server. Its power and its other capabilities are read by two tasks at most, one each.

    ways: which protocol carries each capability.
    """

    server_id: str
    name: str
    bmc_id: str
    interval: float
    signature: tuple[object, ...]  # what the connection was made from; another one means: connect anew
    keep_warm: bool
    ways: Mapping[Capability, Protocol]
    next_at: float
    plan: Plan
    handed_over: datetime | None = None
    silent: bool = False
    answered: bool = False  # since this process watches it: power comes first
    busy: bool = False  # with its power
    failures: int = 0  # logins, or readings, in a row that the BMC left unanswered
    failed_at: datetime | None = None
    ill: frozenset[tuple[str, Health]] = frozenset()  # parts that are not well, as its health was read last
    gone: bool = False
    parting: bool = False  # gone, and something is still to be done there
    event_ways: tuple[EventWay, ...] = ()  # how it may tell of events; none where it is not read over Redfish
    _made: int = 0  # connections so far
    _users: int = 0  # of connections, also of those that are used no more by others
    _shared: _Shared | None = None
    _guard: loops.Lock = field(default_factory=loops.Lock)

    @property
    def may_sweep(self) -> bool:
        """Whether it is worth asking for more than its power."""
        return self.answered and not self.silent

    @property
    def over(self) -> bool:
        """Nothing is under way, and there is no session."""
        return not self.busy and not self.parting and self._shared is None and not self._users

    @property
    def connection(self) -> object:
        """Which connection there is, and which login over it; None where there is none. To be compared."""
        shared = self._shared
        return None if shared is None else (shared.number, shared.bmc.logins)

    def hasten(self, now: float) -> None:
        """Its BMC told that something happened: what that can be about is due. One that is let be stays so."""
        if not self.failures:
            self.next_at = min(self.next_at, now)
            self.plan.hasten(TOLD, now)

    def loop(self, capability: Capability) -> loops.Loop:
        """Where the capability is read: in the loop of its protocol."""
        return redfish_loop() if self.ways.get(capability) is Protocol.REDFISH else ipmi_loop()

    def unanswered(self) -> None:
        """The BMC is let be, for longer each time."""
        self.failures, self.failed_at = self.failures + 1, clock.now()
        self.next_at = time.monotonic() + early(patience(self.failures, self.interval))

    def heard(self, at: datetime | None) -> None:
        """Somebody has read a power state from this BMC then: after our last failure, that ends the patience."""
        if self.failures and not self.busy and at is not None and self.failed_at is not None and at > self.failed_at:
            self.failures = 0
            self.next_at = min(self.next_at, time.monotonic() + early(self.interval))

    @contextmanager
    def connected(self, holder: str, *, last: bool = False) -> Iterator[ConnectedBmc]:
        """The connection, made where there is none. Raises what connecting raises, BmcUnreachable after `end`.

        last: it is for taking leave.
        """
        with self._guard:
            if self.gone and not last:
                raise BmcUnreachable(f"{self.name} is watched no more.")
            if self._shared is None:
                self._made += 1
                self._shared = _Shared(loops.aside(lambda: self._connect(holder)), self._made)
            shared = self._shared
            shared.users += 1
            self._users += 1
        try:
            yield shared.bmc
        finally:
            try:
                self._leave(shared)
            finally:
                with self._guard:
                    self._users -= 1

    def _connect(self, holder: str) -> ConnectedBmc:
        return connect(self.server_id, purpose=SessionPurpose.POLL, holder=holder, fence=_never_write)

    def _leave(self, shared: _Shared) -> None:
        with self._guard:
            shared.users -= 1
            idle = shared.users == 0
            if idle and not self.keep_warm:
                self._doom(shared)
        if idle and shared.doomed:
            shared.bmc.close()

    def _doom(self, shared: _Shared) -> None:
        shared.doomed = True
        if self._shared is shared:
            self._shared = None

    def drop(self) -> None:
        """Use this connection no more. It is closed as soon as nobody reads over it."""
        with self._guard:
            shared = self._shared
            if shared is None:
                return
            self._doom(shared)
            idle = shared.users == 0
        if idle:
            shared.bmc.close()

    def end(self) -> None:
        """Close the connection now: who reads over it gets an error."""
        with self._guard:
            self.gone = True
            shared = self._shared
            if shared is not None:
                self._doom(shared)
        if shared is not None:
            shared.bmc.close()


def _never_write(_seconds: float) -> None:
    raise AssertionError("the monitor reads; it has no lease to write under")
