"""The slot of a launch: beside the session's name it keeps, sealed, what another process needs to log it out."""

from oobctl.constants import SessionPurpose
from oobctl.drivers.interfaces import EndpointAddress
from oobctl.drivers.shared_session import Box
from oobctl.drivers.slots import Slot


class LaunchSlot(Slot):
    """One person's, never shared."""

    def __init__(
        self, endpoint: EndpointAddress, limit: int, purpose: SessionPurpose, holder: str, box: Box, *, patience: float
    ) -> None:
        super().__init__(endpoint, limit, purpose, holder, patience=patience)
        self._box = box

    def opened(self, native_id: str, token: str | None = None) -> None:
        self._note(native_id=native_id, token=None if token is None else self._box.closed(token))

    def kept(self, sealed: bytes) -> str | None:
        """What stands in the row of another process; None where user or password changed since."""
        return self._box.opened(sealed)
