"""Moments as BMCs write them, with the quirk bad-dates and without it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oobctl import profiles
from oobctl.drivers.redfish.dates import moment
from oobctl.profiles.quirks import Quirk, QuirkNote

STRICT = replace(profiles.find("generic-redfish"), quirks={})
TOLERANT = replace(STRICT, quirks={Quirk.BAD_DATES: QuirkNote("a test", "a test", "all")})
NOON = datetime(2024, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize("profile", [STRICT, TOLERANT])
@pytest.mark.parametrize(
    "said",
    [
        "2024-03-01T12:00:00Z",
        "2024-03-01t12:00:00z",
        "2024-03-01T12:00:00+00:00",
        "2024-03-01T06:00:00-06:00",
        "2024-03-01T12:00:00.000Z",
        " 2024-03-01T12:00:00Z ",
    ],
)
def test_an_rfc_3339_moment_is_read_with_any_profile(said: str, profile: Any) -> None:
    assert moment(said, profile) == NOON


@pytest.mark.parametrize(
    "said",
    [
        "2024-03-01T06:00:00-0600",
        "2024-03-01T06:00:00-06",
        "2024-03-01T12:00:00",
        "2024-03-01 12:00:00",
        "2024-03-01 12:00:00 UTC",
        "2024-3-1T12:00:00Z",
        "2024-03-01T12:00Z",
        "1709294400",
        "1709294400000",
    ],
)
def test_what_is_not_rfc_3339_is_read_with_the_quirk_bad_dates_alone(said: str) -> None:
    assert moment(said, TOLERANT) == NOON
    assert moment(said, STRICT) is None


@pytest.mark.parametrize("profile", [STRICT, TOLERANT])
@pytest.mark.parametrize(
    "said",
    [
        "0000-00-00T00:00:00+00:00",
        "0000-00-00T00:00:00Z",
        "00:00:00Z",
        "T00:00:00Z",
        "1970-01-01T00:00:00+00:00",
        "1970-01-01T03:12:44Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2024-13-01T00:00:00Z",
        "2024-03-01T12:00:00+99:99",
        "000000000",
        "",
        "N/A",
        None,
        0,
        1709294400,
        True,
        [],
        {},
    ],
)
def test_nonsense_and_clocks_that_were_never_set_are_no_moment(said: Any, profile: Any) -> None:
    assert moment(said, profile) is None


@given(st.text() | st.from_regex(r"\d{1,14}|\d{4}-\d\d?-\d\d?[T ]\d\d?:\d\d(:\d\d)?([+-]\d{2,4}|Z)?", fullmatch=True))
def test_any_text_is_a_moment_or_none(said: str) -> None:
    for profile in (STRICT, TOLERANT):
        found = moment(said, profile)
        assert found is None or (found.tzinfo is UTC and found.year >= 1971)
