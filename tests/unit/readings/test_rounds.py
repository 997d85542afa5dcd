"""What was last read is taken for what is only while it is of now: neither long ago nor of a time to come."""

from datetime import timedelta

import pytest

from oobctl import clock
from oobctl.readings import rounds


@pytest.mark.parametrize(
    ("ago", "interval", "current"),
    [
        (0, 60, True),
        (180, 60, True),
        (181, 60, False),
        (14, 1, True),
        (16, 1, False),
        (-30, 60, True),
        (-61, 60, False),
    ],
)
def test_a_reading_is_of_now_for_three_rounds(ago: float, interval: float, current: bool) -> None:
    now = clock.now()
    assert rounds.is_current(now - timedelta(seconds=ago), interval, now) is current


def test_what_was_never_read_or_is_not_read_is_of_no_time() -> None:
    assert not rounds.is_current(None, 60, clock.now())
    assert not rounds.is_current(clock.now(), None, clock.now())
