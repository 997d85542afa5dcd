"""bios.set and bios.reset: checked before anything is sent, pending until a boot, proven after one."""

import pytest
from sqlalchemy import delete

from oobctl.constants import Capability, JobState, Outcome, StepState
from oobctl.errors import InvalidParameter
from oobctl.store import Job, Reading, database
from tests.integration.actions.conftest import OnTree


@pytest.fixture(autouse=True)
def _as_it_was(on_tree: OnTree) -> None:
    """On, nothing pending, the settings of the beginning."""
    assert on_tree.road.do("power.on", "db01").state is JobState.SUCCEEDED


def parameters(values: dict[str, object], apply: str = "next_boot") -> dict[str, object]:
    return {"values": values, "apply": apply}


def another(on_tree: OnTree) -> str:
    """The boot mode that does not hold now."""
    return "Bios" if on_tree.bmc.state.bios()["BootMode"] == "Uefi" else "Uefi"


def patches(on_tree: OnTree) -> int:
    return len(on_tree.bmc.asked("PATCH"))


def refused(job: Job) -> str:
    assert job.state is JobState.FAILED
    assert job.error is not None
    assert (job.error["code"], job.error["sent"]) == ("invalid_parameter", False)
    return str(job.error["message"])


def test_a_setting_for_the_next_boot_is_read_back_as_pending_and_nothing_restarts(on_tree: OnTree) -> None:
    resets = len(on_tree.bmc.state.done("ComputerSystem.Reset"))
    other = another(on_tree)
    job = on_tree.road.do("bios.set", "db01", parameters({"BootMode": other}))
    assert (job.state, job.outcome) == (JobState.SUCCEEDED, Outcome.PENDING), job.error
    assert on_tree.bmc.state.pending_bios() == {"BootMode": other}
    assert len(on_tree.bmc.state.done("ComputerSystem.Reset")) == resets
    with database().read() as session:
        kept = session.get_one(Reading, (on_tree.road.servers["db01"], Capability.BIOS))
    assert kept.content is not None
    assert kept.content["pending"] == {"BootMode": other}


def test_a_setting_that_is_to_hold_now_restarts_the_server_once_and_is_proven(on_tree: OnTree) -> None:
    resets = len(on_tree.bmc.state.done("ComputerSystem.Reset"))
    other = another(on_tree)
    job = on_tree.road.do("bios.set", "db01", parameters({"BootMode": other}, "now"))
    assert (job.state, job.outcome) == (JobState.SUCCEEDED, Outcome.PROVEN), job.error
    assert on_tree.bmc.state.bios()["BootMode"] == other
    sent = [command.body["ResetType"] for command in on_tree.bmc.state.done("ComputerSystem.Reset")[resets:]]
    assert sent == ["ForceOff", "On"]
    assert on_tree.bmc.state.power() == "On"


def test_what_was_pending_is_evidence_as_pending_and_not_as_what_was_before(on_tree: OnTree) -> None:
    now, other = on_tree.bmc.state.bios()["BootMode"], another(on_tree)
    on_tree.road.do("bios.set", "db01", parameters({"BootMode": other}))
    job = on_tree.road.do("bios.set", "db01", parameters({"BootMode": other}, "now"))
    before = (job.evidence or {})["before"]
    assert (before["bios"], before["bios_pending"]) == ({"BootMode": now}, {"BootMode": other})
    assert (job.evidence or {})["after"]["bios"] == {"BootMode": other}


def test_steps_that_switch_nothing_are_skipped_and_say_so(on_tree: OnTree) -> None:
    job = on_tree.road.do("bios.set", "db01", parameters({"BootMode": another(on_tree)}))
    skipped = {step.name: step.detail for step in job.steps if step.state is StepState.SKIPPED}
    assert list(skipped) == ["restart_off", "restart_dwell", "restart_on"]
    assert "Nothing is restarted" in (skipped["restart_off"] or "")


def test_a_server_that_is_off_stays_off_and_has_the_setting_pending(on_tree: OnTree) -> None:
    on_tree.road.do("power.off", "db01")
    other = another(on_tree)
    job = on_tree.road.do("bios.set", "db01", parameters({"BootMode": other}, "now"))
    assert (job.state, job.outcome) == (JobState.SUCCEEDED, Outcome.PENDING), job.error
    assert on_tree.bmc.state.power() == "Off"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"NoSuchThing": "x"}, "no attribute 'NoSuchThing'"),
        ({"BootMode": "Purple"}, "takes one of"),
        ({"BootMode": True}, "takes one of"),
        ({"BootMode": None}, "BootMode takes one of"),
        ({"BootMode": ["Uefi"]}, "BootMode takes one of"),
        ({"BotMode": "Uefi"}, "It has BootMode"),
    ],
)
def test_a_wrong_value_is_refused_at_the_door_with_what_is_allowed(
    on_tree: OnTree, values: dict[str, object], said: str
) -> None:
    on_tree.road.do("server.inspect", "db01", {"capabilities": ["bios"]})
    before = patches(on_tree)
    with pytest.raises(InvalidParameter, match=said) as caught:
        on_tree.road.submit("bios.set", "db01", parameters(values))
    assert caught.value.details["field"] == f"values.{next(iter(values))}"
    assert patches(on_tree) == before


def test_where_the_bios_was_not_read_yet_the_worker_checks_before_it_sends(on_tree: OnTree) -> None:
    with database().write() as session:
        row = session.get(Reading, (on_tree.road.servers["db01"], Capability.BIOS))
        if row is not None:
            session.delete(row)
    before = patches(on_tree)
    assert "takes one of" in refused(on_tree.road.do("bios.set", "db01", parameters({"BootMode": "Purple"})))
    with database().write() as session:
        session.execute(delete(Reading).where(Reading.capability == Capability.BIOS))
    with pytest.raises(InvalidParameter, match="BootMode takes a text, a number, true or false"):
        on_tree.road.submit("bios.set", "db01", parameters({"BootMode": None}))
    assert patches(on_tree) == before


def test_the_defaults_hold_after_a_boot_and_are_compared_with_the_registry(on_tree: OnTree) -> None:
    on_tree.road.do("bios.set", "db01", parameters({"BootMode": "Bios"}, "now"))
    later = on_tree.road.do("bios.reset", "db01")
    assert (later.state, later.outcome) == (JobState.SUCCEEDED, Outcome.PENDING), later.error
    job = on_tree.road.do("bios.reset", "db01", {"apply": "now"})
    assert job.state is JobState.SUCCEEDED, job.error
    assert job.outcome in {Outcome.PROVEN, Outcome.ACCEPTED}
    assert on_tree.bmc.state.bios()["BootMode"] == "Uefi"
