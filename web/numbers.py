"""Numbers in JSON, however long: one that cannot be held is refused as a number where it stands, not as broken JSON."""

import json
from typing import Any

from flask.json.provider import DefaultJSONProvider

_MOST_DIGITS = 4000
"""Python itself refuses to read integers of more than 4300."""


class Json(DefaultJSONProvider):
    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        return json.loads(s, parse_int=_integer, **kwargs)


def _integer(text: str) -> int | float:
    return int(text) if len(text) <= _MOST_DIGITS else float(text)  # infinity: no parameter takes that
