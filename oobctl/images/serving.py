"""Whether the media service really serves an image: asked as a BMC would ask, before a BMC is sent there."""

from typing import NoReturn

import httpx

from oobctl.errors import ConfigurationError, InvalidParameter, NotFound
from oobctl.images import access, catalogue

_SERVICE_SECONDS = 5.0
_FIRST_BYTES = 65_536


def check(server_id: str, job_id: str, name: str) -> int:
    """Fetch the first bytes over an address of its own, and compare them and the length with the catalogue's file.

    Returns the image's bytes. A catalogue on another computer cannot be compared with: what the service says counts.
    Raises InvalidParameter where there is no such image or it is empty, ConfigurationError where the service does not
    answer, or not with that file.
    """
    url = access.open_for(server_id, job_id, name, look=True)
    try:
        first, size = _fetched(url, name)
    finally:
        access.close_job(job_id)  # it was for this look alone
    _compare(name, first, size)
    return size


def check_network() -> None:
    """Raises ConfigurationError where the boot service cannot give a server all that it needs from its network."""
    for what, begin in (("boot.ipxe", "#!ipxe"), ("vmlinuz", ""), ("ramdisk", "")):
        url = f"{access.service()}/boot/{what}"
        try:
            answer = httpx.get(url, headers={"Range": "bytes=0-511"}, timeout=_SERVICE_SECONDS, trust_env=False)
        except httpx.HTTPError as error:
            raise _silent(error) from error
        if answer.status_code == httpx.codes.NOT_FOUND and begin == "":
            raise ConfigurationError(f"{answer.text.strip()[:300]} Nothing was sent.")
        if not answer.is_success or not answer.text.startswith(begin):
            raise ConfigurationError(
                f"What answers at {access.service()} is no boot service of this version ({answer.status_code} for "
                f"{what}). Nothing was sent. Start it anew: oobctl boot."
            )


def _silent(error: httpx.HTTPError) -> ConfigurationError:
    return ConfigurationError(
        f"The media service at {access.service()} does not answer ({type(error).__name__}), so no BMC and no server "
        "can fetch from it. Nothing was sent. Start it (oobctl boot), or set OOBCTL_MEDIA_URL.",
    )


def _fetched(url: str, name: str) -> tuple[bytes, int]:
    asked = {"Range": f"bytes=0-{_FIRST_BYTES - 1}", "Accept-Encoding": "identity"}
    try:
        with httpx.stream("GET", url, headers=asked, timeout=_SERVICE_SECONDS, trust_env=False) as answer:
            status, told = answer.status_code, answer.headers
            first = _first(answer)
    except httpx.HTTPError as error:
        raise _silent(error) from error
    if status == httpx.codes.NOT_FOUND and name == access.INSTALLER:
        raise ConfigurationError(f"{first.decode(errors='replace').strip()[:300]} Nothing was sent.")
    if status == httpx.codes.NOT_FOUND:
        known = ", ".join(image.name for image in catalogue.all_images())
        here = f" On this computer there are: {known}." if known else ""
        raise InvalidParameter(f"The site's media service has no image {name}.{here}", field="image")
    size = told.get("Content-Range", "").rpartition("/")[2] or told.get("Content-Length", "")
    if status == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE or size == "0":
        raise InvalidParameter(f"The image {name} is empty. Nothing was sent. Add it again.", field="image")
    good = status in {httpx.codes.OK, httpx.codes.PARTIAL_CONTENT}
    if not good or not size.isascii() or not size.isdigit() or not first:
        _unfit(name, f"it answered {status}, and no image")
    return first, int(size)


def _first(answer: httpx.Response) -> bytes:
    """The first bytes alone, also of a service that knows no ranges."""
    found = b""
    for part in answer.iter_bytes():
        found += part
        if len(found) >= _FIRST_BYTES:
            break
    return found[:_FIRST_BYTES]


def _compare(name: str, first: bytes, size: int) -> None:
    try:
        image = catalogue.find(name)
    except NotFound:  # it is on the computer of the media service alone
        return
    try:
        with image.path.open("rb") as file:
            here = file.read(_FIRST_BYTES)
    except OSError as error:
        raise ConfigurationError(f"The image {name} cannot be read: {error.strerror}. Nothing was sent.") from error
    if size != image.size:
        _unfit(name, f"it says {size} bytes where the catalogue has {image.size}")
    if first != here:
        _unfit(name, "its first bytes are not those of the catalogue's file")


def _unfit(name: str, why: str) -> NoReturn:
    raise ConfigurationError(
        f"The media service at {access.service()} does not serve the image {name} as it is: {why}. Nothing was sent. "
        "Look whether something else listens there, or add the image again."
    )
