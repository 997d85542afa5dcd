"""HTTP to one BMC: one connection, no proxy, no other authority, limits to time and size, the certificate first."""

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests
import urllib3
from redfish.rest import v1 as library
from requests.adapters import HTTPAdapter

from oobctl.constants import TlsMode
from oobctl.drivers.interfaces import EndpointAddress
from oobctl.drivers.redfish.tls import Limit, context_for, fingerprint, plain

MOST_BYTES = 4 * 1024 * 1024
_PIECE = 64 * 1024


def _no_records(_record: logging.LogRecord) -> bool:
    """The library logs headers and bodies, tokens among them."""
    return False


library.LOGGER.addFilter(_no_records)


class Wire(NamedTuple):
    """An answer as it came: its headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class OtherCertificate(Exception):
    """The certificate is not the pinned one. Nothing was sent."""

    def __init__(self, presented: str) -> None:
        super().__init__("another certificate")
        self.presented = presented


class OtherAuthority(Exception):
    """A redirect or link to somewhere else: what authenticates us must not go there."""


class TooMuch(Exception):
    """The answer is larger than any resource of a BMC."""


class BmcAdapter(HTTPAdapter):
    """The only way out of a client: to its own endpoint, with the certificate checked before the first byte."""

    def __init__(self, endpoint: EndpointAddress, limit: Limit) -> None:
        self._context = context_for(endpoint, limit)
        self._pool = _pool_class(plain(endpoint.tls_fingerprint or "") if endpoint.tls_mode == TlsMode.PIN else None)
        self._authority = authority(endpoint)
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **_more: Any) -> None:
        self.poolmanager = urllib3.PoolManager(connections, maxsize=maxsize, block=block, ssl_context=self._context)
        self.poolmanager.pool_classes_by_scheme = {"https": self._pool}

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Where to connect to, and nothing that loosens our TLS context."""
        parts = urlsplit(str(request.url))
        return {"scheme": parts.scheme, "host": parts.hostname, "port": parts.port}, {}

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """The context has it all; the library's `verify=False` must not reach it."""

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        parts = urlsplit(str(request.url))
        if parts.scheme != "https" or parts.netloc != self._authority:
            raise OtherAuthority(parts.netloc)
        kwargs["stream"] = True
        response = super().send(request, *args, **kwargs)
        response._content = self._body(response)
        response._content_consumed = True
        return response

    @staticmethod
    def _body(response: requests.Response) -> bytes:
        """All of the body, up to the limit of size; the socket keeps the limit of time."""
        pieces, size = [], 0
        while piece := response.raw.read(_PIECE, decode_content=True):
            size += len(piece)
            if size > MOST_BYTES:
                response.raw.close()
                raise TooMuch(f"more than {MOST_BYTES} bytes")
            pieces.append(piece)
        response.raw.release_conn()
        return b"".join(pieces)


class Elsewhere(HTTPAdapter):
    """Where a redirect leads that is not even HTTPS: nothing is sent there."""

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        url = str(request.url)
        raise OtherAuthority(f"{urlsplit(url).scheme}://{urlsplit(url).netloc}")


def _pool_class(pinned: str | None) -> type[urllib3.HTTPSConnectionPool]:
    """A pool whose connections compare the certificate right after the handshake, each of them."""

    class Connection(urllib3.connection.HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            if pinned is not None:
                presented = fingerprint(self.sock.getpeercert(binary_form=True) or b"")  # type: ignore[union-attr]
                if presented != pinned:
                    self.close()
                    raise OtherCertificate(presented)
                self.is_verified = True

    class Pool(urllib3.HTTPSConnectionPool):
        ConnectionCls = Connection

    return Pool


class Client(library.HttpClient):  # type: ignore[misc]  # the library has no types
    """The library's client, bound to one endpoint and never retrying."""

    def __init__(self, endpoint: EndpointAddress, limit: Limit) -> None:
        super().__init__(base_url=f"https://{authority(endpoint)}", timeout=1, max_retry=0, check_connectivity=False)
        self._session.trust_env = False
        self._session.headers["Accept-Encoding"] = "identity"
        self._session.adapters.clear()
        self._session.mount("", Elsewhere())
        self._session.mount("https://", BmcAdapter(endpoint, limit))
        self._session.max_redirects = 3

    def send(self, method: str, path: str, body: Any, headers: dict[str, str], timeout: float, *, follow: bool) -> Wire:
        """One request. follow: redirects are followed, for GET alone, and inside the authority alone."""
        follow = follow and method == "GET"
        answer = self._rest_request(
            path, method=method, body=body, headers=headers, allow_redirects=follow, timeout=timeout
        )
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return Wire(answer.status, headers, bytes(answer.read or b""))

    def forget(self) -> None:
        """Close the connection, and keep nothing that authenticates us."""
        self.set_session_key(None)
        self.set_authorization_key(None)
        self.drop()

    def drop(self) -> None:
        """Close the connection."""
        self._session.close()


def authority(endpoint: EndpointAddress) -> str:
    host = f"[{endpoint.address}]" if ":" in endpoint.address else endpoint.address
    return f"{host}:{endpoint.port}"
