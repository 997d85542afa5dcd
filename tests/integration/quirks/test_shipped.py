"""Each shipped profile at a BMC that has all of its quirks at once: power, override, light and identity work there."""

import pytest

from oobctl.constants import BootEnabled, BootSource, IndicatorLED, PowerState, Protocol, ResetType
from oobctl.profiles import load_all
from tests import trees
from tests.profiles import behaviours_of

pytestmark = pytest.mark.usefixtures("sqlite")

SYSTEM = "/redfish/v1/Systems/1"


@pytest.mark.parametrize("name", sorted(name for name, one in load_all().items() if Protocol.REDFISH in one.protocols))
def test_a_profile_works_at_a_bmc_with_all_of_its_quirks(name: str) -> None:
    with trees.serve(behaviours=behaviours_of(name)) as bmc, trees.connected(bmc, profile=name) as found:
        assert found.identify().serial == "EXSYS0001"
        found.boot.set(BootSource.PXE, BootEnabled.ONCE, None)
        assert found.boot.read().source is BootSource.PXE
        assert bmc.state.override()[:2] == ("Pxe", "Once")
        for reset, power in ((ResetType.FORCE_OFF, PowerState.OFF), (ResetType.ON, PowerState.ON)) * 2:
            found.power.set(reset)
            found.power.set(reset)
            assert found.power.read() is power
        assert [boot.source for boot in bmc.state.boots] == ["Pxe", "None"]
        found.boot.set(BootSource.NONE, BootEnabled.DISABLED, None)
        assert not found.boot.read().active
        found.chassis.set_indicator(IndicatorLED.LIT)
        assert found.chassis.read_indicator() is IndicatorLED.LIT
        assert bmc.state.bmc.restarts == 0
    assert bmc.state.sessions == {}
