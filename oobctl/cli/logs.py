"""Logs of a process: one line each, structured, on standard error, with secrets and control characters left out."""

import logging
import sys

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from oobctl.config import settings

_QUIET = ("dbos", "redfish", "urllib3", "pyghmi", "alembic", "werkzeug", "httpx", "asyncio")


def set_up() -> None:
    """Send structlog and the libraries' logging to standard error at the configured level, in one form."""
    level = logging.getLevelNamesMapping().get(settings().log_level.upper(), logging.INFO)
    first: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # Tracebacks are plain: a richer one prints local variables.
    last: list[Processor] = [structlog.processors.format_exc_info, without_control_characters, _renderer()]
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, *first, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
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
