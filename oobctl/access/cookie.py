"""The name of the panel session's cookie: the panel sets it, and browsers bring it to the gateway too."""

from oobctl.config import settings


def is_https() -> bool:
    """Whether browsers reach the panel over TLS."""
    return settings().url.startswith("https://")


def session_cookie() -> str:
    """The session cookie's name. The prefix makes browsers insist on Secure, on this very name and on the path /."""
    return "__Host-oobctl_session" if is_https() else "oobctl_session"
