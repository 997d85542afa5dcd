"""Quirks of the boot override: with the quirk the driver sets and clears it at such a BMC, without it it can't."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from oobctl.constants import BootEnabled, BootMode, BootSource, IndicatorLED, JobState, Outcome, ResetType
from oobctl.drivers.connect import ConnectedBmc
from oobctl.drivers.interfaces import BootOverride
from oobctl.errors import BmcBusy, BmcRefused, NotSupported
from oobctl.lab.redfish_service.trees.load import Tree
from tests import trees
from tests.carrying import carry_out
from tests.profiles import Derived
from tests.trees import Served, without, written

pytestmark = pytest.mark.usefixtures("sqlite")

SYSTEM = "/redfish/v1/Systems/1"
PXE_ONCE = BootOverride(BootSource.PXE, BootEnabled.ONCE, BootMode.UEFI)
NONE = BootOverride(BootSource.NONE, BootEnabled.DISABLED, BootMode.UEFI)


@contextmanager
def at(*behaviours: str, profile: str, tree: Tree | None = None) -> Iterator[tuple[Served, ConnectedBmc]]:
    """A BMC that behaves so, and the driver with that profile."""
    with trees.serve(tree or "plain", behaviours) as bmc, trees.connected(bmc, profile=profile) as found:
        yield bmc, found


def set_and_clear(found: ConnectedBmc, bmc: Served) -> None:
    """The whole life of an override."""
    found.boot.set(BootSource.PXE, BootEnabled.ONCE, None)
    assert found.boot.read() == PXE_ONCE
    assert bmc.state.override() == ("Pxe", "Once", "UEFI")
    found.boot.set(BootSource.NONE, BootEnabled.DISABLED, None)
    assert found.boot.read() == NONE
    assert bmc.state.override() == ("None", "Disabled", "UEFI")


def refused(found: ConnectedBmc, words: str, enabled: BootEnabled = BootEnabled.ONCE) -> None:
    with pytest.raises(BmcRefused, match=words):
        found.boot.set(BootSource.PXE, enabled, None)


def test_etag_required_is_met_with_the_resources_own(derived: Derived) -> None:
    with at("etag-required", profile=derived()) as (bmc, found):
        set_and_clear(found, bmc)
        found.chassis.set_indicator(IndicatorLED.LIT)
        assert found.chassis.read_indicator() is IndicatorLED.LIT
    with at("etag-required", profile=derived(without=["etag-required"])) as (bmc, found):
        refused(found, "428")
        with pytest.raises(BmcRefused, match="428"):
            found.chassis.set_indicator(IndicatorLED.LIT)
        assert bmc.state.commands == []


def test_boot_needs_full_triple_gets_all_three_also_to_clear(derived: Derived) -> None:
    with at("boot-needs-full-triple", profile=derived(quirks=["boot-needs-full-triple"])) as (bmc, found):
        set_and_clear(found, bmc)
        found.boot.set(BootSource.CD, BootEnabled.ONCE, BootMode.LEGACY)
        assert found.boot.read() == BootOverride(BootSource.CD, BootEnabled.ONCE, BootMode.LEGACY)
    with at("boot-needs-full-triple", profile=derived()) as (_bmc, found):
        refused(found, "BootSourceOverrideMode is a required property")


def test_boot_needs_full_triple_asks_for_a_mode_where_none_is_known(derived: Derived) -> None:
    tree, behaving = written(), "boot-needs-full-triple"
    tree[SYSTEM]["Boot"]["BootSourceOverrideMode"] = None
    with at(behaving, profile=derived(quirks=[behaving]), tree=tree) as (bmc, found):
        with pytest.raises(NotSupported, match="Say UEFI or Legacy"):
            found.boot.set(BootSource.PXE, BootEnabled.ONCE, None)
        assert bmc.asked("PATCH") == []
        found.boot.set(BootSource.PXE, BootEnabled.ONCE, BootMode.LEGACY)
        assert bmc.state.override() == ("Pxe", "Once", "Legacy")
    del tree[SYSTEM]["Boot"]["BootSourceOverrideMode"]  # a service that is older than the mode
    with at(behaving, profile=derived(quirks=[behaving]), tree=tree) as (bmc, found):
        found.boot.set(BootSource.PXE, BootEnabled.ONCE, None)
        assert bmc.state.override() == ("Pxe", "Once", None)


def test_boot_mode_read_only_is_never_sent(derived: Derived) -> None:
    with at("boot-mode-read-only", profile=derived(quirks=["boot-mode-read-only"])) as (bmc, found):
        set_and_clear(found, bmc)
        found.boot.set(BootSource.PXE, BootEnabled.ONCE, BootMode.UEFI)  # as it is: nothing to say
        assert found.boot.read() == PXE_ONCE
        sent = len(bmc.asked("PATCH"))
        with pytest.raises(NotSupported, match="boots in UEFI mode"):
            found.boot.set(BootSource.PXE, BootEnabled.ONCE, BootMode.LEGACY)
        assert len(bmc.asked("PATCH")) == sent
    with at("boot-mode-read-only", profile=derived()) as (_bmc, found), pytest.raises(BmcRefused, match="read-only"):
        found.boot.set(BootSource.PXE, BootEnabled.ONCE, BootMode.UEFI)


def test_boot_once_only_refuses_a_lasting_override_before_anything_is_sent(derived: Derived) -> None:
    with at("boot-once-only", profile=derived(quirks=["boot-once-only"])) as (bmc, found):
        set_and_clear(found, bmc)
        sent = len(bmc.asked("PATCH"))
        with pytest.raises(NotSupported, match="for the next boot alone"):
            found.boot.set(BootSource.PXE, BootEnabled.CONTINUOUS, None)
        assert len(bmc.asked("PATCH")) == sent
    with at("boot-once-only", profile=derived()) as (bmc, found):
        refused(found, "Continuous", BootEnabled.CONTINUOUS)
        assert len(bmc.asked("PATCH")) == 1


def test_boot_in_settings_is_set_read_and_cleared_there(derived: Derived) -> None:
    with at("boot-in-settings", profile=derived(quirks=["boot-in-settings"])) as (bmc, found):
        set_and_clear(found, bmc)
        assert {request.path for request in bmc.asked("PATCH")} == {f"{SYSTEM}/SD"}
        found.boot.set(BootSource.PXE, BootEnabled.CONTINUOUS, None)
        with bmc.client() as client:  # a boot: it is the system's own from then on
            client.post(f"{SYSTEM}/Actions/ComputerSystem.Reset", json={"ResetType": "ForceRestart"})
        assert found.boot.read() == BootOverride(BootSource.PXE, BootEnabled.CONTINUOUS, BootMode.UEFI)
    with at("boot-in-settings", profile=derived()) as (_bmc, found):
        refused(found, "Boot is a read-only property")


def test_boot_in_settings_without_such_a_link_is_set_at_the_system(derived: Derived) -> None:
    with at(profile=derived(quirks=["boot-in-settings"])) as (bmc, found):
        set_and_clear(found, bmc)


def test_the_quirks_of_boot_work_beside_one_another(derived: Derived) -> None:
    """As they are found together: the settings want an ETag and all three."""
    behaviours = ("boot-in-settings", "boot-needs-full-triple", "etag-required", "bare-string-members")
    profile = derived(quirks=["boot-in-settings", "boot-needs-full-triple"])
    with trees.serve(behaviours=behaviours) as bmc:
        server_id = trees.way(bmc, profile=profile)
        job = carry_out("boot.set", server_id, source="Pxe", enabled="Once")
        assert (job.state, job.outcome, job.error) == (JobState.SUCCEEDED, Outcome.PENDING, None)
        assert bmc.state.override() == ("Pxe", "Once", "UEFI")
        job = carry_out("boot.set", server_id, source="None", enabled="Disabled")
        assert (job.state, job.outcome) == (JobState.SUCCEEDED, Outcome.PROVEN)


def test_boot_virtual_cd_is_usb_cd(derived: Derived) -> None:
    name = "boot-virtual-cd-is-usb-cd"
    with at(name, profile=derived(quirks=[name])) as (bmc, found):
        found.boot.set(BootSource.CD, BootEnabled.ONCE, None)
        assert found.boot.read() == BootOverride(BootSource.CD, BootEnabled.ONCE, BootMode.UEFI)
        found.power.send_once(ResetType.FORCE_RESTART)
        assert bmc.state.boots[-1].source == "UsbCd"
    with at(name, profile=derived()) as (bmc, found):
        found.boot.set(BootSource.CD, BootEnabled.ONCE, None)
        found.power.send_once(ResetType.FORCE_RESTART)
        assert bmc.state.boots[-1].source == "None"  # nothing is in the real drive
        bmc.state.resources.at(SYSTEM)["Boot"]["BootSourceOverrideEnabled"] = "Once"
        bmc.state.resources.at(SYSTEM)["Boot"]["BootSourceOverrideTarget"] = "UsbCd"
        assert found.boot.read().source is None  # no word of ours, and no wrong one


def test_boot_virtual_cd_in_attributes(derived: Derived) -> None:
    name = "boot-virtual-cd-in-attributes"
    with at(name, profile=derived(quirks=[name])) as (bmc, found):
        found.boot.set(BootSource.CD, BootEnabled.ONCE, None)
        assert found.boot.read() == BootOverride(BootSource.CD, BootEnabled.ONCE, BootMode.UEFI)
        assert bmc.state.override() == ("None", "Disabled", "UEFI")
        found.power.send_once(ResetType.FORCE_RESTART)
        assert (bmc.state.boots[-1].source, found.boot.read()) == ("VCD-DVD", NONE)
        found.boot.set(BootSource.CD, BootEnabled.CONTINUOUS, BootMode.UEFI)
        assert found.boot.read() == BootOverride(BootSource.CD, BootEnabled.CONTINUOUS, BootMode.UEFI)
        found.boot.set(BootSource.NONE, BootEnabled.DISABLED, None)
        assert found.boot.read() == NONE
    with at(name, profile=derived()) as (bmc, found):
        found.boot.set(BootSource.CD, BootEnabled.ONCE, None)
        found.power.send_once(ResetType.FORCE_RESTART)
        assert bmc.state.boots[-1].source == "None"  # nothing is in the real drive


def test_boot_virtual_cd_in_attributes_and_the_override_never_wait_both(derived: Derived) -> None:
    name = "boot-virtual-cd-in-attributes"
    with at(name, profile=derived(quirks=[name])) as (bmc, found):
        set_and_clear(found, bmc)
        found.boot.set(BootSource.PXE, BootEnabled.ONCE, None)
        found.boot.set(BootSource.CD, BootEnabled.ONCE, None)
        assert bmc.state.override() == ("None", "Disabled", "UEFI")
        found.boot.set(BootSource.PXE, BootEnabled.ONCE, None)
        assert found.boot.read() == PXE_ONCE
        found.power.send_once(ResetType.FORCE_RESTART)
        assert bmc.state.boots[-1].source == "Pxe"


def test_boot_virtual_cd_in_attributes_finds_them_where_the_manager_links_to_them(derived: Derived) -> None:
    name, manager = "boot-virtual-cd-in-attributes", "/redfish/v1/Managers/1"
    with at(name, profile=derived(quirks=[name])) as (bmc, found):
        bmc.state.resources.move(f"{manager}/Attributes", f"{manager}/Oem/Acme/Its/One")
        found.boot.set(BootSource.PXE, BootEnabled.ONCE, None)
        found.boot.set(BootSource.NONE, BootEnabled.DISABLED, None)
        sent = len(bmc.asked("PATCH"))
        with pytest.raises(NotSupported, match="has no attribute for its virtual one"):
            found.boot.set(BootSource.CD, BootEnabled.ONCE, None)
        assert len(bmc.asked("PATCH")) == sent
        links = {"AcmeAttributes": [{"@odata.id": f"{manager}/Oem/Acme/Its/One"}]}
        bmc.state.resources.at(manager).setdefault("Links", {})["Oem"] = {"Acme": links}
        found.boot.set(BootSource.CD, BootEnabled.ONCE, None)
        assert found.boot.read().source is BootSource.CD
        with pytest.raises(NotSupported, match="boots in UEFI mode"):
            found.boot.set(BootSource.CD, BootEnabled.ONCE, BootMode.LEGACY)


def test_boot_clear_needs_target_keeps_one_beside_disabled(derived: Derived) -> None:
    name = "boot-clear-needs-target"
    with at(name, profile=derived(quirks=[name])) as (bmc, found):
        set_and_clear(found, bmc)
        found.boot.set(BootSource.NONE, BootEnabled.DISABLED, None)  # nothing waits, and none is there to keep
        assert found.boot.read() == NONE
    with at(name, profile=derived()) as (bmc, found):
        found.boot.set(BootSource.PXE, BootEnabled.ONCE, None)
        with pytest.raises(NotSupported, match="not supported"):
            found.boot.set(BootSource.NONE, BootEnabled.DISABLED, None)
        assert bmc.state.override() == ("Pxe", "Once", "UEFI")


def test_boot_override_refused_is_told_with_what_can_be_done_instead(derived: Derived) -> None:
    name = "boot-override-refused"
    with at(name, profile=derived(quirks=[name])) as (bmc, found):
        with pytest.raises(NotSupported, match=r"Nothing was changed.*a test wants it.*boot order"):
            found.boot.set(BootSource.PXE, BootEnabled.ONCE, None)
        assert bmc.state.override() == ("None", "Disabled", "UEFI")
    with at(name, profile=derived()) as (_bmc, found), pytest.raises(NotSupported) as caught:
        found.boot.set(BootSource.PXE, BootEnabled.ONCE, None)
    assert "boot order" not in caught.value.message


def test_a_system_without_boot_says_that_it_has_none(derived: Derived) -> None:
    tree = without(written(), SYSTEM, "Boot")
    with at(profile=derived(), tree=tree) as (_bmc, found), pytest.raises(NotSupported, match="has no Boot"):
        found.boot.read()


def test_post_busy_400_is_asked_again_until_the_firmware_has_started(derived: Derived) -> None:
    with at("post-busy-400=1", profile=derived()) as (bmc, found):
        found.power.send_once(ResetType.FORCE_RESTART)
        found.boot.set(BootSource.PXE, BootEnabled.ONCE, None)
        assert [request.status for request in bmc.asked("PATCH")] == [400, 204]
    with at("post-busy-400=9", profile=derived(changes={"bios.busy_limit": 0})) as (_bmc, found):
        found.power.send_once(ResetType.FORCE_RESTART)
        with pytest.raises(BmcBusy, match="power-on self-test"):
            found.boot.set(BootSource.PXE, BootEnabled.ONCE, None)
    with at("post-busy-400=1", profile=derived(without=["post-busy-400"])) as (bmc, found):
        found.power.send_once(ResetType.FORCE_RESTART)
        refused(found, "400")
        assert len(bmc.asked("PATCH")) == 1
