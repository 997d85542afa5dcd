"""What a BMC said, as both databases take it: no NUL, no half characters, no NaN, nothing longer than its column."""

import math
import re
from typing import Any

from oobctl.drivers import media_slots

_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")


def text(value: str, longest: int | None = None) -> str:
    """The text with a replacement character for what no database takes, cut to the column's length."""
    return _NOT_STORABLE.sub("\N{REPLACEMENT CHARACTER}", value)[:longest]


def text_or_none(value: str | None, longest: int) -> str | None:
    return None if value is None else text(value, longest)


def without_keys(media: dict[str, Any]) -> dict[str, Any]:
    """A report of virtual media with the files' names alone: whoever has an image's address can fetch the image."""
    slots = [
        {**slot, "image": slot["image"] and media_slots.file_name(slot["image"])} for slot in media.get("slots") or []
    ]
    return {**media, "slots": slots}


def content(value: Any) -> Any:
    """JSON as PostgreSQL takes it too; NaN and the infinities, which are no JSON, are null."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {text(key): content(item) for key, item in value.items()}
    if isinstance(value, list):
        return [content(item) for item in value]
    return value
