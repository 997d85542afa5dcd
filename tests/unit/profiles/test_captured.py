"""The captured trees through the driver: each finds its profile, and `captured` is claimed of what was read there."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from oobctl import profiles
from oobctl.constants import BootMode, Capability, Evidence, Firmware, PowerState, Protocol
from oobctl.drivers.connect import ConnectedBmc
from oobctl.store import Database
from tests.trees import captured, connected, serve

KINDS = {
    "dell": ("dell-idrac9", None),
    "hpe": ("hpe-ilo5", None),
    "supermicro": ("supermicro-x13", None),
    "redfishctl_supermicro_x10": ("supermicro-x10", None),
    "nvidia_gb200": ("openbmc", "/redfish/v1/Systems/System_0"),
}
READ: dict[Capability, Callable[[ConnectedBmc], Any]] = {
    Capability.POWER: lambda bmc: bmc.power.read() is not PowerState.UNKNOWN,
    Capability.BOOT: lambda bmc: bmc.boot.read().enabled,
    Capability.CHASSIS: lambda bmc: bmc.chassis.read_indicator(),
    Capability.BMC: lambda bmc: bmc.bmc.identity().bmc_firmware,
    Capability.SENSORS: lambda bmc: bmc.sensors.read().sensors,
    Capability.EVENT_LOG: lambda bmc: bmc.event_log.read().entries,
    Capability.INVENTORY: lambda bmc: bmc.inventory.read().parts,
    Capability.HEALTH: lambda bmc: bmc.health.read().known,
    Capability.BIOS: lambda bmc: bmc.bios.read().values,
    Capability.VIRTUAL_MEDIA: lambda bmc: bmc.virtual_media.read().slots,
    Capability.POWER_METERING: lambda bmc: bmc.power_metering.read().meters,
    Capability.USERS: lambda bmc: bmc.users.read().users,
    Capability.SECURITY: lambda bmc: bmc.security.read().facts,
}
"""One reading of each; what it found is not nothing."""


BOOT_MODES = {"dell": ("BootMode", Firmware.UEFI), "hpe": ("BootMode", Firmware.UEFI), "supermicro": None}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def tree(kind: str) -> Path:
    return captured(kind)


@pytest.fixture
def bmc(kind: str, tree: Path, sqlite: Database) -> Iterator[ConnectedBmc]:
    """The captured BMC, connected with the profile of its kind."""
    profile, system = KINDS[kind]
    with serve(tree) as served, connected(served, profile=profile, system_path=system) as found:
        yield found


def test_a_captured_bmc_finds_the_profile_of_its_kind(kind: str, bmc: ConnectedBmc) -> None:
    found = profiles.match(bmc.bmc.identity(), [Protocol.REDFISH])
    assert found.profile.name == KINDS[kind][0]


def test_what_is_claimed_to_have_been_tried_on_a_captured_bmc_is_read_there(kind: str, bmc: ConnectedBmc) -> None:
    claimed = [one for one in Capability if bmc.profile.evidence_of(one) is Evidence.CAPTURED]
    assert claimed
    assert [one for one in claimed if not READ[one](bmc)] == []


def test_as_what_a_captured_server_starts_is_told_by_the_attribute_that_its_profile_names(
    kind: str, bmc: ConnectedBmc
) -> None:
    boot_mode = bmc.profile.bios.boot_mode
    if kind not in BOOT_MODES:
        assert boot_mode is None
        return
    assert boot_mode is not None
    assert boot_mode.told(bmc.bios.read().values) == BOOT_MODES[kind]
    assert bmc.boot.read().mode is BootMode.UEFI  # it says so at another place


def test_nothing_is_claimed_of_a_captured_bmc_that_there_is_not() -> None:
    there = {profile for profile, _ in KINDS.values()}
    claiming = {
        profile.name for profile in profiles.load_all().values() if Evidence.CAPTURED in profile.evidence.values()
    }
    assert claiming == there
