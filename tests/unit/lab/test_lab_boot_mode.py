"""As what a server of the rack starts: its profile says what the rack does."""

from pathlib import Path

from oobctl import lab
from oobctl.constants import Firmware
from oobctl.lab.bios import BOOT_MODE, BiosSettings, attributes
from oobctl.profiles.load import read

PROFILE = Path(lab.__file__).parent / "hwprofiles" / "virtual-rack.yaml"
STARTS = {"bios": Firmware.BIOS, "uefi": Firmware.UEFI}


def test_each_boot_mode_of_the_rack_is_told_by_its_profile_as_the_rack_starts_it(tmp_path: Path) -> None:
    boot_mode = read(PROFILE).bios.boot_mode
    assert boot_mode is not None
    bios = BiosSettings(tmp_path / "bios.json", {})
    modes = [item["ValueName"] for item in attributes()[BOOT_MODE]["Value"]]
    for mode in (*modes, *modes):  # one waits for the next boot, then the other
        bios.set({BOOT_MODE: mode})
        view = bios.view()
        coming = view["current"] | view["pending"]
        assert boot_mode.told(coming) == (BOOT_MODE, STARTS[bios.next_firmware])
