"""`simulated` is claimed of what each profile does at a BMC of the lab that has all of its quirks at once."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from oobctl import profiles
from oobctl.constants import (
    BmcRole,
    BootEnabled,
    BootSource,
    Capability,
    Evidence,
    IndicatorLED,
    PowerState,
    Protocol,
    ResetType,
)
from oobctl.drivers.connect import ConnectedBmc
from oobctl.store import Database
from tests.profiles import behaviours_of
from tests.trees import connected, serve

IMAGE = "192.0.2.1/media/key/rescue.iso"


def power(bmc: ConnectedBmc) -> bool:
    for reset, state in ((ResetType.FORCE_OFF, PowerState.OFF), (ResetType.ON, PowerState.ON)):
        bmc.power.set(reset)
        if bmc.power.read() is not state:
            return False
    return True


def boot(bmc: ConnectedBmc) -> bool:
    bmc.boot.set(BootSource.PXE, BootEnabled.ONCE, None)
    found = bmc.boot.read()
    bmc.boot.set(BootSource.NONE, BootEnabled.DISABLED, None)
    return found.source is BootSource.PXE and not bmc.boot.read().active


def chassis(bmc: ConnectedBmc) -> bool:
    bmc.chassis.set_indicator(IndicatorLED.LIT)
    return bmc.chassis.read_indicator() is IndicatorLED.LIT


def bios(bmc: ConnectedBmc) -> bool:
    before = bmc.bios.read()
    wanted = "Bios" if before.values["BootMode"] == "Uefi" else "Uefi"
    bmc.bios.set({"BootMode": wanted})
    return bmc.bios.read().pending == {"BootMode": wanted}


def media(bmc: ConnectedBmc) -> bool:
    slot = next(slot.slot for slot in bmc.virtual_media.read().slots if "CD" in slot.media_types)
    scheme = next(way for way in bmc.profile.media.fetches if way.startswith("http"))
    bmc.virtual_media.insert(slot, f"{scheme}://{IMAGE}")
    inserted = {found.slot: found.inserted for found in bmc.virtual_media.read().slots}[slot]
    bmc.virtual_media.eject(slot)
    return bool(inserted) and not {found.slot: found.inserted for found in bmc.virtual_media.read().slots}[slot]


def users(bmc: ConnectedBmc) -> bool:
    bmc.users.add("guest7", "Correct-horse-9", BmcRole.OPERATOR)
    added = [user.role for user in bmc.users.read().users if user.name == "guest7"]
    bmc.users.remove("guest7")
    return added == [BmcRole.OPERATOR] and not [user for user in bmc.users.read().users if user.name == "guest7"]


DONE: dict[Capability, Callable[[ConnectedBmc], Any]] = {
    Capability.POWER: power,
    Capability.BOOT: boot,
    Capability.CHASSIS: chassis,
    Capability.BMC: lambda bmc: bmc.bmc.identity().serial,
    Capability.SENSORS: lambda bmc: bmc.sensors.read().sensors,
    Capability.EVENT_LOG: lambda bmc: bmc.event_log.read().entries,
    Capability.INVENTORY: lambda bmc: bmc.inventory.read().parts,
    Capability.HEALTH: lambda bmc: bmc.health.read().known,
    Capability.BIOS: bios,
    Capability.VIRTUAL_MEDIA: media,
    Capability.POWER_METERING: lambda bmc: bmc.power_metering.read().meters,
    Capability.USERS: users,
    Capability.SECURITY: lambda bmc: bmc.security.read().facts,
}
"""What is tried of each: what changes something is done, read back and undone."""
SPOKEN = sorted(name for name, one in profiles.load_all().items() if Protocol.REDFISH in one.protocols)


@pytest.fixture(params=SPOKEN)
def bmc(request: pytest.FixtureRequest, sqlite: Database) -> Iterator[ConnectedBmc]:
    """A BMC with all of the profile's quirks, connected with that profile."""
    with serve(behaviours=behaviours_of(request.param)) as served, connected(served, profile=request.param) as found:
        yield found


def test_what_is_claimed_to_have_been_tried_on_a_simulator_is_done_there(bmc: ConnectedBmc) -> None:
    failed: dict[Capability, str] = {}
    for capability in DONE:  # consoles are tried on the lab (tests/integration/consoles)
        if bmc.profile.evidence_of(capability) is Evidence.SIMULATED:
            try:
                failed |= {} if DONE[capability](bmc) else {capability: "not as it should be"}
            except Exception as error:
                failed[capability] = f"{type(error).__name__}: {error}"
    assert failed == {}
