"""Adding what was read to the history of its servers. Each sample that is over is put into the next longer step.

Whoever writes a sample does what has to be done for that server: nothing waits for a nightly run, and what a server's
history takes is bounded at any moment.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import cast

import numpy as np
from sqlalchemy import Table, delete, func, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from oobctl.constants import ReadingType
from oobctl.history.samples import DAY, MINUTE, STEPS, Floats, Step, pack, together, unpack
from oobctl.ids import new_id
from oobctl.store import Sample, Series

MOST_SERIES = 1000
"""Of one server. A BMC that makes up new names for its sensors fills no database."""
LATEST = 3600
"""Seconds. A sample that is older than the newest one by more is not late: the clock has been set back."""


@dataclass(frozen=True)
class What:
    """What one number is of; as the columns of Series."""

    name: str
    units: str
    reading_type: ReadingType
    qualifier: str = ""
    context: str | None = None

    @property
    def key(self) -> tuple[str, str, str]:
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
    is put where it belongs. Samples of a time to come (the clock was set back) go: they would be in all others' way.
    """
    for one in sorted(found, key=lambda one: (one.server_id, one.at)):
        places = _places(session, one)
        if not places:
            continue
        moment = MINUTE.begin(one.at.timestamp())
        newest = _newest(session, one.server_id, moment)
        _put(session, one.server_id, MINUTE, moment, _merged(session, one.server_id, moment, places))
        for at in {moment, newest}:
            _pass_on(session, one.server_id, at, max(moment, newest))


def _newest(session: Session, server_id: str, moment: int) -> int:
    """The newest sample of a server so far, or the moment itself."""
    mine = Sample.server_id == server_id
    found = session.scalar(select(func.max(Sample.at)).where(mine, Sample.step == MINUTE.seconds))
    if found is not None and found > moment + LATEST:
        session.execute(delete(Sample).where(mine, Sample.at > moment))
        found = session.scalar(select(func.max(Sample.at)).where(mine, Sample.step == MINUTE.seconds))
    return moment if found is None else found


def _places(session: Session, one: Numbers) -> dict[int, float]:
    """The numbers by their series' positions; new series are made."""
    rows = session.execute(
        select(Series.name, Series.units, Series.qualifier, Series.position).where(Series.server_id == one.server_id)
    )
    known = {(row[0], row[1], row[2]): row[3] for row in rows}
    fresh = [what for what, value in one.values.items() if what.key not in known and value is not None]
    for what in fresh[: max(0, MOST_SERIES - len(known))]:
        known[what.key] = len(known)
        row = Series(id=new_id(), server_id=one.server_id, position=known[what.key], name=what.name, units=what.units)
        row.qualifier, row.reading_type, row.context = what.qualifier, what.reading_type, what.context
        session.add(row)
    return {known[what.key]: value for what, value in one.values.items() if value is not None and what.key in known}


def _merged(session: Session, server_id: str, moment: int, places: Mapping[int, float]) -> Floats:
    """The sample of that minute with these numbers in it."""
    mine = (Sample.server_id == server_id, Sample.step == MINUTE.seconds, Sample.at == moment)
    kept = np.frombuffer(session.scalar(select(Sample.content).where(*mine)) or b"", "<f4")
    values = np.full(max(max(places) + 1, len(kept)), np.nan, np.float32)
    values[: len(kept)] = kept
    values[list(places)] = list(places.values())
    return values


def _pass_on(session: Session, server_id: str, at: int, now: int) -> None:
    """Put what the sample at `at` belongs to into the longer steps, where that is over at `now`."""
    for finer, longer in pairwise(STEPS):
        begin = longer.begin(at)
        if begin < longer.begin(now):
            _sum_up(session, server_id, finer, longer, begin)


def _sum_up(session: Session, server_id: str, finer: Step, longer: Step, begin: int) -> None:
    """One sample of the longer step from those of the finer one; then what is too old of both is deleted."""
    mine = (Sample.server_id == server_id, Sample.step == finer.seconds)
    span = (Sample.at >= begin, Sample.at < begin + longer.seconds)
    contents = session.scalars(select(Sample.content).where(*mine, *span).order_by(Sample.at)).all()
    if contents:
        width = max(len(content) for content in contents) // 4 // finer.kinds
        _put(session, server_id, longer, begin, together(unpack(contents, finer, width), [0])[0])
    for step in (finer, longer):
        oldest = begin - step.days * DAY.seconds
        theirs = (Sample.server_id == server_id, Sample.step == step.seconds, Sample.at < oldest)
        session.execute(delete(Sample).where(*theirs))


def _put(session: Session, server_id: str, step: Step, at: int, rows: Floats) -> None:
    insert = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
    row = insert(cast(Table, Sample.__table__)).values(
        server_id=server_id, step=step.seconds, at=at, content=pack(rows)
    )
    key = ["server_id", "step", "at"]
    session.execute(row.on_conflict_do_update(index_elements=key, set_={"content": row.excluded.content}))
