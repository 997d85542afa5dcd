"""GET /metrics: who may read it, and in which form."""

import hmac
import zlib
from collections.abc import Iterable, Iterator

from flask import Blueprint, Response, request
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from oobctl.access import SYSTEM, find_server
from oobctl.config import settings
from oobctl.constants import Lifecycle
from oobctl.errors import NotAllowed, NotFound
from oobctl.store import database
from web.identity import is_loopback
from web.metrics.controller import registry
from web.metrics.fleet import Fleet, Parts, of_one
from web.metrics.lines import text_of
from web.metrics.names import HELP
from web.security import is_our_name

blueprint = Blueprint("metrics", __name__)

_FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via")
_END = b"# EOF\n"  # of OpenMetrics; Prometheus' own format has none
_nothing = CollectorRegistry()
_fleet = Fleet()


@blueprint.get("/metrics")
def scrape() -> Response:
    """All servers and the controller; with ?target=NAME that server alone. From the store: no BMC is waited for."""
    if not _may_read():
        raise NotAllowed("Metrics are for loopback, or for the bearer of the metrics token (OOBCTL_METRICS_TOKEN).")
    target = request.args.get("target")
    parts = _fleet.all() if target is None else _of(target)
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    head = encode(registry if target is None else _nothing)
    end = _END if head.endswith(_END) else b""
    body = _body(head.removesuffix(_END), parts, end)
    response = Response(body, content_type=content_type)
    response.headers["Vary"] = "Accept, Accept-Encoding"
    if request.accept_encodings["gzip"]:
        response.headers["Content-Encoding"] = "gzip"
        response.response = _packed(body)
    return response


def _of(target: str) -> Parts:
    """By name or id. Raises NotFound, and InvalidParameter where several are called so."""
    with database().read() as session:
        server = find_server(session, SYSTEM, target)
        if server.lifecycle is Lifecycle.RETIRED:
            raise NotFound(f"The server {target!r} is retired: nothing is read of it.")
        return of_one(session, server.id)


def _body(head: bytes, parts: Parts, end: bytes) -> Iterator[bytes]:
    """Piece by piece: of thousands of servers it is tens of megabytes."""
    yield head
    for piece in text_of(HELP, parts):
        yield piece.encode()
    yield end


def _packed(body: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(1, wbits=31)  # gzip's form, and its quickest: most of it is the same again and again
    for piece in body:
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()


def _may_read() -> bool:
    """The metrics token; without one whoever is on this computer, with nothing in between.

    Behind a proxy the token alone counts: a proxy that says nothing of whom it asks for makes everybody local. A
    page in a browser of this computer comes with a name that is not ours (DNS rebinding).
    """
    scheme, _, credential = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        wanted = settings().metrics_token
        return bool(wanted) and hmac.compare_digest(credential.strip().encode(), wanted.encode())
    if settings().behind_proxy or any(name in request.headers for name in _FORWARDED):
        return False
    return is_loopback(request.remote_addr) and is_our_name(request.headers.get("Host"))
