"""How a BMC's own console is launched: what is asked of its web server, and what of it a browser may reach."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from oobctl.errors import ConfigurationError

PLACE = re.compile(r"\{([a-z_0-9]+)(?::([a-z]+))?\}")
"""A place in a text that is filled in: `{token}`, or `{uri:path}`."""
_SECRET = frozenset({"user", "password"})
_KNOWN = frozenset({*_SECRET, "host", "hostname", "port", "server"})
_FORMS = frozenset({"path", "int"})
_TUPLES = ("pages", "paths", "websockets", "methods", "subprotocols", "page_cookies")
_SOURCES = frozenset({"json", "cookie", "header", "text"})


@dataclass(frozen=True)
class LaunchRequest:
    """One request to the BMC's web server, with places to fill in. One of `json`, `form` and `text` is its body.

    basic: it bears user and password. take: what is taken from its answer: by name "json /a/b", "cookie NAME",
    "header NAME" or "text REGEX" (its first group).
    """

    method: str
    path: str
    basic: bool = False
    json: Mapping[str, Any] | None = None
    form: Mapping[str, str] | None = None
    text: str | None = None
    take: Mapping[str, str] = field(default_factory=dict)

    @property
    def bears_password(self) -> bool:
        """Whether a refusal of it may be one of the password."""
        return self.basic or any("{password}" in text for text in _texts(self))


@dataclass(frozen=True)
class Launch:
    """One way to a BMC's own console; places are filled in by what `requests` took, and by what is known before.

    Known are user, password, server (its name), and host, hostname and port, which are those of the address that
    the browser has instead of the BMC's; `random` makes values of so many bytes in hexadecimal digits. pages: where
    the browser begins; of several the first that is there. cookies, headers: what the BMC gets with each request
    beside the cookies that it set. paths, websockets, methods, subprotocols: all that a browser may ask for; in a
    path * is anything inside of a segment, and ** anything. page_cookies: those of `cookies` that scripts of its
    page read, and the browser gets. end: the logout. token_in_browser: its page needs a secret of the BMC in the
    browser, so that it is for staff alone.
    """

    name: str
    requests: tuple[LaunchRequest, ...]
    pages: tuple[str, ...]
    paths: tuple[str, ...]
    websockets: tuple[str, ...]
    token_in_browser: bool
    methods: tuple[str, ...] = ("GET", "HEAD", "POST")
    subprotocols: tuple[str, ...] = ()
    cookies: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    random: Mapping[str, int] = field(default_factory=dict)
    page_cookies: tuple[str, ...] = ()
    end: tuple[LaunchRequest, ...] = ()


def build(content: Mapping[str, Any]) -> Launch:
    """From a profile's block, which the schema has been asked about.

    Raises ConfigurationError where a place is filled in by nothing, or would give a browser what it must not have.
    """
    tuples = {key: tuple(content[key]) for key in _TUPLES if key in content}
    requests, end = (tuple(LaunchRequest(**one) for one in content.get(key, ())) for key in ("requests", "end"))
    found = Launch(**{**content, **tuples, "requests": requests, "end": end})
    _check(found)
    return found


def _check(launch: Launch) -> None:
    known = {*_KNOWN, *launch.random}
    for request in launch.requests:
        _check_places(launch, _texts(request), known)
        if sum(one is not None for one in (request.json, request.form, request.text)) > 1:
            raise _wrong(launch, f"the request of {request.path} has more than one body")
        for name, source in request.take.items():
            if source.partition(" ")[0] not in _SOURCES or not source.partition(" ")[2]:
                raise _wrong(launch, f"{name} is taken from {source!r}, which is none of {', '.join(sorted(_SOURCES))}")
            if source.startswith("text "):
                _check_pattern(launch, source.partition(" ")[2])
        known |= set(request.take)
    after = [text for request in launch.end for text in _texts(request)]
    others = [*launch.pages, *launch.cookies.values(), *launch.headers.values()]
    _check_places(launch, [*after, *others], known)
    for name in launch.page_cookies:
        if name not in launch.cookies or not launch.token_in_browser:
            raise _wrong(launch, f"the page's cookie {name} is none of its cookies, or token_in_browser is not true")
    for page in launch.pages:
        shown = {match[1] for match in PLACE.finditer(page)}
        if shown & _SECRET:
            raise _wrong(launch, f"the page {page!r} would show the BMC's user or password")
        if shown - _KNOWN and not launch.token_in_browser:
            raise _wrong(launch, f"the page {page!r} has a secret in it, so token_in_browser must be true")


def _check_pattern(launch: Launch, pattern: str) -> None:
    try:
        if re.compile(pattern).groups != 1:
            raise _wrong(launch, f"the pattern {pattern!r} has to have one group")
    except re.error as error:
        raise _wrong(launch, f"{pattern!r} is no pattern: {error}") from error


def _check_places(launch: Launch, texts: list[str], known: set[str]) -> None:
    for text in texts:
        for match in PLACE.finditer(text):
            if match[1] not in known:
                raise _wrong(launch, f"nothing fills in {match[0]} in {text!r}")
            if match[2] is not None and match[2] not in _FORMS:
                raise _wrong(launch, f"{match[0]} in {text!r} is of no form of {', '.join(sorted(_FORMS))}")


def _texts(request: LaunchRequest) -> list[str]:
    return [request.path, request.text or "", *_inside(request.json), *_inside(request.form)]


def _inside(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _inside(one)
    elif isinstance(value, list):
        for one in value:
            yield from _inside(one)


def _wrong(launch: Launch, why: str) -> ConfigurationError:
    return ConfigurationError(f"The launch {launch.name} of a profile is wrong: {why}.")
