"""Immutable identifiers: UUID version 7, so that they sort by the time of their making."""

import secrets
import threading
import time
import uuid

_VERSION_7 = 0x7
_VARIANT = 0b10
_COUNTS = 1 << 12
_BACK_MS = 1000  # a clock that goes back by more was wrong before

_lock = threading.Lock()
_last = (0, 0)  # milliseconds, and how many there were in this one


def new_id() -> str:
    """A new UUIDv7 (RFC 9562, section 5.7) in its usual text form. Those of one process sort as they were made."""
    milliseconds, count = _next(time.time_ns() // 1_000_000)
    value = milliseconds << 80 | _VERSION_7 << 76 | count << 64 | _VARIANT << 62 | secrets.randbits(62)
    return str(uuid.UUID(int=value))


def _next(now: int) -> tuple[int, int]:
    """The moment, and a number within it that only grows (RFC 9562, section 6.2, method 1)."""
    global _last
    with _lock:
        milliseconds, count = _last
        if now > milliseconds or now < milliseconds - _BACK_MS:
            _last = (now, secrets.randbelow(_COUNTS // 2))
        elif count + 1 < _COUNTS:
            _last = (milliseconds, count + 1)
        else:
            _last = (milliseconds + 1, 0)
        return _last


def is_id(text: str) -> bool:
    """Whether the text could be an id; a server's name can't."""
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
