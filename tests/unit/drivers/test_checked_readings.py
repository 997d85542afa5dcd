"""A reading counts where all of it came from the BMC that was enrolled: who answers is asked over each new login."""

from collections.abc import Callable
from typing import Any, cast

import pytest

from oobctl import profiles
from oobctl.constants import Capability, Protocol, SessionPurpose
from oobctl.drivers.connect import ConnectedBmc
from oobctl.drivers.interfaces import EndpointAddress, Identity
from oobctl.drivers.slots import Slot
from oobctl.drivers.ways import Rows
from oobctl.errors import BmcBusy, BmcUnreachable, WrongServer


class Transport:
    """Sessions to whoever answers: `behind` says who that is at each login."""

    def __init__(self, *behind: str) -> None:
        self.logins = 0
        self.behind = behind
        self.asked: list[str] = []

    def log_in(self) -> None:
        self.logins += 1

    @property
    def answers(self) -> str:
        return self.behind[min(self.logins, len(self.behind)) - 1]

    def capability(self, capability: Capability) -> "Transport":
        assert capability is Capability.BMC
        return self

    def identity(self) -> Identity:
        self.asked.append(self.answers)
        return Identity(serial=self.answers)


def connected(monkeypatch: pytest.MonkeyPatch, **transports: Transport) -> ConnectedBmc:
    """A connection to the enrolled server "mine" over those transports."""

    def check(found: Identity) -> None:
        if found.serial != "mine":
            raise WrongServer("Another server answers.")

    class Server:
        name = "web01"

    rows = Rows(cast(Any, Server), cast(Any, None), cast(Any, dict.fromkeys(transports)), {})
    bmc = ConnectedBmc(rows, profiles.find("generic-redfish"), SessionPurpose.POLL, "monitor-1", lambda _s: None, check)
    monkeypatch.setattr(bmc, "_make", lambda protocol: transports[protocol])
    for protocol in transports:
        bmc._transport_of(Protocol(protocol))
    return bmc


def reading(transport: Transport, *logins: int) -> tuple[Callable[[], str], list[str]]:
    """A reading that logs in so many times, the first time, the second time; with it, what it gave each time."""
    given: list[str] = []
    left = list(logins)

    def read() -> str:
        for _ in range(left.pop(0) if left else 0):
            transport.log_in()
        given.append(transport.answers)
        return transport.answers

    return read, given


def test_over_a_first_login_it_is_asked_once_who_answers_and_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    transport = Transport("mine")
    bmc = connected(monkeypatch, redfish=transport)
    read, given = reading(transport, 1)
    assert [bmc.checked(read), bmc.checked(read)] == ["mine", "mine"]
    assert (given, transport.asked) == (["mine", "mine"], ["mine"])


def test_a_reading_in_which_the_session_ended_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    transport = Transport("mine")
    bmc = connected(monkeypatch, redfish=transport)
    bmc.checked(reading(transport, 1)[0])
    read, given = reading(transport, 1, 0)
    assert bmc.checked(read) == "mine"
    assert (len(given), len(transport.asked)) == (2, 2)


def test_a_first_reading_over_two_logins_may_be_half_another_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    transport = Transport("another", "mine")
    read, given = reading(transport, 2, 0)
    assert connected(monkeypatch, redfish=transport).checked(read) == "mine"
    assert len(given) == 2


def test_what_another_server_said_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    transport = Transport("mine", "another")
    bmc = connected(monkeypatch, redfish=transport)
    bmc.checked(reading(transport, 1)[0])
    with pytest.raises(WrongServer):
        bmc.checked(reading(transport, 1)[0])


def test_a_second_protocol_is_asked_too_who_answers_there(monkeypatch: pytest.MonkeyPatch) -> None:
    redfish, ipmi = Transport("mine"), Transport("another")
    bmc = connected(monkeypatch, redfish=redfish, ipmi=ipmi)
    bmc.checked(reading(redfish, 1)[0])
    with pytest.raises(WrongServer):
        bmc.checked(reading(ipmi, 1)[0])


def test_a_bmc_that_ends_every_session_is_not_read_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    transport = Transport("mine")
    bmc = connected(monkeypatch, redfish=transport)
    bmc.checked(reading(transport, 1)[0])
    read, given = reading(transport, *[1] * 20)
    with pytest.raises(BmcBusy, match="ended our session"):
        bmc.checked(read)
    assert len(given) == 3


def test_a_slot_of_a_closed_connection_is_claimed_no_more() -> None:
    slot = Slot(EndpointAddress("e", "b", Protocol.IPMI, "127.0.0.1", 623), 4, SessionPurpose.POLL, "monitor-1")
    slot.retire()
    with pytest.raises(BmcUnreachable, match="closed meanwhile"):
        slot.claim()
