"""A monitor in this process and what the store has of its servers, as the tests of faults look at them."""

from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from oobctl import clock, history
from oobctl.access import SYSTEM
from oobctl.constants import Capability
from oobctl.history import History
from oobctl.monitor import Monitor
from oobctl.readings import tell
from oobctl.readings.tell import Told
from oobctl.store import EventLogEntry, Reading, Sample, Server, Site, database
from tests.monitoring import running

OFTEN: dict[str, Any] = {
    "polling.power": 0.5,
    "polling.health": 5,
    "polling.sensors": 1,
    "polling.event_log": 1,
    "polling.power_metering": 2,
}
"""Changes of a profile for tests that cannot wait for minutes."""


def said(row: str, done: str, seen: str) -> None:
    """One line of the table of faults."""
    print(f"\n    {row:22} | {done} | {seen}")


def monitoring() -> AbstractContextManager[Monitor]:
    with database().read() as session:
        site_id = session.scalars(select(Site.id)).one()
    return running(site_id)


def server(server_id: str) -> Server:
    with database().read() as session:
        return session.get_one(Server, server_id)


def content(server_id: str, capability: Capability) -> dict[str, Any]:
    """What was last read; empty where nothing was."""
    with database().read() as session:
        row = session.get(Reading, (server_id, capability))
        return (row.content if row is not None else None) or {}


def sensor(server_id: str, name: str) -> dict[str, Any]:
    """A sensor as it was last read; empty where the BMC has none of that name."""
    listed = content(server_id, Capability.SENSORS).get("sensors", [])
    return next((one for one in listed if one["name"] == name), {})


def told(server_id: str, capability: Capability) -> Told:
    """As staff is told of it."""
    with database().read() as session:
        return tell.latest(session, SYSTEM, session.get_one(Server, server_id), capability)


def since(server_id: str, begin: datetime, end: datetime | None = None) -> History:
    """Its history by the minute."""
    with database().read() as session:
        return history.between(session, server_id, begin, end or clock.now() + timedelta(hours=2), 60)


def numbers(found: History, name: str, units: str) -> dict[datetime, float | None]:
    """What one series has, by the minute."""
    lines = [line for line in found.lines if (line.series.name, line.series.units) == (name, units)]
    return dict(zip(found.times, lines[0].mean, strict=True)) if lines else {}


def samples(server_id: str) -> list[tuple[int, int]]:
    """Of all samples the step, and when each begins."""
    with database().read() as session:
        rows = session.execute(select(Sample.step, Sample.at).where(Sample.server_id == server_id))
        return [(row[0], row[1]) for row in rows]


def entries(server_id: str) -> list[EventLogEntry]:
    """Its log entries, the oldest first."""
    with database().read() as session:
        query = select(EventLogEntry).where(EventLogEntry.server_id == server_id).order_by(EventLogEntry.id)
        return list(session.scalars(query))
