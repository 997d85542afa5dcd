"""Adding what was read to the history of its servers. Each sample that is over is put into the next longer step.

Whoever writes a sample does what has to be done for that server: nothing waits for a nightly run, and what a server's
history takes is bounded at any moment. Many servers are done in a handful of statements.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from typing import Any, cast

import numpy as np
from sqlalchemy import Table, delete, func, select
from sqlalchemy import insert as plain_insert
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from oobctl import clock
from oobctl.constants import ReadingType
from oobctl.history.samples import DAY, MINUTE, STEPS, Floats, Step, pack, together, unpack
from oobctl.ids import new_id
from oobctl.store import Sample, Series, db_now

MOST_SERIES = 1000
"""Of one server. A BMC that makes up new names for its sensors fills no database."""
METERS = "power metering"
"""The qualifier of a power meter: a sensor of its name is another thing."""
Key = tuple[str, str, str]
Places = dict[int, float]
"""A number by its series' position."""


@dataclass(frozen=True)
class What:
    """What one number is of; as the columns of Series.

    place: where a sensor is found. It qualifies the name as soon as several sensors have had that name: else one that
    is missing for a while would leave its series to another.
    """

    name: str
    units: str
    reading_type: ReadingType
    qualifier: str = ""
    context: str | None = None
    place: str = field(default="", compare=False)

    @property
    def key(self) -> Key:
        return self.name, self.units, self.qualifier


@dataclass(frozen=True)
class Numbers:
    """What was read from one server at one moment. None: the sensor is there and has no number now."""

    server_id: str
    at: datetime
    values: Mapping[What, float | None]


def add(session: Session, found: Sequence[Numbers]) -> None:
    """Keep them, in the caller's transaction, in which the rows of `reading` of these servers are locked already.

    Two readings of one minute become one sample; of a number that both have the later one counts. One that comes late
    is put where it belongs. Samples of a time to come (the clock was set back) go: they tell of no time that was.
    """
    left = sorted(found, key=lambda one: (one.at, one.server_id))
    while left:
        batch: dict[str, Numbers] = {}
        again = []
        for one in left:  # of each server one at a time, oldest first
            if batch.setdefault(one.server_id, one) is not one:
                again.append(one)
        _add(session, batch)
        left = again


def _add(session: Session, batch: Mapping[str, Numbers]) -> None:
    places = _places(session, batch)
    moments = {server_id: MINUTE.begin(batch[server_id].at.timestamp()) for server_id in places}
    newest = _newest(session, moments)
    _put(session, MINUTE, _merged(session, moments, places))
    over: dict[tuple[Step, Step, int], set[str]] = {}
    for server_id, moment in moments.items():
        latest = max(moment, newest.get(server_id, moment))
        for at in {moment, newest.get(server_id, moment)}:
            for finer, longer in pairwise(STEPS):
                if longer.begin(at) < longer.begin(latest):
                    over.setdefault((finer, longer, longer.begin(at)), set()).add(server_id)
    for finer, longer, begin in sorted(over, key=lambda key: key[0].seconds):  # a day is made of its quarters
        _sum_up(session, over[finer, longer, begin], finer, longer, begin)


def _places(session: Session, batch: Mapping[str, Numbers]) -> dict[str, Places]:
    """Per server the numbers by their series' positions; those with none are left out. New series are made."""
    columns = (Series.server_id, Series.name, Series.units, Series.qualifier, Series.position)
    known: dict[str, dict[Key, int]] = {server_id: {} for server_id in batch}
    for row in session.execute(select(*columns).where(Series.server_id.in_(sorted(batch)))):
        known[row[0]][row[1], row[2], row[3]] = row[4]
    fresh: list[dict[str, Any]] = []
    places = {}
    for server_id, read in batch.items():
        one = _told_apart(read, known[server_id])
        fresh += _new_series(server_id, one, known[server_id])
        numbers = {known[server_id].get(what.key, -1): value for what, value in one.values.items() if value is not None}
        numbers.pop(-1, None)
        if numbers:
            places[server_id] = numbers
    if fresh:
        session.execute(plain_insert(Series), fresh)
    return places


def _told_apart(one: Numbers, known: Iterable[Key]) -> Numbers:
    """The same, each name qualified that was so before: another sensor of that name is missing now."""
    several = {(name, units) for name, units, qualifier in known if qualifier not in ("", METERS)}
    values = {
        what if what.qualifier or (what.name, what.units) not in several else replace(what, qualifier=what.place): value
        for what, value in one.values.items()
    }
    return replace(one, values=values)


def _new_series(server_id: str, one: Numbers, known: dict[Key, int]) -> Iterable[dict[str, Any]]:
    """What was never read there; their positions are added to `known`."""
    for what, value in one.values.items():
        if value is not None and what.key not in known and len(known) < MOST_SERIES:
            known[what.key] = len(known)
            yield {
                "id": new_id(), "server_id": server_id, "position": known[what.key], "name": what.name,
                "units": what.units, "qualifier": what.qualifier, "reading_type": what.reading_type,
                "context": what.context,
            }  # fmt: skip


def _newest(session: Session, moments: Mapping[str, int]) -> dict[str, int]:
    """Per server its newest sample so far, if it has any."""
    theirs = (Sample.server_id.in_(sorted(moments)), Sample.step == MINUTE.seconds)
    latest = select(Sample.server_id, func.max(Sample.at)).where(*theirs).group_by(Sample.server_id)
    found = {row[0]: row[1] for row in session.execute(latest)}
    if not any(at > moments[server_id] and not clock.has_been(at) for server_id, at in found.items()):
        return found
    now = session.scalar(select(db_now())) or 0.0  # not our own clock, which may be the one that is wrong
    for server_id, at in list(found.items()):
        if at > max(moments[server_id], now + clock.ALLOWANCE.total_seconds()):
            mine = Sample.server_id == server_id
            made_of_these = (Sample.step > MINUTE.seconds) & (Sample.at + Sample.step > now)
            session.execute(delete(Sample).where(mine, (Sample.at > now) | made_of_these))
            before = select(func.max(Sample.at)).where(mine, Sample.step == MINUTE.seconds)
            found[server_id] = session.scalar(before) or moments[server_id]
    return found


def _merged(
    session: Session, moments: Mapping[str, int], places: Mapping[str, Places]
) -> dict[tuple[str, int], Floats]:
    """The samples of these minutes with these numbers in them."""
    theirs = (Sample.server_id.in_(sorted(moments)), Sample.step == MINUTE.seconds)
    query = select(Sample.server_id, Sample.at, Sample.content)
    rows = session.execute(query.where(*theirs, Sample.at.in_(sorted(set(moments.values())))))
    kept = {(row[0], row[1]): np.frombuffer(row[2], "<f4") for row in rows}
    found = {}
    for server_id, numbers in places.items():
        before = kept.get((server_id, moments[server_id]), np.empty(0, np.float32))
        values = np.full(max(max(numbers) + 1, len(before)), np.nan, np.float32)
        values[: len(before)] = before
        values[list(numbers)] = list(numbers.values())
        found[server_id, moments[server_id]] = values
    return found


def _sum_up(session: Session, server_ids: Iterable[str], finer: Step, longer: Step, begin: int) -> None:
    """A sample of the longer step of each server from those of the finer one; then what is too old of both goes."""
    theirs = Sample.server_id.in_(sorted(server_ids))
    span = (Sample.step == finer.seconds, Sample.at >= begin, Sample.at < begin + longer.seconds)
    query = select(Sample.server_id, Sample.content).where(theirs, *span).order_by(Sample.server_id, Sample.at)
    contents: dict[str, list[bytes]] = {}
    for server_id, content in session.execute(query):
        contents.setdefault(server_id, []).append(content)
    sums = {}
    for server_id, parts in contents.items():
        width = max(map(len, parts)) // 4 // finer.kinds
        sums[server_id, begin] = together(unpack(parts, finer, width), [0])[0]
    _put(session, longer, sums)
    for step in (finer, longer):
        oldest = begin - step.days * DAY.seconds
        session.execute(delete(Sample).where(theirs, Sample.step == step.seconds, Sample.at < oldest))


def _put(session: Session, step: Step, samples: Mapping[tuple[str, int], Floats]) -> None:
    if not samples:
        return
    insert = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
    row = insert(cast(Table, Sample.__table__))
    row = row.on_conflict_do_update(index_elements=["server_id", "step", "at"], set_={"content": row.excluded.content})
    session.execute(
        row,
        [
            {"server_id": server_id, "step": step.seconds, "at": at, "content": pack(rows)}
            for (server_id, at), rows in sorted(samples.items(), key=lambda item: item[0])
        ],
    )
