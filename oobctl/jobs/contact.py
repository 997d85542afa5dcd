"""Since when a server's BMC gives no readings, in which way and why: written here alone."""

from datetime import datetime

from oobctl import clock
from oobctl.store import Server


def lost(server: Server, at: datetime, code: str | None, because: str | None) -> None:
    """It gave no reading at that time. When that began stays; code and reason are the newest. The row is locked."""
    began = server.silent_since
    server.silent_since = began if began is not None and clock.has_been(began) else at
    server.silent_because, server.silent_code = because, code


def heard(server: Server) -> None:
    """It gave a reading, or what it kept from us is no longer of this server's owner. The row is locked."""
    server.silent_since = server.silent_because = server.silent_code = None
