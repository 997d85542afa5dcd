"""The host names under which browsers reach BMCs' own consoles: one for each key, apart from the panel's."""

import hashlib
import ipaddress
import re
from functools import lru_cache
from urllib.parse import urlsplit

from publicsuffixlist import PublicSuffixList

from oobctl.errors import ConfigurationError

_LABEL = re.compile(r"c-[0-9a-f]{32}")
_LOCAL = "localhost"
_URL = re.compile(
    r"https?://(?P<name>[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*)(:(?P<port>[0-9]{1,5}))?"
)
_HIGHEST_PORT = 65535
_USUAL = {"http": 80, "https": 443}
OPEN = "/.oobctl/open"
"""The path that takes the key; no BMC has it."""


def label_of(token: str) -> str:
    """The label of a console's key. It is public, and no authority: it tells nothing of the key."""
    return f"c-{hashlib.sha256(f'label {token}'.encode()).hexdigest()[:32]}"


def open_url(launch_url: str, token: str) -> str:
    """Where the browser posts the key. Scheme and authority are the session's alone."""
    return origin_of(launch_url, label_of(token)) + OPEN


def origin_of(launch_url: str, label: str) -> str:
    """Scheme and authority of a label."""
    parts = urlsplit(launch_url)
    return f"{parts.scheme}://{label}.{parts.netloc}"


def label_in(host: str | None, launch_url: str) -> str | None:
    """The label in a Host header; None where it names something else (also by another port)."""
    label, _, rest = (host or "").partition(".")
    return label if rest == urlsplit(launch_url).netloc and _LABEL.fullmatch(label) else None


def check(launch_url: str, panel_url: str) -> str:
    """The setting OOBCTL_LAUNCH_URL as it is used; what a browser keeps the panel's from must be of another site.

    Raises ConfigurationError.
    """
    panel = urlsplit(panel_url)
    match = _URL.fullmatch(launch_url.rstrip("/").lower())
    if match is None or not 0 < int(match["port"] or "443") <= _HIGHEST_PORT:
        raise _wrong(launch_url, "it is no http(s)://NAME[:PORT], in letters of ASCII (xn--... for others)")
    parts, name = urlsplit(match[0]), match["name"]
    if _is_address(name) or name.rpartition(".")[2].isdecimal() or name.rpartition(".")[2].startswith("0x"):
        raise _wrong(launch_url, "labels are put before its name, and an address takes none")
    local = name.rpartition(".")[2] == _LOCAL
    if parts.scheme == "http" and not local:
        raise _wrong(launch_url, "browsers keep its cookie only over https, or at a name under localhost")
    ours, theirs = _site(name), _site(_ascii(panel.hostname or ""))
    if ours is None:
        raise _wrong(launch_url, f"{name} is nobody's own: it needs a name below it")
    if ours == theirs:
        raise _wrong(
            launch_url,
            f"it belongs to {ours}, as the panel does. What a BMC's pages do there reaches the panel's cookies: take "
            "another domain",
        )
    usual = _USUAL[parts.scheme]
    return f"{parts.scheme}://{parts.netloc.removesuffix(f':{usual}')}"  # as browsers write it


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def _site(name: str) -> str | None:
    """What browsers take for one site: a name under a public suffix."""
    found: str | None = None if _is_address(name) else _suffixes().privatesuffix(name.lower())
    return found


def _ascii(name: str) -> str:
    """As browsers compare names."""
    try:
        return name.encode("idna").decode()
    except UnicodeError:
        return name


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _wrong(launch_url: str, why: str) -> ConfigurationError:
    return ConfigurationError(f"OOBCTL_LAUNCH_URL={launch_url!r} is wrong: {why}.")
