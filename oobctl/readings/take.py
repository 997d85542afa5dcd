"""Reading one capability of a server from its BMC, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from oobctl.constants import Capability, Health
from oobctl.drivers import loops
from oobctl.drivers.interfaces import Bmc
from oobctl.drivers.readings import (
    BiosReport,
    EventLogReport,
    HealthReport,
    InventoryReport,
    MediaReport,
    PowerMeteringReport,
    SecurityReport,
    SensorReport,
    UsersReport,
    as_json,
)
from oobctl.errors import OobctlError
from oobctl.readings import storable
from oobctl.store import Reading, database

Report = (
    SensorReport
    | EventLogReport
    | InventoryReport
    | HealthReport
    | BiosReport
    | MediaReport
    | PowerMeteringReport
    | UsersReport
    | SecurityReport
)


@dataclass(frozen=True)
class Taken:
    """One try at a capability of a server: a report, or why there is none. at: when it began."""

    server_id: str
    capability: Capability
    at: datetime
    found: Report | OobctlError

    @cached_property
    def plain(self) -> dict[str, Any]:
        """The report as JSON that both databases take: made once, before anybody waits for a transaction."""
        found: dict[str, Any] = storable.content(as_json(self.found))
        return found


def read(bmc: Bmc, server_id: str, capability: Capability) -> Report:
    """Ask the hardware; of the event log what is newer than what is kept.

    Raises NotSupported where the BMC lacks it, WrongServer where another one answers, and BmcError's other subclasses.
    """
    if capability is Capability.EVENT_LOG:
        markers = loops.aside(lambda: _markers(server_id))
        return bmc.checked(lambda: bmc.event_log.read(markers))

    def ask() -> Report:
        report: Report = getattr(bmc, capability.value).read()
        return report

    return bmc.checked(ask)


def _markers(server_id: str) -> Mapping[str, str] | None:
    """Up to where the event log is kept; None where nothing of it is."""
    with database().read() as session:
        kept = session.get(Reading, (server_id, Capability.EVENT_LOG))
    return None if kept is None or kept.content is None else dict(kept.content["markers"])


def words(capability: Capability) -> str:
    """A capability in the middle of a sentence."""
    return "BIOS settings" if capability is Capability.BIOS else capability.replace("_", " ")


def counted(report: Report) -> str:
    """A report in a few words: how much of what was read."""
    match report:
        case HealthReport():
            known = "" if report.health is Health.UNKNOWN else f" (told by {_number(report.known, 'part')})"
            return f"health {report.health}{known}"
        case SensorReport():
            return _number(len(report.sensors), "sensor")
        case EventLogReport():
            return _number(len(report.entries), "new log entry", "new log entries")
        case InventoryReport():
            return _number(len(report.parts), "part")
        case BiosReport():
            return _number(len(report.values), "BIOS setting")
        case MediaReport():
            return _number(len(report.slots), "virtual drive")
        case PowerMeteringReport():
            return _number(len(report.meters), "power meter")
        case UsersReport():
            return _number(len(report.users), "BMC user")
        case SecurityReport():
            return _number(sum(fact.value is not None for fact in report.facts), "security fact")


def _number(count: int, one: str, many: str | None = None) -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"
