"""A refusal of a password that let us in before: nothing is parked, nobody asks for a while; the second one parks."""

from collections.abc import Iterator

import pytest

from oobctl.constants import PowerState, Protocol, SessionPurpose
from oobctl.drivers import credentials, dead_sessions, refusals, slots
from oobctl.drivers.connect import ConnectedBmc
from oobctl.drivers.slots import Slot
from oobctl.drivers.trial import lets_in
from oobctl.drivers.ways import address_of, rows_of
from oobctl.errors import BmcAuthFailed, BmcAuthUnconfirmed
from oobctl.monitor.polls import was_asked
from oobctl.profiles import find
from tests import trees
from tests.starting import Starting, credential, later
from tests.trees import Served

pytestmark = pytest.mark.usefixtures("sqlite")

PAUSE = 120.0
SYSTEM = "/redfish/v1/Systems/1"


@pytest.fixture
def bmc() -> Iterator[Served]:
    with trees.serve() as served:
        yield served


@pytest.fixture
def server(bmc: Served) -> str:
    """Its id; the BMC has let us in."""
    found = trees.way(bmc)
    assert power(found) is PowerState.ON
    return found


def power(server: str, *, over: ConnectedBmc | None = None) -> PowerState:
    bmc = over or trees.connect_to(server)
    try:
        return bmc.power.read()
    finally:
        if over is None:
            bmc.close()


def refused(server: str, *, over: ConnectedBmc | None = None) -> BmcAuthFailed:
    with pytest.raises(BmcAuthFailed) as caught:
        power(server, over=over)
    return caught.value


def test_the_shipped_profiles_wait_two_minutes() -> None:
    assert find("generic-redfish").bmc_refusal_pause == find("generic-ipmi").bmc_refusal_pause == PAUSE


def test_one_refusal_of_a_password_that_let_us_in_parks_nothing_and_an_answer_later_ends_it(
    bmc: Served, server: str
) -> None:
    starting = Starting(bmc, 1)
    error = refused(server)
    assert (error.code, error.retryable, was_asked(error)) == ("bmc_auth_unconfirmed", True, True)
    assert "it is asked again at" in error.message
    assert credential().parked_at is None
    later(PAUSE)
    assert power(server) is PowerState.ON
    assert (starting.refused, credential().refused_at, credential().parked_at) == (1, None, None)


def test_until_it_is_asked_again_nothing_is_sent_and_the_error_says_when(bmc: Served, server: str) -> None:
    early = trees.connect_to(server)
    Starting(bmc, 1)
    refused(server)
    sent = len(bmc.requests)
    for over in (None, early, None):
        error = refused(server, over=over)
        assert (error.code, was_asked(error)) == ("bmc_auth_unconfirmed", False)
        assert 0 < error.details["retry_after"] <= PAUSE
        assert "nothing was sent" in error.message
    assert len(bmc.requests) == sent
    early.close()


def test_a_second_refusal_after_the_pause_parks_it_for_every_process(bmc: Served, server: str) -> None:
    starting = Starting(bmc)
    refused(server)
    later(PAUSE)
    assert type(refused(server)) is BmcAuthFailed
    assert credential().parked_at is not None
    later(PAUSE)
    with pytest.raises(BmcAuthFailed, match="not tried again"):
        trees.connect_to(server)
    assert starting.refused == 2


def test_refusals_of_two_starts_do_not_add_up(bmc: Served, server: str) -> None:
    for _ in range(3):
        Starting(bmc, 1)
        refused(server)
        later(PAUSE)
        assert power(server) is PowerState.ON
    assert credential().parked_at is None


def test_a_password_that_never_let_us_in_is_parked_at_its_first_refusal(bmc: Served) -> None:
    server = trees.way(bmc)
    starting = Starting(bmc)
    assert type(refused(server)) is BmcAuthFailed
    assert (starting.refused, credential().parked_at is None) == (1, False)


def test_logins_that_were_under_way_together_are_one_refusal(server: str) -> None:
    endpoint = address_of(rows_of(server).endpoints[Protocol.REDFISH])
    tried, said = {refusals.digest(credential().sealed)}, BmcAuthFailed("Refused.")
    for _ in range(2):
        with pytest.raises(BmcAuthUnconfirmed):
            refusals.refused(endpoint, tried, PAUSE, said)
    assert credential().parked_at is None


def test_after_the_pause_one_login_asks_and_the_others_wait_for_what_comes_of_it(bmc: Served, server: str) -> None:
    Starting(bmc, 1)
    refused(server)
    later(PAUSE)
    endpoint = address_of(rows_of(server).endpoints[Protocol.REDFISH])
    first, second = (Slot(endpoint, 4, SessionPurpose.ACT, name, patience=5) for name in ("one", "two"))
    first.claim()
    with pytest.raises(BmcAuthUnconfirmed) as caught:
        second.claim()
    assert caught.value.details["retry_after"] <= 10
    first.release()
    later(10)  # it came to nothing
    second.claim()
    second.release()


def test_while_we_restart_the_bmc_no_refusal_counts(bmc: Served, server: str) -> None:
    starting = Starting(bmc)
    refusals.restarts(server, 400)
    for _ in range(3):
        refused(server)
        later(PAUSE)
    assert (starting.refused, credential().parked_at) == (3, None)
    later(400)
    assert refused(server).code == "bmc_auth_unconfirmed"  # the first that counts
    later(PAUSE)
    assert type(refused(server)) is BmcAuthFailed


def test_a_password_entered_while_we_restart_the_bmc_is_not_called_wrong_yet(bmc: Served) -> None:
    server = trees.way(bmc)
    Starting(bmc, 1)
    refusals.restarts(server, 400)
    assert refused(server).code == "bmc_auth_unconfirmed"
    later(PAUSE)
    assert power(server) is PowerState.ON


def test_with_basic_nothing_more_is_sent_once_it_was_refused_on_the_way(bmc: Served) -> None:
    bmc.state.resources.root.pop("Links", None)
    bmc.state.resources.root.pop("SessionService", None)
    server = trees.way(bmc)
    there = trees.connect_to(server)
    assert power(server, over=there) is PowerState.ON
    starting = Starting(bmc)
    for _ in range(3):
        assert refused(server, over=there).code == "bmc_auth_unconfirmed"
    assert starting.refused == 1
    there.close()


def test_a_trial_of_a_password_is_no_verdict_while_the_bmc_is_let_be(bmc: Served, server: str) -> None:
    Starting(bmc, 1)
    refused(server)
    with pytest.raises(BmcAuthUnconfirmed):
        lets_in(server, Protocol.REDFISH, credential().sealed, holder="worker-test")
    later(PAUSE)
    assert lets_in(server, Protocol.REDFISH, credential().sealed, holder="worker-test")
    assert credential().refused_at is None


def test_what_a_dead_process_left_is_not_ended_with_a_password_while_the_bmc_is_let_be(
    bmc: Served, server: str
) -> None:
    there = trees.connect_to(server, holder="worker-dead")
    assert power(server, over=there) is PowerState.ON
    Starting(bmc, 1)
    endpoint = address_of(rows_of(server).endpoints[Protocol.REDFISH])
    with pytest.raises(BmcAuthUnconfirmed):
        refusals.refused(endpoint, {refusals.digest(credential().sealed)}, PAUSE, BmcAuthFailed("Refused."))
    slots.disown_all("worker-dead")
    sent = len(bmc.requests)
    assert dead_sessions.close(server).left == 1
    assert len(bmc.requests) == sent


# --- two passwords, of which one is right ----------------------------------------------------------------------------


def rotating(bmc: Served, server: str, password: str = "the-Next-1") -> None:
    """The next password is kept, and the BMC has come to it."""
    credentials.begin(rows_of(server).bmc.id, lambda: password)
    who = bmc.state.passwords.who(bmc.user, bmc.password)
    assert who is not None
    assert who.account is not None
    bmc.state.passwords.set(who.account, password)
    bmc.state.sessions.clear()


def test_the_password_that_let_us_in_last_is_tried_first_and_costs_one_refusal_in_all(bmc: Served, server: str) -> None:
    rotating(bmc, server)
    for _ in range(4):
        assert power(server) is PowerState.ON
    assert bmc.state.failed_logins == 1
    assert credential().next_sealed is not None  # it is the rotation that forgets the other one


def test_a_next_password_that_let_us_in_is_never_dropped(bmc: Served, server: str) -> None:
    rotating(bmc, server)
    assert power(server) is PowerState.ON
    following = credential().next_sealed
    assert following is not None
    assert not credentials.drop(rows_of(server).endpoints[Protocol.REDFISH].id, following)
    assert credential().next_sealed == following


def test_the_old_password_is_tried_where_the_bmc_goes_back_to_it(bmc: Served, server: str) -> None:
    rotating(bmc, server)
    assert power(server) is PowerState.ON
    account = bmc.state.passwords.who(bmc.user, "the-Next-1")
    assert account is not None
    assert account.account is not None
    bmc.state.passwords.set(account.account, bmc.password)
    assert power(server) is PowerState.ON
    assert credential().parked_at is None


def test_one_connection_that_was_refused_with_both_tries_both_again(bmc: Served, server: str) -> None:
    there = trees.connect_to(server)
    rotating(bmc, server)
    assert power(server, over=there) is PowerState.ON
    Starting(bmc, 2)
    refused(server, over=there)
    later(PAUSE)
    assert power(server, over=there) is PowerState.ON
    assert bmc.state.failed_logins == 1  # the one that is right went first
    there.close()
