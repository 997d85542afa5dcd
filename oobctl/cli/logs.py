"""Logs of a process: one line each, structured, on standard error, with secrets and control characters left out."""

import logging
import sys
import time
from collections.abc import Callable

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError
from structlog.typing import EventDict, Processor, WrappedLogger

from oobctl.config import settings
from oobctl.errors import StoreUnavailable
from oobctl.repeated import Repeated, since_words

_QUIET = ("dbos", "redfish", "urllib3", "pyghmi", "alembic", "werkzeug", "httpx", "asyncio")

_AWAY_AGAIN_SECONDS = 5.0


class Away(logging.Filter):
    """Of the warnings that the database is away each kind is said when it begins, then once in some seconds.

    Every part of a process that meets it says so, several times a second. A kind is a warning without what varies in
    it, said while such an error is handled. For both kinds of logger: a filter of the one, a processor of the other.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._repeated = Repeated(_AWAY_AGAIN_SECONDS, now)

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno != logging.WARNING or not _is_away():
            return True
        many = self._repeated.due(f"{record.name} {record.msg}")
        if many:
            record.msg, record.args = record.getMessage() + since_words(many), None
        return many is not None

    def __call__(self, _logger: WrappedLogger, method: str, line: EventDict) -> EventDict:
        if method != "warning" or not _is_away():
            return line
        many = self._repeated.due(str(line["event"]))
        if many is None:
            raise structlog.DropEvent
        return {**line, "event": f"{line['event']}{since_words(many)}"}


def _is_away() -> bool:
    return isinstance(sys.exc_info()[1], (StoreUnavailable, OperationalError, InterfaceError))


def set_up() -> None:
    """Send structlog and the libraries' logging to standard error at the configured level, in one form."""
    level = logging.getLevelNamesMapping().get(settings().log_level.upper(), logging.INFO)
    first: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # Tracebacks are plain: a richer one prints local variables.
    last: list[Processor] = [structlog.processors.format_exc_info, without_control_characters, _renderer()]
    away = Away()
    structlog.configure(
        processors=[away, structlog.contextvars.merge_contextvars, *first, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(away)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*first, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    logging.basicConfig(handlers=[handler], level=level)
    for name in _QUIET:  # what they say below a warning may carry request bodies
        logging.getLogger(name).setLevel(logging.WARNING)


def without_control_characters(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """What a client sent can neither begin a line of its own nor speak to the terminal of who reads the log."""
    return {name: _escaped(value, lines=name == "exception") for name, value in line.items()}


def _escaped(value: object, *, lines: bool) -> object:
    if not isinstance(value, str) or value.isprintable():
        return value
    kept = "\n" if lines else ""  # a traceback has lines of its own: indented, none reads as a line of the log
    clean = "".join(
        sign if sign.isprintable() or sign in kept else sign.encode("unicode_escape").decode() for sign in value
    )
    return clean.replace("\n", "\n    ")


def _renderer() -> Processor:
    """For people at a terminal, else for programs."""
    if sys.stderr.isatty():
        return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    return structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"])
