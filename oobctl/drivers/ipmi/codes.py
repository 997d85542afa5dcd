"""Completion codes and failed sessions of IPMI, as errors with a sentence (IPMI 2.0, tables 5-2 and 13-15)."""

from oobctl.drivers.ipmi.lan import Answer, SessionFailed, Target
from oobctl.errors import (
    BmcAuthFailed,
    BmcBadAnswer,
    BmcBusy,
    BmcError,
    BmcRefused,
    BmcSessionsExhausted,
    BmcTimeout,
    BmcUnreachable,
    NotSupported,
)

_WORDS = {
    0xC0: "it is busy",
    0xC1: "this command is not supported",
    0xC2: "this command is not supported on this unit",
    0xC3: "it ran out of time while carrying the command out",
    0xC4: "it has no space left",
    0xC5: "the reservation was lost",
    0xC6: "the request was cut short",
    0xC7: "the request has the wrong length",
    0xC8: "the request is too long",
    0xC9: "a parameter is out of range",
    0xCA: "it cannot return so many bytes",
    0xCB: "what was asked for is not there",
    0xCC: "a field of the request is not valid",
    0xCD: "this command is not valid for what was asked about",
    0xCE: "the answer could not be given",
    0xCF: "it does not carry a command out twice",
    0xD0: "its sensor repository is being updated",
    0xD1: "its firmware is being updated",
    0xD2: "it is still starting",
    0xD3: "the part that should answer is not there",
    0xD4: "the user's privilege is not high enough, or the command is blocked",
    0xD5: "this is not possible in the present state",
    0xD6: "this function is switched off",
    0xFF: "for an unnamed reason",
}
_BUSY = frozenset({0xC0, 0xC3, 0xC5, 0xCF, 0xD0, 0xD1, 0xD2, 0xD3})
_UNSUPPORTED = frozenset({0xC1, 0xC2, 0xD6})
UNCLEAR = frozenset({0xC3, 0xCE, 0xCF, 0xFF})  # the command may have been carried out

_PASSWORD = ("incorrect password", "unauthorized name", "invalid integrity check", "unauthorized guid", "username")
_SLOTS = ("insufficient resources", "no available login slots", "no slot available")
_PRIVILEGE = ("invalid role", "unauthorized role", "privilege")
_CIPHER = ("cipher suite", "algorithm", "integrity payload")


def check(answer: Answer, what: str) -> bytes:
    """The answer's bytes.

    Raises the error that its completion code means: BmcBusy, NotSupported or BmcRefused.
    """
    if answer.code == 0:
        return answer.data
    sentence = f"The BMC was asked to {what} and answered 0x{answer.code:02X}: {words(answer.code)}."
    if answer.code in _BUSY:
        raise BmcBusy(f"{sentence} Try again in a minute.", completion_code=answer.code)
    if answer.code in _UNSUPPORTED:
        raise NotSupported(sentence, completion_code=answer.code)
    raise BmcRefused(sentence, completion_code=answer.code)


def words(code: int) -> str:
    """What a completion code means."""
    return _WORDS.get(code, "a code that only its maker knows")


def login_error(failure: SessionFailed, target: Target, seconds: float) -> BmcError:
    """Why a login failed, as one of the tree's errors."""
    where = f"{target.address}, UDP port {target.port}"
    said = failure.words.lower()
    if any(word in said for word in _PASSWORD):
        return BmcAuthFailed(f"The BMC at {where} refused the user or the password over IPMI.")
    if any(word in said for word in _SLOTS):
        return BmcSessionsExhausted(
            f"The BMC at {where} has no free IPMI session: {failure.words}. Close sessions there, or wait a minute."
        )
    if any(word in said for word in _CIPHER):
        suites = " and ".join(map(str, target.suites))
        return NotSupported(
            f"The BMC at {where} accepts none of our IPMI cipher suites ({suites}). Enable one of them."
        )
    if any(word in said for word in _PRIVILEGE):
        return BmcRefused(
            f"The BMC at {where} does not give its user the privilege {target.privilege}. Raise it at the BMC."
        )
    return silence(failure, where, f"our login in {seconds:.0f} s")


def silence(failure: SessionFailed, where: str, what: str) -> BmcError:
    """A session that got no usable answer: garbage, silence from the start, or silence on the way."""
    if "timeout" not in failure.words and failure.heard:
        return BmcBadAnswer(f"The BMC at {where} broke the IPMI session: {failure.words}.")
    if failure.garbage:
        return BmcBadAnswer(
            f"What answers at {where} does not speak IPMI: {failure.garbage} packets made no sense during {what}. "
            "Is it the BMC's address, and has its firmware crashed?"
        )
    if failure.heard:
        return BmcTimeout(f"The BMC at {where} answered at first, and then no more: no answer to {what}.")
    return BmcUnreachable(
        f"Nothing answered IPMI at {where}: no answer to {what}. Check the BMC's power, cable and address."
    )
