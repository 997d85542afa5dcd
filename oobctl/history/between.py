"""What sensors read between two moments, in steps that a plot can show."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from oobctl import clock
from oobctl.errors import InvalidParameter
from oobctl.history.samples import DAY, MINUTE, STEPS, Floats, Step, together, unpack
from oobctl.store import Sample, Series

MOST_POINTS = 5000
"""Of one answer, times."""
_POINTS = 400
"""What a plot can show; so many at most where nobody asks for a step."""
_STEPS = (60, 120, 300, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 7 * 86400)


@dataclass(frozen=True)
class Line:
    """One series. least, mean, greatest: per time a number; None where nothing was read then."""

    series: Series
    least: list[float | None]
    mean: list[float | None]
    greatest: list[float | None]


@dataclass(frozen=True)
class History:
    """times: beginnings of spans of `step` seconds in which anything was read, in order."""

    begin: datetime
    end: datetime
    step: int
    times: list[datetime]
    lines: list[Line]


def between(
    session: Session,
    server_id: str,
    begin: datetime,
    end: datetime,
    step: int | None = None,
    *,
    since: datetime | None = None,
) -> History:
    """What was read from `begin` to before `end`. Raises InvalidParameter. Who may know it is asked above.

    step: seconds; a longer one is taken where the finer samples of that time are gone already. since: nothing that
    began before then, whatever was asked for.
    """
    first, last = begin.timestamp(), end.timestamp()
    if last <= first:
        raise InvalidParameter(
            "A history goes from a moment to a later one; here `from` is not before `to`.", field="from"
        )
    seconds = _step(first, last, step)
    low = first // seconds * seconds
    if since is not None:  # a sample that began before tells of somebody else, too
        low = max(low, since.timestamp())
    times, samples, series = _samples(session, server_id, seconds, low, min(last, _latest()))
    begins = np.asarray([at // seconds * seconds for at in times], np.int64)
    groups = np.flatnonzero(np.diff(begins, prepend=-1))
    spans = together(samples, groups) if len(groups) else samples
    lines = [_line(one, spans[:, :, one.position]) for one in series]
    moments = [datetime.fromtimestamp(int(begins[index]), UTC) for index in groups]
    return History(begin, end, seconds, moments, [line for line in lines if any(v is not None for v in line.mean)])


def _latest() -> float:
    """What is noted of a later time was so while a clock was ahead."""
    return (clock.now() + clock.ALLOWANCE).timestamp()


def _step(first: float, last: float, wanted: int | None) -> int:
    """The step of the answer, in seconds: a multiple of that of the samples that are still there for all of it."""
    age = clock.now().timestamp() - first
    kept = next((step for step in STEPS if age <= step.days * DAY.seconds), DAY).seconds
    if wanted is None:
        return next((step for step in _STEPS if step >= kept and (last - first) / step <= _POINTS), _STEPS[-1])
    found = max(kept, wanted // kept * kept)
    if (last - first) / found > MOST_POINTS:
        raise InvalidParameter(
            f"From then to then by steps of {found} s are more than {MOST_POINTS} points. "
            f"Ask for a shorter time, or for a step of at least {int((last - first) / MOST_POINTS) + 1} s.",
            field="step",
        )
    return found


def _samples(
    session: Session, server_id: str, seconds: int, low: float, high: float
) -> tuple[list[int], Floats, Sequence[Series]]:
    """Times and samples in order: the longest that are short enough; before the first and after the last of these
    shorter ones, since who has the server since the middle of a day is told the rest of it.
    """
    series = session.scalars(select(Series).where(Series.server_id == server_id).order_by(Series.position)).all()
    width = len(series)
    times: list[int] = []
    parts = [unpack([], MINUTE, width)]
    spans = [(low, high)]
    for step in (one for one in reversed(STEPS) if one.seconds <= seconds):
        left = []
        for begin, end in spans:
            found = _rows(session, server_id, step, begin, end)
            times += [at for at, _content in found]
            parts.append(unpack([content for _at, content in found], step, width))
            first, last = (found[0][0], found[-1][0] + step.seconds) if found else (end, end)
            left += [(begin, first), (last, end)]
        spans = [(begin, end) for begin, end in left if begin < end]
    order = np.argsort(np.asarray(times, np.int64))
    return [times[place] for place in order], np.concatenate(parts)[order], series


def _rows(session: Session, server_id: str, step: Step, low: float, high: float) -> list[tuple[int, bytes]]:
    mine = (Sample.server_id == server_id, Sample.step == step.seconds)
    query = select(Sample.at, Sample.content).where(*mine, Sample.at >= low, Sample.at < high)
    return [(row[0], row[1]) for row in session.execute(query.order_by(Sample.at))]


def _line(series: Series, numbers: Floats) -> Line:
    least, mean, greatest = (_plain(numbers[:, kind]) for kind in range(3))
    return Line(series, least, mean, greatest)


def _plain(numbers: Floats) -> list[float | None]:
    """As JSON has them: rounded to what a float32 holds, so that 12.1 is not 12.10000038."""
    return [None if value != value else float(f"{value:.7g}") for value in numbers.tolist()]
