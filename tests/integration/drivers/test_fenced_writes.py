"""Between the grant of a write and its bytes: no new login, no time lost to a check; what was not sent says so."""

import time
from types import SimpleNamespace

import pytest

from oobctl.constants import IndicatorLED, PowerState, Protocol, ResetType
from oobctl.drivers.connect import ConnectedBmc
from oobctl.drivers.interfaces import Identity
from oobctl.drivers.ipmi import session as ipmi_session
from oobctl.drivers.ipmi.loop import loop
from oobctl.drivers.redfish import RedfishTransport
from oobctl.drivers.redfish import session as redfish_session
from oobctl.errors import BmcError, BmcTimeout, OutcomeUnknown
from oobctl.lab import rack as lab
from tests.integration.drivers.rows import Rows

both = pytest.mark.parametrize(
    ("name", "protocol"), [("web01", Protocol.IPMI), ("db01", Protocol.REDFISH)], ids=["ipmi", "redfish"]
)


@both
def test_the_time_that_the_identity_check_takes_is_not_the_sends(
    rows: Rows, monkeypatch: pytest.MonkeyPatch, name: str, protocol: Protocol
) -> None:
    late = [0.0]
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + late[0])
    monkeypatch.setattr(ipmi_session, "time", clock)
    monkeypatch.setattr(redfish_session, "time", clock)

    def slow_check(_found: Identity) -> None:
        late[0] += 100.0  # longer than any send may take

    bmc = rows.connect(rows.enrol(name, protocols=(protocol,)), check=slow_check)
    bmc.power.set(ResetType.ON)
    bmc.close()
    assert (late, rows.fences) == ([100.0], [bmc.profile.timeouts.longest_send])


@both
def test_a_grant_that_comes_after_the_sends_time_sends_nothing(
    rows: Rows, monkeypatch: pytest.MonkeyPatch, name: str, protocol: Protocol
) -> None:
    late = [0.0]
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() - 1000 + late[0])
    module = ipmi_session if protocol is Protocol.IPMI else redfish_session

    def slow_grant(_seconds: float) -> None:
        late[0] += 100.0

    bmc = rows.connect(rows.enrol(name, protocols=(protocol,)), fence=slow_grant)
    bmc.identify()
    before = len(rows.rack.servers[name].commands())
    monkeypatch.setattr(module, "time", clock)
    with pytest.raises(BmcError) as caught:
        bmc.power.send_once(ResetType.FORCE_RESTART)
    monkeypatch.undo()
    bmc.close()
    assert caught.value.details["sent"] is False
    assert len(rows.rack.servers[name].commands()) == before


def test_a_session_that_ends_after_the_grant_is_not_replaced_for_the_command(rows: Rows) -> None:
    """A new login might reach another BMC, which nobody has asked who it is."""

    def end_it(_seconds: float) -> None:
        lan = bmc._transports[Protocol.IPMI]._session._lan  # type: ignore[union-attr]
        loop().call(lan.forget)  # type: ignore[union-attr]
        while lan.alive:  # type: ignore[union-attr]
            time.sleep(0.01)

    bmc = rows.connect(rows.enrol("web01"), fence=end_it)
    before = rows.sent("web01", "reset")
    with pytest.raises(BmcTimeout, match="not sent") as caught:
        bmc.power.send_once(ResetType.FORCE_RESTART)
    assert (caught.value.details["sent"], caught.value.retryable, bmc.logins) == (False, True, 1)
    bmc.close()
    assert rows.sent("web01", "reset") == before


@pytest.mark.parametrize(
    ("name", "protocol", "connected"),
    [
        ("web01", Protocol.IPMI, False),  # once connected, a packet leaves, and nobody knows whether it arrived
        ("db01", Protocol.REDFISH, False),
        ("db01", Protocol.REDFISH, True),
    ],
    ids=["ipmi", "redfish", "redfish-connected"],
)
def test_a_command_that_a_dead_bmc_never_got_says_so(
    rows: Rows, name: str, protocol: Protocol, connected: bool
) -> None:
    bmc = rows.connect(rows.enrol(name, protocols=(protocol,)))
    if connected:
        bmc.power.read()
    lab.inject(rows.rack.home, name, "bmc-dead")
    with pytest.raises(BmcError) as once:
        bmc.power.send_once(ResetType.FORCE_RESTART)
    with pytest.raises(BmcError) as repeatable:
        bmc.chassis.set_indicator(IndicatorLED.OFF) if protocol is Protocol.IPMI else write(bmc)
    assert (once.value.details["sent"], repeatable.value.details["sent"]) == (False, False)
    bmc.close()


def write(bmc: ConnectedBmc) -> None:
    """A change that a repeat does not harm, without the readings that come before it."""
    transport = bmc._transports[Protocol.REDFISH]
    assert isinstance(transport, RedfishTransport)
    transport._session.write("PATCH", "/redfish/v1/Systems/1", {}, lambda _seconds: None, what="change nothing")


@both
def test_a_command_whose_answer_was_lost_does_not_say_that_it_was_not_sent(
    rows: Rows, name: str, protocol: Protocol
) -> None:
    bmc = rows.connect(rows.enrol(name, protocols=(protocol,)))
    bmc.power.set(ResetType.ON)
    while bmc.power.read() is not PowerState.ON:
        time.sleep(0.1)
    lab.inject(rows.rack.home, name, "bmc-drop-answers")
    with pytest.raises(OutcomeUnknown) as caught:
        bmc.power.send_once(ResetType.FORCE_RESTART)
    assert "sent" not in caught.value.details
    lab.clear(rows.rack.home, name)
    bmc.close()
