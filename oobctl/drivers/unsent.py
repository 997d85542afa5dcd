"""A command that was not sent for sure says so: then nobody has to look at the server."""

from collections.abc import Iterator
from contextlib import contextmanager

from oobctl.errors import BmcError


@contextmanager
def surely_not_sent() -> Iterator[None]:
    """For all that comes before the bytes of a command: its BmcErrors get the detail `sent`, False."""
    try:
        yield
    except BmcError as error:
        error.details["sent"] = False
        raise
