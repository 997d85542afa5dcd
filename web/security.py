"""What every answer carries, and which names the panel answers to."""

from collections.abc import Sequence
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


def security_headers(
    connects_to: Sequence[str] = (), *, draws_data: bool = False, style_nonce: str = ""
) -> dict[str, str]:
    """The headers of every answer, pages, API and streams alike.

    connects_to: what else the page may open connections to. draws_data: it shows images that it made itself.
    style_nonce: what style elements bear that its scripts make.
    """
    found = {
        "Content-Security-Policy": _content_security_policy(tuple(connects_to), draws_data, style_nonce),
        **_HEADERS,
    }
    if is_https():
        found["Strict-Transport-Security"] = f"max-age={_TWO_YEARS}"
    return found


@lru_cache(maxsize=64)
def _content_security_policy(connects_to: tuple[str, ...], draws_data: bool, style_nonce: str) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            f"style-src 'self'{f" 'nonce-{style_nonce}'" if style_nonce else ''}",
            f"img-src 'self'{' data:' if draws_data else ''}",
            " ".join(["connect-src 'self'", *connects_to]),
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )


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
