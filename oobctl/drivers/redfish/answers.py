"""What a Redfish service answered: its JSON checked for shape, its refusals as errors with its own words."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from oobctl.drivers.identity import clean
from oobctl.errors import (
    BmcBadAnswer,
    BmcBusy,
    BmcError,
    BmcRefused,
    BmcSessionsExhausted,
    NotSupported,
)

_LONGEST_WORDS = 300
_UNCLEAR = frozenset({408, 500, 502, 504})  # the request may have been carried out
_NOT_THERE = frozenset({404, 405, 501})
_LIMIT_WORDS = ("sessionlimit", "session limit", "maximum number of sessions", "sessions is reached", "rac0218")
_UNSUPPORTED = ("actionnotsupported", "unsupportedoperation", "actionparameternotsupported", "propertyunknown")


@dataclass(frozen=True)
class Reply:
    """A status with its headers (lower case) and body. `secrets`: what must not be repeated in any message."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    path: str
    secrets: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def unclear(self) -> bool:
        """It does not say whether the request was carried out."""
        return self.status in _UNCLEAR

    def resource(self) -> dict[str, Any]:
        """The JSON object of a good answer.

        Raises BmcBadAnswer where it is none.
        """
        try:
            content = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise BmcBadAnswer(f"The BMC's answer for {self.path} is no JSON.") from error
        if not isinstance(content, dict):
            raise BmcBadAnswer(f"The BMC's answer for {self.path} is JSON, but no object.")
        return content

    @property
    def etag(self) -> str | None:
        return self.headers.get("etag")

    def messages(self) -> list[tuple[str, str]]:
        """(MessageId, Message) of the extended information, as far as there is one (DSP0266, section 8.6)."""
        return [(_string(item, "MessageId", "code"), said(item)) for item in self._extended()]

    def _extended(self) -> list[dict[str, Any]]:
        """The messages of an error, and those of a good answer and of single properties of it."""
        try:
            content = json.loads(self.body)
        except (ValueError, RecursionError):
            return []
        if not isinstance(content, dict):
            return []
        error = content.get("error")
        found = extended(error) or [error] if isinstance(error, dict) else []
        attributes = content.get("Attributes")
        return [*found, *extended(content), *(extended(attributes) if isinstance(attributes, dict) else [])]

    def words(self) -> str:
        """What the BMC said about it, short, and without our secrets."""
        text = " ".join(dict.fromkeys(message or name for name, message in self.messages())).strip()
        for secret in filter(None, self.secrets):
            text = text.replace(secret, "***")
        text = clean(text, _LONGEST_WORDS) or ""
        return f"{self.status}: {text}" if text else str(self.status)

    def says(self, *words: str) -> bool:
        """Whether the extended error has one of these words (lower case)."""
        text = " ".join(f"{name} {message}" for name, message in self.messages()).lower()
        return any(word in text for word in words)

    def mentions(self, name: str) -> bool:
        """Whether a message is about that property or parameter."""
        return any(name in json.dumps(item) for item in self._extended())

    def argument(self, word: str) -> str | None:
        """The first argument of the message with this word (lower case) in its id: the path that it is about."""
        for item in self._extended():
            arguments = item.get("MessageArgs")
            if word in _string(item, "MessageId").lower() and isinstance(arguments, list) and arguments:
                return link({"it": arguments[0]}, "it")
        return None

    def error(self, what: str) -> BmcError:
        """The refusal as an error. `what` completes "was asked to"."""
        sentence = f"The BMC was asked to {what} and answered {self.words()}"
        sentence = sentence if sentence.endswith(".") else f"{sentence}."
        if self.status in {429, 503}:
            if self.says(*_LIMIT_WORDS):
                return BmcSessionsExhausted(f"{sentence} Close sessions there, or wait for some to end.")
            return BmcBusy(f"{sentence} Try again in a minute.")
        if self.status in _NOT_THERE or self.says(*_UNSUPPORTED):
            return NotSupported(sentence, status=self.status)
        return BmcRefused(sentence, status=self.status)


def extended(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The messages that an object carries about itself and its properties (`@Message.ExtendedInfo`)."""
    found: list[dict[str, Any]] = []
    for key, value in content.items():
        if key.endswith("@Message.ExtendedInfo"):
            found += [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, dict)]
    return found


def said(message: Mapping[str, Any]) -> str:
    """The words of one message; one that has none is its id with its arguments."""
    words = _string(message, "Message", "message")
    if words:
        return words
    arguments = message.get("MessageArgs")
    listed = ", ".join(str(value) for value in arguments) if isinstance(arguments, list) else ""
    name = _string(message, "MessageId", "code")
    return f"{name} ({listed})" if name and listed else name


def _string(item: Mapping[str, Any], *keys: str) -> str:
    return next((str(item[key]) for key in keys if item.get(key)), "")


def link(resource: Mapping[str, Any], *keys: str) -> str | None:
    """The `@odata.id` at the end of the keys; None where there is none or it leads out of the service."""
    value: Any = resource
    for key in keys:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    path = value.get("@odata.id") if isinstance(value, Mapping) else value
    return path if isinstance(path, str) and path.startswith("/") and not path.startswith("//") else None


def links(resource: Mapping[str, Any], *keys: str) -> list[str]:
    """The paths of a list of links. Bare strings are none (Tree.paths reads those of collections)."""
    value: Any = resource
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    if not isinstance(value, list):
        return []
    return [path for item in value if isinstance(item, dict) and (path := link({"it": item}, "it"))]


def text(resource: Mapping[str, Any], key: str) -> str | None:
    """A string of the resource; None where it is missing, empty or of another type."""
    value = resource.get(key)
    return value.strip() or None if isinstance(value, str) else None
