"""The error tree: each error has a code to quote, an HTTP status, and a message fit for a customer."""

from typing import Any

from oobctl.constants import Contact


class OobctlError(Exception):
    """The base. `message` is one or two sentences: what was tried, what answered, what to do.

    code: short stable name, quoted by people and programs. http_status: what the API answers when it is raised.
    retryable: the same call may work later without anybody changing anything. details: more problem JSON members.
    """

    code = "internal_error"
    http_status = 500
    retryable = False

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


# --- asking (the door) -------------------------------------------------------------------------------------------


class NotFound(OobctlError):
    """Unknown, or not yours: the two are told apart nowhere."""

    code = "not_found"
    http_status = 404


class NotSignedIn(OobctlError):
    code = "not_signed_in"
    http_status = 401


class NotAllowed(OobctlError):
    code = "not_allowed"
    http_status = 403


class InvalidParameter(OobctlError):
    """details: `field`, the parameter's name."""

    code = "invalid_parameter"
    http_status = 422


class ServerBusy(OobctlError):
    """details: `job`, the id of the job that has the server; `action`, what it does."""

    code = "server_busy"
    http_status = 409
    retryable = True


class WrongState(OobctlError):
    """The thing is not in a state in which this can be asked (a finished job cancelled, a server quarantined)."""

    code = "wrong_state"
    http_status = 409


class NoGateway(OobctlError):
    """No process runs that carries consoles."""

    code = "no_gateway"
    http_status = 503
    retryable = True


class NoPicture(OobctlError):
    """No picture of a screen could be taken: the server is off, or its BMC shows nothing."""

    code = "no_picture"
    http_status = 502
    retryable = True


class DamagedRecording(OobctlError):
    """A recording's file is not what was written. What can be read of it before that is good."""

    code = "damaged_recording"
    http_status = 500


class DamagedImage(OobctlError):
    """A file of an image of an operating system is not what came into the catalogue. details: `form`, its kind."""

    code = "damaged_image"
    http_status = 500


class TooManyRequests(OobctlError):
    code = "too_many_requests"
    http_status = 429
    retryable = True


# --- this machine ------------------------------------------------------------------------------------------------


class ConfigurationError(OobctlError):
    """A setting, file, key or profile of this installation is missing or wrong."""

    code = "configuration_error"


class StoreUnavailable(OobctlError):
    """The database is away, locked or full. Nothing was written."""

    code = "store_unavailable"
    http_status = 503
    retryable = True


# --- the BMC -----------------------------------------------------------------------------------------------------


class BmcError(OobctlError):
    """A BMC did not do what it was asked."""

    code = "bmc_error"
    http_status = 502


class BmcUnreachable(BmcError):
    """Nothing answers at the BMC's address."""

    code = "bmc_unreachable"
    retryable = True


class BmcTimeout(BmcUnreachable):
    """The BMC took the connection or the request, and did not answer in time."""

    code = "bmc_timeout"


class BmcBusy(BmcError):
    """The BMC says that it is busy, or that it is not ready."""

    code = "bmc_busy"
    retryable = True


class BmcSessionsExhausted(BmcBusy):
    """All of the BMC's sessions are taken, or the ones that its profile leaves us."""

    code = "bmc_sessions_exhausted"


class SerialInUse(BmcError):
    """Another session has the serial line. details: `holder`, the process of ours that it is; None: somebody else's."""

    code = "serial_in_use"
    http_status = 409
    retryable = True


class BmcAuthFailed(BmcError):
    """The BMC refused the user or the password. The credential is parked until somebody changes it."""

    code = "bmc_auth_failed"


class BmcAuthUnconfirmed(BmcAuthFailed):
    """The BMC refused a password that had let us in: it may be starting, and is asked again later. Nothing is parked.

    details: `retry_after`, in seconds, where it was not even asked now.
    """

    code = "bmc_auth_unconfirmed"
    retryable = True


class BmcIdentityChanged(BmcError):
    """The BMC's certificate is not the one that was enrolled. details: `expected`, `presented` (SHA-256, hex)."""

    code = "bmc_identity_changed"


class BmcBadAnswer(BmcError):
    """The BMC answered something that its protocol does not allow."""

    code = "bmc_bad_answer"


class BmcRefused(BmcError):
    """The BMC understood the request and refused it."""

    code = "bmc_refused"


class NotSupported(BmcError):
    """This BMC, or its profile, has no such capability."""

    code = "not_supported"


class NoWay(NotSupported):
    """Nobody was asked: over what this BMC speaks there is no way to the capability."""

    http_status = 409


class WrongServer(BmcError):
    """Another server answers behind the address. Nothing was sent. details: `staff`, with `expected` and `found`."""

    code = "wrong_server"


class AlreadyEnrolled(BmcError):
    """The machine or the BMC is kept under another row. details: `staff`, with the other `server` and its `id`."""

    code = "already_enrolled"


class OutcomeUnknown(BmcError):
    """A command that must not be repeated was sent, and its effect is not known. details: `last_read`."""

    code = "outcome_unknown"


class StateNotReached(BmcError):
    """The BMC took the command and the hardware did not get there in time. details: `wanted`, `last_read`."""

    code = "state_not_reached"


_CONTACTS = {
    BmcUnreachable.code: Contact.SILENT,
    BmcTimeout.code: Contact.SILENT,
    BmcBusy.code: Contact.BUSY,
    BmcSessionsExhausted.code: Contact.BUSY,
    BmcAuthFailed.code: Contact.REFUSES_US,
    BmcAuthUnconfirmed.code: Contact.REFUSES_US,
    ConfigurationError.code: Contact.CANNOT_BE_ASKED,
    NotSupported.code: Contact.CANNOT_BE_ASKED,
    None: Contact.SILENT,  # it was kept before codes were: the next poll says which it is
}


def contact(code: str | None) -> Contact:
    """How a BMC keeps its readings from us, by the code of the error that came of asking: the only place that says."""
    return _CONTACTS.get(code, Contact.ANSWERS_WRONGLY)


# --- installing -----------------------------------------------------------------------------------------------------


class InstallFailed(OobctlError):
    """An installer refused, failed or was not heard of. details: `installer`, what it said, where it said anything."""

    code = "install_failed"
    http_status = 502


# --- the job -----------------------------------------------------------------------------------------------------


class Expired(OobctlError):
    """The job's turn came too late, or never: it was not carried out."""

    code = "expired"
    retryable = True


class LeaseLost(OobctlError):
    """The lease on the server is not ours any more: nothing more is sent."""

    code = "lease_lost"


class JobCancelled(OobctlError):
    """Somebody cancelled the job, and it stopped between two steps."""

    code = "job_cancelled"
