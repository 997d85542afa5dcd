"""One `oobctl up` or `demo` a home: two would run two monitors on one database, and take each other's ports."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from oobctl.config import settings
from oobctl.errors import ConfigurationError
from oobctl.installation import make_home


@contextmanager
def alone(say: Callable[[str], None]) -> Iterator[None]:
    """Hold the home while it lasts; the kernel gives it back when this process ends, however it ends.

    Raises ConfigurationError where another process holds it.
    """
    for sentence in make_home():
        say(sentence)
    path = settings().home / "up.lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)  # no child inherits it
    except OSError as error:
        raise ConfigurationError(
            f"The lock {path} cannot be opened: {error.strerror}. Correct it, or move it."
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
            raise ConfigurationError(
                f"oobctl runs already on {settings().home.resolve()} (process {holder}). Use that one, end it first, "
                "or set OOBCTL_HOME to another folder."
            ) from None
        os.truncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(descriptor)
