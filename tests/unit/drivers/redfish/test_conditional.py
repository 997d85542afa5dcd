"""A BMC's ETags are used once they are seen to follow what they stand for, and never after they were seen not to."""

import json

from hypothesis import given
from hypothesis import strategies as st

from oobctl.drivers.redfish.conditional import Conditional


class Bmc:
    """Resources with ETags. honest: these change with the resource. Says 304 where it is asked to."""

    def __init__(self, *, honest: bool = True) -> None:
        self.honest, self.values = honest, dict.fromkeys("abcd", 0)
        self.sent = 0  # whole resources

    def get(self, asked: dict[str, str], path: str) -> tuple[int, dict[str, str], bytes]:
        etag = f'"{self.values[path] if self.honest else 0}"'
        if asked.get("If-None-Match") == etag:
            return 304, {"etag": etag}, b""
        self.sent += 1
        return 200, {"etag": etag}, json.dumps(self.values[path]).encode()


def read(memory: Conditional, bmc: Bmc, path: str) -> int:
    status, _, body = memory.answer(path, *bmc.get(memory.headers(path), path))
    assert status == 200
    return int(json.loads(body))


def proven(memory: Conditional, bmc: Bmc) -> None:
    for path in "abc":
        read(memory, bmc, path)
        bmc.values[path] += 1
        read(memory, bmc, path)
        read(memory, bmc, path)


def test_what_has_not_changed_is_not_sent_again() -> None:
    memory, bmc = Conditional(), Bmc()
    proven(memory, bmc)
    before = bmc.sent
    assert [read(memory, bmc, "a") for _ in range(5)] == [1] * 5
    assert bmc.sent == before


def test_no_etag_is_used_before_they_were_seen_to_follow() -> None:
    memory, bmc = Conditional(), Bmc()
    for _ in range(5):
        read(memory, bmc, "a")
    assert bmc.sent == 5


def test_a_resource_is_read_whole_now_and_then_all_the_same() -> None:
    memory, bmc = Conditional(), Bmc()
    proven(memory, bmc)
    before = bmc.sent
    for _ in range(20):
        read(memory, bmc, "a")
    assert 1 <= bmc.sent - before <= 3


def test_an_etag_that_stays_while_the_resource_changes_ends_their_use() -> None:
    memory, bmc = Conditional(), Bmc()
    proven(memory, bmc)
    bmc.honest = False
    read(memory, bmc, "d")
    bmc.values["d"] += 1
    read(memory, bmc, "d")
    assert memory.headers("a") == memory.headers("d") == {}


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.booleans())), st.booleans())
def test_what_is_read_is_never_old_where_etags_follow_nor_where_they_never_did(
    steps: list[tuple[str, bool]], honest: bool
) -> None:
    memory, bmc = Conditional(), Bmc(honest=honest)
    for path, changes in steps:
        bmc.values[path] += changes
        assert read(memory, bmc, path) == bmc.values[path]


@given(st.lists(st.integers(0, 40), max_size=200))
def test_what_is_remembered_has_a_limit(paths: list[int]) -> None:
    memory = Conditional()
    for number, path in enumerate(paths):
        body = bytes((number * 7 + at * at) % 251 for at in range(20_000))
        memory.answer(str(path), 200, {"etag": str(number)}, body)
    assert memory._bytes <= 128 * 1024
    assert memory._bytes == sum(len(kept.packed) for kept in memory._kept.values())
