"""What a transport needs to log in: where, with what, as which profile says, in which slot."""

from collections.abc import Callable
from dataclasses import dataclass, field

from oobctl.drivers.interfaces import EndpointAddress
from oobctl.drivers.slots import Slot
from oobctl.errors import BmcAuthFailed
from oobctl.profiles.model import Profile
from oobctl.vault import Secret


@dataclass
class Login:
    """One endpoint's way in. The secret prints as nothing.

    check_who: called before each write, and its time is not the write's: a login that was not asked yet who answers is
    asked then. Raises where it is another server. another: a secret that was not tried, after a refusal. refused: told
    of a refusal once there is none left: nobody tries them again.
    """

    endpoint: EndpointAddress
    secret: Secret = field(repr=False)
    profile: Profile
    slot: Slot
    check_who: Callable[[], None]
    another: Callable[[], Secret | None] = lambda: None
    refused: Callable[[BmcAuthFailed], None] = lambda _refusal: None

    def goes_on(self) -> bool:
        """After a refusal: whether there is another secret, which is the one from now on."""
        found = self.another()
        if found is None:
            return False
        self.secret = found
        return True
