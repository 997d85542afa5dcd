"""What every answer carries, and which names the panel answers to."""

from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from oobctl.access.cookie import is_https
from oobctl.config import settings

MOST_BODY_BYTES = 256 * 1024

_HEADERS = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: Flask-WTF compares the referrer of forms sent over TLS.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()",
}
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_TWO_YEARS = 2 * 365 * 24 * 3600


@dataclass(frozen=True)
class Needs:
    """What a page does beyond the others.

    connects_to: where else it opens connections. posts_to: where else its forms go. draws_data: it shows images that
    its scripts made. style_nonce: what style elements bear that they make.
    """

    connects_to: tuple[str, ...] = ()
    posts_to: tuple[str, ...] = ()
    draws_data: bool = False
    style_nonce: str = ""


NOTHING_MORE = Needs()


def security_headers(needs: Needs = NOTHING_MORE) -> dict[str, str]:
    """The headers of every answer, pages, API and streams alike."""
    found = {"Content-Security-Policy": _content_security_policy(needs), **_HEADERS}
    if needs.posts_to:  # who gets the form must see that it comes from us; same-origin would tell them "null"
        found["Referrer-Policy"] = "strict-origin"
    if is_https():
        found["Strict-Transport-Security"] = f"max-age={_TWO_YEARS}"
    return found


def _content_security_policy(needs: Needs) -> str:
    nonce = [f"'nonce-{needs.style_nonce}'"] if needs.style_nonce else []
    sources = {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'", *nonce],
        "img-src": ["'self'", *(["data:"] if needs.draws_data else [])],
        "connect-src": ["'self'", *needs.connects_to],
        "form-action": ["'self'", *needs.posts_to],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
    return "; ".join(f"{what} {' '.join(where)}" for what, where in sources.items())


@lru_cache(maxsize=8)
def _public_name(url: str) -> str:
    return (urlsplit(url).hostname or "").lower()


def is_our_name(host: str | None) -> bool:
    """Whether the Host header names us: the public URL's name, or this computer itself. Stops DNS rebinding."""
    try:
        name = (urlsplit(f"//{host or ''}").hostname or "").lower()
    except ValueError:
        return False
    return bool(name) and (name in _LOOPBACK_NAMES or name == _public_name(settings().url))
