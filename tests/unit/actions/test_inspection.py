"""Inspecting a server: each capability is kept as it is read, what a BMC lacks is said, and a dead one ends it soon."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from oobctl import actions, profiles
from oobctl.actions.inspection import InspectParameters
from oobctl.constants import READ_CAPABILITIES, STAFF_CAPABILITIES, Capability, Lifecycle, Outcome
from oobctl.drivers.interfaces import Identity
from oobctl.errors import BmcRefused, BmcTimeout, JobCancelled, NotSupported, WrongServer
from oobctl.jobs import progress
from oobctl.jobs.run import Acted, Run
from oobctl.store import Reading, Server, database
from tests.installation import Installation
from tests.unit.readings.samples import security
from tests.unit.readings.script import Script

SILENCE = BmcTimeout("No answer from the BMC at 127.0.9.1 within 5 s.")
Make = Callable[..., tuple[Run, Script]]


@pytest.fixture
def inspecting(sqlite_installation: Installation, monkeypatch: pytest.MonkeyPatch) -> Make:
    """A run of server.inspect on web01 in its last step, and its scripted BMC."""
    monkeypatch.setattr(progress, "waits_for", lambda *_: None)
    monkeypatch.setattr(progress, "cancel_asked", lambda *_: False)

    def make(*capabilities: Capability, staff: bool = True, action: str = "server.inspect") -> tuple[Run, Script]:
        acted = Acted("job", sqlite_installation.servers["web01"], "web01", staff)
        wanted = InspectParameters(capabilities=list(capabilities))
        run = Run(acted, actions.find(action), wanted, profiles.find("generic-ipmi"), "worker-test")
        script = Script(acted.server_id)
        vars(run)["_bmc"] = script
        monkeypatch.setattr(run, "disconnect", lambda: None)
        return run, script

    return make


def inspect(run: Run) -> str:
    return actions.find("server.inspect").steps[-1].run(run)


def kept() -> dict[str, Reading]:
    with database().read() as session:
        return {str(row.capability): row for row in session.scalars(select(Reading))}


def test_everything_is_read_and_kept_and_counted(inspecting: Make) -> None:
    run, script = inspecting()
    assert inspect(run) == (
        "Read and kept: health Warning (told by 12 parts), 2 sensors, 1 new log entry, 3 parts, 1 power meter, "
        "1 BMC user, 1 security fact. 1 problem in what was read. This BMC has no BIOS settings, no virtual media"
    )
    assert script.asked == list(READ_CAPABILITIES)
    assert set(kept()) == set(READ_CAPABILITIES)
    assert (kept()["bios"].problem or {})["code"] == "not_supported"
    assert run.outcome is Outcome.PROVEN
    assert "2 sensors" in run.evidence["after"]["read"]


def test_a_customers_inspection_reads_what_they_may_see(inspecting: Make) -> None:
    run, script = inspecting(staff=False)
    inspect(run)
    assert set(script.asked) == set(READ_CAPABILITIES) - STAFF_CAPABILITIES


def test_what_was_asked_for_alone_is_read_once_each(inspecting: Make) -> None:
    run, script = inspecting(Capability.SENSORS, Capability.HEALTH, Capability.SENSORS)
    assert inspect(run) == ("Read and kept: 2 sensors, health Warning (told by 12 parts). 1 problem in what was read")
    assert script.asked == ["sensors", "health"]


def test_what_could_not_be_read_is_said_and_the_rest_is_kept(inspecting: Make) -> None:
    run, script = inspecting(Capability.USERS, Capability.SENSORS)
    script.answers["users"] = BmcRefused("The BMC refused.")
    assert inspect(run) == ("Read and kept: 2 sensors. 1 problem in what was read. Not read: users: The BMC refused")
    assert run.evidence["notes"] == ["Not read: users: The BMC refused."]
    assert (kept()["users"].problem or {})["code"] == "bmc_refused"
    assert run.outcome is Outcome.PROVEN


def test_what_a_bmc_lacks_is_no_failure(inspecting: Make) -> None:
    run, _script = inspecting(Capability.BIOS)
    assert inspect(run) == "This BMC has no BIOS settings"
    assert run.outcome is Outcome.PROVEN


def test_where_nothing_could_be_read_the_job_fails_with_the_reason(inspecting: Make) -> None:
    run, script = inspecting(Capability.USERS, Capability.SENSORS)
    script.answers |= {"users": BmcRefused("No."), "sensors": BmcRefused("The BMC refused.")}
    with pytest.raises(BmcRefused, match=r"The BMC refused\."):
        inspect(run)
    assert {name: (row.problem or {})["message"] for name, row in kept().items()} == {
        "users": "No.", "sensors": "The BMC refused.",
    }  # fmt: skip


def test_a_bmc_that_is_silent_twice_is_asked_no_more(inspecting: Make) -> None:
    run, script = inspecting()
    script.answers |= {"sensors": SILENCE, "event_log": SILENCE}
    assert inspect(run).startswith("Read and kept: health Warning")
    assert script.asked == ["health", "sensors", "event_log"]


def test_another_server_ends_it_and_nothing_of_it_is_kept(inspecting: Make) -> None:
    run, script = inspecting()
    script.answers["health"] = WrongServer("Another server answers.", staff={})
    with pytest.raises(WrongServer):
        inspect(run)
    assert kept() == {}


def test_a_cancel_stops_it_between_two_readings(inspecting: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    run, script = inspecting()
    monkeypatch.setattr(progress, "cancel_asked", lambda *_: len(script.asked) == 2)
    with pytest.raises(JobCancelled):
        inspect(run)
    assert (script.asked, len(kept())) == (["health", "sensors"], 2)


# --- enrolment ---------------------------------------------------------------------------------------------------


def read_security(run: Run) -> str:
    step = run.action.steps[-1]
    assert step.name == "read_security"
    return step.run(run)


@pytest.mark.parametrize(
    ("answer", "words"),
    [(None, "compared with what the profile asks for"), (NotSupported("No."), "does not tell how far it is open"),
     (SILENCE, "tried again by the monitor: No answer")],
)  # fmt: skip
def test_an_enrolment_reads_how_far_the_bmc_is_open_and_does_not_end_where_it_cannot(
    inspecting: Make, answer: Any, words: str
) -> None:
    run, script = inspecting(action="server.enroll")
    script.answers["security"] = answer or script.answers["security"]
    assert words in read_security(run)
    assert list(kept()) == ["security"]


def test_how_an_enrolled_bmc_differs_stands_in_the_evidence_for_staff(inspecting: Make) -> None:
    run, script = inspecting(action="server.enroll")
    script.answers["security"] = security(cipher_zero=True)
    read_security(run)
    assert run.evidence["staff"] == {"drift": [{"fact": "cipher_zero", "is": True, "should": False}]}


def test_after_an_enrolment_all_is_read_anew(inspecting: Make, sqlite_installation: Installation) -> None:
    run, _script = inspecting()
    inspect(run)
    run, _script = inspecting(action="server.enroll")
    run.identity = Identity(serial="SN-web01")
    run.action.steps[run.action.position_of("keep_identity")].run(run)
    assert list(kept()) == ["security"]
    with database().read() as session:
        assert session.get_one(Server, sqlite_installation.servers["web01"]).lifecycle is Lifecycle.ASSIGNED
