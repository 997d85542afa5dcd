"""What a transport needs to log in: where, with what, as which profile says, in which slot."""

from collections.abc import Callable
from dataclasses import dataclass, field

from oobctl.drivers.credentials import Secrets
from oobctl.drivers.interfaces import EndpointAddress
from oobctl.drivers.slots import Slot
from oobctl.errors import BmcAuthFailed
from oobctl.profiles.model import Profile
from oobctl.vault import Secret


@dataclass
class Login:
    """One endpoint's way in. The secret prints as nothing.

    check_who: called before each write, and its time is not the write's: a login that was not asked yet who answers is
    asked then. Raises where it is another server. secrets: where the secret comes from and what the BMC said to it is
    kept; None: it is tried alone, and nothing is kept.
    """

    endpoint: EndpointAddress
    secret: Secret = field(repr=False)
    profile: Profile
    slot: Slot
    check_who: Callable[[], None]
    secrets: Secrets | None = field(default=None, repr=False)

    def begin(self) -> None:
        """Before each login: with the secret that is the best one now. Raises ConfigurationError."""
        if self.secrets is not None:
            self.secret = self.secrets.best() or self.secret

    def goes_on(self) -> bool:
        """After a refusal: whether there is another secret, which is the one from now on."""
        found = self.secrets.another() if self.secrets is not None else None
        if found is None:
            return False
        self.secret = found
        return True

    def let_in(self) -> None:
        """The BMC took the secret."""
        if self.secrets is not None:
            self.secrets.let_in()

    def refused(self, refusal: BmcAuthFailed) -> None:
        """No secret is left. Raises BmcAuthUnconfirmed, as `refusals.refused` does, or returns where it is wrong."""
        if self.secrets is not None:
            self.secrets.refused(refusal, self.profile.bmc_refusal_pause)
