"""For those who watch the panel: /healthz, /readyz and /metrics."""

import hmac
import time
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Flask, Response, g, jsonify, request
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from oobctl import __version__
from oobctl.config import settings
from oobctl.errors import NotAllowed, StoreUnavailable
from oobctl.store import Job, Process, Server, database, db_now
from web.identity import is_loopback
from web.streams.hub import hub

blueprint = Blueprint("probes", __name__)
registry = CollectorRegistry()

NEEDED = ("worker", "monitor")
USEFUL = ("boot",)  # without it no image can be inserted; all else works
NOT_IN_THIS_VERSION = {"gateway": "This version has no consoles yet, so no gateway runs, and none is needed."}

_requests = Counter("oobctl_http_requests", "Requests answered", ["endpoint", "status"], registry=registry)
_seconds = Histogram("oobctl_http_request_seconds", "Time to answer", ["endpoint"], registry=registry)


@blueprint.get("/healthz")
def healthz() -> tuple[Response, int]:
    """The panel and its database are alive."""
    return _answer([_database_check()])


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """And the processes that act: each is named, with what to do where it is missing."""
    checks = [_database_check()]
    if checks[0]["ok"]:
        alive = processes_alive()
        checks += [_process_check(kind, alive.get(kind, 0), needed=kind in NEEDED) for kind in NEEDED + USEFUL]
    missing = [{"name": name, "ok": False, "needed": False, "detail": why} for name, why in NOT_IN_THIS_VERSION.items()]
    return _answer(checks + missing)


@blueprint.get("/metrics")
def metrics() -> tuple[Response, int]:
    """Prometheus. For the holder of the metrics token, or from this computer with nothing in between."""
    if not _may_read_metrics():
        raise NotAllowed("Metrics are for loopback, or for the bearer of the metrics token (OOBCTL_METRICS_TOKEN).")
    return Response(generate_latest(registry), content_type="text/plain; version=0.0.4; charset=utf-8"), 200


def processes_alive() -> dict[str, int]:
    """How many processes of each kind beat lately, by the database's clock."""
    query = (
        select(Process.kind, func.count())
        .where(Process.seen > db_now() - settings().dead_after_seconds)
        .group_by(Process.kind)
    )
    with database().read() as session:
        return {row[0]: row[1] for row in session.execute(query)}


def _answer(checks: list[dict[str, Any]]) -> tuple[Response, int]:
    well = all(check["ok"] for check in checks if check.get("needed", True))
    return jsonify({"ok": well, "version": __version__, "checks": checks}), 200 if well else 503


def _database_check() -> dict[str, Any]:
    try:
        with database().read() as session:
            session.scalar(select(func.count()).select_from(Server).where(Server.id == ""))
    except StoreUnavailable as error:
        return {"name": "database", "ok": False, "needed": True, "detail": error.message}
    return {"name": "database", "ok": True, "needed": True, "detail": "answers"}


def _process_check(kind: str, count: int, *, needed: bool) -> dict[str, Any]:
    limit = settings().dead_after_seconds
    missing = f"None was heard of in the last {limit:.0f} s. Start one: oobctl {kind} --site {settings().site}"
    return {"name": kind, "ok": count > 0, "needed": needed, "detail": f"{count} running" if count else missing}


def _may_read_metrics() -> bool:
    scheme, _, credential = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        wanted = settings().metrics_token
        return bool(wanted) and hmac.compare_digest(credential.strip().encode(), wanted.encode())
    # A proxy on this computer makes everybody look local; what it forwards says so.
    forwarded = any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"))
    return is_loopback(request.remote_addr) and not (forwarded and not settings().behind_proxy)


class _Store(Collector):
    """What the database says, read when it is asked for."""

    def collect(self) -> Iterator[Metric]:
        power = GaugeMetricFamily("oobctl_servers", "Servers by power state", labels=["power_state"])
        silent = GaugeMetricFamily("oobctl_silent_bmcs", "Servers whose BMC does not answer")
        jobs = GaugeMetricFamily("oobctl_jobs", "Jobs by state", labels=["state"])
        running = GaugeMetricFamily("oobctl_processes", "Processes alive", labels=["kind"])
        streams = GaugeMetricFamily("oobctl_streams", "Live pages open", value=hub.count)
        with database().read() as session:
            for row in session.execute(select(Server.power_state, func.count()).group_by(Server.power_state)):
                power.add_metric([row[0]], row[1])
            silent.add_metric([], session.scalar(select(func.count()).where(Server.silent_since.is_not(None))) or 0)
            for found in session.execute(select(Job.state, func.count()).group_by(Job.state)):
                jobs.add_metric([found[0]], found[1])
        for kind, count in processes_alive().items():
            running.add_metric([kind], count)
        yield from (power, silent, jobs, running, streams)


registry.register(_Store())


def count_requests(app: Flask) -> None:
    """Count and time every request by its endpoint: never by its address, of which there are endlessly many."""

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()

    @app.after_request
    def end(response: Response) -> Response:
        endpoint = request.endpoint or "none"
        _requests.labels(endpoint, response.status_code).inc()
        _seconds.labels(endpoint).observe(time.perf_counter() - g.get("began", time.perf_counter()))
        return response
