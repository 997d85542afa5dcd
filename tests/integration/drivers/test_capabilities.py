"""What each capability does on real BMC stacks, over both protocols, as the rack's own log and the BMCs tell."""

import time
from collections.abc import Callable

import pytest

from oobctl.constants import (
    BootEnabled,
    BootMode,
    BootSource,
    IndicatorLED,
    PowerState,
    Protocol,
    ResetType,
)
from oobctl.drivers import identity
from oobctl.drivers.interfaces import BootOverride
from oobctl.errors import NotSupported, WrongServer
from oobctl.lab import rack as lab
from tests.integration.drivers.rows import Rows
from tests.integration.lab.lab_clients import Server, restarts

WAYS = [("web01", Protocol.IPMI), ("db01", Protocol.REDFISH), ("app01", Protocol.IPMI), ("app01", Protocol.REDFISH)]
way = pytest.mark.parametrize(("name", "protocol"), WAYS, ids=[f"{name}-{protocol}" for name, protocol in WAYS])


def until(read: Callable[[], object], wanted: object, seconds: float = 30.0) -> object:
    """What was read last, once it is what is wanted or the time is over."""
    end = time.monotonic() + seconds
    while (found := read()) != wanted and time.monotonic() < end:
        time.sleep(0.2)
    return found


@way
def test_power_follows_on_and_off_and_a_repeat_does_no_harm(rows: Rows, name: str, protocol: Protocol) -> None:
    bmc = rows.connect(rows.enrol(name, protocols=(protocol,)))
    for reset, wanted in ((ResetType.FORCE_OFF, PowerState.OFF), (ResetType.ON, PowerState.ON)) * 2:
        bmc.power.set(reset)
        bmc.power.set(reset)
        assert until(bmc.power.read, wanted) is wanted
    bmc.close()


@way
def test_a_reset_reaches_the_chassis_once(rows: Rows, name: str, protocol: Protocol) -> None:
    bmc = rows.connect(rows.enrol(name, protocols=(protocol,)))
    bmc.power.set(ResetType.ON)
    until(bmc.power.read, PowerState.ON)
    before = rows.sent(name, "reset")
    bmc.power.send_once(ResetType.FORCE_RESTART)
    bmc.close()
    assert rows.sent(name, "reset") - before == 1


@way
def test_the_identity_read_is_the_one_enrolled_and_no_other(rows: Rows, name: str, protocol: Protocol) -> None:
    server_id = rows.enrol(name, protocols=(protocol,))
    bmc = rows.connect(server_id)
    found = bmc.bmc.identity()
    bmc.close()
    identity.check(found, server_id)
    assert found.serial == rows.rack.servers[name].identity["serial"]
    other = rows.enrol("db01" if name != "db01" else "web01")
    with pytest.raises(WrongServer) as caught:
        identity.check(found, other)
    staff = caught.value.details["staff"]
    assert staff["expected"]["serial"] != staff["found"]["serial"]


@way
def test_another_server_behind_the_address_is_noticed(rows: Rows, name: str, protocol: Protocol) -> None:
    server_id = rows.enrol(name, protocols=(protocol,))
    lab.inject(rows.rack.home, name, "bmc-other-identity")
    bmc = rows.connect(server_id)
    found = bmc.bmc.identity()
    bmc.close()
    with pytest.raises(WrongServer):
        identity.check(found, server_id)


@way
def test_every_write_asks_the_fence_and_no_reading_does(rows: Rows, name: str, protocol: Protocol) -> None:
    bmc = rows.connect(rows.enrol(name, protocols=(protocol,)))
    bmc.power.read(), bmc.boot.read(), bmc.chassis.read_indicator(), bmc.bmc.identity()
    assert rows.fences == []
    bmc.power.set(ResetType.ON)
    bmc.chassis.set_indicator(IndicatorLED.OFF)
    bmc.power.send_once(ResetType.FORCE_RESTART)
    bmc.close()
    assert rows.fences == [bmc.profile.timeouts.longest_send] * 3


@way
def test_what_the_fence_forbids_is_not_sent(rows: Rows, name: str, protocol: Protocol) -> None:
    class Forbidden(Exception):
        pass

    def forbid(_seconds: float) -> None:
        raise Forbidden

    bmc = rows.connect(rows.enrol(name, protocols=(protocol,)), fence=forbid)
    before = len(rows.rack.servers[name].commands())
    writes: tuple[Callable[[], None], ...] = (
        lambda: bmc.power.set(ResetType.FORCE_OFF),
        lambda: bmc.power.send_once(ResetType.FORCE_RESTART),
        lambda: bmc.boot.set(BootSource.PXE, BootEnabled.ONCE, None),
        lambda: bmc.chassis.set_indicator(IndicatorLED.LIT),
    )
    for write in writes:
        with pytest.raises(Forbidden):
            write()
    bmc.close()
    assert len(rows.rack.servers[name].commands()) == before


@pytest.mark.parametrize("name", ["db01", "app01"])
@pytest.mark.parametrize("source", [BootSource.PXE, BootSource.CD, BootSource.HDD, BootSource.BIOS_SETUP])
@pytest.mark.parametrize("enabled", [BootEnabled.ONCE, BootEnabled.CONTINUOUS])
def test_redfish_reads_back_the_override_that_was_set(
    rows: Rows, name: str, source: BootSource, enabled: BootEnabled
) -> None:
    bmc = rows.connect(rows.enrol(name, protocols=(Protocol.REDFISH,)))
    bmc.boot.set(source, enabled, BootMode.UEFI)
    assert bmc.boot.read() == BootOverride(source, enabled, BootMode.UEFI)
    bmc.boot.set(BootSource.NONE, BootEnabled.DISABLED, None)
    assert not bmc.boot.read().active
    bmc.close()


@pytest.mark.parametrize("source", [BootSource.PXE, BootSource.CD, BootSource.HDD, BootSource.BIOS_SETUP])
def test_ipmi_says_which_parts_of_the_override_the_bmc_does_not_hold(rows: Rows, source: BootSource) -> None:
    server_id = rows.enrol("web01")
    bmc = rows.connect(server_id)
    bmc.boot.set(source, BootEnabled.CONTINUOUS, BootMode.UEFI)
    bmc.close()
    again = rows.connect(server_id)  # as a later step of the job would
    assert again.boot.read() == BootOverride(source, None, None)
    again.boot.set(BootSource.NONE, BootEnabled.DISABLED, None)
    assert not again.boot.read().active
    again.close()


def test_the_identify_light_is_read_back_over_redfish(rows: Rows) -> None:
    bmc = rows.connect(rows.enrol("db01"))
    for led in (IndicatorLED.LIT, IndicatorLED.OFF):
        bmc.chassis.set_indicator(led)
        assert bmc.chassis.read_indicator() is led
    bmc.close()


def test_a_time_that_redfish_cannot_say_for_the_light_is_refused_and_nothing_is_sent(rows: Rows) -> None:
    bmc = rows.connect(rows.enrol("db01"))
    before = bmc.chassis.read_indicator()
    with pytest.raises(NotSupported, match="leave the seconds empty"):
        bmc.chassis.set_indicator(IndicatorLED.OFF if before is IndicatorLED.LIT else IndicatorLED.LIT, 5)
    assert (bmc.chassis.read_indicator(), rows.fences) == (before, [])
    bmc.close()


def test_the_identify_light_reaches_the_chassis_over_ipmi_and_is_unknown_where_it_cannot_be_read(rows: Rows) -> None:
    bmc = rows.connect(rows.enrol("web01"))
    before = rows.sent("web01", "identify")
    bmc.chassis.set_indicator(IndicatorLED.LIT, 5)
    assert rows.sent("web01", "identify") == before + 1
    assert bmc.chassis.read_indicator() is IndicatorLED.UNKNOWN
    bmc.close()


def test_a_bmc_reset_over_redfish_is_sent_once_and_the_bmc_comes_back(rows: Rows) -> None:
    bmc = rows.connect(rows.enrol("db01"))
    before = rows.sent("db01", "bmc reset")
    with restarts(Server(rows.rack, "db01")):
        bmc.bmc.reset(ResetType.FORCE_RESTART)
    bmc.power.read()
    bmc.close()
    assert rows.sent("db01", "bmc reset") == before + 1
    assert rows.sessions() == []
