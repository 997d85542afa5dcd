"""Power over Redfish: ComputerSystem.PowerState and ComputerSystem.Reset (DSP2046, ComputerSystem)."""

from datetime import datetime

from oobctl.constants import PowerState, ResetType
from oobctl.drivers.interfaces import Fence
from oobctl.drivers.redfish.dates import moment
from oobctl.drivers.redfish.session import RedfishSession
from oobctl.drivers.redfish.tree import Tree
from oobctl.drivers.resets import REACHED, WORDS
from oobctl.drivers.unsent import surely_not_sent
from oobctl.errors import BmcBadAnswer, NotSupported
from oobctl.profiles.quirks import Quirk

_ONCE = (ResetType.FORCE_RESTART, ResetType.NMI)


class RedfishPower:
    """interfaces.Power of one ComputerSystem."""

    def __init__(self, session: RedfishSession, tree: Tree, fence: Fence) -> None:
        self._session, self._tree, self._fence = session, tree, fence
        self._action: tuple[str, list[str] | None] | None = None

    def read(self) -> PowerState:
        system = self._tree.system(now=True).resource()
        state = system.get("PowerState")
        if state is None:
            return PowerState.UNKNOWN
        try:
            found = PowerState(state)
        except ValueError as error:
            raise BmcBadAnswer(f"The BMC says that the power is {state!r:.40}, which Redfish does not know.") from error
        if self._action is None:
            self._action = self._reset_action(system)
        return found

    def set(self, reset: ResetType) -> None:
        if reset not in REACHED:
            raise NotSupported(f"{reset} is no command that may be repeated.")
        target = self._target(reset)
        reply = self._session.write("POST", target, {"ResetType": reset}, self._fence, what=WORDS[reset])
        if not reply.ok and not self._is_so(reset):
            raise reply.error(WORDS[reset])

    def _is_so(self, reset: ResetType) -> bool:
        """Whether a refusal may mean that the system is already in the state that was asked for, and it is."""
        return self._session.login.profile.has(Quirk.SAME_STATE_409) and self.read() is REACHED[reset]

    def send_once(self, reset: ResetType) -> None:
        if reset not in _ONCE:
            raise NotSupported(f"{reset} is not sent once.")
        with surely_not_sent():
            target = self._target(reset)
        self._session.post_once(target, {"ResetType": reset}, self._fence, what=WORDS[reset])

    def last_reset(self) -> datetime | None:
        """ComputerSystem.LastResetTime; None where it is missing or no time."""
        return moment(self._tree.system().resource().get("LastResetTime"), self._session.login.profile)

    def _target(self, reset: ResetType) -> str:
        """Where to send it; only what the BMC lists is ever sent.

        Raises NotSupported where the BMC does not list it.
        """
        if self._action is None:
            self._action = self._reset_action(self._tree.system().resource())
        target, values = self._action or (None, None)
        if target is None:
            raise NotSupported("This BMC has no action ComputerSystem.Reset.")
        if values is None or reset not in values:
            listed = ", ".join(values) if values else "nothing"
            raise NotSupported(f"This BMC can't {WORDS[reset]}: it lists {listed}, and not {reset}.")
        return target

    def _reset_action(self, system: dict[str, object]) -> tuple[str, list[str] | None] | None:
        try:
            return self._tree.action(system, "ComputerSystem.Reset", "ResetType")
        except NotSupported:
            return None
