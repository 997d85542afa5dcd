"""Quirks of a service as a whole: its sessions, its links and redirects, met while logging in and finding the way."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from oobctl.constants import IndicatorLED, PowerState, ResetType
from oobctl.drivers.connect import ConnectedBmc
from oobctl.errors import BmcError, BmcRefused, BmcSessionsExhausted, NotSupported
from tests import trees
from tests.profiles import Derived
from tests.trees import Served

pytestmark = pytest.mark.usefixtures("sqlite")

SYSTEM = "/redfish/v1/Systems/1"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"


@contextmanager
def at(*behaviours: str, profile: str) -> Iterator[tuple[Served, ConnectedBmc]]:
    """A BMC that behaves so, and the driver with that profile."""
    with trees.serve(behaviours=behaviours) as bmc, trees.connected(bmc, profile=profile) as found:
        yield bmc, found


def test_bare_string_members_are_followed(derived: Derived) -> None:
    with at("bare-string-members", profile=derived()) as (_bmc, found):
        assert found.power.read() is PowerState.ON
        assert found.bmc.identity().bmc_mac == "02:00:5e:00:53:b1"
    with (
        at("bare-string-members", profile=derived(without=["bare-string-members"])) as (_bmc, found),
        pytest.raises(NotSupported, match="lists no system"),
    ):
        found.power.read()


def test_308_on_trailing_slash_is_followed_for_each_kind_of_request(derived: Derived) -> None:
    with at("308-on-trailing-slash", profile=derived()) as (bmc, found):
        assert found.power.read() is PowerState.ON
        assert len(bmc.state.sessions) == 1  # the login was redirected too
        found.chassis.set_indicator(IndicatorLED.LIT)
        assert found.chassis.read_indicator() is IndicatorLED.LIT
        found.power.send_once(ResetType.FORCE_RESTART)
        assert len(bmc.state.done("ComputerSystem.Reset")) == 1
    assert bmc.state.sessions == {}  # and so was the logout
    with (
        at("308-on-trailing-slash", profile=derived(without=["308-on-trailing-slash"])) as (bmc, found),
        pytest.raises(BmcError, match="308"),
    ):
        found.power.read()


def test_308_on_trailing_slash_of_a_reading_is_followed_by_the_quirk_alone(derived: Derived) -> None:
    """A BMC without sessions: there the first request that is moved is a reading."""
    tree = trees.without(trees.written(), "/redfish/v1", "Links", "SessionService")
    moving = ["308-on-trailing-slash"]
    with trees.serve(tree, moving) as bmc, trees.connected(bmc, profile=derived()) as found:
        assert found.power.read() is PowerState.ON
    strict = derived(without=moving)
    with (
        trees.serve(tree, moving) as bmc,
        trees.connected(bmc, name="web02", profile=strict) as found,
        pytest.raises(BmcError, match="308"),
    ):
        found.power.read()


def test_sessions_at_root_are_found_there(derived: Derived) -> None:
    with at("sessions-at-root", profile=derived()) as (bmc, found):
        assert found.power.read() is PowerState.ON
        assert [path.rpartition("/")[0] for path in bmc.state.sessions] == ["/redfish/v1/Sessions"]
    assert bmc.state.sessions == {}
    with at("sessions-at-root", profile=derived(without=["sessions-at-root"])) as (bmc, found):
        found.power.read()  # it falls back to sending the password with each request
        assert bmc.state.sessions == {}


def test_password_change_required_is_said_and_no_session_is_left(derived: Derived) -> None:
    with at("password-change-required", profile=derived()) as (bmc, found):
        with pytest.raises(BmcRefused, match="before the password of our user is changed"):
            found.power.read()
        assert bmc.asked("GET", "/redfish/v1/Systems") == []  # known from the login's own answer
    assert bmc.state.sessions == {}
    with at("password-change-required", profile=derived(without=["password-change-required"])) as (bmc, found):
        with pytest.raises(BmcRefused, match="403"):
            found.power.read()
        assert len(bmc.asked("GET", "/redfish/v1/Systems")) == 1
    assert bmc.state.sessions == {}


def read_all(connected: list[ConnectedBmc]) -> None:
    for one in connected:
        one.power.read()


def test_a_bmc_whose_sessions_others_have_taken_is_busy_and_keeps_theirs(derived: Derived) -> None:
    with trees.serve(behaviours=["session-limit=1"]) as bmc, bmc.client() as person:
        body = {"UserName": bmc.user, "Password": bmc.password}
        theirs = person.post("/redfish/v1/SessionService/Sessions", json=body).headers["location"]
        with trees.connected(bmc, profile=derived()) as found, pytest.raises(BmcSessionsExhausted):
            found.power.read()
        assert list(bmc.state.sessions) == [theirs]
        assert trees.slots_taken() == []


def test_a_storage_chassis_that_restarts_the_bmc_is_not_asked_for(derived: Derived) -> None:
    tree = trees.written()
    unsafe = "/redfish/v1/Chassis/Enclosure.Internal.0-1"
    tree[unsafe] = {**tree["/redfish/v1/Chassis/1"], "@odata.id": unsafe, "Id": "Enclosure.Internal.0-1"}
    tree["/redfish/v1/Chassis"]["Members"].append({"@odata.id": unsafe})
    tree[SYSTEM]["Links"]["Chassis"].insert(0, {"@odata.id": unsafe})
    for quirks, restarts in ((["storage-chassis-unsafe"], 0), ([], 1)):
        with (
            trees.serve(tree, ["storage-chassis-unsafe"]) as bmc,
            trees.connected(bmc, name=f"web{restarts}", profile=derived(quirks=quirks)) as found,
        ):
            if restarts:
                with pytest.raises(BmcError):
                    found.bmc.identity()
            else:
                assert found.bmc.identity().serial == "EXSYS0001"
            assert min(bmc.state.bmc.restarts, 1) == restarts  # a reading is tried twice
