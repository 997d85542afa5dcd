"""A running job as its steps see it: the server, the BMC, the evidence, and the way to wait."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from oobctl import clock
from oobctl.constants import Outcome, PowerState, SessionPurpose
from oobctl.drivers.connect import connect
from oobctl.drivers.identity import check as check_identity
from oobctl.drivers.interfaces import Bmc, Identity
from oobctl.errors import BmcError, JobCancelled, StoreUnavailable, WrongServer
from oobctl.jobs import lease, progress
from oobctl.jobs.action import Action
from oobctl.jobs.quarantine import quarantine
from oobctl.profiles.model import Profile
from oobctl.store import database

_LOOK_EVERY_SECONDS = 0.5
_CONNECT_AGAIN_FOR_SECONDS = 15.0
_GRANTS = 3  # how often a grant that came too late is asked for again


class WorkerStops(BaseException):
    """This worker ends in the middle of the job. No Exception: the job's workflow must stay open for the next one."""


@dataclass(frozen=True)
class Acted:
    """Who the run is for."""

    job_id: str
    server_id: str
    server_name: str
    by_staff: bool = False  # who asked is staff


class Run:
    """One run of one job in this process. It connects when a step first needs the BMC, and logs out at its end."""

    def __init__(
        self, acted: Acted, action: Action, parameters: BaseModel, profile: Profile, executor: str, number: int = 1
    ) -> None:
        self.acted = acted
        self.action = action
        self.parameters = parameters
        self.profile = profile
        self.executor = executor  # the worker: sessions at the BMC are its
        self.owner = f"{executor}/{number}"  # this run: a process may be handed a job again while an older run lives
        self.holder = f"{self.owner}:{acted.job_id}"
        self.evidence: dict[str, Any] = {}
        self.outcome = Outcome.ACCEPTED
        self.position = 0
        self.acted_already = False  # something was sent to the hardware
        self.acted_before = False  # and that in a step before this one
        self.sent_before = False  # in this step, by an earlier run
        self.last_error: BmcError | None = None  # what the last look of `until` met
        self.identity: Identity | None = None  # who answered at the last login
        self._bmc: Bmc | None = None
        self.unwinding = False  # what was begun is put right: a cancel is no reason to stop that
        self.stopping = threading.Event()  # the worker ends: another one goes on
        self._waits_for: str | None = None
        self._sending = False

    @property
    def name(self) -> str:
        return self.acted.server_name

    # --- the BMC -------------------------------------------------------------------------------------------------

    @property
    def bmc(self) -> Bmc:
        """The connected BMC, its identity checked. Raises BmcError, after some tries where it is worth it."""
        self.connect_patiently()
        assert self._bmc is not None
        return self._bmc

    def connect_patiently(self) -> None:
        """Be logged in, the identity checked. Raises BmcError, after some tries where it is worth it."""
        if self._bmc is None:
            self._bmc = self._connect()

    def _connect(self) -> Bmc:
        until = time.monotonic() + self.patience(_CONNECT_AGAIN_FOR_SECONDS)
        while True:
            try:
                return self._login()
            except BmcError as error:
                left = until - time.monotonic()
                if not error.retryable or left < float(error.details.get("retry_after", 0)):
                    raise  # at once where it is not asked before we would give up
                self.wait(1.0, f"for {self.name}'s BMC: {error.message}")

    @property
    def half_way(self) -> bool:
        """Something was sent, and the server must not be left as it is now."""
        return self.acted_already and not self.cancellable

    def patience(self, seconds: float) -> float:
        """How long to go on with a BMC that does not answer: half way, as long as one needs to restart."""
        return max(seconds, self.profile.bmc_back_limit) if self.half_way else seconds

    def _login(self) -> Bmc:
        bmc = self.connection()
        try:
            self.identity = bmc.identify()
        except BaseException:
            bmc.close()
            raise
        return bmc

    def connection(self) -> Bmc:
        """A way to the BMC over which nothing was asked yet, for who picks the protocol; it is the caller's to close.

        Before a write, and in what is read through `checked`, it is asked who answers.
        """
        return connect(
            self.acted.server_id,
            purpose=SessionPurpose.ACT,
            holder=self.executor,
            fence=self._fence,
            check=self._check_who,
        )

    def _check_who(self, found: Identity) -> None:
        """At each login. Another server is quarantined; where nothing is enrolled yet, there is nothing to compare."""
        if getattr(self.parameters, "replace_identity", False):
            return
        try:
            check_identity(found, self.acted.server_id)
        except WrongServer as error:
            quarantine(self.acted.server_id, error)
            raise

    def connect_once(self) -> None:
        """Log in now, without trying again. Raises BmcError."""
        if self._bmc is None:
            self._bmc = self._login()

    def read_identity(self) -> Identity:
        """Who answered at the login."""
        self.connect_patiently()
        assert self.identity is not None
        return self.identity

    def disconnect(self) -> None:
        """Log out; the next use connects again."""
        if self._bmc is not None:
            self._bmc.close()
            self._bmc = None

    def _fence(self, longest_send: float) -> None:
        """Drivers call it right before each write. Raises LeaseLost, StoreUnavailable."""
        for _ in range(_GRANTS):
            deadline = lease.Deadline()
            progress.grant(self.acted.job_id, self.owner, self.holder, longest_send, self.position)
            if not deadline.passed:
                self.acted_already = self._sending = True
                return
        if not self.sent_before:
            progress.not_sent(self.acted.job_id, self.owner, self.position)
        raise StoreUnavailable(
            f"The database took longer than {lease.BEGIN_WITHIN_SECONDS:.0f} s to grant a command, {_GRANTS} times. "
            "Nothing was sent."
        )

    def settle(self) -> None:
        """No send is under way: whoever comes after this run need not wait for one."""
        if self._sending:
            lease.settle(self.acted.job_id, self.holder)
            self._sending = False

    # --- what it reads -------------------------------------------------------------------------------------------

    def read_power(self, when: str | None = None) -> PowerState:
        """The power state from the hardware; kept for the server's page, and as evidence under `when`."""
        state = self.bmc.power.read()
        read_at = clock.now()
        progress.saw_power(self.acted.server_id, state, read_at)
        if when:
            self.saw(when, PowerState=str(state))
        return state

    def saw_boot(self) -> None:
        """A reset that the BMC took is a boot, though the power was never read as off."""
        with database().write() as session:
            progress.saw_boot(session, self.acted.server_id)

    def saw(self, when: str, **values: Any) -> None:
        """Evidence: what was read ("before", "after"), with the time."""
        self.evidence[when] = {**self.evidence.get(when, {}), **values, "read_at": clock.rfc3339(clock.now())}

    def read_back(self, state: PowerState) -> None:
        """Evidence: the states that the hardware was seen in, in order."""
        read_at = self.evidence["after"]["read_at"]
        self.evidence.setdefault("read_back", []).append({"PowerState": str(state), "read_at": read_at})

    def note(self, words: str) -> None:
        """A sentence for the evidence, once."""
        notes = self.evidence.setdefault("notes", [])
        if words not in notes:
            notes.append(words)

    # --- waiting -------------------------------------------------------------------------------------------------

    def until(self, read: Callable[[], bool], seconds: float, words: str | Callable[[], str]) -> bool:
        """Look until `read` is true or the time is over. A BMC that does not answer meanwhile is asked again.

        words: what is waited for; where that changes, something that tells it after each look.

        What it said last stays in `last_error`, and stands beside the words that the job waits with.
        """
        end = time.monotonic() + seconds
        self.last_error = None
        while True:
            try:
                if read():
                    return True
                self.last_error = None
            except BmcError as error:
                if not error.retryable:
                    raise
                self.last_error = error
            if time.monotonic() >= end:
                return False
            said = words if isinstance(words, str) else words()
            if self.last_error is not None:
                said = f"{said}; its BMC: {self.last_error.message}"
            self.wait(min(_LOOK_EVERY_SECONDS, max(0.0, end - time.monotonic())), said)

    def wait(self, seconds: float, words: str) -> None:
        """Wait, saying for what. Raises JobCancelled where somebody asked for it and it is not too late."""
        end = time.monotonic() + seconds
        self.settle()
        if words != self._waits_for:
            progress.waits_for(self.acted.job_id, self.owner, words)
            self._waits_for = words
        while True:
            if progress.cancel_asked(self.acted.job_id, self.owner) and self.cancellable:
                raise JobCancelled(f"Cancelled while the job waited {words}.")
            left = end - time.monotonic()
            if left <= 0:
                return
            if self.stopping.wait(min(left, 1.0)):
                raise WorkerStops

    @property
    def cancellable(self) -> bool:
        """Whether the job may still stop without leaving the server worse than at either end."""
        if self.unwinding:
            return False
        if self.action.no_return is None:
            return True
        return self.position < self.action.position_of(self.action.no_return)

    def may_stop_before(self, position: int) -> bool:
        """Whether a cancel may still keep that step from beginning."""
        return self.action.no_return is None or position <= self.action.position_of(self.action.no_return)
