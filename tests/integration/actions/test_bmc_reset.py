"""bmc.reset rung by rung, on BMCs that refuse, misbehave, are full or silent: what was sent is counted at the BMC."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from sqlalchemy import select

from oobctl.actions import bmc as ladder
from oobctl.constants import JobState, Outcome, Protocol, SessionPurpose
from oobctl.drivers import dead_sessions
from oobctl.drivers.holders import STALE_SECONDS
from oobctl.ids import new_id
from oobctl.store import BmcSession, Job, Process, Server, database, db_now
from tests import trees
from tests.carrying import carry_out
from tests.profiles import Derived
from tests.starting import Starting, credential
from tests.trees import Served

pytestmark = pytest.mark.usefixtures("sqlite")

SESSIONS = "/redfish/v1/SessionService/Sessions"
WARM, COLD = "GracefulRestart", "ForceRestart"


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long is waited for what does not come."""
    monkeypatch.setattr(ladder, "_LETS_US_IN_WITHIN", 1.0)
    monkeypatch.setattr(ladder, "_GOES_AWAY_WITHIN", 2.0)


@pytest.fixture
def quick(derived: Derived) -> str:
    """A profile that gives a BMC less time to come back."""
    return derived(changes={"bmc.back_limit": 4})


@contextmanager
def at(*behaviours: str, profile: str = "generic-redfish") -> Iterator[tuple[Served, str]]:
    """A BMC that behaves so, and the id of its server."""
    with trees.serve(behaviours=behaviours) as bmc:
        yield bmc, trees.way(bmc, profile=profile)


def restarts(bmc: Served) -> list[str]:
    """The restarts that the BMC carried out."""
    return [done.body["ResetType"] for done in bmc.state.done("Manager.Reset")]


def asked_for(bmc: Served) -> int:
    """How many restarts it was asked for, carried out or not."""
    return sum(request.path.endswith("Manager.Reset") for request in bmc.asked("POST"))


def told(job: Job, step: str) -> str:
    return next(found.detail or "" for found in job.steps if found.name == step)


def message(job: Job) -> str:
    assert job.error is not None, [(step.name, step.detail) for step in job.steps]
    return str(job.error["message"])


def sign_in(bmc: Served) -> str:
    """Open a session past our driver. Returns its path."""
    with bmc.client() as client:
        answer = client.post(SESSIONS, json={"UserName": bmc.user, "Password": bmc.password})
    assert answer.status_code == httpx.codes.CREATED, answer.text
    return str(answer.headers["location"])


def hold(server_id: str, holder: str, native_id: str | None, age: float | None) -> str:
    """A session row of ours with a heartbeat of that age (None: disowned). Returns its id."""
    with database().write() as tx:
        bmc_id = tx.scalar(select(Server.bmc_id).where(Server.id == server_id))
        assert bmc_id is not None
        now = tx.scalar(select(db_now())) or 0.0
        row = BmcSession(
            id=new_id(), bmc_id=bmc_id, protocol=Protocol.REDFISH, purpose=SessionPurpose.ACT, holder=holder,
            native_id=native_id, heartbeat=0.0 if age is None else now - age,
        )  # fmt: skip
        tx.add(row)
        return row.id


def lives(holder: str) -> None:
    with database().write() as tx:
        tx.add(Process(id=holder, kind="worker", site_id="site", seen=tx.scalar(select(db_now())) or 0.0))


def ended(bmc: Served) -> list[str]:
    """The sessions that the BMC was asked to end."""
    return [request.path for request in bmc.asked("DELETE")]


# --- warm, then cold -------------------------------------------------------------------------------------------------


def test_a_restart_is_a_warm_one_and_says_why_there_was_no_cold_one() -> None:
    with at() as (bmc, server):
        done = carry_out("bmc.reset", server)
        assert (done.state, done.outcome) == (JobState.SUCCEEDED, Outcome.PROVEN), done.error
        assert (restarts(bmc), asked_for(bmc)) == ([WARM], 1)
    assert told(done, "probe") == "Redfish answers, the server is On"
    assert "No dead session" in told(done, "close_sessions")
    assert told(done, "send_cold") == "Not needed: the BMC came back from its warm restart"
    assert told(done, "wait_cold") == "Not needed: no cold restart was sent"
    assert done.evidence is not None
    assert done.evidence["probe"]["redfish"] == {"let_us_in": True, "PowerState": "On"}
    assert (done.evidence["before"]["PowerState"], done.evidence["after"]["PowerState"]) == ("On", "On")


def test_a_bmc_that_refuses_a_warm_restart_gets_a_cold_one_each_sent_once() -> None:
    with at("warm-restart-refused") as (bmc, server):
        done = carry_out("bmc.reset", server)
        assert (done.state, done.outcome) == (JobState.SUCCEEDED, Outcome.PROVEN), done.error
        assert (restarts(bmc), asked_for(bmc)) == ([COLD], 2)
    assert "takes no warm restart" in told(done, "send_reset")
    assert told(done, "wait_back").startswith("Not needed: the BMC refused")


def test_a_bmc_that_lists_no_warm_restart_is_not_asked_for_one() -> None:
    with at() as (bmc, server):
        action = bmc.state.resources.at("/redfish/v1/Managers/1")["Actions"]["#Manager.Reset"]
        action["ResetType@Redfish.AllowableValues"] = [COLD]
        done = carry_out("bmc.reset", server)
        assert (done.state, done.outcome) == (JobState.SUCCEEDED, Outcome.PROVEN), done.error
        assert (restarts(bmc), asked_for(bmc)) == ([COLD], 1)


def test_a_bmc_that_refuses_both_fails_and_nothing_has_changed() -> None:
    with at("warm-restart-refused") as (bmc, server):
        action = bmc.state.resources.at("/redfish/v1/Managers/1")["Actions"]["#Manager.Reset"]
        action["ResetType@Redfish.AllowableValues"] = [WARM]
        done = carry_out("bmc.reset", server)
        assert (restarts(bmc), asked_for(bmc)) == ([], 1)
    assert (done.state, (done.error or {})["code"]) == (JobState.FAILED, "not_supported"), done.error
    assert "The warm restart was refused as well" in message(done)


def test_a_bmc_that_comes_back_wrong_from_a_warm_restart_gets_a_cold_one_each_sent_once(quick: str) -> None:
    with at("warm-restart-not-enough", profile=quick) as (bmc, server):
        done = carry_out("bmc.reset", server)
        assert (done.state, done.outcome) == (JobState.SUCCEEDED, Outcome.PROVEN), done.error
        assert (restarts(bmc), asked_for(bmc)) == ([WARM, COLD], 2)
    assert "did not come back right within 4 s" in told(done, "wait_back")
    assert "cold restart" in told(done, "send_cold")


def test_a_bmc_that_stays_away_after_its_warm_restart_gets_no_cold_one_and_a_person_is_asked(quick: str) -> None:
    with at(profile=quick) as (bmc, server):
        bmc.state.refused_while_down = 100_000
        done = carry_out("bmc.reset", server)
        assert (restarts(bmc), asked_for(bmc)) == ([WARM], 1)
    assert (done.state, (done.error or {})["code"]) == (JobState.NEEDS_ATTENTION, "state_not_reached"), done.error
    assert "A cold restart cannot reach it and was not sent" in message(done)


def test_a_restart_that_is_not_seen_is_accepted_and_no_reason_for_a_cold_one() -> None:
    with at() as (bmc, server):
        bmc.state.refused_while_down = 0
        done = carry_out("bmc.reset", server)
        assert (done.state, done.outcome) == (JobState.SUCCEEDED, Outcome.ACCEPTED), done.error
        assert restarts(bmc) == [WARM]
    assert (done.evidence or {})["not_confirmed"] == ["the restart itself: the BMC answered all the time"]


def test_after_an_unclear_answer_neither_restart_is_sent() -> None:
    with at("drop-after-accept") as (bmc, server):
        done = carry_out("bmc.reset", server)
        assert (restarts(bmc), asked_for(bmc)) == ([WARM], 1)
    assert (done.state, (done.error or {})["code"]) == (JobState.NEEDS_ATTENTION, "outcome_unknown"), done.error


# --- good passwords that are refused while the BMC starts ------------------------------------------------------------


def test_a_bmc_that_refuses_our_password_while_it_starts_is_not_back_yet_and_nothing_is_parked(
    derived: Derived,
) -> None:
    with at(profile=derived(changes={"bmc.refusal_pause": 0.5})) as (bmc, server):
        starting = Starting(bmc, 3, after="Manager.Reset")
        done = carry_out("bmc.reset", server)
        assert (done.state, done.outcome) == (JobState.SUCCEEDED, Outcome.PROVEN), done.error
        assert (restarts(bmc), starting.refused) == ([WARM], 3)
    assert (credential().parked_at, credential().refused_at) == (None, None)


def test_a_bmc_that_refuses_our_password_to_the_end_is_asked_once_more_before_it_is_given_up(derived: Derived) -> None:
    with at(profile=derived(changes={"bmc.refusal_pause": 4, "bmc.back_limit": 1})) as (bmc, server):
        bmc.state.refused_while_down = 0  # all that is seen of the restart is that it refuses us
        starting = Starting(bmc, 1, after="Manager.Reset")
        done = carry_out("bmc.reset", server)
        assert (done.state, done.outcome) == (JobState.SUCCEEDED, Outcome.PROVEN), done.error
        assert (restarts(bmc), starting.refused) == ([WARM], 1)


def test_a_password_that_is_refused_from_the_start_is_no_reason_for_a_restart(derived: Derived) -> None:
    with at(profile=derived(changes={"bmc.refusal_pause": 600})) as (bmc, server):
        there = trees.connect_to(server)
        there.power.read()
        there.close()
        starting = Starting(bmc)
        done = carry_out("bmc.reset", server)
        assert (done.state, (done.error or {})["code"]) == (JobState.FAILED, "bmc_auth_unconfirmed"), done.error
        assert (asked_for(bmc), starting.refused) == (0, 1)
        assert credential().parked_at is None


# --- one kind alone --------------------------------------------------------------------------------------------------


def test_a_kind_that_is_named_is_sent_alone() -> None:
    with at() as (bmc, server):
        done = carry_out("bmc.reset", server, reset_type=COLD)
        assert (done.state, done.outcome) == (JobState.SUCCEEDED, Outcome.PROVEN), done.error
        assert (restarts(bmc), asked_for(bmc)) == ([COLD], 1)
    assert told(done, "send_cold") == "Not needed: a cold restart alone was asked for"


def test_a_warm_restart_that_is_named_and_refused_is_no_reason_for_a_cold_one() -> None:
    with at("warm-restart-refused") as (bmc, server):
        done = carry_out("bmc.reset", server, reset_type=WARM)
        assert (restarts(bmc), asked_for(bmc)) == ([], 1)
    assert (done.state, (done.error or {})["code"]) == (JobState.FAILED, "bmc_refused"), done.error


def test_a_warm_restart_that_is_named_and_does_not_do_is_no_reason_for_a_cold_one(quick: str) -> None:
    with at("warm-restart-not-enough", profile=quick) as (bmc, server):
        done = carry_out("bmc.reset", server, reset_type=WARM)
        assert (restarts(bmc), asked_for(bmc)) == ([WARM], 1)
    assert (done.state, (done.error or {})["code"]) == (JobState.NEEDS_ATTENTION, "state_not_reached"), done.error


# --- sessions, and silence -------------------------------------------------------------------------------------------


def test_a_full_bmc_is_freed_of_our_dead_session_and_of_no_other() -> None:
    with at("session-limit=3") as (bmc, server):
        foreign, living, dead = sign_in(bmc), sign_in(bmc), sign_in(bmc)
        lives("worker-alive")
        kept = hold(server, "worker-alive", living, 1.0)
        hold(server, "worker-dead", dead, STALE_SECONDS + 1)
        done = carry_out("bmc.reset", server)
        assert (done.state, done.outcome) == (JobState.SUCCEEDED, Outcome.PROVEN), done.error
        assert restarts(bmc) == [WARM]
        assert dead in ended(bmc)
        assert not {foreign, living} & set(ended(bmc))
    assert told(done, "probe") == "Redfish: all sessions are taken"
    assert "Closed 1 dead session of oobctl's. Probed again: Redfish answers" in told(done, "close_sessions")
    assert (done.evidence or {})["sessions"] == {"dead": 1, "closed": 1, "left": 0}
    assert [row.id for row in trees.slots_taken() if row.holder.startswith("worker-a")] == [kept]


@pytest.mark.parametrize(
    ("age", "is_dead"), [(1.0, False), (STALE_SECONDS + 1, True), (None, True)], ids=["fresh", "stale", "disowned"]
)
def test_a_dead_session_is_one_that_was_disowned_or_of_a_holder_that_is_gone(age: float | None, is_dead: bool) -> None:
    with at() as (_bmc, server):
        row = hold(server, "worker-gone", None, age)
        assert [found.id for found in dead_sessions.dead_sessions(server)] == ([row] if is_dead else [])


def test_a_session_of_a_process_that_lives_is_not_dead_however_long_it_was_silent() -> None:
    with at() as (_bmc, server):
        lives("worker-alive")
        hold(server, "worker-alive", None, 10 * STALE_SECONDS)
        assert dead_sessions.dead_sessions(server) == []


def test_a_dead_session_at_another_bmc_is_left_to_that_one() -> None:
    with at() as (_bmc, server), trees.serve() as other:
        hold(trees.way(other, name="web02"), "worker-gone", None, None)
        assert dead_sessions.dead_sessions(server) == []


def test_a_bmc_whose_sessions_are_all_somebody_elses_is_left_alone_and_that_is_said() -> None:
    with at("session-limit=1") as (bmc, server):
        sign_in(bmc)
        done = carry_out("bmc.reset", server)
        assert (asked_for(bmc), ended(bmc)) == (0, [])
    assert (done.state, (done.error or {})["code"]) == (JobState.FAILED, "bmc_sessions_exhausted"), done.error
    assert "somebody else holds them, so no restart could be sent" in message(done)


@pytest.mark.parametrize("kind", ["auto", COLD])
def test_a_silent_bmc_fails_and_says_what_to_do(kind: str) -> None:
    with at() as (bmc, server):
        bmc.server.stop()
        done = carry_out("bmc.reset", server, reset_type=kind)
        assert restarts(bmc) == []
    assert (done.state, (done.error or {})["code"]) == (JobState.FAILED, "bmc_unreachable"), done.error
    assert "is silent over all that it speaks (Redfish: nothing answers)" in message(done)
    assert "nothing was sent" in message(done)
    assert "Check the BMC's network cable, switch port and address" in message(done)


def test_a_bmc_that_answers_again_by_the_second_probe_is_restarted(monkeypatch: pytest.MonkeyPatch) -> None:
    with at() as (bmc, server):
        bmc.state.bmc.refused = 1
        monkeypatch.setattr(ladder, "_LETS_US_IN_WITHIN", 20.0)
        done = carry_out("bmc.reset", server)
        assert (done.state, restarts(bmc)) == (JobState.SUCCEEDED, [WARM]), done.error
    assert told(done, "probe").startswith("Redfish: ")
    assert "Probed again: Redfish answers" in told(done, "close_sessions")
