"""Many at once: every submission ends, no server is ever acted on by two, and staff may come between."""

import random
import threading
import time
from collections import Counter
from itertools import pairwise

import pytest
from sqlalchemy import select

from oobctl import control
from oobctl.constants import JobState
from oobctl.errors import ServerBusy
from oobctl.store import Job, database
from tests.installation import eventually, steps_of
from tests.integration.road.conftest import Road, on_sqlite

CLIENTS, EACH = 20, 10
SERVERS = ("web01", "db01", "app01")


@pytest.mark.timeout(900)  # on two cores beside other tests
def test_two_hundred_submissions_of_twenty_clients_all_end_and_never_two_at_once_on_a_server(road: Road) -> None:
    marks = {server: road.view.mark(server) for server in SERVERS}
    asked, failures = list[str](), list[BaseException]()

    def client(number: int) -> None:
        chance = random.Random(number)
        try:
            for turn in range(EACH):
                state = "Lit" if turn % 2 else "Off"
                asked.append(patiently(road, SERVERS[(number + turn) % 3], state, chance))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    jobs = [road.wait(job_id) for job_id in asked]
    assert [(job.error, steps_of(job)) for job in jobs if job.state is not JobState.SUCCEEDED] == []
    assert (len(set(asked)), Counter(job.state for job in jobs)) == (200, {JobState.SUCCEEDED: 200})
    assert all([row.kind for row in road.records(job.id)] == ["intent", "outcome"] for job in jobs)
    for server in SERVERS:
        assert overlaps([job for job in jobs if job.server_id == road.servers[server]]) == []
        done = [entry for entry in road.view.entries(server, marks[server]) if entry["command"] == "identify"]
        assert len(done) == len([job for job in jobs if job.server_id == road.servers[server]])
    eventually(lambda: road.sessions() == [])


def patiently(road: Road, server: str, state: str, chance: random.Random) -> str:
    """Submit, trying again after each 409, as a client of the API would."""
    until = time.monotonic() + 600
    while True:
        try:
            return road.submit("identify.set", server, {"state": state}).id
        except ServerBusy:
            if time.monotonic() > until:
                raise
            time.sleep(chance.uniform(0.3, 1.0))


def overlaps(jobs: list[Job]) -> list[tuple[str, str]]:
    """Pairs of jobs whose steps ran at the same time."""
    times = []
    for job in jobs:
        began = [step.started_at for step in job.steps if step.started_at]
        ended = [step.finished_at for step in job.steps if step.finished_at]
        times.append((min(began), max(ended), job.id))
    return [(first[2], second[2]) for first, second in pairwise(sorted(times)) if second[0] < first[1]]


@on_sqlite
def test_staff_end_a_running_job_to_switch_off_and_it_sends_nothing_more(road: Road) -> None:
    road.view.inject("web01", "os-ignores-shutdown")
    mark = road.view.mark("web01")
    first = road.submit("power.shutdown", "web01", {"timeout_seconds": 120})
    while "shutdown" not in road.view.commands("web01", mark):
        assert not road.job(first.id).state.ended
        time.sleep(0.05)
    off = road.do("power.off", "web01", {"preempt": True}, by="technician")
    assert (off.state, road.view.power("web01")) == (JobState.SUCCEEDED, "Off")
    ended = road.job(first.id)
    assert ended.state is JobState.NEEDS_ATTENTION
    assert ended.error is not None
    assert f"(job {off.id})" in ended.error["message"]
    assert [row.outcome for row in road.records(first.id)] == [None, "needs_attention"]
    assert road.do("power.on", "web01").state is JobState.SUCCEEDED
    assert road.view.commands("web01", mark) == ["shutdown", "power off", "power on"]
    assert road.job(first.id).state is JobState.NEEDS_ATTENTION


@on_sqlite
def test_a_cancel_between_two_steps_ends_the_job_and_frees_the_server(road: Road) -> None:
    road.view.inject("web01", "os-ignores-shutdown")
    job = road.submit("power.shutdown", "web01", {"timeout_seconds": 120})
    while not any(step.name == "wait_off" and step.started_at for step in road.job(job.id).steps):
        assert not road.job(job.id).state.ended
        time.sleep(0.05)
    control.cancel(road.actor("customer"), job.id)
    ended = road.wait(job.id)
    assert (ended.state, ended.error and ended.error["code"]) == (JobState.CANCELLED, "job_cancelled")
    assert ended.error is not None
    assert "web01 may still go off" in ended.error["message"]  # it was asked to shut down already
    assert ended.evidence is not None
    assert ended.evidence["not_confirmed"]
    assert road.do("identify.set", "web01").state is JobState.SUCCEEDED


@on_sqlite
def test_every_job_of_the_road_has_one_intent_and_one_outcome(road: Road) -> None:
    road.do("identify.set", "web01")
    with database().read() as session:
        jobs = session.scalars(select(Job.id).where(Job.finished_at.is_not(None))).all()
    assert jobs
    for job_id in jobs:
        kinds = Counter(row.kind for row in road.records(job_id))
        assert (kinds["intent"], kinds["outcome"]) == (1, 1)
