"""Packing numbers, and making one sample of several: nothing missing becomes a number, no mean leaves its bounds."""

import math
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from oobctl.history.samples import MINUTE, QUARTER, STEPS, pack, together, unpack

NUMBER = st.one_of(st.none(), st.floats(-1e6, 1e6, width=32))
ROWS = st.integers(1, 6).flatmap(lambda width: st.lists(st.lists(NUMBER, min_size=width, max_size=width), min_size=1))


def floats(values: list[float | None]) -> np.ndarray:
    return np.array([math.nan if value is None else value for value in values], np.float32)


@given(ROWS)
def test_of_several_samples_the_least_the_mean_and_the_greatest_of_what_was_read_are_kept(
    rows: list[list[float | None]],
) -> None:
    width = len(rows[0])
    one = together(unpack([pack(floats(row)) for row in rows], MINUTE, width), [0])[0]
    for column in range(width):
        known = [value for row in rows if (value := row[column]) is not None]
        least, mean, greatest = one[:, column].tolist()
        if not known:
            assert all(map(math.isnan, (least, mean, greatest)))
            continue
        assert (least, greatest) == (min(known), max(known))
        assert least <= mean <= greatest
        assert math.isclose(mean, sum(known) / len(known), rel_tol=1e-4, abs_tol=1e-2)


@given(ROWS)
def test_what_is_packed_is_unpacked_and_a_later_series_is_missing_in_it(rows: list[list[float | None]]) -> None:
    width = len(rows[0])
    found = unpack([pack(floats(row)) for row in rows], MINUTE, width + 1)
    assert found.shape == (len(rows), 3, width + 1)
    assert np.isnan(found[:, :, width]).all()
    for number, row in enumerate(rows):
        np.testing.assert_array_equal(found[number, 1, :width], floats(row))
    np.testing.assert_array_equal(unpack([pack(one[:, :width]) for one in found], QUARTER, width), found[:, :, :width])


@given(st.floats(0, 4e9))
def test_a_sample_begins_at_a_multiple_of_its_step_and_longer_ones_are_made_of_whole_shorter_ones(at: float) -> None:
    begins = [step.begin(at) for step in STEPS]
    assert begins == sorted(begins, reverse=True)
    for begin, step in zip(begins, STEPS, strict=True):
        assert begin <= at < begin + step.seconds
        assert begin % step.seconds == 0
    assert all(longer.seconds % shorter.seconds == 0 for shorter, longer in pairwise(STEPS))
