"""The monitor on the virtual rack is told of events by a real BMC stack, and reads what they are about at once."""

from pathlib import Path

import pytest

from oobctl.constants import READ_CAPABILITIES, Capability, EventWay, PowerState, ResetType
from oobctl.lab import rack as lab
from tests.integration.drivers.rows import Rows
from tests.integration.drivers.test_monitor import monitoring, server, until
from tests.integration.drivers.test_monitor_readings import health, readings
from tests.profiles import write_profiles

HOUR = 3600.0


@pytest.fixture(autouse=True)
def seldom(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing that was read once is due within the test."""
    changes = {f"polling.{name}": HOUR for name in ("power", *READ_CAPABILITIES)}
    monkeypatch.setenv("OOBCTL_HWPROFILES", str(write_profiles(tmp_path / "profiles", changes)))


@pytest.mark.parametrize("name", ["db01", "app01"])  # a certificate of a CA, and one that is pinned
def test_power_and_health_are_read_when_the_bmc_tells(rows: Rows, name: str) -> None:
    server_id = rows.enrol(name)
    bmc = rows.connect(server_id)
    with monitoring(rows) as monitor:
        until(lambda: len(readings(server_id)) == len(READ_CAPABILITIES), "all was tried")
        until(lambda: any(kept.way is EventWay.SSE for kept in monitor._events._kept.values()), "its stream is open")
        state = server(server_id).power_state
        other = PowerState.OFF if state is PowerState.ON else PowerState.ON
        bmc.power.set(ResetType.FORCE_OFF if other is PowerState.OFF else ResetType.ON)
        until(lambda: server(server_id).power_state is other, "the switch is read")
        lab.inject(rows.rack.home, name, "psu-failed")
        until(lambda: health(server_id) == "Critical", "the failure is read")
        assert readings(server_id)[Capability.EVENT_LOG].problem is None
    bmc.close()
    assert rows.sessions() == []
