"""Fetches the image of a virtual medium over HTTP or HTTPS, as a BMC does, into a file."""

import base64
import http.client
import shutil
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

LARGEST_BYTES = 4_700_000_000  # a DVD
SPARE_BYTES = 256 << 20  # left free on the disk
_PIECE = 1 << 20
_SILENCE_SECONDS = 20.0
_LONGEST_SECONDS = 1200.0


@dataclass(frozen=True)
class Source:
    """Where an image is, and how its server is checked and signed in to."""

    url: str
    verify: bool = True
    authorities: tuple[str, ...] = ()  # PEM, trusted beside this machine's own
    user: str = ""
    password: str = ""
    address: str | None = None  # the BMC's own, from which it asks; None: any of this machine's


class ImageRefused(Exception):
    """The image could not be had. message_id is one of the Base registry."""

    def __init__(self, message_id: str, message: str, *arguments: str) -> None:
        super().__init__(message)
        self.message_id = message_id
        self.message = message
        self.arguments = arguments


def check_url(url: object) -> str:
    """An http or https URL with a host. Raises ImageRefused."""
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        port_is_good = parts is not None and (parts.port is None or parts.port > 0)
    except ValueError:
        parts, port_is_good = None, False
    if parts is None or not parts.hostname or not port_is_good:
        message = f"The value {url!r} for the parameter Image is of a different format than the parameter can accept."
        raise ImageRefused("ActionParameterValueFormatError", message, str(url), "Image", "VirtualMedia.InsertMedia")
    if parts.scheme not in ("http", "https"):
        message = f"The other end of the connection at {url} does not support the specified protocol {parts.scheme}."
        raise ImageRefused("SourceDoesNotSupportProtocol", message, str(url), parts.scheme)
    return str(url)


def fetch(source: Source, target: Path, *, largest: int = LARGEST_BYTES) -> int:
    """Write the image to `target` and return its bytes. Raises ImageRefused, and leaves no file then."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with _open(source) as answer, target.open("wb") as file:
            _check_length(source.url, answer.headers.get("Content-Length"), target, largest)
            return _copy(source.url, answer, file, largest)
    except ImageRefused:
        target.unlink(missing_ok=True)
        raise
    except (OSError, http.client.HTTPException) as error:
        target.unlink(missing_ok=True)
        raise _unreachable(source.url, error) from error


class _Http(urllib.request.HTTPHandler):
    """From the BMC's own address."""

    def __init__(self, own: tuple[str, int] | None) -> None:
        super().__init__()
        self._own = own

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(http.client.HTTPConnection, req, source_address=self._own)


class _Https(urllib.request.HTTPSHandler):
    """As _Http."""

    def __init__(self, own: tuple[str, int] | None, tls: ssl.SSLContext) -> None:
        super().__init__()
        self._own, self._tls = own, tls

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(http.client.HTTPSConnection, req, source_address=self._own, context=self._tls)


def _open(source: Source) -> http.client.HTTPResponse:
    opener = urllib.request.OpenerDirector()
    own = (source.address, 0) if source.address else None
    for handler in (
        _Http(own),
        _Https(own, _tls(source)),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
    ):
        opener.add_handler(handler)
    request = urllib.request.Request(source.url)  # noqa: S310  the scheme was checked; no handler takes another
    if source.user:
        sign_in = base64.b64encode(f"{source.user}:{source.password}".encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {sign_in}")
    answer: http.client.HTTPResponse | None = opener.open(request, timeout=_SILENCE_SECONDS)
    if answer is None:
        raise ImageRefused("SourceDoesNotSupportProtocol", f"{source.url} leads to another protocol.", source.url, "")
    return answer


def _tls(source: Source) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not source.verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for authority in source.authorities:
        context.load_verify_locations(cadata=authority)
    return context


def _check_length(url: str, length: str | None, target: Path, largest: int) -> None:
    """Refuse what is too large before it is fetched."""
    if length is None or not length.isdecimal():
        return
    room = shutil.disk_usage(target.parent).free - SPARE_BYTES
    if int(length) > min(largest, room):
        raise _too_large(url, min(largest, max(room, 0)))


def _copy(url: str, answer: http.client.HTTPResponse, file: BinaryIO, largest: int) -> int:
    written, end = 0, time.monotonic() + _LONGEST_SECONDS
    while piece := answer.read(_PIECE):
        written += len(piece)
        if written > largest:
            raise _too_large(url, largest)
        if time.monotonic() > end:
            raise TimeoutError(f"it is not whole after {_LONGEST_SECONDS:.0f} s")
        file.write(piece)
    expected = answer.headers.get("Content-Length")
    if not written or (expected is not None and expected.isdecimal() and int(expected) != written):
        raise ImageRefused("ResourceAtUriInUnknownFormat", f"The image at {url} is not whole or empty.", url)
    return written


def _too_large(url: str, largest: int) -> ImageRefused:
    message = f"The image at {url} is larger than the {largest} bytes that this BMC takes."
    return ImageRefused("InsufficientStorage", message, url)


def _unreachable(url: str, error: Exception) -> ImageRefused:
    if isinstance(error, urllib.error.HTTPError):
        if error.code in (401, 403):
            message = f"While attempting to establish a connection to {url}, the service denied access."
            return ImageRefused("AccessDenied", message, url)
        message = f"The resource at the URI {url} was not found: status {error.code}."
        return ImageRefused("ResourceMissingAtURI", message, url)
    reason = getattr(error, "reason", None) or error
    message = f"The service was unable to establish a connection with the URI {url}: {reason}."
    return ImageRefused("CouldNotEstablishConnection", message, url)
