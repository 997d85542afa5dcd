"""Immutable identifiers: UUID version 7, so that they sort by the time of their making."""

import secrets
import time
import uuid

_VERSION_7 = 0x7
_VARIANT = 0b10


def new_id() -> str:
    """A new UUIDv7 (RFC 9562, section 5.7) in its usual text form."""
    milliseconds = time.time_ns() // 1_000_000
    value = milliseconds << 80 | _VERSION_7 << 76 | secrets.randbits(12) << 64 | _VARIANT << 62 | secrets.randbits(62)
    return str(uuid.UUID(int=value))


def is_id(text: str) -> bool:
    """Whether the text could be an id; a server's name can't."""
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
