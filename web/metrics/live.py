"""What of a server may be another at each scrape: its power, whether its BMC answers, and how old each reading is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from oobctl.constants import Capability, PowerState, Protocol
from web.metrics.lines import Lines, labels
from web.metrics.rows import About, Now, Tried

_COLLECTORS = {
    "ipmi": Capability.SENSORS,
    "dcmi": Capability.POWER_METERING,
    "bmc": Capability.INVENTORY,
    "sel": Capability.EVENT_LOG,
}
"""ipmi_exporter's names of what we have as capabilities; its "chassis" is the power state."""

_REDFISH_POWER = {
    PowerState.ON: 1.0,
    PowerState.OFF: 2.0,
    PowerState.POWERING_ON: 3.0,
    PowerState.POWERING_OFF: 4.0,
}


@dataclass(frozen=True)
class Seen:
    """A server as it is seen at `at`. fresh: the capabilities whose last reading may be taken for the state now.

    system_firmware: the version of its BIOS, as last read.
    """

    about: About
    now: Now
    tried: Mapping[Capability, Tried]
    fresh: frozenset[Capability]
    system_firmware: str
    at: datetime


def live(seen: Seen) -> dict[str, str]:
    """The lines by the name of their metric."""
    lines = seen.about.lines()
    _add_info(lines, seen)
    _add_power(lines, seen)
    _add_collectors(lines, seen)
    _add_ages(lines, seen)
    return lines.together()


def _add_info(lines: Lines, seen: Seen) -> None:
    about, silent = seen.about, seen.now.silent_since
    more = labels(
        site=about.site,
        profile=about.profile,
        lifecycle=seen.now.lifecycle,
        manufacturer=about.manufacturer,
        model=about.model,
    )
    lines.add("oobctl_server_info", 1, more)
    lines.add("oobctl_bmc_silent", silent is not None)
    lines.add_known("oobctl_bmc_silent_seconds", None if silent is None else _age(silent, seen.at))
    if about.bmc_firmware or about.bmc_manufacturer:  # told however old: it names the BMC, and is no state
        firmware = labels(
            firmware_revision=about.bmc_firmware,
            manufacturer_id=about.bmc_manufacturer,
            system_firmware_version=seen.system_firmware,
        )
        lines.add("ipmi_bmc_info", 1, firmware)


def _add_power(lines: Lines, seen: Seen) -> None:
    state = seen.now.power_state if Capability.POWER in seen.fresh else PowerState.UNKNOWN
    if state is not PowerState.UNKNOWN:
        lines.add("ipmi_chassis_power_state", state is PowerState.ON)
    if Protocol.REDFISH in seen.about.protocols:
        lines.add("redfish_up", Capability.POWER in seen.fresh)
        lines.add_known("redfish_system_power_state", _REDFISH_POWER.get(state), seen.about.system)


def _add_collectors(lines: Lines, seen: Seen) -> None:
    """What a BMC lacks is like a collector that is switched off: it is not down."""
    lines.add("ipmi_up", Capability.POWER in seen.fresh, 'collector="chassis"')
    for collector, capability in _COLLECTORS.items():
        one = seen.tried.get(capability)
        if one is not None and not one.lacking:
            lines.add("ipmi_up", capability in seen.fresh, f'collector="{collector}"')


def _add_ages(lines: Lines, seen: Seen) -> None:
    read = {Capability.POWER: seen.now.power_read_at} | {name: one.read_at for name, one in seen.tried.items()}
    for capability, read_at in read.items():
        if read_at is not None:
            lines.add("oobctl_reading_age_seconds", _age(read_at, seen.at), f'capability="{capability}"')
    for capability, one in seen.tried.items():
        if not one.lacking:
            lines.add("oobctl_reading_failed", one.failed, f'capability="{capability}"')


def _age(since: datetime, now: datetime) -> float:
    """Whole milliseconds; a clock that was set back makes nothing younger than now."""
    return round(max(0.0, (now - since).total_seconds()), 3)
