"""Which headers pass between a browser and a BMC's own console, and what the browser is told beside them."""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

_TO_BMC = frozenset({
    "accept", "accept-language", "content-type", "if-modified-since", "if-none-match", "x-requested-with",
})  # fmt: skip
_TO_BROWSER = frozenset({"content-disposition", "content-language", "content-type", "etag", "last-modified"})
_LONGEST = 1024
_TARGET = re.compile(r"[!-\[\]-~]{0,2048}")  # no space, no backslash, nothing that is dropped on the way


def to_bmc(headers: Iterable[tuple[str, str]], base: str | None) -> dict[str, str]:
    """Of a browser's request, what the BMC gets. base: the BMC's origin, where the browser told its own."""
    found = {name: value for name, value in headers if name.lower() in _TO_BMC and _is_plain(value)}
    return found if base is None else {**found, "Origin": base, "Referer": f"{base}/"}


def to_browser(headers: Iterable[tuple[str, str]], origin: str) -> dict[str, str]:
    """Of a BMC's answer, what the browser gets, with what confines the page to its own origin."""
    found = {name: value for name, value in headers if name.lower() in _TO_BROWSER and _is_plain(value)}
    return {**found, **confining(origin)}


def confining(origin: str) -> dict[str, str]:
    """What each answer at a label has: the page reaches nothing but its origin, and nobody shows it in a frame."""
    websockets = f"ws{origin.removeprefix('http')}"
    sources = {
        "default-src": f"'self' 'unsafe-inline' 'unsafe-eval' data: blob: {websockets}",
        "connect-src": f"'self' {websockets}",
        "object-src": "'none'",
        "base-uri": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'self'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{what} {where}" for what, where in sources.items()),
        "Cache-Control": "no-store",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
        "Referrer-Policy": "same-origin",
        "Server": "oobctl",
        "X-Robots-Tag": "noindex",
    }


def location(value: str, bases: Iterable[str]) -> str | None:
    """Where a BMC sends the browser, as a target at the label. None where that is not the BMC itself.

    bases: its origins, as it may write them.
    """
    try:
        parts = urlsplit(value)
    except ValueError:
        return None
    if not _TARGET.fullmatch(value) or value.startswith("//"):
        return None
    if not parts.scheme and not parts.netloc:
        return value
    if f"{parts.scheme}://{parts.netloc}".lower() not in set(bases):
        return None
    rest = value.partition("://")[2][len(parts.netloc) :]
    return None if rest.startswith("//") else rest if rest.startswith("/") else f"/{rest}"


def from_own_page(headers: Mapping[str, str], origin: str, *, websocket: bool) -> bool:
    """Whether a request comes from a page at the same label, as far as browsers tell: any that tells otherwise is not.

    A websocket's must say so.
    """
    if websocket or "Origin" in headers:
        return headers.get("Origin") == origin
    return headers.get("Sec-Fetch-Site", "same-origin") in {"same-origin", "none"}


def _is_plain(value: str) -> bool:
    return len(value) <= _LONGEST and all(" " <= sign <= "~" or sign == "\t" for sign in value)
