"""Which slot of virtual media to use for an image, and whether what is in one is that image."""

import re
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit, urlunsplit

from oobctl.drivers.readings import MediaSlot
from oobctl.errors import NotSupported

_DISCS = frozenset({"cd", "dvd"})
OUR_MEDIA = re.compile(r"(?:/|\\/|%2f)media(?:/|\\/|%2f)[\w-]{16,}", re.IGNORECASE)
"""The way to an image of our media service, up to its key, which opens it; plain, in JSON or in a query."""


def choose(slots: Iterable[MediaSlot], wanted: Sequence[str] = ()) -> MediaSlot:
    """The slot for an image: the first that a profile's media.slots name, else any for a CD or DVD; empty ones first.

    Raises NotSupported where there is none of these.
    """
    found = list(slots)
    fitting = [slot for pattern in wanted for slot in found if re.search(pattern, slot.slot, re.IGNORECASE)]
    if not fitting:
        fitting = [slot for slot in found if _DISCS & {kind.casefold() for kind in slot.media_types}]
    if not fitting:
        listed = ", ".join(f"{slot.slot} ({', '.join(slot.media_types)})" for slot in found) or "none at all"
        raise NotSupported(f"This BMC has no slot of virtual media for an image of a CD or DVD: it has {listed}.")
    return next((slot for slot in fitting if slot.inserted is False), fitting[0])


def bare(url: str) -> str:
    """An address without what may be secret in it: user, password, query and fragment."""
    try:
        parts = urlsplit(url)
        authority = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, authority, parts.path, "", ""))
    except ValueError:
        return url.partition("?")[0].partition("#")[0].rpartition("@")[2]


def without_keys(text: str) -> str:
    """A text without the keys of our images' addresses: BMCs tell of what they fetch in their logs."""
    return OUR_MEDIA.sub("/media/***", text)


def file_name(url: str) -> str:
    """The last part of an address, without all that may be secret: keys stand in queries and in paths alike.

    Of an address that has no path nothing is left.
    """
    said = bare(url)
    path = urlsplit(said).path if "://" in said else said
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1]


def same_image(said: str, url: str) -> bool:
    """Whether a BMC's word for an image is that address: BMCs leave out the query, or all but the path or the name."""
    one, other = bare(said).rstrip("/"), bare(url).rstrip("/")
    return one == other or (one != "" and "://" not in one and other.endswith(f"/{one.lstrip('/')}"))
