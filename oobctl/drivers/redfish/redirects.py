"""Where a service says that a resource is: paths out of Location headers, and moves that may be followed."""

from urllib.parse import urlsplit

from oobctl.drivers.redfish.answers import Reply

_SAME_METHOD = frozenset({307, 308})  # RFC 9110, sections 15.4.8 and 15.4.9: the request is to be sent again as it was


def path_of(location: str | None) -> str | None:
    """The path of a Location, which may be a whole URL; None where it is none of the service's."""
    if not location:
        return None
    rest = location.split("://", 1)[-1]
    path = rest if rest.startswith("/") else "/" + rest.partition("/")[2]
    return path if path.startswith("/redfish/") else None


def moved(reply: Reply, authority: str) -> str | None:
    """Where to send a write again that was answered with 307 or 308.

    None where it was answered otherwise, or leads to another authority or another resource: the path may differ by a
    slash at its end and by case alone.
    """
    location = reply.headers.get("location", "")
    if reply.status not in _SAME_METHOD or not location or not location.isprintable():
        return None
    try:
        parts = urlsplit(location)
    except ValueError:
        return None
    if (parts.scheme or parts.netloc) and (parts.scheme.lower(), parts.netloc.lower()) != ("https", authority.lower()):
        return None
    if parts.query or parts.fragment or parts.path == reply.path or _plain(parts.path) != _plain(reply.path):
        return None
    return parts.path


def _plain(path: str) -> str:
    return path.rstrip("/").casefold()
