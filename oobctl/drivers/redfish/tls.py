"""TLS to a BMC: checked against a certificate authority or a pinned fingerprint, and every byte within a time limit."""

import hashlib
import socket
import ssl
import time
from typing import Any

from oobctl.constants import TlsMode
from oobctl.drivers.interfaces import EndpointAddress
from oobctl.errors import BmcBadAnswer, BmcTimeout, BmcUnreachable, ConfigurationError


class Limit:
    """When the request under way must be over, and whether any of it went out."""

    def __init__(self) -> None:
        self.until = 0.0
        self.sent = False

    def start(self, seconds: float) -> None:
        self.until, self.sent = time.monotonic() + seconds, False

    def left(self) -> float:
        """Seconds left. Raises TimeoutError when there are none."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time for the whole request is over")
        return left


class LimitedSocket(ssl.SSLSocket):
    """A socket whose every wait ends with the limit of the whole request: a BMC can't drip its answer for ever."""

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self._limit()
        return super().recv_into(*args, **kwargs)

    def send(self, *args: Any, **kwargs: Any) -> int:
        self._limit()
        self._note()
        return super().send(*args, **kwargs)

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        self._limit()
        self._note()
        super().sendall(*args, **kwargs)

    def _limit(self) -> None:
        if isinstance(self.context, LimitedContext):
            self.settimeout(self.context.limit.left())

    def _note(self) -> None:
        if isinstance(self.context, LimitedContext):
            self.context.limit.sent = True


class LimitedContext(ssl.SSLContext):
    """Client side. `limit` is that of the request under way: a context serves one client."""

    limit: Limit
    sslsocket_class = LimitedSocket


def context_for(endpoint: EndpointAddress, limit: Limit) -> LimitedContext:
    """The checks of one endpoint: its CA, or the system's CAs; a pinned endpoint is checked by `fingerprint` instead.

    Raises ConfigurationError where the endpoint's CA is no certificate, or its pin is missing.
    """
    context = LimitedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.limit = limit
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if endpoint.tls_mode == TlsMode.PIN:
        required_pin(endpoint)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        trust(context, endpoint)
    return context


def required_pin(endpoint: EndpointAddress) -> str:
    """The fingerprint of a pinned endpoint, in plain hex. Raises ConfigurationError where there is none."""
    if not endpoint.tls_fingerprint:
        raise ConfigurationError(
            f"The endpoint {endpoint.address} has no pinned certificate. Confirm its fingerprint at the endpoint."
        )
    return plain(endpoint.tls_fingerprint)


def trust(context: ssl.SSLContext, endpoint: EndpointAddress) -> None:
    """Trust the endpoint's CA, else the system's. Raises ConfigurationError where it is no certificate."""
    try:
        if endpoint.tls_ca:
            context.load_verify_locations(cadata=endpoint.tls_ca)
        else:
            context.load_default_certs()
    except ssl.SSLError as error:
        raise ConfigurationError(
            f"The certificate authority of the endpoint {endpoint.address} is no PEM certificate. Enter it again."
        ) from error


def fingerprint(certificate: bytes) -> str:
    """SHA-256 of a certificate's DER form, in hex."""
    return hashlib.sha256(certificate).hexdigest()


def plain(text: str) -> str:
    """A fingerprint as typed, without colons and in lower case."""
    return text.replace(":", "").replace(" ", "").lower()


def presented_fingerprint(address: str, port: int, timeout: float) -> str:
    """SHA-256 (hex) of the certificate that a BMC presents, unchecked: for a person to confirm at enrolment.

    timeout: seconds for all of it. Raises BmcUnreachable, BmcTimeout, BmcBadAnswer (no TLS).
    """
    return fingerprint(presented_certificate(address, port, timeout))


def presented_certificate(address: str, port: int, timeout: float) -> bytes:
    """The certificate that a BMC presents, unchecked, in DER. Raises as `presented_fingerprint` does."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((address, port), timeout) as plain_socket,
            context.wrap_socket(plain_socket, server_hostname=address) as secured,
        ):
            certificate = secured.getpeercert(binary_form=True)
    except TimeoutError as error:
        raise BmcTimeout(f"The BMC at {address}:{port} presented no certificate within {timeout:.0f} s.") from error
    except ssl.SSLError as error:
        raise BmcBadAnswer(f"What answers at {address}:{port} does not speak TLS: {error.reason}.") from error
    except OSError as error:
        raise BmcUnreachable(f"The BMC at {address}:{port} took no connection: {error.strerror or error}.") from error
    if not certificate:
        raise BmcBadAnswer(f"The BMC at {address}:{port} presented no certificate.")
    return certificate
