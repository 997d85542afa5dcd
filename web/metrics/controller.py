"""What is told of the controller itself: its requests, jobs, processes, and how late the monitors are."""

import time
from collections.abc import Iterator
from datetime import datetime

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from oobctl import __version__, clock
from oobctl.config import settings
from oobctl.constants import POLLED, Capability, JobState, Lifecycle, PowerState
from oobctl.readings import rounds
from oobctl.store import Bmc, Credential, Job, Process, Server, Site, database, db_now
from web.streams.hub import hub

KINDS = ("worker", "monitor", "boot")
"""The kinds of processes; one that is missing is told as 0."""

registry = CollectorRegistry()
_requests = Counter("oobctl_http_requests", "Requests answered", ["endpoint", "status"], registry=registry)
_seconds = Histogram("oobctl_http_request_seconds", "Time to answer", ["endpoint"], registry=registry)


def processes_alive() -> dict[str, int]:
    """How many processes of each kind beat lately, by the database's clock."""
    query = (
        select(Process.kind, func.count())
        .where(Process.seen > db_now() - settings().dead_after_seconds)
        .group_by(Process.kind)
    )
    with database().read() as session:
        return {row[0]: row[1] for row in session.execute(query)}


class _Store(Collector):
    """What the database says, read when it is asked for."""

    def collect(self) -> Iterator[Metric]:
        alive = processes_alive()
        yield _by("oobctl_processes", "Processes alive", "kind", dict.fromkeys(KINDS, 0) | alive)
        yield GaugeMetricFamily("oobctl_streams", "Live pages open", value=hub.count)
        yield _by("oobctl_build_info", "The version of oobctl; always 1", "version", {__version__: 1})
        with database().read() as session:
            yield from _servers(session)
            yield from _jobs(session)
            yield _lag(session)


def _servers(session: Session) -> Iterator[Metric]:
    ours = Server.lifecycle != Lifecycle.RETIRED
    powered = session.execute(select(Server.power_state, func.count()).where(ours).group_by(Server.power_state))
    states = dict.fromkeys(map(str, PowerState), 0) | {str(row[0]): row[1] for row in powered}
    yield _by("oobctl_servers", "Servers by power state", "power_state", states)
    silent = session.scalar(select(func.count()).where(ours, Server.silent_since.is_not(None))) or 0
    yield GaugeMetricFamily("oobctl_silent_bmcs", "Servers whose BMC gives no readings", value=silent)
    parked = session.scalar(select(func.count()).where(Credential.parked_at.is_not(None))) or 0
    words = "Passwords of BMCs that were refused, and are not tried again"
    yield GaugeMetricFamily("oobctl_credentials_parked", words, value=parked)


def _jobs(session: Session) -> Iterator[Metric]:
    counted = session.execute(select(Job.state, func.count()).group_by(Job.state))
    states = dict.fromkeys(map(str, JobState), 0) | {str(row[0]): row[1] for row in counted}
    yield _by("oobctl_jobs", "Jobs by state", "state", states)
    oldest = session.scalar(select(func.min(Job.created_at)).where(Job.state == JobState.QUEUED))
    words = "For how long the oldest queued job has waited; 0 where none does"
    yield GaugeMetricFamily("oobctl_job_queue_oldest_seconds", words, value=_since(oldest))


def _lag(session: Session) -> Metric:
    """Of the servers that are polled and whose BMC answers: one that was never read is not there yet."""
    words = "How late the monitor is: seconds since the oldest power reading of a site was due"
    lag = GaugeMetricFamily("oobctl_monitor_lag_seconds", words, labels=["site"])
    query = select(Site.name, Bmc.profile, func.min(Server.power_read_at))
    query = query.join(Server, Server.site_id == Site.id).join(Bmc, Bmc.id == Server.bmc_id)
    query = query.where(Server.lifecycle.in_(POLLED), Server.silent_since.is_(None))
    late: dict[str, float] = {}
    for site, profile, oldest in session.execute(query.group_by(Site.name, Bmc.profile)):
        seconds = max(0.0, _since(oldest) - (rounds.interval(profile, Capability.POWER) or 0.0))
        late[site] = max(late.get(site, 0.0), seconds)
    for site, seconds in late.items():
        lag.add_metric([site], seconds)
    return lag


def _by(name: str, words: str, label: str, values: dict[str, int]) -> Metric:
    family = GaugeMetricFamily(name, words, labels=[label])
    for value, count in values.items():
        family.add_metric([value], count)
    return family


def _since(moment: datetime | None) -> float:
    return 0.0 if moment is None else max(0.0, (clock.now() - moment).total_seconds())


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
