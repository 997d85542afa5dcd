"""With the hardware profiles as they are shipped: nothing shortened."""

from collections.abc import Callable

from oobctl import profiles
from oobctl.constants import JobState, Outcome
from oobctl.lab.rack import RackInfo
from tests.databases import Databases
from tests.installation import Installation
from tests.integration.road.rack_view import RackView


def test_a_power_cycle_stays_off_as_long_as_the_shipped_profile_says(
    rack: RackInfo, databases: Databases, new_installation: Callable[..., Installation]
) -> None:
    view = RackView(rack)
    with new_installation(databases.migrated("sqlite")) as installation:
        installation.initialise().add_people().add_servers(rack, "web01").start_worker()
        installation.enroll()
        mark = view.mark("web01")
        job = installation.do("power.cycle", "web01")
        dwell = profiles.find("generic-ipmi").power.cycle_dwell
    assert (job.state, job.outcome) == (JobState.SUCCEEDED, Outcome.PROVEN), job.error
    off, on = [entry for entry in view.entries("web01", mark) if entry["command"] in {"power off", "power on"}]
    assert (off["command"], on["command"]) == ("power off", "power on")
    (step,) = [step for step in job.steps if step.name == "dwell"]
    assert step.started_at is not None
    assert step.finished_at is not None
    assert (step.finished_at - step.started_at).total_seconds() >= dwell >= 10
