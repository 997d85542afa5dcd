"""The REST API, version 1."""

from web.api import (  # noqa: F401  they add their routes
    accounts,
    boot_scripts,
    consoles,
    document,
    endpoints,
    fleet,
    installs,
    jobs,
    people,
    reach,
    readings,
    recordings,
    records,
    servers,
    ssh_keys,
    tokens,
)
from web.api.blueprint import INFO, SECURITY_SCHEMES, blueprint, refuse_invalid

__all__ = ["INFO", "SECURITY_SCHEMES", "blueprint", "refuse_invalid"]
