"""Quirks: for which firmware they hold, and that the schema knows just those that the code knows."""

import json
from pathlib import Path

import pytest

from oobctl.constants import FirmwareState
from oobctl.profiles.load import SHIPPED, load_all
from oobctl.profiles.quirks import ALL, Quirk, QuirkNote, in_range

OOBCTL = Path(__file__).parents[3] / "oobctl"
DOCUMENTED = [
    ("ami-megarac", "etag-required"),
    ("ami-megarac", "bios-settings-unlinked"),
    ("dell-idrac8", "sessions-at-root"),
    ("dell-idrac9", "same-state-409"),
    ("dell-idrac9", "bad-dates"),
    ("dell-idrac9", "job-pending-refused"),
    ("dell-idrac10", "account-slots-fixed"),
    ("dell-idrac10", "storage-chassis-unsafe"),
    ("hpe-ilo4", "boot-clear-needs-target"),
    ("hpe-ilo4", "boot-mode-read-only"),
    ("hpe-ilo5", "gzip-only-registries"),
    ("hpe-ilo6", "post-busy-400"),
    ("hpe-ilo7", "308-on-trailing-slash"),
    ("huawei-ibmc", "etag-required"),
    ("inspur", "bare-string-members"),
    ("intel-bmc", "password-change-required"),
    ("lenovo-tsm", "etag-required"),
    ("lenovo-xcc", "task-deleted-on-read"),
    ("lenovo-xcc3", "etag-required"),
    ("openbmc", "reset-values-only-in-action-info"),
    ("supermicro-x12", "media-under-managers"),
    ("supermicro-x13", "boot-virtual-cd-is-usb-cd"),
]
"""Ways in which the BMCs of a vendor are known to differ: some of each profile."""
FIVE = "LOM 5 v2.72"  # the first number is the controller's own name


@pytest.mark.parametrize(
    ("firmware", "wanted", "within"),
    [
        ("6.00.30.00", ">=6.00", True),
        ("6.00.30.00", ">=6.00, <6.00.30", False),
        ("5.10.50.00", ">=6.00", False),
        ("6.0", "==6", True),
        (FIVE, ">=2.30", True),
        (FIVE, ">=5", False),
        ("QGX330J 9.10 20240105", "==9.10", True),
        ("GB200Nvl-24.12-8", "<24.12", False),
        ("4.1(2f)", "<=4.1", True),
        ("12", ">11", True),
        ("unreleased", ">=6.00", True),
        (None, ">=6.00", True),
    ],
)
def test_a_firmware_is_in_a_range_by_its_version_number(firmware: str | None, wanted: str, within: bool) -> None:
    assert in_range(firmware, wanted) is within


def test_a_quirk_of_all_firmware_holds_for_every_firmware() -> None:
    assert QuirkNote("because of this", "a test", ALL).holds_for("1.0")
    assert not QuirkNote("because of this", "a test", ">=2").holds_for("1.0")


def test_the_schema_knows_the_states_of_firmware_that_the_code_knows() -> None:
    schema = json.loads((SHIPPED / "schema.json").read_text(encoding="utf-8"))
    said = schema["properties"]["inventory"]["properties"]["firmware_ids"]["additionalProperties"]["enum"]
    assert said == [str(state) for state in FirmwareState]


def test_the_schema_knows_the_quirks_that_the_code_knows() -> None:
    schema = json.loads((SHIPPED / "schema.json").read_text(encoding="utf-8"))
    assert list(schema["properties"]["quirks"]["properties"]) == [str(quirk) for quirk in Quirk]


def test_each_quirk_is_read_by_a_driver_or_an_action_and_named_by_a_profile() -> None:
    """A quirk that nothing reads would promise what nobody does."""
    files = [path for folder in ("drivers", "actions") for path in (OOBCTL / folder).rglob("*.py")]
    code = "\n".join(path.read_text(encoding="utf-8") for path in files)
    assert [quirk for quirk in Quirk if f"Quirk.{quirk.name}" not in code] == []
    named = {quirk for profile in load_all().values() for quirk in profile.quirks}
    assert set(Quirk) - named == set()


@pytest.mark.parametrize(("profile", "quirk"), DOCUMENTED)
def test_what_is_documented_of_a_vendor_stands_in_its_profile_with_its_own_reason(profile: str, quirk: str) -> None:
    """A reader of one profile sees what is known of that BMC, also where every BMC is met with the same tolerance."""
    shipped = load_all()
    note = shipped[profile].quirks[Quirk(quirk)]
    assert note != shipped["generic-redfish"].quirks.get(Quirk(quirk))


@pytest.mark.parametrize(
    ("profile", "firmware", "quirk", "has"),
    [
        ("dell-idrac8", "2.83.83.83", "boot-virtual-cd-in-attributes", False),  # it takes no such PATCH
        ("dell-idrac9", "5.10.50.00", "boot-virtual-cd-in-attributes", True),
        ("dell-idrac9", "6.00.30.00", "boot-virtual-cd-in-attributes", False),
        ("dell-idrac10", "1.20.50.50", "boot-virtual-cd-in-attributes", True),
        ("hpe-ilo5", "iLO 5 v2.72", "boot-override-refused", False),
        ("hpe-ilo6", "iLO 6 v1.57", "boot-override-refused", False),
        ("hpe-ilo6", "iLO 6 v1.72", "boot-override-refused", True),
        ("hpe-ilo6", "iLO 6 v1.72", "boot-mode-read-only", False),
        ("lenovo-xcc", "9.10", "force-restart-hangs", True),
        ("lenovo-xcc", "9.20", "force-restart-hangs", False),
    ],
)
def test_a_quirk_is_met_in_the_firmware_that_is_documented_to_have_it(
    profile: str, firmware: str, quirk: str, has: bool
) -> None:
    assert load_all()[profile].for_firmware(firmware).has(Quirk(quirk)) is has
