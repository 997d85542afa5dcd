"""What DBOS logs, brought into our form: a line when something begins, and one a minute while it lasts."""

import logging
import re
import sys
import time
from collections.abc import Callable

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from oobctl.repeated import Repeated, since_words

_AGAIN_AFTER_SECONDS = 60.0
_LONGEST = 300
_VARIES = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+(\.\d+)?")
"""Ids and numbers: "attempt 3" is what "attempt 2" was."""
_OWN_HANDLER = "__dbos_console_log_handler__"


class Throttle(logging.Filter):
    """Lets a warning through when it begins, then one a minute with how many there were since.

    A database that is away is one thing, whoever finds it so and in whatever words. What goes through is one line,
    without the statement that failed. Errors that are not the database's go through as they are.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._repeated = Repeated(_AGAIN_AFTER_SECONDS, now)

    def filter(self, record: logging.LogRecord) -> bool:
        key = _kind_of(record)
        if key is None:
            return True
        many = self._repeated.due(key)
        if many is None:
            return False
        record.msg, record.args = one_line(record.getMessage()) + since_words(many), None
        record.exc_info = record.exc_text = None
        return True


def _kind_of(record: logging.LogRecord) -> str | None:
    """What the line is about; None: it is to be said each time. DBOS warns while it handles the exception."""
    if record.levelno < logging.WARNING:
        return None
    if isinstance(sys.exc_info()[1], (OperationalError, InterfaceError, PoolExhausted)):
        return f"database {record.levelname}"
    if record.levelno > logging.WARNING:
        return None
    return f"{record.filename}:{record.lineno} {_VARIES.sub('#', one_line(record.getMessage()))}"


def one_line(message: str) -> str:
    """The message without its statement, its lines joined, at most 300 characters."""
    return " ".join(message.partition("[SQL:")[0].split())[:_LONGEST]


def adopt() -> None:
    """Send DBOS's log through one throttle to where ours goes. Call it before DBOS is made."""
    log = logging.getLogger("dbos")
    for handler in [handler for handler in log.handlers if handler.name == _OWN_HANDLER]:
        log.removeHandler(handler)
    if not log.handlers:
        log.addHandler(logging.NullHandler())  # where there is none, DBOS makes one that writes in its own form
    if not any(isinstance(known, Throttle) for known in log.filters):
        log.addFilter(Throttle())
    log.propagate = True
