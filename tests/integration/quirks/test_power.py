"""Quirks of power: with the quirk in its profile the driver works at such a BMC, and without it it does not."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from oobctl import control
from oobctl.access import SYSTEM as SYSTEM_ITSELF
from oobctl.actions import power
from oobctl.constants import JobState, Outcome, PowerState, ResetType
from oobctl.drivers.connect import ConnectedBmc
from oobctl.errors import BmcRefused, BmcTimeout, NotSupported, OutcomeUnknown
from oobctl.jobs.run import Run, WorkerStops
from tests import trees
from tests.carrying import begin, carry_out, end, job
from tests.profiles import Derived
from tests.trees import Served

pytestmark = pytest.mark.usefixtures("sqlite")

SYSTEM = "/redfish/v1/Systems/1"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"


@contextmanager
def at(*behaviours: str, profile: str = "generic-redfish") -> Iterator[tuple[Served, ConnectedBmc]]:
    """A BMC that behaves so, and the driver with that profile."""
    with trees.serve(behaviours=behaviours) as bmc, trees.connected(bmc, profile=profile) as found:
        yield bmc, found


def test_same_state_409_counts_as_done_where_it_is_so(derived: Derived) -> None:
    with at("same-state-409") as (bmc, found):
        found.power.set(ResetType.ON)
        assert [request.status for request in bmc.asked("POST", RESET)] == [409]
        found.power.set(ResetType.FORCE_OFF)
        found.power.set(ResetType.FORCE_OFF)
        assert found.power.read() is PowerState.OFF
    with (
        at("same-state-409", profile=derived(without=["same-state-409"])) as (_bmc, found),
        pytest.raises(BmcRefused, match="409"),
    ):
        found.power.set(ResetType.ON)


def test_same_state_409_does_not_count_as_done_where_it_is_not_so() -> None:
    with at("same-state-409") as (bmc, found):
        bmc.state.resources.at(SYSTEM)["PowerState"] = "PoweringOff"  # the reset is refused for another reason
        with pytest.raises(BmcRefused, match="409"):
            found.power.set(ResetType.GRACEFUL_SHUTDOWN)


def test_reset_values_only_in_action_info_are_found_there(derived: Derived) -> None:
    with at("reset-values-only-in-action-info") as (bmc, found):
        found.power.set(ResetType.FORCE_OFF)
        assert bmc.state.power() == "Off"
        found.bmc.reset(ResetType.GRACEFUL_RESTART)
        assert len(bmc.state.done("Manager.Reset")) == 1
    profile = derived(without=["reset-values-only-in-action-info"])
    with at("reset-values-only-in-action-info", profile=profile) as (bmc, found):
        with pytest.raises(NotSupported, match="it lists nothing"):
            found.power.set(ResetType.FORCE_OFF)
        assert bmc.asked("POST", RESET) == []


@pytest.mark.parametrize("reset", [ResetType.FORCE_RESTART, ResetType.NMI])
def test_drop_after_accept_is_an_unknown_outcome_and_the_command_was_carried_out_once(reset: ResetType) -> None:
    with at("drop-after-accept") as (bmc, found):
        with pytest.raises(OutcomeUnknown, match="may have been carried out"):
            found.power.send_once(reset)
        assert [done.body["ResetType"] for done in bmc.state.done("ComputerSystem.Reset")] == [reset]
        assert len(bmc.asked("POST", RESET)) == 1
        assert found.power.read() is PowerState.ON  # the next reading goes on


def test_drop_after_accept_of_what_a_repeat_does_not_harm_ends_proven_by_reading() -> None:
    with trees.serve(behaviours=["drop-after-accept"]) as bmc:
        done = carry_out("power.off", trees.way(bmc))
        assert (done.state, done.outcome, bmc.state.power()) == (JobState.SUCCEEDED, Outcome.PROVEN, "Off")
        assert len(bmc.state.done("ComputerSystem.Reset")) == 1


def test_a_slow_bmc_is_waited_for_as_long_as_the_profile_says(derived: Derived) -> None:
    with at("slow=0.12") as (_bmc, found):
        assert found.power.read() is PowerState.ON
    impatient = derived(changes={"timeouts.answer": 0.05})
    with at("slow=0.12", profile=impatient) as (bmc, found):
        with pytest.raises(BmcTimeout, match="did not answer within"):
            found.power.read()
        assert found.logins == 1  # the login has a limit of its own
        assert bmc.state.power() == "On"


def test_force_restart_hangs_is_done_as_off_and_on(derived: Derived, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(power, "_TELLS_WITHIN", 0.5)
    quick = {"power.cycle_dwell": 0.2}
    with trees.serve(behaviours=["force-restart-hangs"]) as bmc:
        done = carry_out("power.reset", trees.way(bmc, profile=derived(quirks=["force-restart-hangs"], changes=quick)))
        assert (done.state, done.outcome, done.error) == (JobState.SUCCEEDED, Outcome.PROVEN, None)
        assert [done.body["ResetType"] for done in bmc.state.done("ComputerSystem.Reset")] == ["ForceOff", "On"]
        assert (bmc.state.power(), bmc.state.hung, len(bmc.state.boots)) == ("On", set(), 1)
        assert [read["PowerState"] for read in (done.evidence or {})["read_back"]] == ["Off", "On"]
        words = " ".join(str(step.detail) for step in done.steps)
        assert "No reset was sent" in words
        assert "Stayed off" in words
    with trees.serve(behaviours=["force-restart-hangs"]) as bmc:
        carry_out("power.reset", trees.way(bmc, name="web02", profile=derived(changes=quick)))
        assert (bmc.state.hung, bmc.state.boots) == ({SYSTEM}, [])


def test_a_worker_that_dies_between_off_and_on_leaves_a_reset_that_another_one_ends(
    derived: Derived, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"power.cycle_dwell": 0.2, "timeouts.longest_send": 3}
    profile = derived(quirks=["force-restart-hangs"], changes=changes)

    def dies(_run: Run, read: Callable[[], bool], _seconds: float, _words: str) -> bool:
        read()  # sends the off
        raise WorkerStops

    with trees.serve(behaviours=["force-restart-hangs"]) as bmc:
        job_id = control.submit(SYSTEM_ITSELF, "power.reset", trees.way(bmc, profile=profile)).id
        runner, run = begin(job_id, "worker-1")
        runner.step(run.owner, 0), runner.step(run.owner, 1)
        with monkeypatch.context() as patch:
            patch.setattr(Run, "until", dies)
            with pytest.raises(WorkerStops):
                runner.step(run.owner, 2)
        runner.close(run)
        assert bmc.state.power() == "Off"
        runner, run = begin(job_id, "worker-2")
        end(runner, run, 0)
        runner.close(run)
        ended = job(job_id)
        assert (ended.state, ended.outcome, ended.error) == (JobState.SUCCEEDED, Outcome.PROVEN, None)
        assert [done.body["ResetType"] for done in bmc.state.done("ComputerSystem.Reset")] == ["ForceOff", "On"]
