"""A BMC that refuses a password which had let us in: an action that has not begun says when, one half way waits."""

from collections.abc import Iterator

import flask
import pytest

from oobctl.constants import JobState, Outcome
from oobctl.lab.redfish_service.trees import refusals
from oobctl.lab.redfish_service.trees.asked import Asked
from oobctl.lab.redfish_service.trees.state import State
from tests import trees
from tests.carrying import carry_out
from tests.profiles import Derived
from tests.starting import Starting, credential, later
from tests.trees import Served

pytestmark = pytest.mark.usefixtures("sqlite")

QUICK = {"power.cycle_dwell": 0.5, "bmc.refusal_pause": 1}


@pytest.fixture
def bmc() -> Iterator[Served]:
    with trees.serve() as served:
        yield served


class EndsOurSession(Starting):
    """Sent a new password it ends our session, lets nobody in for a while, and has the new one then."""

    def early(self, state: State, asked: Asked) -> flask.Response | None:
        password = (asked.body or {}).get("Password")
        if asked.method == "PATCH" and password and not self.refuses:
            self._start(state)
            state.passwords.set(asked.path, password)
            return refusals.no_session()
        return super().early(state, asked)


def resets(bmc: Served) -> list[str]:
    return [done.body["ResetType"] for done in bmc.state.done("ComputerSystem.Reset")]


def test_an_action_says_when_the_bmc_is_asked_again_and_sends_nothing(bmc: Served) -> None:
    server = trees.way(bmc)
    assert carry_out("power.on", server).state is JobState.SUCCEEDED
    starting = Starting(bmc)
    for _ in range(2):
        job = carry_out("power.cycle", server)
        assert (job.state, (job.error or {})["code"]) == (JobState.FAILED, "bmc_auth_unconfirmed"), job.error
        assert "is asked again at" in (job.error or {})["message"]
    assert (starting.refused, resets(bmc), credential().parked_at) == (1, [], None)


def test_a_bmc_that_restarts_between_off_and_on_and_refuses_us_then_does_not_leave_the_server_off(
    bmc: Served, derived: Derived
) -> None:
    server = trees.way(bmc, profile=derived(changes=QUICK))
    starting = Starting(bmc, 1, after="ComputerSystem.Reset")
    job = carry_out("power.cycle", server)
    assert (job.state, job.outcome) == (JobState.SUCCEEDED, Outcome.PROVEN), job.error
    assert (starting.refused, resets(bmc), credential().parked_at) == (1, ["ForceOff", "On"], None)


def test_a_rotation_in_which_the_bmc_ends_our_session_and_lets_nobody_in_keeps_both_passwords(
    bmc: Served, derived: Derived
) -> None:
    server = trees.way(bmc, profile=derived(changes=QUICK))
    ending = EndsOurSession(bmc, 2, after="nothing")
    job = carry_out("bmc.rotate_password", server)
    assert (job.state, (job.error or {})["code"]) == (JobState.FAILED, "bmc_auth_unconfirmed"), job.error
    assert ending.refused == 2
    assert credential().next_sealed is not None
    later(1)
    assert carry_out("power.on", server).state is JobState.SUCCEEDED  # with the one that the BMC took
    assert (bmc.state.failed_logins, credential().parked_at) == (1, None)


def test_a_refusal_that_was_noted_while_the_clock_was_ahead_keeps_nobody_waiting_and_asks_once(bmc: Served) -> None:
    server = trees.way(bmc)
    assert carry_out("power.on", server).state is JobState.SUCCEEDED
    starting = Starting(bmc)
    assert carry_out("power.cycle", server).state is JobState.FAILED
    later(-3600)
    for _ in range(2):  # the first asks and is refused, the second waits as after any refusal
        assert carry_out("power.cycle", server).state is JobState.FAILED
    assert (starting.refused, credential().parked_at) == (2, None)
