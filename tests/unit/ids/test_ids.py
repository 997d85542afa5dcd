"""Identifiers are UUIDs of version 7 and sort by the time of their making."""

import time
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oobctl import ids


@given(st.lists(st.integers(min_value=0, max_value=2**48 - 1), min_size=2, unique=True))
def test_ids_of_later_milliseconds_sort_later(milliseconds: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ids, "_last", (0, 0))
        made = []
        for moment in sorted(milliseconds):
            patch.setattr(time, "time_ns", lambda moment=moment: moment * 1_000_000)
            made.append(ids.new_id())
    assert made == sorted(made)


@given(st.integers(min_value=0, max_value=2**48 - 1))
def test_an_id_is_a_uuid_of_version_7_with_its_time(milliseconds: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ids, "_last", (0, 0))
        patch.setattr(time, "time_ns", lambda: milliseconds * 1_000_000)
        made = uuid.UUID(ids.new_id())
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == milliseconds


def test_ids_of_one_process_sort_as_they_were_made() -> None:
    made = [ids.new_id() for _ in range(20_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


@given(st.lists(st.integers(0, 900), min_size=1, max_size=200))
def test_a_clock_that_trembles_disturbs_no_order(moments: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ids, "_last", (0, 0))
        made = [ids._next(1_000_000 + moment) for moment in moments]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_after_a_clock_was_ahead_ids_tell_the_time_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids, "_last", (10**13, 7))
    assert ids._next(10**12)[0] == 10**12


@pytest.mark.parametrize("name", ["web01", "", "0", "nothing-like-it"])
def test_a_servers_name_is_no_id(name: str) -> None:
    assert not ids.is_id(name)
    assert ids.is_id(ids.new_id())
