"""What the readings of a server say, as samples; sensors aside."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from oobctl.constants import Capability, Health, PartKind
from web.metrics.lines import Lines, labels
from web.metrics.sensors import REDFISH_HEALTH, STATES, add_sensors

MOST_LOGS = MOST_METERS = 16
"""Of one server: whatever a BMC lists."""

Content = Mapping[str, Any]


def _health(lines: Lines, content: Content) -> None:
    health = Health(content["health"])
    lines.add("oobctl_health_state", STATES[health])
    for state, count in Counter(part["health"] for part in content["parts"]).items():
        lines.add("oobctl_parts_not_ok", count, labels(health=state))


def _event_log(lines: Lines, content: Content) -> None:
    """An empty log is one that has a marker and no counts."""
    for log in sorted({*content["counts"], *content["markers"]})[:MOST_LOGS]:
        counts = content["counts"].get(log, {})
        for severity in Health:
            lines.add("oobctl_event_log_entries", counts.get(severity, 0), labels(log=log, severity=severity))
    selected = [log for log in content["markers"] if log.rpartition("/")[2].upper() == "SEL"]
    if len(selected) == 1:
        lines.add("ipmi_sel_logs_count", sum(content["counts"].get(selected[0], {}).values()))


def _power_metering(lines: Lines, content: Content) -> None:
    """DCMI has one meter of the whole server: the first that reads something is taken for it."""
    meters = content["meters"][:MOST_METERS]
    for place, meter in enumerate(meters):
        more = labels(id=str(place), name=meter["name"])
        lines.add_known("oobctl_meter_watts", meter["consumed_watts"], more)
        lines.add_known("oobctl_power_limit_watts", meter["limit_watts"], more)
    read = [meter["consumed_watts"] for meter in meters if meter["consumed_watts"] is not None]
    if read:
        lines.add("ipmi_dcmi_power_consumption_watts", read[0])


TOLD: dict[Capability, Callable[[Lines, Content], None]] = {
    Capability.HEALTH: _health,
    Capability.SENSORS: add_sensors,
    Capability.EVENT_LOG: _event_log,
    Capability.POWER_METERING: _power_metering,
}
"""The capabilities whose contents become samples, while they are fresh."""


def system_firmware(content: Content) -> str:
    """The version of the BIOS in an inventory; "N/A" as ipmi_exporter says where it is not known."""
    found = [part["firmware"] for part in content["parts"] if part["kind"] == PartKind.SYSTEM and part["firmware"]]
    return found[0] if found else "N/A"


def redfish_health(content: Content) -> float | None:
    return REDFISH_HEALTH.get(Health(content["health"]))
