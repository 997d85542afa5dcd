"""Quirks of BIOS settings: with the quirk they are read, set and applied at such a BMC, without it they are not."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from oobctl.constants import BootEnabled, BootSource, ResetType
from oobctl.drivers.connect import ConnectedBmc
from oobctl.errors import BmcBusy, BmcRefused, NotSupported
from tests import trees
from tests.profiles import Derived
from tests.trees import Served

pytestmark = pytest.mark.usefixtures("sqlite")

BIOS = "/redfish/v1/Systems/1/Bios"


@contextmanager
def at(*behaviours: str, profile: str) -> Iterator[tuple[Served, ConnectedBmc]]:
    """A BMC that behaves so, and the driver with that profile."""
    with trees.serve(behaviours=behaviours) as bmc, trees.connected(bmc, profile=profile) as found:
        yield bmc, found


def boot(found: ConnectedBmc) -> None:
    found.power.set(ResetType.FORCE_OFF)
    found.power.set(ResetType.ON)


def test_bios_settings_unlinked_are_found_below_the_bios(derived: Derived) -> None:
    with at("bios-settings-unlinked", profile=derived(quirks=["bios-settings-unlinked"])) as (bmc, found):
        found.bios.set({"FanOffset": 20})
        assert (found.bios.read().pending, bmc.state.pending_bios()) == ({"FanOffset": 20}, {"FanOffset": 20})
        assert {command.path for command in bmc.state.done("PATCH")} == {f"{BIOS}/SD"}
    with at("bios-settings-unlinked", profile=derived()) as (bmc, found):
        with pytest.raises(NotSupported, match="with the quirk bios-settings-unlinked"):
            found.bios.set({"FanOffset": 20})
        assert bmc.asked("PATCH") == []


def test_gzip_only_registries_are_read_compressed(derived: Derived) -> None:
    with at("gzip-only-registries", profile=derived()) as (_bmc, found):
        assert (len(found.bios.read().attributes), found.bios.read().problems) == (9, ())
    with at("gzip-only-registries", profile=derived(without=["gzip-only-registries"])) as (_bmc, found):
        read = found.bios.read()
        assert read.registry_id is None
        assert "406" in read.problems[0]


def test_post_busy_400_is_asked_again_until_the_firmware_has_started(derived: Derived) -> None:
    with at("post-busy-400=2", profile=derived()) as (bmc, found):
        boot(found)
        found.bios.set({"FanOffset": 20})
        assert bmc.state.pending_bios() == {"FanOffset": 20}
        assert [request.status for request in bmc.asked("PATCH")] == [400, 503, 204]
    with at("post-busy-400=2", profile=derived(without=["post-busy-400"])) as (bmc, found):
        boot(found)
        with pytest.raises(BmcRefused, match="power-on self-test"):
            found.bios.set({"FanOffset": 20})
        assert [request.status for request in bmc.asked("PATCH")] == [400]


def test_post_busy_400_ends_as_busy_when_the_limit_of_the_profile_is_over(derived: Derived) -> None:
    with at("post-busy-400=99", profile=derived(changes={"bios.busy_limit": 1})) as (bmc, found):
        boot(found)
        with pytest.raises(BmcBusy, match="It said so for 1 s"):
            found.bios.set({"FanOffset": 20})
        assert bmc.state.pending_bios() == {}


def test_etag_required_is_met_with_the_settings_own(derived: Derived) -> None:
    with at("etag-required", profile=derived()) as (bmc, found):
        found.bios.set({"FanOffset": 20})
        assert bmc.state.pending_bios() == {"FanOffset": 20}
    with at("etag-required", profile=derived(without=["etag-required"])) as (bmc, found):
        with pytest.raises(BmcRefused, match="428"):
            found.bios.set({"FanOffset": 20})
        assert bmc.state.pending_bios() == {}


def test_bios_needs_job_before_a_boot_applies_anything(derived: Derived) -> None:
    profile = derived(quirks=["bios-needs-job"])
    with at("bios-needs-job", profile=profile) as (bmc, found):
        found.bios.set({"FanOffset": 20})
        found.bios.set({"FanOffset": 20})  # also where a worker died between the two
        boot(found)
        assert bmc.state.bios()["FanOffset"] == 20
    with at("bios-needs-job", profile=derived()) as (bmc, found):
        found.bios.set({"FanOffset": 20})
        boot(found)
        assert bmc.state.bios()["FanOffset"] == 10


def test_job_pending_refused_is_busy_and_says_what_it_waits_for(derived: Derived) -> None:
    name = "job-pending-refused"
    with at(name, profile=derived(quirks=[name])) as (bmc, found):
        found.bios.set({"FanOffset": 20})
        with pytest.raises(BmcBusy, match="job queue"):
            found.bios.set({"FanOffset": 30})
        with pytest.raises(BmcBusy, match="until the server's next boot"):
            found.boot.set(BootSource.PXE, BootEnabled.ONCE, None)
        assert bmc.state.pending_bios() == {"FanOffset": 20}
        boot(found)
        found.bios.set({"FanOffset": 30})
    with at(name, profile=derived()) as (_bmc, found):
        found.bios.set({"FanOffset": 20})
        with pytest.raises(BmcRefused, match="already committed"):
            found.bios.set({"FanOffset": 30})


def test_308_on_trailing_slash_is_followed_for_settings_and_actions(derived: Derived) -> None:
    with at("308-on-trailing-slash", profile=derived()) as (bmc, found):
        found.bios.set({"FanOffset": 20})
        assert bmc.state.pending_bios() == {"FanOffset": 20}
        found.bios.reset()
        assert len(bmc.state.done("Bios.ResetBios")) == 1
