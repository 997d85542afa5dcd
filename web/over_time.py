"""A server over time: plots that each answer a question, and what was done and noted on the same axis."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean
from typing import Any

from sqlalchemy.orm import Session

from oobctl import clock, control, units
from oobctl.access import Actor
from oobctl.constants import Capability, Contact, Health, JobState, ReadingType
from oobctl.errors import contact
from oobctl.readings import rounds, tell
from oobctl.store import EventLogEntry, Server
from web import hardware_words, readings, views
from web.discretion import told
from web.shapes.readings import HistoryShape, SensorsShape, SeriesShape

_GAP = 2.5
"""So many steps, or times as long as readings are apart, without a number are a gap."""
_MOST_MARKS = 100
Numbers = Sequence[float | None]


@dataclass(frozen=True)
class Span:
    """How far back the page looks."""

    name: str
    title: str
    length: timedelta


_DAY = Span("day", "24 hours", timedelta(days=1))
SPANS = (
    Span("hour", "60 minutes", timedelta(hours=1)),
    _DAY,
    Span("week", "7 days", timedelta(days=7)),
    Span("quarter", "90 days", timedelta(days=90)),
    Span("years", "3 years", timedelta(days=3 * 365)),
)


@dataclass(frozen=True)
class Line:
    """One sensor's line, and the numbers beside it. below, above: the nearest limits, where it has some.

    ended: when it was read last, where it is not read any more, or in another unit now.
    """

    name: str
    points: Numbers
    least: float
    average: float
    most: float
    below: float | None = None
    above: float | None = None
    ended: datetime | None = None


@dataclass(frozen=True)
class Plot:
    """One question, and the lines that answer it. shown: which number of each span is drawn, in words."""

    question: str
    shown: str
    unit: str
    lines: list[Line]

    @property
    def data(self) -> dict[str, Any]:
        """For the browser, beside the times that all plots share."""
        lines = [
            {"name": line.name, "points": line.points, "below": line.below, "above": line.above} for line in self.lines
        ]
        return {"unit": self.unit, "lines": lines}


@dataclass(frozen=True)
class Mark:
    """Something that happened. bad: it needs somebody's eye. contact: how the BMC gave no readings, until then."""

    at: datetime
    what: str
    kind: str
    bad: bool
    job_id: str | None = None
    contact: Contact | None = None
    until: datetime | None = None


def _steadiness(line: SeriesShape) -> Numbers:
    """In percent of its own mean: 12 V and 1.05 V are on one scale then, and a sagging one is seen."""
    mean = fmean(value for value in line.average if value is not None)
    if not mean:
        return [None for _ in line.average]
    return [None if value is None else round((value / mean - 1) * 100, 3) for value in line.average]


_QUESTIONS: tuple[tuple[ReadingType, str, str, Callable[[SeriesShape], Numbers]], ...] = (
    (ReadingType.TEMPERATURE, "Does it stay cool?", "The highest of each sensor", lambda line: line.maximum),
    (ReadingType.ROTATIONAL, "Do the fans keep turning?", "The lowest of each fan", lambda line: line.minimum),
    (ReadingType.POWER, "What does it draw?", "The average of each meter", lambda line: line.average),
    (ReadingType.VOLTAGE, "Are the voltages steady?", "Each one against its own average", _steadiness),
)


def page(session: Session, actor: Actor, server: Server, wanted: str) -> dict[str, Any]:
    """What the page shows of the span of that name (a day, where there is none of it). Raises NotAllowed."""
    span = next((one for one in SPANS if one.name == wanted), _DAY)
    end = clock.now()
    begin = end - span.length
    sensors = readings.shape(session, actor, server, Capability.SENSORS, SensorsShape)
    history = readings.history(session, actor, server, begin, end)
    marks = _marks(session, actor, server, begin)
    gap = _gap(server, history)
    found = plots(history, sensors, gap)
    return {
        "span": span,
        "spans": SPANS,
        "sensors": sensors,
        "plots": found,
        "marks": marks,
        "data": {
            "from": begin.timestamp(),
            "to": end.timestamp(),
            "gap": gap,
            "times": [at.timestamp() for at in history.times],
            "plots": [plot.data for plot in found],
            "marks": [{"at": max(mark.at, begin).timestamp(), "bad": mark.bad} for mark in marks],
        },
    }


def plots(history: HistoryShape, sensors: SensorsShape, gap: float) -> list[Plot]:
    """One of each question and unit that has numbers, in the order of the questions.

    gap: seconds without a number after which a line has ended.
    """
    limits = {(sensor.name, sensor.units or ""): sensor.thresholds for sensor in sensors.sensors or []}
    oldest = history.times[-1] - timedelta(seconds=gap) if history.times else history.end
    newest: dict[tuple[str, str | None], datetime] = {}
    for line in history.series:
        key = line.name, line.source
        newest[key] = max(line.last_read, newest.get(key, oldest))
    found = []
    for kind, question, shown, points in _QUESTIONS:
        lines = [line for line in history.series if line.reading_type is kind]
        for unit in dict.fromkeys(line.units for line in lines):
            found.append(
                Plot(
                    question,
                    shown,
                    "%" if kind is ReadingType.VOLTAGE else units.unit(unit),
                    [
                        _line(
                            line,
                            points(line),
                            None if kind is ReadingType.VOLTAGE else limits.get((line.name, unit)),
                            newest[line.name, line.source],
                        )
                        for line in lines
                        if line.units == unit
                    ],
                )
            )
    return found


def _gap(server: Server, history: HistoryShape) -> float:
    """Seconds without a number that are a gap, by how often this server is read."""
    every = [rounds.interval(server.bmc.profile, one) for one in (Capability.SENSORS, Capability.POWER_METERING)]
    return _GAP * max([history.step, *(seconds for seconds in every if seconds is not None)])


def _line(line: SeriesShape, points: Numbers, limits: Any, current: datetime) -> Line:
    name = f"{line.name} ({line.source})" if line.source else line.name
    below, above = hardware_words.nearest(limits) if limits is not None else (None, None)
    return Line(
        name,
        points,
        min(value for value in line.minimum if value is not None),
        fmean(value for value in line.average if value is not None),
        max(value for value in line.maximum if value is not None),
        below,
        above,
        line.last_read if line.last_read < current else None,
    )


def _what(entry: EventLogEntry) -> str:
    """With the part it is about, once: many a BMC begins with it."""
    part = hardware_words.of_part(entry.component, entry.message)
    return f"{part}: {entry.message}" if part else entry.message


def _outages(session: Session, actor: Actor, server: Server, begin: datetime) -> list[Mark]:
    return [
        Mark(
            row.from_at,
            told(row.because, staff=actor.is_staff) or "",
            "outage",
            True,
            contact=contact(row.code),
            until=row.until_at,
        )
        for row in tell.outages(session, actor, server, begin, _MOST_MARKS)
    ]


def _marks(session: Session, actor: Actor, server: Server, begin: datetime) -> list[Mark]:
    """What was done, what the BMC noted and when it gave no readings since then, the newest first."""
    rows, _more = control.jobs(actor, server=server.id, limit=_MOST_MARKS)
    done = [
        Mark(
            row.created_at,
            f"{views.title_of(row.action)}: {row.state.replace('_', ' ')}",
            "action",
            row.state in {JobState.FAILED, JobState.NEEDS_ATTENTION},
            row.id,
        )
        for row in rows
        if row.created_at >= begin and row.action != "server.inspect"
    ]
    entries, _next = tell.entries(session, actor, server, limit=_MOST_MARKS)
    noted = [
        Mark(
            entry.created,
            _what(entry),
            "log",
            entry.severity in {Health.WARNING, Health.CRITICAL},
        )
        for entry in entries
        if entry.created is not None and begin <= entry.created <= clock.now()
    ]
    found = [*done, *noted, *_outages(session, actor, server, begin)]
    return sorted(found, key=lambda mark: mark.at, reverse=True)[:_MOST_MARKS]
