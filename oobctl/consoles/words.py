"""Why a console shows nothing, for the person at it: nothing here tells of the BMC's address, or who else is there."""

from oobctl.errors import (
    BmcAuthFailed,
    BmcIdentityChanged,
    BmcSessionsExhausted,
    BmcUnreachable,
    ConfigurationError,
    NotFound,
    NotSupported,
    OobctlError,
    SerialInUse,
    StoreUnavailable,
    WrongServer,
)

_STAFF = "Your provider's staff have to look at it."
_WORDS: tuple[tuple[type[OobctlError], str], ...] = (
    (WrongServer, f"Another server answers where this one was, so nothing of it is shown. {_STAFF}"),
    (BmcAuthFailed, f"The BMC refused the password that is kept for this. {_STAFF}"),
    (BmcIdentityChanged, f"The BMC presents another certificate than the one that was confirmed. {_STAFF}"),
    (SerialInUse, "Somebody else has it open at the BMC. It can be opened here, which ends their session."),
    (BmcUnreachable, "The BMC does not answer now."),
    (NotSupported, f"There is no way to it over this BMC yet. {_STAFF}"),
    (ConfigurationError, f"Something is wrong in the gateway's configuration. {_STAFF}"),
    (StoreUnavailable, "The panel's database does not answer."),
)


FINAL = (WrongServer, BmcAuthFailed, BmcIdentityChanged, NotFound, ConfigurationError)
"""After these it is not tried again by itself: it would do harm, or not help."""


def away_words(error: OobctlError) -> str:
    """One or two sentences."""
    if isinstance(error, BmcSessionsExhausted):
        return f"All the places that the BMC has for this are taken, {_holders(error)}"
    found = next((words for kind, words in _WORDS if isinstance(error, kind)), None)
    return found or "The BMC does not let it be shown now."


def screen_words(error: OobctlError) -> str:
    """The same of a screen, which is not there while the server is off."""
    if isinstance(error, BmcUnreachable):
        return "The BMC shows nothing now. A server that is off has no screen; one that starts needs a moment."
    return away_words(error)


def _holders(error: BmcSessionsExhausted) -> str:
    """Who has them: `people`, whom a gateway added; processes of ours; else somebody who is no user of ours."""
    if error.details.get("people"):
        return f"by {', '.join(error.details['people'])}, or by oobctl itself for moments."
    if error.details.get("holders"):
        return "by oobctl itself, which mostly needs them for moments."
    return "by somebody who is at the BMC itself."
