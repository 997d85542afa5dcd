"""How the numbers of a moment are packed, and how many finer ones make a longer one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
"""NaN: nothing was read."""


@dataclass(frozen=True)
class Step:
    """seconds: how long one sample stands for. days: how far back they are kept."""

    seconds: int
    days: int

    @property
    def kinds(self) -> int:
        """How many numbers of each series a sample has: what was read; or the least, the mean and the greatest."""
        return 1 if self.seconds == MINUTE.seconds else 3

    def begin(self, at: float) -> int:
        """Of the sample that a moment belongs to, both in seconds since 1970."""
        return int(at // self.seconds) * self.seconds


MINUTE, QUARTER, DAY = STEPS = (Step(60, 2), Step(900, 92), Step(86400, 3 * 366))


def pack(rows: Floats) -> bytes:
    """One row (what was read), or three (the least, the mean, the greatest), of as many numbers as there are series."""
    packed: bytes = rows.astype("<f4").tobytes()
    return packed


def unpack(contents: Sequence[bytes], step: Step, width: int) -> Floats:
    """Samples of one step, as an array of shape (samples, 3, width): least, mean, greatest.

    Series that came later than a sample have NaN in it.
    """
    found = np.full((len(contents), 3, width), np.nan, np.float32)
    for number, content in enumerate(contents):
        rows = np.frombuffer(content, "<f4").reshape(step.kinds, -1)[:, :width]
        found[number, :, : rows.shape[1]] = rows
    return found


def together(samples: Floats, groups: Sequence[int] | npt.NDArray[np.intp]) -> Floats:
    """Samples of shape (n, 3, width) as fewer of them. groups: the indices at which a new one begins; the first is 0.

    NaN where none of a group has a number.
    """
    begins = np.asarray(groups)
    least = np.fmin.reduceat(samples[:, 0], begins, axis=0)
    greatest = np.fmax.reduceat(samples[:, 2], begins, axis=0)
    known = np.add.reduceat(np.isfinite(samples[:, 1]), begins, axis=0, dtype=np.float32)
    total = np.add.reduceat(np.nan_to_num(samples[:, 1], nan=0.0).astype(np.float64), begins, axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (total / known).astype(np.float32)
    # Rounding may carry a mean of equal numbers past them.
    return np.stack([least, np.clip(mean, least, greatest), greatest], axis=1)
