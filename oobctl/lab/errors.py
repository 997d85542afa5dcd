"""What can go wrong with the rack itself; a person reads these messages in a terminal."""

from oobctl.errors import OobctlError


class LabError(OobctlError):
    """The rack could not do what it was asked; the message says what was tried and what to do."""

    code = "lab_error"


class LabNotRunning(LabError):
    """No rack runs in this home folder."""

    code = "lab_not_running"
    http_status = 409


class LabRefused(LabError):
    """The rack runs and refuses: an unknown server, fault, or something that this server cannot show."""

    code = "lab_refused"
    http_status = 422
