"""What DBOS warns of: in our form, on one line, and no more than once a minute for one thing."""

import io
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog
from dbos._logger import init_logger
from sqlalchemy.exc import OperationalError

from oobctl.cli import logs
from oobctl.jobs import engine_log

SQL = "SELECT workflow_uuid\nFROM dbos.workflow_status"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def a_log(clock: Clock) -> tuple[logging.Logger, list[str]]:
    log, kept = logging.Logger("dbos"), Kept()
    log.addFilter(engine_log.Throttle(clock))
    log.addHandler(kept)
    return log, kept.lines


def warn_of_the_database(log: logging.Logger, where: str, why: str) -> None:
    """As DBOS does: with the exception in the sentence, while it is handled."""
    try:
        raise OperationalError(SQL, {}, Exception(why))
    except OperationalError as error:
        log.warning(f"{where}: {error}")


def test_a_database_that_is_away_is_said_when_it_begins_and_once_a_minute() -> None:
    clock = Clock()
    log, lines = a_log(clock)
    for second in range(180):  # three minutes, some lines a second, in several words
        clock.now = 1000.0 + second
        for number in range(20):
            warn_of_the_database(log, f"Exception in queue thread {number}", "connection refused")
            warn_of_the_database(log, "Exception listing queues", "the server closed\n\tthe connection")
    assert len(lines) == 3
    assert "such lines" not in lines[0]
    assert "(2400 such lines since the last one)" in lines[1]
    assert "(2400 such lines since the last one)" in lines[2]
    assert [line for line in lines if "\n" in line or "SELECT" in line] == []


def test_what_ended_and_begins_again_is_said_at_once() -> None:
    clock = Clock()
    log, lines = a_log(clock)
    warn_of_the_database(log, "Exception listing queues", "connection refused")
    clock.now += 3600
    warn_of_the_database(log, "Exception listing queues", "connection refused")
    assert len(lines) == 2


def test_another_thing_is_not_hidden_by_it_and_an_error_never() -> None:
    log, lines = a_log(Clock())
    warn_of_the_database(log, "Exception listing queues", "connection refused")
    for attempt in range(9):
        log.warning("a workflow waits, attempt %s", attempt)
        log.error("a workflow failed")
    assert lines[1:3] == ["a workflow waits, attempt 0", "a workflow failed"]
    assert lines.count("a workflow failed") == 9
    assert len(lines) == 11


@pytest.fixture
def untouched() -> Iterator[logging.Logger]:
    """DBOS's log as a new process has it; afterwards as it was."""
    log = logging.getLogger("dbos")
    before = (log.handlers, log.filters, log.propagate, log.level)
    log.handlers, log.filters, log.propagate = [], [], True
    yield log
    log.handlers, log.filters, log.propagate, log.level = before
    structlog.reset_defaults()


@pytest.mark.parametrize("earlier", [True, False])
def test_dbos_speaks_in_our_form(
    home: object, untouched: logging.Logger, monkeypatch: pytest.MonkeyPatch, earlier: bool
) -> None:
    said, root = io.StringIO(), logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])  # here, since pytest adds its own again before each test
    monkeypatch.setattr(sys, "stderr", said)
    if earlier:
        init_logger()
    logs.set_up()
    engine_log.adopt()
    init_logger()  # as DBOS does when it is made
    warn_of_the_database(untouched, "Exception listing queues", "the server closed\nthe connection")
    assert len(said.getvalue().splitlines()) == 1
    assert said.getvalue().startswith("timestamp='")
    assert "level='warning'" in said.getvalue()
