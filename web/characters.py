"""Characters that no database keeps: refused at the faces, in one place."""

from collections.abc import Iterator
from typing import Any

from flask import Request

from oobctl.errors import InvalidParameter, NotFound


def is_storable(text: str) -> bool:
    """Whether a text can be stored and compared: no NUL (PostgreSQL refuses it), no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= sign <= "\udfff" for sign in text)


def check(incoming: Request) -> None:
    """Raises NotFound where the path, InvalidParameter where a parameter, a form or a header has such a character."""
    if not is_storable(incoming.path):
        raise NotFound("There is nothing at this address: it has a character that no name has.")
    # The API's bodies are JSON, checked by check_json: to ask for a form would use them up.
    for source in (incoming.args,) if incoming.path.startswith("/api/") else (incoming.args, incoming.form):
        for name, value in source.items(multi=True):
            check_text(name, value)
    for name, value in incoming.headers.items():
        check_text(name, value)


def check_json(body: Any) -> None:
    """The same for a JSON body, however deep. Raises InvalidParameter."""
    for name, value in _texts(body):
        check_text(name, value)


def check_text(name: str, value: str) -> None:
    if not is_storable(name) or not is_storable(value):
        field = name if is_storable(name) else "body"
        raise InvalidParameter(f"{field} has a character that cannot be stored (NUL). Leave it out.", field=field)


def _texts(body: Any) -> Iterator[tuple[str, str]]:
    """Every text in it with the name it stands under; not by recursion, for a body can be nested deep."""
    waiting: list[tuple[str, Any]] = [("body", body)]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, str):
            yield name, value
        elif isinstance(value, dict):
            for key, inner in value.items():
                yield key, ""
                waiting.append((key, inner))
        elif isinstance(value, list):
            waiting.extend((name, inner) for inner in value)
