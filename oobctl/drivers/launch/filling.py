"""Filling in a launch's places: each value is escaped for where it stands, and what cannot stand there is refused."""

import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode
from xml.sax.saxutils import quoteattr

from oobctl.drivers.launch.paths import path_of
from oobctl.errors import BmcBadAnswer
from oobctl.profiles.launch import PLACE, Launch, LaunchRequest

Values = Mapping[str, str]


def made(launch: Launch) -> dict[str, str]:
    """The random values that a launch asks for."""
    return {name: secrets.token_hex(size) for name, size in launch.random.items()}


def target(text: str, values: Values) -> str:
    """Path, query and fragment. Raises BmcBadAnswer where a path that the BMC told is none."""
    return _fill(text, values, lambda value: quote(value, safe=""))


def header(text: str, values: Values) -> str:
    """The value of a header or a cookie. Raises BmcBadAnswer where it would be more than one."""

    def checked(value: str) -> str:
        if any(not "!" <= sign <= "~" or sign in ";," for sign in value):
            raise BmcBadAnswer("The BMC gave a token that no header can carry. Its profile fits another firmware.")
        return value

    return _fill(text, values, checked)


def body(request: LaunchRequest, values: Values) -> tuple[bytes | None, str | None]:
    """The content of a request, and its type."""
    if request.json is not None:
        return json.dumps(_json(request.json, values)).encode(), "application/json"
    if request.form is not None:
        fields = {name: _fill(text, values, str) for name, text in request.form.items()}
        return urlencode(fields).encode(), "application/x-www-form-urlencoded"
    if request.text is not None:
        return _fill(request.text, values, lambda value: quoteattr(value, {'"': "&quot;"})[1:-1]).encode(), "text/xml"
    return None, None


def _json(value: Any, values: Values) -> Any:
    if isinstance(value, Mapping):
        return {name: _json(one, values) for name, one in value.items()}
    if isinstance(value, list):
        return [_json(one, values) for one in value]
    if not isinstance(value, str):
        return value
    match = PLACE.fullmatch(value)
    if match is not None and match[2] == "int":
        return _int(values[match[1]])
    return _fill(value, values, str)


def _int(value: str) -> int:
    try:
        return int(value, 16)
    except ValueError:
        raise BmcBadAnswer("The BMC gave a token that is no number. Its profile fits another firmware.") from None


def _fill(text: str, values: Values, escaped: Callable[[str], str]) -> str:
    def one(match: Any) -> str:
        value = values[match[1]]
        if match[2] == "path":
            if path_of(value) is None:
                raise BmcBadAnswer("The BMC told an address of its console that is no path of its own.")
            return value
        return str(_int(value)) if match[2] == "int" else escaped(value)

    return PLACE.sub(one, text)
