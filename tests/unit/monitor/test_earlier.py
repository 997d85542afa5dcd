"""What is told makes a BMC due: at once, no more often than is good, and never so that the last word is not read."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from oobctl.monitor.earlier import Earlier

SPACING = 5.0
TOLD = st.lists(st.tuples(st.sampled_from(["one", "two"]), st.floats(0, 60)), min_size=1, max_size=60)
TICK = 0.5


def read_at(told: list[tuple[str, float]]) -> dict[str, list[float]]:
    """When each BMC is read, by a plan that looks every half a second until all is over."""
    earlier, waiting = Earlier(SPACING), sorted(told, key=lambda one: one[1])
    found: dict[str, list[float]] = {"one": [], "two": []}
    for number in range(int((60 + 2 * SPACING) / TICK)):
        now = number * TICK
        while waiting and waiting[0][1] <= now:
            earlier.tell(waiting.pop(0)[0])
        for bmc_id in earlier.due(now):
            found[bmc_id].append(now)
    return found


@given(TOLD)
def test_a_storm_makes_a_bmc_due_no_more_often_than_is_good(told: list[tuple[str, float]]) -> None:
    for moments in read_at(told).values():
        assert all(later - former >= SPACING for former, later in pairwise(moments))


@given(TOLD)
def test_after_the_last_word_a_bmc_is_read_within_the_spacing(told: list[tuple[str, float]]) -> None:
    found = read_at(told)
    for bmc_id in {name for name, _ in told}:
        last = max(at for name, at in told if name == bmc_id)
        assert last <= found[bmc_id][-1] <= last + SPACING + TICK


def test_one_that_tells_after_a_pause_is_read_at_once() -> None:
    earlier = Earlier(SPACING)
    assert earlier.due(0.0) == set()
    earlier.tell("one")
    assert (earlier.due(1.0), earlier.due(2.0)) == ({"one"}, set())
    earlier.tell("one")
    earlier.tell("two")
    assert (earlier.due(3.0), earlier.due(5.9), earlier.due(6.0)) == ({"two"}, set(), {"one"})
    assert earlier.due(100.0) == set()
    assert earlier._last == {}  # nothing is kept of who told long ago
