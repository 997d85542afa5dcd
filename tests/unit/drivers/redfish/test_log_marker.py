"""Markers say how far a log was read, and by them what is new is told from what was there."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oobctl.drivers.redfish.log_marker import Marker, Order, by_age, digest_of, newest_of, order_of
from oobctl.drivers.redfish.log_pages import Listed
from oobctl.profiles.load import SHIPPED, read

PROFILE = read(SHIPPED / "generic-redfish.yaml")


def entry(number: Any, minute: int | None = None) -> Listed:
    created = None if minute is None else f"2025-03-01T10:{minute:02}:00Z"
    return Listed(str(number), created, None, {})


def order(*entries: Listed) -> Order | None:
    return order_of(entries, PROFILE)


def test_the_order_is_told_by_numbers_else_by_dates() -> None:
    assert order(entry(1), entry(2), entry(10)) is Order.OLDEST_FIRST
    assert order(entry(10), entry(2), entry(1)) is Order.NEWEST_FIRST
    assert order(entry("a", 1), entry("b", 1), entry("c", 2)) is Order.OLDEST_FIRST
    assert order(entry("a", 2), entry("b", 1)) is Order.NEWEST_FIRST


def test_numbers_sorted_as_texts_and_rings_that_began_anew_have_no_order() -> None:
    assert order(entry(1), entry(10), entry(2)) is Order.MIXED
    assert order(entry(1, 30), entry(2, 31), entry(3, 4), entry(4, 5)) is Order.MIXED
    assert order(entry("a", 3), entry("b", 1), entry("c", 2)) is Order.MIXED
    assert order(entry("a", 3), entry("b")) is Order.MIXED


def test_of_one_entry_or_of_equal_ones_nobody_can_tell() -> None:
    assert order() is None
    assert order(entry(1)) is None
    assert order(entry("a", 1), entry("b", 1)) is None


def test_a_marker_is_of_its_entry_and_not_of_a_later_one_with_its_id() -> None:
    marker = Marker("7", "2025-03-01T10:05:00Z")
    assert marker.is_at(entry(7, 5), PROFILE)
    assert not marker.is_at(entry(7, 6), PROFILE)
    assert not marker.is_at(entry(8, 5), PROFILE)
    assert marker.is_at(Listed("7", "2025-03-01T11:05:00+01:00", None, {}), PROFILE)  # the same in another zone


@given(
    st.text(max_size=20) | st.none(),
    st.text(max_size=20) | st.none(),
    st.sampled_from(Order),
    st.integers(0) | st.none(),
)
def test_a_marker_comes_back_from_its_text(
    number: str | None, created: str | None, in_order: Order, place: Any
) -> None:
    marker = Marker(number, created, in_order, place, "abc")
    assert Marker.of(marker.text()) == marker


@pytest.mark.parametrize("text", [None, "", "7", "[]", "{", '{"order": "sideways"}', '{"order": []}', "0x12 0x34"])
def test_a_text_that_is_no_marker_of_ours_is_none(text: str | None) -> None:
    assert Marker.of(text) is None


@given(st.text(max_size=60))
def test_whatever_the_text_a_marker_is_made_or_none_is(text: str) -> None:
    Marker.of(text)
    Marker.of('{"entry_id": ' + text + "}")


def test_a_ring_whose_numbers_began_anew_is_in_the_order_of_its_dates_those_without_one_too() -> None:
    ring = [entry(8, 1), entry(9), entry(1, 2), entry(2), entry(3, 3)]
    assert [one.entry_id for one in by_age(ring, PROFILE)] == ["8", "9", "1", "2", "3"]
    assert [one.entry_id for one in by_age(ring[::-1], PROFILE)] == ["8", "9", "1", "2", "3"]


def test_entries_without_an_order_are_told_by_their_dates_and_numbers() -> None:
    mixed = [entry(100, 3), entry(11, 1), entry(12, 2), entry(9)]
    assert [one.entry_id for one in by_age(mixed, PROFILE)] == ["11", "9", "12", "100"]
    assert newest_of(mixed, PROFILE).entry_id == "100"
    assert digest_of(mixed) == digest_of(mixed[::-1]) != digest_of(mixed[:3])
