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
        made = []
        for moment in sorted(milliseconds):
            patch.setattr(time, "time_ns", lambda moment=moment: moment * 1_000_000)
            made.append(ids.new_id())
    assert made == sorted(made)


@given(st.integers(min_value=0, max_value=2**48 - 1))
def test_an_id_is_a_uuid_of_version_7_with_its_time(milliseconds: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time_ns", lambda: milliseconds * 1_000_000)
        made = uuid.UUID(ids.new_id())
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == milliseconds


def test_a_thousand_ids_of_one_moment_differ() -> None:
    assert len({ids.new_id() for _ in range(1000)}) == 1000


@pytest.mark.parametrize("name", ["web01", "", "0", "nothing-like-it"])
def test_a_servers_name_is_no_id(name: str) -> None:
    assert not ids.is_id(name)
    assert ids.is_id(ids.new_id())
