"""Logs: what a traceback shows."""

import io
import logging
import sys
from collections.abc import Callable, Iterator
from functools import partial

import pytest
import structlog

from oobctl.cli import logs
from oobctl.errors import StoreUnavailable


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def fails(password: str) -> None:
    raise RuntimeError(f"a login with {len(password)} characters failed")


@pytest.mark.parametrize("stream", [Terminal, io.StringIO])
def test_a_traceback_in_the_log_shows_no_local_variable(
    home: object, monkeypatch: pytest.MonkeyPatch, stream: type[io.StringIO]
) -> None:
    said, secret = stream(), "canary-local"
    monkeypatch.setattr(sys, "stderr", said)
    logs.set_up()
    try:
        try:
            fails(secret)
        except RuntimeError:
            structlog.get_logger().exception("it failed")
    finally:
        structlog.reset_defaults()
    assert "a login with 12 characters failed" in said.getvalue()
    assert "canary" not in said.getvalue()


@pytest.mark.parametrize("stream", [Terminal, io.StringIO])
def test_a_control_character_reaches_no_log_line_from_either_kind_of_logger(
    home: object, monkeypatch: pytest.MonkeyPatch, stream: type[io.StringIO]
) -> None:
    said, hostile = stream(), "/x\n2026-11-24 INFO forged \x1b]0;title\x07"
    monkeypatch.setattr(sys, "stderr", said)
    root = logging.getLogger()
    before, root.handlers = root.handlers, []
    logs.set_up()
    try:
        structlog.get_logger().warning("refused", path=hostile)
        logging.getLogger("oobctl.web").warning("refused %s", hostile)
        try:
            raise RuntimeError(hostile)
        except RuntimeError:
            logging.getLogger("oobctl.web").exception("it failed at %s", hostile)
    finally:
        structlog.reset_defaults()
        root.handlers = before
    text = said.getvalue().replace("\x1b[", "")  # the colours are ours
    assert "\x1b" not in text
    assert "\x07" not in text
    assert [line for line in text.splitlines() if line.startswith("2026-11-24 INFO")] == []
    assert text.count("forged") >= 4


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def while_away(say: Callable[[], object]) -> None:
    try:
        raise StoreUnavailable("The database did not take it.")
    except StoreUnavailable:
        say()


@pytest.fixture
def away(home: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Clock, Callable[[], list[str]]]]:
    """Logs that are set up with a clock of the test's, and the lines that were said."""
    clock, said, root, made = Clock(), io.StringIO(), logging.getLogger(), logs.Away
    monkeypatch.setattr(logs, "Away", lambda: made(clock))
    monkeypatch.setattr(sys, "stderr", said)
    monkeypatch.setattr(root, "handlers", [])
    logs.set_up()
    yield clock, lambda: said.getvalue().splitlines()
    structlog.reset_defaults()


def test_a_database_that_is_away_is_said_once_in_some_seconds_a_kind_with_a_count(
    away: tuple[Clock, Callable[[], list[str]]],
) -> None:
    clock, lines = away
    own, plain = structlog.get_logger(), logging.getLogger("oobctl.store")
    for tick in range(60):  # ten seconds, six times a second each
        clock.now = 1000.0 + tick / 6
        while_away(lambda: own.warning("a poll waits for the database", because="away"))
        while_away(partial(plain.warning, "the database is away: %s", f"connection {tick} refused"))
    of_polls, of_the_store = ([line for line in lines() if word in line] for word in ("a poll waits", "is away"))
    assert (len(of_polls), len(of_the_store)) == (2, 2)
    for found in (of_polls, of_the_store):
        assert "such lines" not in found[0]
        assert "(30 such lines since the last one)" in found[1]


def test_what_is_no_warning_of_it_and_what_begins_again_is_said_each_time(
    away: tuple[Clock, Callable[[], list[str]]],
) -> None:
    clock, lines = away
    own, plain = structlog.get_logger(), logging.getLogger("oobctl.store")
    for _ in range(3):
        own.warning("a poll found all our sessions taken")
        plain.warning("another thing")
        while_away(lambda: own.error("it failed"))
        while_away(lambda: plain.error("it failed"))
    assert len(lines()) == 12
    for _ in range(3):  # an outage that ended, and another one
        clock.now += 60
        while_away(lambda: plain.warning("the database is away: %s", "refused"))
    assert len(lines()) == 15
