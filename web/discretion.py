"""What customers are not told: where a BMC is reached, what another server's BMC said, and what only staff can do."""

import re
from ipaddress import ip_address
from typing import Any

from oobctl.errors import OobctlError

INSTEAD = "its address"
_FOR_STAFF = frozenset({"staff", "port"})
_FOR_THE_LOG = frozenset({"cause"})
_VERSIONS = frozenset(
    {"version", "firmware", "bmc_firmware", "bios_version"}
)  # four numbers with dots are an address everywhere else

_PROVIDER = "Your provider has to look at it. Quote the code and the job."
_LATER = "Try again in some minutes. If it stays so, your provider has to look at it: quote the code and the job."
_FOR_CUSTOMERS = {  # errors that only staff can mend: what happened, and what a customer can do about it
    "bmc_unreachable": f"The server's BMC does not answer. {_LATER}",
    "bmc_timeout": f"The server's BMC did not answer in time. {_LATER}",
    "bmc_sessions_exhausted": f"The server's BMC is busy: all of its sessions are taken. {_LATER}",
    "serial_in_use": "The server's serial line is open elsewhere. Wait until it is free, or take it over, which ends "
    "what they see.",
    "bmc_bad_answer": f"What the server's BMC answered makes no sense. {_PROVIDER}",
    "bmc_auth_failed": f"The server's BMC does not let us in. {_PROVIDER}",
    "bmc_auth_unconfirmed": f"The server's BMC does not let us in just now; it may be starting. {_LATER}",
    "bmc_identity_changed": f"The server's BMC shows another certificate than it should. {_PROVIDER}",
    "already_enrolled": f"The server could not be enrolled. {_PROVIDER}",
    "wrong_server": f"Another server answers in the place of this one, and nothing was changed there. {_PROVIDER}",
}
# What somebody else said of themselves who asked in the place of a server that is reinstalled.
_OF_OTHERS = (
    "The key of this reinstall was presented a second time", "Who asked last was refused",
    "Another machine with its MAC", "The installer of this reinstall was asked for again",
)  # fmt: skip
# How drivers, actions and jobs tell staff what to do: the beginnings of those sentences, left out of any other text.
_STAFF_DO = (
    "Check the BMC's ", "Check its power", "Is it the BMC's address", "Close sessions there", "Enable one of them",
    "Raise it at the BMC", "Change it there", "Change it with the action", "Enter the right one",
    "If it was renewed, confirm", "Compare it with", "Set the asset data",
    "A machine is one server: retire", "A BMC is kept once: retire", "Say which one is this server's",
    "Switch it on there", "Add an IPMI endpoint",
    "If it stays so, look at the server and enroll", "Look at the server and enroll",
    "Staff have to start it", "Staff have to make one", "Staff have to set it up", "Staff have to say it",
    "Install it with apt", "Look at both machines",
)  # fmt: skip
_SENTENCES = re.compile(r"(?<=[.?!]) +")

_BRACKETED = re.compile(r"\[([0-9A-Fa-f:.]+)\](:\d+)?")
_CANDIDATE = re.compile(r"(?<![\w-])[0-9A-Fa-f:.]*[.:][0-9A-Fa-f:.]+")
_PORT = re.compile(rf"{INSTEAD},? (?:UDP |TCP )?port \d+")


def told(content: Any, *, staff: bool) -> Any:
    """A text, list or object as its reader is told it: staff all but what is for the log, others no address either."""
    if isinstance(content, dict):
        left_out = _FOR_THE_LOG if staff else _FOR_THE_LOG | _FOR_STAFF
        shown = {
            name: value if name in _VERSIONS else told(value, staff=staff)
            for name, value in content.items()
            if name not in left_out
        }
        if "code" in content and isinstance(content.get("message"), str):  # an error, as a job keeps it
            shown["message"] = told_error(content["code"], content["message"], staff=staff)
            if not staff and _FOR_CUSTOMERS.get(content["code"], "").endswith((_PROVIDER, _LATER)):
                shown["mended_by_provider"] = True
        return shown
    if isinstance(content, list):
        return [told(value, staff=staff) for value in content]
    return content if staff or not isinstance(content, str) else without_addresses(without_instructions(content))


def told_error(code: str, message: str, *, staff: bool) -> str:
    """An error's message as its reader is told it: customers what they can do, where only staff can mend it."""
    said: str = told(message, staff=staff)
    return said if staff else _FOR_CUSTOMERS.get(code, said)


def complaints(error: OobctlError | None, first: str, *, staff: bool) -> dict[str, str]:
    """What stands at which input of a form that was refused: at `first` where the error names none."""
    if error is None:
        return {}
    return {error.details.get("field", first): told_error(error.code, error.message, staff=staff)}


def without_instructions(text: str) -> str:
    """The text without the sentences that tell staff what to do at the BMC or the rack."""
    left_out = (*_STAFF_DO, *_OF_OTHERS)
    if not any(beginning in text for beginning in left_out):
        return text
    return " ".join(part for part in _SENTENCES.split(text) if not part.startswith(left_out))


def without_addresses(text: str) -> str:
    """The text with "its address" for every IP address, with or without a port. Times and UUIDs stay."""
    if "." not in text and ":" not in text:
        return text
    text = _BRACKETED.sub(lambda found: INSTEAD if _is_address(found[1]) else found[0], text)
    return _PORT.sub(INSTEAD, _CANDIDATE.sub(_replaced, text))


def _replaced(found: re.Match[str]) -> str:
    token = found[0]
    for core in (token, token.rstrip(".:")):
        address, _, port = core.rpartition(":")
        if _is_address(core) or (port.isdigit() and _is_address(address)):
            return INSTEAD + token[len(core) :]
    return token


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
