"""What the Redfish service asks the supervisor about the BMC's memory: its logs, its BIOS settings, its users."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from oobctl.lab.errors import LabRefused
from oobctl.lab.rack_server import RackServer

Answer = dict[str, Any]


async def answer(server: RackServer, what: str, arguments: dict[str, Any]) -> Answer:
    """Carry out one request. Raises LabRefused for one that cannot be met."""
    requests: dict[str, Callable[..., Awaitable[Answer]]] = {
        "log": _log,
        "log-entry": _log_entry,
        "log-clear": _log_clear,
        "log-note": _log_note,
        "bios": _bios,
        "bios-set": _bios_set,
        "bios-reset": _bios_reset,
        "user-change": _user_change,
        "user-remove": _user_remove,
    }
    if what not in requests:
        raise LabRefused(f"A BMC has no request {what!r}.")
    return await requests[what](server, **arguments)


async def _log(server: RackServer, log: str, skip: int, top: int) -> Answer:
    return server.logs.of(log).page(skip, top)


async def _log_entry(server: RackServer, log: str, number: int) -> Answer:
    return {"entry": server.logs.of(log).find(number)}


async def _log_clear(server: RackServer, log: str) -> Answer:
    server.logs.of(log).clear()
    return {}


async def _log_note(server: RackServer, name: str, message: str) -> Answer:
    server.logs.note(name, message)
    return {}


async def _bios(server: RackServer) -> Answer:
    return server.bios.view()


async def _bios_set(server: RackServer, values: dict[str, Any]) -> Answer:
    server.bios.set(values)
    server.logs.note("BiosSettingsChanged", f"BIOS settings wait for the next boot: {', '.join(sorted(values))}.")
    return {}


async def _bios_reset(server: RackServer) -> Answer:
    server.bios.reset()
    server.logs.note("BiosDefaultsRequested", "The BIOS settings go back to their defaults at the next boot.")
    return {}


async def _user_change(server: RackServer, number: int, changes: dict[str, Any]) -> Answer:
    await server.change_users(partial(server.users.change, number, changes))
    server.logs.note("AccountModified", f"User {number} was changed: {', '.join(sorted(changes))}.")
    return {}


async def _user_remove(server: RackServer, number: int) -> Answer:
    await server.change_users(partial(server.users.remove, number))
    server.logs.note("AccountRemoved", f"User {number} was removed.")
    return {}
