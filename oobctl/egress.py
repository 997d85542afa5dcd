"""Fetching from an address that somebody gave: https alone, never from inside our own networks, never too much."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from pathlib import Path

import httpx

from oobctl.config import settings
from oobctl.errors import ConfigurationError, InvalidParameter

Address = IPv4Address | IPv6Address

_SECONDS = 30.0  # until an answer begins, and between two pieces of it
_MOST_REDIRECTS = 5
_TRANSLATED = IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address is in the last 32 bits


@dataclass(frozen=True)
class Target:
    """A URL that may be asked, and the address that was checked: no later look-up can lead elsewhere."""

    url: httpx.URL
    address: Address


def fetch(url: str, file: Path, most_bytes: int) -> int:
    """Download into a new file. Returns its bytes.

    Raises InvalidParameter (field url) where the address may not be asked, or the answer is too long or no file;
    ConfigurationError where the file cannot be written.
    """
    with _answer(check(url)) as answer:
        told = answer.headers.get("Content-Length", "")
        if told.isascii() and told.isdigit() and int(told) > most_bytes:
            raise _too_long(url, most_bytes)
        size = 0
        try:
            with file.open("xb") as target:
                for piece in answer.iter_raw():
                    size += len(piece)
                    if size > most_bytes:
                        raise _too_long(url, most_bytes)
                    target.write(piece)
        except OSError as error:
            raise ConfigurationError(f"{file} could not be written: {error.strerror}.") from error
        except httpx.HTTPError as error:
            raise _silent(answer.request.url, error) from error
    return size


def check(url: str | httpx.URL) -> Target:
    """Where a URL leads. Raises InvalidParameter where that is not to be asked, saying why."""
    try:
        parsed = httpx.URL(url)
        name = parsed.host
    except (httpx.InvalidURL, TypeError, UnicodeError) as error:
        raise _wrong(f"It is no URL: {error}") from error
    if parsed.scheme != "https" or not name:
        raise _wrong("Only https://NAME/... is fetched from")
    if parsed.userinfo:
        raise _wrong("A URL with a user or a password in it is not fetched from: it would be kept in logs")
    addresses = _addresses(name, parsed.port or 443)
    for address in addresses:
        if not is_allowed(address):
            raise _wrong(
                f"{name} is {address}, which is no public address. If it is a server of yours, name its network in "
                "OOBCTL_EGRESS_NETWORKS"
            )
    return Target(parsed, addresses[0])


def is_allowed(address: Address) -> bool:
    """Whether it is a public address, or in a network that the settings allow."""
    plain = _plain(address)
    if any(plain in network for network in settings().egress_networks if network.version == plain.version):
        return True
    return plain.is_global and not plain.is_multicast and not plain.is_reserved


def _plain(address: Address) -> Address:
    """An IPv4 address that is written as an IPv6 one is what it is."""
    if isinstance(address, IPv4Address):
        return address
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else address)


def _addresses(name: str, port: int) -> list[Address]:
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise _wrong(f"The name {name!r} has no address ({error})") from error
    return [ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]


@contextmanager
def _answer(target: Target) -> Iterator[httpx.Response]:
    """The answer, after at most a few redirects, each checked like the first address."""
    with httpx.Client(verify=_authorities(), trust_env=False, timeout=_SECONDS) as client:
        for _ in range(_MOST_REDIRECTS + 1):
            with _asked(client, target) as answer:
                if answer.has_redirect_location:
                    target = check(target.url.join(answer.headers["Location"]))
                    continue
                if answer.status_code != httpx.codes.OK:
                    raise _wrong(f"{target.url.host} answers {answer.status_code} and no file")
                yield answer
                return
    raise _wrong(f"It redirects more than {_MOST_REDIRECTS} times")


@contextmanager
def _asked(client: httpx.Client, target: Target) -> Iterator[httpx.Response]:
    """Connects to the checked address; certificate and Host header are those of the URL's name."""
    headers = {"Host": target.url.netloc.decode("ascii"), "Accept-Encoding": "identity"}
    request = client.build_request("GET", target.url.copy_with(host=str(target.address)), headers=headers)
    request.extensions["sni_hostname"] = target.url.raw_host.decode("ascii").strip("[]")
    try:
        answer = client.send(request, stream=True)
    except httpx.HTTPError as error:
        raise _silent(target.url, error) from error
    try:
        yield answer
    finally:
        answer.close()


def _authorities() -> ssl.SSLContext:
    context = httpx.create_ssl_context(trust_env=False)
    if settings().egress_ca is not None:
        try:
            context.load_verify_locations(settings().egress_ca)
        except OSError as error:  # ssl.SSLError is one
            raise ConfigurationError(f"OOBCTL_EGRESS_CA ({settings().egress_ca}) cannot be read: {error}.") from error
    return context


def _silent(url: httpx.URL, error: httpx.HTTPError) -> InvalidParameter:
    return _wrong(f"{url.host} did not give the file: {error or type(error).__name__}")


def _too_long(url: str, most_bytes: int) -> InvalidParameter:
    most = f"{most_bytes >> 20} MB" if most_bytes >= 1 << 20 else f"{most_bytes >> 10} KB"
    return _wrong(f"{httpx.URL(url).host} has a file of more than {most}")


def _wrong(why: str) -> InvalidParameter:
    return InvalidParameter(f"{why}. Nothing was kept.", field="url")
