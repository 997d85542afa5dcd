"""Opaque cursors of lists: where the next page begins."""

import base64
import binascii
import json

from oobctl.errors import InvalidParameter
from web.characters import is_storable


def encode(*values: str) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def decode(cursor: str, count: int) -> list[str]:
    """The values that `encode` took. Raises InvalidParameter for a cursor that we never gave."""
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        values = None
    if (
        not isinstance(values, list)
        or len(values) != count
        or not all(isinstance(value, str) and is_storable(value) for value in values)
    ):
        raise InvalidParameter(
            "The cursor `after` is none that a list gave as `next`. Start without it.", field="after"
        )
    return values
