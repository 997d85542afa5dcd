"""Captured BMCs driven by their profiles: power, override and light, where the service has the quirks and a state."""

import pytest

from oobctl.constants import BootEnabled, BootSource, IndicatorLED, PowerState, ResetType
from oobctl.drivers.connect import ConnectedBmc
from oobctl.errors import NotSupported
from tests import trees
from tests.profiles import behaviours_of
from tests.trees import Served, captured
from tests.unit.profiles.test_captured import KINDS

pytestmark = pytest.mark.usefixtures("sqlite")


@pytest.mark.parametrize("tree", KINDS)
def test_a_captured_bmc_is_driven_by_its_profile(tree: str) -> None:
    profile, system = KINDS[tree]
    with (
        trees.serve(captured(tree), behaviours_of(profile)) as bmc,
        trees.connected(bmc, profile=profile, system_path=system) as found,
    ):
        power_goes_off_and_on(bmc, found, system)
        an_override_is_set_used_and_cleared(bmc, found, system)
        the_light_follows(found)
        assert bmc.state.bmc.restarts == 0
    assert bmc.state.sessions == {}


def power_goes_off_and_on(bmc: Served, found: ConnectedBmc, system: str | None) -> None:
    for reset, power in ((ResetType.FORCE_OFF, PowerState.OFF), (ResetType.ON, PowerState.ON)) * 2:
        found.power.set(reset)
        found.power.set(reset)
        assert found.power.read() is power
        assert bmc.state.power(system) == power


def an_override_is_set_used_and_cleared(bmc: Served, found: ConnectedBmc, system: str | None) -> None:
    found.boot.set(BootSource.PXE, BootEnabled.ONCE, None)
    assert found.boot.read().source is BootSource.PXE
    found.power.send_once(ResetType.FORCE_RESTART)
    assert (bmc.state.boots[-1].source, found.boot.read().active) == ("Pxe", False)
    found.boot.set(BootSource.PXE, BootEnabled.ONCE, None)
    found.boot.set(BootSource.NONE, BootEnabled.DISABLED, None)
    assert bmc.state.override(system)[1] == "Disabled"


def the_light_follows(found: ConnectedBmc) -> None:
    for led in (IndicatorLED.LIT, IndicatorLED.OFF):
        try:
            found.chassis.set_indicator(led)
        except NotSupported:
            assert found.chassis.read_indicator() is IndicatorLED.UNKNOWN
        else:
            assert found.chassis.read_indicator() is led
