"""Does a BMC answer, and over which of its protocols? Asked over a login of its own each, and kept as evidence."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from oobctl import clock
from oobctl.constants import Capability, PowerState, Protocol
from oobctl.drivers.interfaces import Bmc
from oobctl.errors import (
    BmcAuthFailed,
    BmcAuthUnconfirmed,
    BmcError,
    BmcIdentityChanged,
    BmcSessionsExhausted,
    ConfigurationError,
    NotSupported,
    OobctlError,
    WrongServer,
)
from oobctl.jobs import progress
from oobctl.jobs.run import Run

_NAMES = {Protocol.REDFISH: "Redfish", Protocol.IPMI: "IPMI"}
_SHORT = {
    "bmc_unreachable": "nothing answers",
    "bmc_timeout": "no answer in time",
    "bmc_busy": "it says that it is busy",
    "bmc_sessions_exhausted": "all sessions are taken",
    "bmc_auth_failed": "it refuses our user or password",
    "bmc_auth_unconfirmed": "it refuses our user or password for now",
    "bmc_identity_changed": "it shows another certificate",
    "bmc_bad_answer": "its answers make no sense",
    "configuration_error": "we have no password for it",
}


@dataclass(frozen=True)
class Seen:
    """What one protocol gave. entered: it let us in; power: as read over it; error: where it stopped."""

    protocol: Protocol
    entered: bool
    power: PowerState | None = None
    error: OobctlError | None = None

    @property
    def well(self) -> bool:
        """It let us in and told what it was asked."""
        return self.entered and self.error is None

    @property
    def away(self) -> bool:
        """It does not let us in, as while it restarts: silent, busy, half up. One without a free session is there."""
        return not self.entered and not self.lasting and not isinstance(self.error, BmcSessionsExhausted | NotSupported)

    @property
    def lasting(self) -> bool:
        """No restart mends it, and no more asking. A password that had let us in is refused by BMCs that start, too."""
        if isinstance(self.error, BmcAuthUnconfirmed):
            return False
        return isinstance(self.error, BmcAuthFailed | BmcIdentityChanged | ConfigurationError)

    def as_evidence(self) -> dict[str, Any]:
        found: dict[str, Any] = {"let_us_in": self.entered}
        if self.power is not None:
            found["PowerState"] = str(self.power)
        if self.error is not None:
            found |= {"code": self.error.code, "message": self.error.message, "lasting": self.lasting}
        return found

    def __str__(self) -> str:
        name = _NAMES[self.protocol]
        if self.error is None:
            return f"{name} answers" + (f", the server is {self.power}" if self.power else "")
        why = _SHORT.get(self.error.code, "it does not tell what it was asked")
        return f"{name} lets us in, and then {why}" if self.entered else f"{name}: {why}"


def look(run: Run, when: str | None = None, only: Collection[str] | None = None) -> list[Seen]:
    """Log in over each protocol (or those of `only`) and read the power, once; kept as evidence under `when`.

    Raises WrongServer, BmcAuthFailed where every credential is parked, and NotFound.
    """
    bmc = run.connection()
    try:
        found = [_ask(run, bmc, protocol) for protocol in bmc.protocols if only is None or protocol in only]
    finally:
        bmc.close()
    if when is not None:
        run.evidence[when] = {}
        run.saw(when, **{str(seen.protocol): seen.as_evidence() for seen in found})
    return found


def words(found: Sequence[Seen]) -> str:
    return "; ".join(map(str, found))


def _ask(run: Run, bmc: Bmc, protocol: Protocol) -> Seen:
    before = bmc.logins
    try:
        power = bmc.checked(lambda: _read(run, bmc, protocol))
    except WrongServer:
        raise
    except (BmcError, ConfigurationError) as error:
        return Seen(protocol, entered=bmc.logins > before, error=error)
    if power is not None:
        progress.saw_power(run.acted.server_id, power, clock.now())
    return Seen(protocol, entered=True, power=power)


def _read(run: Run, bmc: Bmc, protocol: Protocol) -> PowerState | None:
    """The power over that protocol; where the profile reads no power over it, only who it is."""
    if protocol not in run.profile.transports.get(Capability.POWER, ()):
        bmc.over(protocol, Capability.BMC).identity()
        return None
    state: PowerState = bmc.over(protocol, Capability.POWER).read()
    return state
