"""The packets of Serial over LAN: what is typed and shown, numbered and acknowledged (IPMI 2.0, section 15.9)."""

from dataclasses import dataclass

_HEADER = 4
_NUMBERS = 15  # 1 to 15; 0 is a packet that only acknowledges
_NACK, _OFF, _DEACTIVATED = 0x40, 0x20, 0x10  # of the BMC (table 15-2, status)
_SEND_BREAK = 0x10  # of ours (table 15-2, operation)


@dataclass(frozen=True)
class Heard:
    """A packet of the BMC. number: of its data, 0 where it has none. answers: the number of ours that it answers, or 0.

    accepted: how many bytes of ours it took. refused: not all of them. off: the server takes none now. deactivated:
    the line is taken from us.
    """

    number: int
    answers: int
    accepted: int
    refused: bool
    off: bool
    deactivated: bool
    data: bytes


def read(payload: bytes) -> Heard | None:
    """None for what is no packet of a serial line."""
    if len(payload) < _HEADER:
        return None
    status = payload[3]
    return Heard(
        number=payload[0] & 0x0F,
        answers=payload[1] & 0x0F,
        accepted=payload[2],
        refused=bool(status & _NACK),
        off=bool(status & _OFF),
        deactivated=bool(status & _DEACTIVATED),
        data=payload[_HEADER:],
    )


def typed(number: int, data: bytes) -> bytes:
    """A packet with data."""
    return bytes((number, 0, 0, 0)) + data


def break_signal(number: int) -> bytes:
    """A packet that has the BMC send a break."""
    return bytes((number, 0, 0, _SEND_BREAK))


def acknowledgement(answers: int, accepted: int) -> bytes:
    """A packet that takes what came. accepted: 255 at most, for that is all that the byte can say."""
    return bytes((0, answers, min(accepted, 0xFF), 0))


def after(number: int) -> int:
    """The number of the next packet."""
    return number % _NUMBERS + 1
