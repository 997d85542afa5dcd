"""Every action on every server it fits: its outcome and evidence, and the rack that agrees."""

from typing import Any

import pytest

from oobctl.constants import JobState, Outcome
from oobctl.store import Job
from tests.installation import steps_of
from tests.integration.road.conftest import Road, on_sqlite

SERVERS = ("web01", "db01", "app01")
every_server = pytest.mark.parametrize("server", SERVERS)


def carried_out(
    road: Road, action: str, server: str, parameters: dict[str, Any] | None = None, by: str = "customer"
) -> Job:
    """Do it; its end is a success with its two records, free of charge."""
    job = road.do(action, server, parameters, by=by)
    assert job.state is JobState.SUCCEEDED, (job.error, steps_of(job))
    assert {str(step.state) for step in job.steps} == {"succeeded"}
    recorded_once(road, job, str(job.outcome))
    return job


def recorded_once(road: Road, job: Job, outcome: str) -> None:
    intent, ended = road.records(job.id)
    assert (intent.kind, intent.outcome, ended.kind, ended.outcome) == ("intent", None, "outcome", outcome)
    for row in (intent, ended):
        assert (row.charge_amount, row.charge_currency) == ("0.00", "EUR")
        assert (row.actor_name, row.source_ip) == (job.actor["name"], "198.51.100.7")
        assert row.server_id == job.server_id
    assert intent.tag == ended.tag


def evidence(job: Job) -> dict[str, Any]:
    assert job.evidence is not None
    return job.evidence


@every_server
def test_power_off_is_proven_and_the_rack_agrees(road: Road, server: str) -> None:
    mark = road.view.mark(server)
    job = carried_out(road, "power.off", server)
    assert job.outcome is Outcome.PROVEN
    assert (evidence(job)["before"]["PowerState"], evidence(job)["after"]["PowerState"]) == ("On", "Off")
    assert (road.view.commands(server, mark), road.view.power(server)) == (["power off"], "Off")
    assert str(road.server(server).power_state) == "Off"


@on_sqlite
@every_server
def test_power_on_is_proven_and_the_rack_agrees(road: Road, server: str) -> None:
    road.view.command(server, "power-off")
    mark = road.view.mark(server)
    job = carried_out(road, "power.on", server)
    assert job.outcome is Outcome.PROVEN
    assert (evidence(job)["before"]["PowerState"], evidence(job)["after"]["PowerState"]) == ("Off", "On")
    assert (road.view.commands(server, mark), road.view.power(server)) == (["power on"], "On")


@on_sqlite
@every_server
def test_power_on_of_a_server_that_is_on_sends_nothing(road: Road, server: str) -> None:
    mark = road.view.mark(server)
    job = carried_out(road, "power.on", server)
    assert (job.outcome, road.view.commands(server, mark)) == (Outcome.PROVEN, [])
    assert job.steps[-1].detail == "Was On already; nothing was sent"


@every_server
def test_power_cycle_was_off_and_is_on_again(road: Road, server: str) -> None:
    mark = road.view.mark(server)
    job = carried_out(road, "power.cycle", server)
    assert job.outcome is Outcome.PROVEN
    assert [state["PowerState"] for state in evidence(job)["read_back"]] == ["Off", "On"]
    assert (road.view.commands(server, mark), road.view.power(server)) == (["power off", "power on"], "On")


@every_server
def test_power_reset_is_sent_once(road: Road, server: str) -> None:
    mark = road.view.mark(server)
    job = carried_out(road, "power.reset", server)
    told = road.view.commands(server, mark)
    assert told == ["reset"]
    assert road.view.power(server) == "On"
    proven = job.outcome is Outcome.PROVEN
    assert proven == (server != "web01"), "IPMI tells no time of the last reset, Redfish does"
    assert ("not_confirmed" in evidence(job)) == (not proven)


@on_sqlite
@pytest.mark.parametrize("server", ["db01", "app01"])
def test_power_nmi_is_accepted_and_sent_once(road: Road, server: str) -> None:
    mark = road.view.mark(server)
    job = carried_out(road, "power.nmi", server)
    assert job.outcome is Outcome.ACCEPTED
    assert evidence(job)["not_confirmed"]
    assert road.view.commands(server, mark) == ["nmi"]


@on_sqlite
@pytest.mark.parametrize(("action", "code"), [("power.nmi", "bmc_refused"), ("bmc.reset", "not_supported")])
def test_what_a_bmc_refuses_fails_with_its_answer_and_the_server_is_as_it_was(
    road: Road, action: str, code: str
) -> None:
    """The simulator in front of web01 knows neither of the two commands."""
    mark = road.view.mark("web01")
    job = road.do(action, "web01")
    assert (job.state, job.error and job.error["code"]) == (JobState.FAILED, code), job.error
    recorded_once(road, job, "failed")
    assert (road.view.commands("web01", mark), road.view.power("web01")) == ([], "On")


@on_sqlite
def test_power_shutdown_is_proven_when_the_operating_system_listens(road: Road) -> None:
    road.view.start_fresh(*SERVERS)
    marks = {server: road.view.mark(server) for server in SERVERS}
    jobs = {server: road.submit("power.shutdown", server) for server in SERVERS}
    for server in SERVERS:
        job = road.wait(jobs[server].id)
        assert (job.state, job.outcome) == (JobState.SUCCEEDED, Outcome.PROVEN), job.error
        recorded_once(road, job, "proven")
        assert road.view.commands(server, marks[server]) == ["shutdown", "powered off"]
        assert road.view.power(server) == "Off"


@on_sqlite
def test_a_shutdown_that_is_ignored_fails_and_nothing_is_forced(road: Road) -> None:
    for server in SERVERS:
        road.view.inject(server, "os-ignores-shutdown")
    marks = {server: road.view.mark(server) for server in SERVERS}
    jobs = {server: road.submit("power.shutdown", server, {"timeout_seconds": 10}) for server in SERVERS}
    for server in SERVERS:
        job = road.wait(jobs[server].id)
        assert (job.state, job.error and job.error["code"]) == (JobState.FAILED, "state_not_reached")
        assert job.error is not None
        assert "did not shut down within 10 s; last read: On. Nothing was forced" in job.error["message"]
        recorded_once(road, job, "failed")
        assert (road.view.commands(server, marks[server]), road.view.power(server)) == (["shutdown"], "On")


@on_sqlite
@every_server
def test_a_cycle_of_a_server_that_is_off_is_refused_with_a_hint_and_nothing_is_sent(road: Road, server: str) -> None:
    road.view.command(server, "power-off")
    mark = road.view.mark(server)
    job = road.do("power.cycle", server)
    assert (job.state, job.error and job.error["code"]) == (JobState.FAILED, "wrong_state")
    assert job.error is not None
    assert "there is nothing to cycle. Use power.on to start it" in job.error["message"]
    assert (road.view.commands(server, mark), road.view.power(server)) == ([], "Off")
    recorded_once(road, job, "failed")


@on_sqlite
@every_server
def test_identify_lights_the_chassis(road: Road, server: str) -> None:
    mark = road.view.mark(server)
    job = carried_out(road, "identify.set", server, {"state": "Lit"})
    (entry,) = [one for one in road.view.entries(server, mark) if one["command"] == "identify"]
    assert entry["led"] == "Lit"
    assert job.outcome is (Outcome.ACCEPTED if "not_confirmed" in evidence(job) else Outcome.PROVEN)
    carried_out(road, "identify.set", server, {"state": "Off"})


@on_sqlite
@pytest.mark.parametrize("server", ["db01", "app01"])
def test_a_bmc_reset_is_sent_once_and_the_server_keeps_running(road: Road, server: str) -> None:
    mark = road.view.mark(server)
    job = carried_out(road, "bmc.reset", server)
    assert road.view.commands(server, mark) == ["bmc reset"]
    assert job.outcome is Outcome.PROVEN
    assert (evidence(job)["before"]["PowerState"], evidence(job)["after"]["PowerState"]) == ("On", "On")
    assert road.view.power(server) == "On"


@on_sqlite
@pytest.mark.parametrize("enabled", ["Once", "Continuous"])
@pytest.mark.parametrize("mode", [None, "Legacy", "UEFI"])
@every_server
def test_a_boot_override_is_pending_and_says_what_the_bmc_does_not_confirm(
    road: Road, server: str, enabled: str, mode: str | None
) -> None:
    mark = road.view.mark(server)
    job = carried_out(road, "boot.set", server, {"source": "Pxe", "enabled": enabled, "mode": mode})
    assert job.outcome is Outcome.PENDING
    after = evidence(job)["after"]
    assert after["BootSourceOverrideTarget"] == "Pxe"
    told = [entry for entry in road.view.entries(server, mark) if entry["command"] == "boot override"]
    assert told[-1]["target"] == "Pxe"
    if after["BootSourceOverrideEnabled"] is None:
        assert "once or always: not confirmed by the BMC" in evidence(job)["not_confirmed"]
    else:
        assert after["BootSourceOverrideEnabled"] == enabled
    if mode is not None and after["BootSourceOverrideMode"] is None:
        assert "Legacy or UEFI: not confirmed by the BMC" in evidence(job)["not_confirmed"]
    elif mode is not None:
        assert after["BootSourceOverrideMode"] == mode
    cleared = carried_out(road, "boot.set", server, {"source": "None", "enabled": "Disabled"})
    assert cleared.outcome is Outcome.PROVEN
