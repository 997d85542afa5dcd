"""Which of the firmware that a BMC lists is installed, each once: some BMCs list what was there before alike. Pure."""

from collections.abc import Mapping

from oobctl.constants import FirmwareState, State
from oobctl.drivers.readings import Part
from oobctl.drivers.redfish import parts
from oobctl.drivers.redfish.fields import Resource, state_of, words
from oobctl.drivers.redfish.tree import Member


def firmware_parts(listed: list[Member], ids: Mapping[str, FirmwareState]) -> list[Part]:
    """The parts of a FirmwareInventory. ids: what the beginning of an Id says (profile, inventory.firmware_ids).

    Two entries in one state whose Ids are alike behind that are one firmware.
    """
    found: dict[tuple[FirmwareState, str], Part] = {}
    for member in listed:
        ident = words(member.resource, "Id") or member.path
        begins = next((start for start in ids if ident.startswith(start)), "")
        held = ids[begins] if begins else _by_state(member.resource)
        key = (held, ident.removeprefix(begins) if begins else member.path.rstrip("/"))
        found.setdefault(key, parts.firmware(member.resource, member.path, held))
    return list(found.values())


def _by_state(resource: Resource) -> FirmwareState:
    """DSP2046, SoftwareInventory: StandbySpare and StandbyOffline are images that wait beside the one that runs."""
    return FirmwareState.AVAILABLE if state_of(resource) is State.STANDBY_OFFLINE else FirmwareState.INSTALLED
