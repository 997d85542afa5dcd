"""The boot override over IPMI on BMCs that keep more or less of their boot flags: no false word that it is cleared."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from oobctl import profiles
from oobctl.constants import BootEnabled, BootMode, BootSource
from oobctl.drivers.interfaces import BootOverride
from oobctl.drivers.ipmi.boot import IpmiBoot
from oobctl.drivers.ipmi.session import IpmiSession
from oobctl.profiles.model import BootValidBit
from oobctl.profiles.quirks import Quirk, QuirkNote

VALID, PERSISTENT, UEFI, PXE, FLOPPY = 0x80, 0x40, 0x20, 0x04, 0x3C
DISK, UEFI_DISK = 0x08, 0x24
ALL = VALID | PERSISTENT | UEFI
NOTHING = BootOverride(BootSource.NONE, BootEnabled.DISABLED, None)
UNSURE = BootOverride(BootSource.PXE, None, None)


class BmcFlags:
    """A BMC's boot option parameter 5, as far as it keeps it: `holds` are the flag bits that survive a write."""

    def __init__(self, holds: int, flags: int = 0, device: int = 0) -> None:
        self.holds, self.flags, self.device = holds, flags, device
        self.deaf = False  # it takes a command and does nothing
        self.written: list[bytes] = []

    def connect(
        self, known: BootValidBit | None = None, mode: BootMode | None = None, quirks: tuple[Quirk, ...] = ()
    ) -> IpmiBoot:
        """A new connection: nothing is remembered from an earlier one."""
        profile = profiles.find("generic-ipmi")
        profile = replace(profile, quirks={quirk: QuirkNote("a test", "this file", "all") for quirk in quirks})
        profile = replace(
            profile, ipmi=replace(profile.ipmi, boot_valid_bit=known), boot=replace(profile.boot, mode=mode)
        )
        session = SimpleNamespace(login=SimpleNamespace(profile=profile), read=self._read, write=self._write)
        return IpmiBoot(cast(IpmiSession, session), lambda _seconds: None)

    def _read(self, _netfn: int, _command: int, _data: bytes, *, what: str) -> bytes:
        return bytes((1, 5, self.flags, self.device, 0, 0, 0))

    def _write(self, _netfn: int, _command: int, data: bytes, _fence: Any, *, what: str) -> bytes:
        if data[0] == 5:
            self.written.append(data[1:])
            if not self.deaf:
                self.flags, self.device = data[1] & self.holds, data[2]
        return b""


@pytest.mark.parametrize("known", [None, BootValidBit.LOST])
def test_an_override_on_a_bmc_without_valid_bit_is_seen_by_the_next_worker(known: BootValidBit | None) -> None:
    bmc = BmcFlags(holds=0)
    bmc.connect(known).set(BootSource.PXE, BootEnabled.ONCE, None)
    after_a_restart = bmc.connect(known)
    assert after_a_restart.read() == UNSURE
    assert after_a_restart.read().active
    after_a_restart.set(BootSource.NONE, BootEnabled.DISABLED, None)
    assert after_a_restart.read() == NOTHING


@pytest.mark.parametrize("known", [None, BootValidBit.LOST])
def test_a_clear_that_the_bmc_took_and_did_not_carry_out_is_no_proof(known: BootValidBit | None) -> None:
    bmc = BmcFlags(holds=0, device=PXE)
    bmc.deaf = True
    boot = bmc.connect(known)
    boot.set(BootSource.NONE, BootEnabled.DISABLED, None)
    assert bmc.written == [bytes(5)]
    assert boot.read().active


def test_a_device_without_its_valid_bit_is_unsure_until_the_bit_was_seen() -> None:
    bmc = BmcFlags(holds=ALL, device=PXE)  # the firmware used it and cleared the valid bit alone
    boot = bmc.connect()
    assert boot.read() == UNSURE
    boot.set(BootSource.PXE, BootEnabled.ONCE, BootMode.LEGACY)
    assert boot.read() == BootOverride(BootSource.PXE, BootEnabled.ONCE, BootMode.LEGACY)
    bmc.flags = 0
    assert boot.read() == NOTHING


def test_where_the_profile_knows_that_the_valid_bit_is_held_a_used_override_is_read_as_gone() -> None:
    assert BmcFlags(holds=ALL, device=PXE).connect(BootValidBit.HELD).read() == NOTHING


def test_an_override_to_something_that_has_no_word_is_not_read_as_none() -> None:
    found = BmcFlags(holds=ALL, flags=VALID, device=FLOPPY).connect().read()
    assert (found.source, found.enabled, found.active) == (None, BootEnabled.ONCE, True)


@pytest.mark.parametrize(
    ("holds", "read"),
    [
        (ALL, BootOverride(BootSource.PXE, BootEnabled.CONTINUOUS, BootMode.UEFI)),
        (VALID, BootOverride(BootSource.PXE, None, None)),
        (VALID | UEFI, BootOverride(BootSource.PXE, None, BootMode.UEFI)),
        (VALID | PERSISTENT, BootOverride(BootSource.PXE, BootEnabled.CONTINUOUS, None)),
        (0, UNSURE),
    ],
)
def test_a_flag_that_was_set_and_is_not_there_is_not_confirmed(holds: int, read: BootOverride) -> None:
    boot = BmcFlags(holds).connect()
    boot.set(BootSource.PXE, BootEnabled.CONTINUOUS, BootMode.UEFI)
    assert boot.read() == read


@pytest.mark.parametrize(
    ("asked", "of_profile", "before", "sent"),
    [
        (None, None, UEFI, UEFI),
        (None, None, 0, 0),
        (None, BootMode.UEFI, 0, UEFI),
        (None, BootMode.LEGACY, UEFI, 0),
        (BootMode.LEGACY, BootMode.UEFI, UEFI, 0),
        (BootMode.UEFI, BootMode.LEGACY, 0, UEFI),
    ],
)
def test_without_a_mode_the_profiles_is_sent_and_else_what_was_set_stays(
    asked: BootMode | None, of_profile: BootMode | None, before: int, sent: int
) -> None:
    bmc = BmcFlags(holds=ALL, flags=before)
    bmc.connect(mode=of_profile).set(BootSource.PXE, BootEnabled.ONCE, asked)
    assert bmc.written == [bytes((VALID | sent, PXE, 0, 0, 0))]


@pytest.mark.parametrize(
    ("quirks", "mode", "device"),
    [
        ((Quirk.IPMI_UEFI_DISK_0X24,), BootMode.UEFI, UEFI_DISK),
        ((Quirk.IPMI_UEFI_DISK_0X24,), BootMode.LEGACY, DISK),
        ((), BootMode.UEFI, DISK),
        ((), BootMode.LEGACY, DISK),
    ],
)
def test_ipmi_uefi_disk_0x24_sends_and_reads_that_device_for_the_uefi_disk_alone(
    quirks: tuple[Quirk, ...], mode: BootMode, device: int
) -> None:
    bmc = BmcFlags(holds=ALL)
    bmc.connect(quirks=quirks).set(BootSource.HDD, BootEnabled.ONCE, mode)
    assert bmc.device == device
    assert bmc.connect(quirks=quirks).read() == BootOverride(BootSource.HDD, BootEnabled.ONCE, mode)


def test_without_ipmi_uefi_disk_0x24_that_device_is_something_for_which_there_is_no_word() -> None:
    assert BmcFlags(holds=ALL, flags=VALID | UEFI, device=UEFI_DISK).connect().read().source is None
    quirk = (Quirk.IPMI_UEFI_DISK_0X24,)
    assert BmcFlags(holds=ALL, flags=VALID, device=UEFI_DISK).connect(quirks=quirk).read().source is None


def test_ipmi_uefi_disk_0x24_changes_no_other_device() -> None:
    bmc = BmcFlags(holds=ALL)
    bmc.connect(quirks=(Quirk.IPMI_UEFI_DISK_0X24,)).set(BootSource.PXE, BootEnabled.ONCE, BootMode.UEFI)
    assert bmc.device == PXE
