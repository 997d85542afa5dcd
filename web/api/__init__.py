"""The REST API, version 1."""

from web.api import (  # noqa: F401  they add their routes
    accounts,
    consoles,
    document,
    endpoints,
    fleet,
    jobs,
    people,
    reach,
    readings,
    recordings,
    records,
    servers,
    tokens,
)
from web.api.blueprint import INFO, SECURITY_SCHEMES, blueprint, refuse_invalid

__all__ = ["INFO", "SECURITY_SCHEMES", "blueprint", "refuse_invalid"]
