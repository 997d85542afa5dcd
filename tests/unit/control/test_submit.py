"""The door: what is asked is checked, answered in words, and becomes one job or none."""

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from oobctl import administer, control
from oobctl.access import SYSTEM
from oobctl.constants import JobState, Lifecycle
from oobctl.errors import InvalidParameter, NotAllowed, NotFound, NoWay, OobctlError, ServerBusy, WrongState
from oobctl.store import AuditRecord, Job, Lease, Server, database
from tests.furnished import over_redfish_too
from tests.installation import Installation


def jobs() -> int:
    with database().read() as session:
        return session.scalar(select(func.count()).select_from(Job)) or 0


def intents() -> int:
    with database().read() as session:
        return session.scalar(select(func.count()).select_from(AuditRecord).where(AuditRecord.kind == "intent")) or 0


def set_lifecycle(installation: Installation, lifecycle: Lifecycle, because: str | None = None) -> None:
    with database().write() as session:
        server = session.get_one(Server, installation.servers["web01"])
        server.lifecycle, server.quarantined_because = lifecycle, because


def at_once(*calls: Callable[[], Job]) -> list[Job | OobctlError]:
    """Run the calls in threads that begin together."""
    barrier, found = threading.Barrier(len(calls)), list[Job | OobctlError]()

    def run(call: Callable[[], Job]) -> None:
        barrier.wait()
        try:
            found.append(call())
        except OobctlError as error:
            found.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_a_submission_is_a_queued_job_with_all_its_steps_one_intent_and_the_lease(installation: Installation) -> None:
    job = installation.job(installation.submit("power.cycle", "web01").id)
    assert job.state is JobState.QUEUED
    assert [step.name for step in job.steps] == ["check_identity", "read_power", "ensure_off", "dwell", "ensure_on"]
    assert [row.kind for row in installation.records(job.id)] == ["intent"]
    with database().read() as session:
        assert session.scalars(select(Lease.job_id)).all() == [job.id]


def test_messages_of_the_door_name_the_title_and_end_with_one_full_stop(sqlite_installation: Installation) -> None:
    with pytest.raises(NotAllowed, match=r"^You may not do “Temporary BMC user” on web01: "):
        sqlite_installation.submit("bmc.user_add", "web01", by="viewer")
    with pytest.raises(InvalidParameter, match=r"at the end\. Its parameters: ") as caught:
        sqlite_installation.submit("media.insert", "web01", {"image": "x"})
    assert ".." not in caught.value.message


@pytest.mark.parametrize(
    ("action", "parameters", "field"),
    [
        ("boot.set", {"source": "Floppy"}, "source"),
        ("boot.set", {"source": "Pxe", "enabled": "Sometimes"}, "enabled"),
        ("boot.set", {"source": "Pxe", "mode": "BIOS"}, "mode"),
        ("boot.set", {"source": "Pxe", "enabled": "Disabled"}, "enabled"),
        ("power.shutdown", {"timeout_seconds": 1}, "timeout_seconds"),
        ("power.cycle", {"fast": True}, "fast"),
        ("identify.set", {"state": "Off", "seconds": 3}, "seconds"),
        ("identify.set", {"seconds": 256}, "seconds"),
        ("bmc.reset", {"reset_type": "Nmi"}, "reset_type"),
    ],
)
def test_a_wrong_parameter_is_422_and_named_and_nothing_is_written(
    sqlite_installation: Installation, action: str, parameters: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidParameter) as caught:
        sqlite_installation.submit(action, "web01", parameters)
    assert (caught.value.http_status, caught.value.details["field"]) == (422, field)
    assert (jobs(), intents()) == (0, 0)


def test_the_message_of_a_wrong_parameter_names_those_there_are(sqlite_installation: Installation) -> None:
    with pytest.raises(InvalidParameter, match=r"The parameter fast of power\.shutdown .*parameters: timeout_seconds"):
        sqlite_installation.submit("power.shutdown", "web01", {"fast": True})


def test_an_unknown_action_is_404_and_names_those_there_are(sqlite_installation: Installation) -> None:
    with pytest.raises(NotFound, match=r"power\.cycle"):
        sqlite_installation.submit("power.explode", "web01")


def test_a_foreign_server_is_404_even_for_an_action_that_nobody_could_do_there(
    sqlite_installation: Installation,
) -> None:
    with pytest.raises(NotFound) as foreign:
        sqlite_installation.submit("server.enroll", "other01")
    with pytest.raises(NotFound) as unknown:
        control.submit(sqlite_installation.actor("customer"), "server.enroll", "nothing01")
    assert foreign.value.message.replace(sqlite_installation.servers["other01"], "X") == unknown.value.message.replace(
        "nothing01", "X"
    )


def test_who_tries_servers_that_are_not_theirs_is_on_record_and_their_owner_reads_nothing_of_it(
    sqlite_installation: Installation,
) -> None:
    foreign = sqlite_installation.servers["other01"]
    with pytest.raises(NotFound):
        control.submit(sqlite_installation.actor("customer"), "power.off", foreign)
    with database().read() as session:
        [refusal] = session.scalars(select(AuditRecord).where(AuditRecord.kind == "refusal")).all()
    assert (refusal.actor_name, refusal.tag, refusal.server_id) == ("customer", "server:power:off", None)
    assert refusal.parameters == {"server": foreign}
    assert refusal.account_id == sqlite_installation.actor("customer").account_id


@pytest.mark.parametrize(
    ("action", "parameters", "field"),
    [
        ("boot.set", {}, "source"),
        ("boot.set", {"source": "Pxe", "enabled": "Disabled"}, "enabled"),
        ("identify.set", {"state": "Unknown"}, "state"),
        ("identify.set", {"state": "Off", "seconds": 5}, "seconds"),
    ],
)
def test_what_is_wrong_together_or_missing_names_its_field(
    sqlite_installation: Installation, action: str, parameters: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidParameter) as caught:
        sqlite_installation.submit(action, "web01", parameters)
    assert caught.value.details["field"] == field
    assert jobs() == 0


def test_what_is_not_allowed_is_403_with_the_reason_whatever_the_parameters(sqlite_installation: Installation) -> None:
    with pytest.raises(NotAllowed, match="the role viewer has no permission power") as caught:
        sqlite_installation.submit("boot.set", "web01", {"source": "Floppy"}, by="viewer")
    assert caught.value.http_status == 403
    assert jobs() == 0


def test_a_second_action_on_a_busy_server_is_409_and_names_the_running_job(installation: Installation) -> None:
    first = installation.submit("power.cycle", "web01")
    with pytest.raises(ServerBusy) as caught:
        installation.submit("power.off", "web01", by="operator")
    assert caught.value.http_status == 409
    assert caught.value.details == {"job": first.id, "action": "power.cycle"}
    assert f"power.cycle (job {first.id}), asked for by customer" in caught.value.message
    assert (jobs(), intents()) == (1, 1)


def test_another_server_is_not_busy(sqlite_installation: Installation) -> None:
    sqlite_installation.submit("power.cycle", "web01")
    sqlite_installation.submit("power.cycle", "db01")
    assert jobs() == 2


def test_busy_is_worth_another_try_and_says_so(sqlite_installation: Installation) -> None:
    sqlite_installation.submit("power.cycle", "web01")
    with pytest.raises(ServerBusy) as caught:
        sqlite_installation.submit("power.off", "web01")
    assert caught.value.retryable


def test_two_presses_at_once_are_one_job_and_one_409(installation: Installation) -> None:
    found = at_once(
        lambda: installation.submit("power.cycle", "web01"),
        lambda: installation.submit("power.cycle", "web01", by="operator"),
    )
    (job,) = [one for one in found if isinstance(one, Job)]
    (busy,) = [one for one in found if isinstance(one, ServerBusy)]
    assert busy.details["job"] == job.id
    assert (jobs(), intents()) == (1, 1)


def test_an_action_on_the_bmc_waits_for_every_server_behind_it(sqlite_installation: Installation) -> None:
    with database().write() as session:
        web01 = session.get_one(Server, sqlite_installation.servers["web01"])
        session.get_one(Server, sqlite_installation.servers["db01"]).bmc_id = web01.bmc_id
    running = sqlite_installation.submit("power.cycle", "db01")
    with pytest.raises(ServerBusy) as caught:
        sqlite_installation.submit("bmc.reset", "web01", by="technician")
    assert caught.value.details["job"] == running.id


def test_a_server_behind_a_bmc_that_restarts_is_busy(sqlite_installation: Installation) -> None:
    with database().write() as session:
        web01 = session.get_one(Server, sqlite_installation.servers["web01"])
        session.get_one(Server, sqlite_installation.servers["db01"]).bmc_id = web01.bmc_id
    running = sqlite_installation.submit("bmc.reset", "web01", by="technician")
    with pytest.raises(ServerBusy) as caught:
        sqlite_installation.submit("power.cycle", "db01")
    assert caught.value.details["job"] == running.id


# --- the key of a request ----------------------------------------------------------------------------------------


def test_the_same_key_is_the_same_job(installation: Installation) -> None:
    first = installation.submit("power.cycle", "web01", idempotency_key="k1")
    assert installation.submit("power.cycle", "web01", idempotency_key="k1").id == first.id
    assert (jobs(), intents()) == (1, 1)


def test_the_same_key_finds_a_job_that_has_ended(sqlite_installation: Installation) -> None:
    first = sqlite_installation.submit("power.cycle", "web01", idempotency_key="k1")
    control.cancel(sqlite_installation.actor("customer"), first.id)
    assert sqlite_installation.submit("power.cycle", "web01", idempotency_key="k1").id == first.id


@pytest.mark.parametrize(
    ("action", "server", "parameters"),
    [
        ("boot.set", "web01", {"source": "Cd"}),
        ("boot.set", "db01", {"source": "Pxe"}),
        ("power.cycle", "web01", {}),
    ],
)
def test_the_same_key_for_another_request_is_422(
    sqlite_installation: Installation, action: str, server: str, parameters: dict[str, str]
) -> None:
    first = sqlite_installation.submit("boot.set", "web01", {"source": "Pxe"}, idempotency_key="k1")
    with pytest.raises(InvalidParameter) as caught:
        sqlite_installation.submit(action, server, parameters, idempotency_key="k1")
    assert (caught.value.details["field"], caught.value.details["job"]) == ("Idempotency-Key", first.id)
    assert jobs() == 1


def test_the_same_parameters_spelled_out_are_the_same_request(sqlite_installation: Installation) -> None:
    first = sqlite_installation.submit("boot.set", "web01", {"source": "Pxe"}, idempotency_key="k1")
    spelled = {"source": "Pxe", "enabled": "Once", "mode": None}
    assert sqlite_installation.submit("boot.set", "web01", spelled, idempotency_key="k1").id == first.id


def test_anothers_key_is_another_request(sqlite_installation: Installation) -> None:
    first = sqlite_installation.submit("boot.set", "web01", {"source": "Pxe"}, idempotency_key="k1")
    second = sqlite_installation.submit("boot.set", "db01", {"source": "Pxe"}, idempotency_key="k1", by="operator")
    assert first.id != second.id


def test_one_key_twice_at_once_is_one_job_for_both(installation: Installation) -> None:
    found = at_once(*[lambda: installation.submit("power.cycle", "web01", idempotency_key="k1")] * 4)
    assert len({one.id for one in found if isinstance(one, Job)}) == 1, found
    assert len(found) == len([one for one in found if isinstance(one, Job)]), found
    assert (jobs(), intents()) == (1, 1)


@pytest.mark.parametrize("key", ["", "k" * 129])
def test_a_key_of_a_wrong_length_is_422(sqlite_installation: Installation, key: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        sqlite_installation.submit("power.cycle", "web01", idempotency_key=key)
    assert caught.value.details["field"] == "Idempotency-Key"


def test_a_key_does_not_get_around_a_lost_permission(sqlite_installation: Installation) -> None:
    sqlite_installation.submit("power.cycle", "web01", idempotency_key="k1")
    less = replace(sqlite_installation.actor("customer"), role=sqlite_installation.actor("viewer").role)
    with pytest.raises(NotAllowed):
        control.submit(less, "power.cycle", sqlite_installation.servers["web01"], idempotency_key="k1")


# --- the server's lifecycle --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lifecycle", "words"),
    [
        (Lifecycle.QUARANTINED, "is quarantined: another server answers. Staff have to look at it first"),
        (Lifecycle.ENROLLING, "is not enrolled yet"),
        (Lifecycle.RELEASING, "is releasing"),
        (Lifecycle.RETIRED, "is retired"),
    ],
)
def test_a_server_that_takes_no_actions_says_why(
    sqlite_installation: Installation, lifecycle: Lifecycle, words: str
) -> None:
    set_lifecycle(sqlite_installation, lifecycle, "another server answers.")
    with pytest.raises(WrongState) as caught:
        sqlite_installation.submit("power.cycle", "web01", by="technician")
    assert words in caught.value.message
    assert caught.value.message.endswith("Nothing was sent.")
    assert jobs() == 0


@pytest.mark.parametrize("lifecycle", [Lifecycle.QUARANTINED, Lifecycle.ENROLLING])
def test_a_server_that_is_not_known_well_can_be_enrolled(
    sqlite_installation: Installation, lifecycle: Lifecycle
) -> None:
    set_lifecycle(sqlite_installation, lifecycle)
    assert control.submit(SYSTEM, "server.enroll", sqlite_installation.servers["web01"]).state is JobState.QUEUED


def test_a_retired_server_is_not_enrolled_again(sqlite_installation: Installation) -> None:
    set_lifecycle(sqlite_installation, Lifecycle.RETIRED)
    with pytest.raises(WrongState):
        control.submit(SYSTEM, "server.enroll", sqlite_installation.servers["web01"])


def test_what_is_offered_is_what_submit_takes(sqlite_installation: Installation) -> None:
    set_lifecycle(sqlite_installation, Lifecycle.QUARANTINED)
    offers = control.offered(sqlite_installation.actor("technician"), sqlite_installation.servers["web01"])
    assert {action.name for action, decision in offers if decision.allowed} == {"server.enroll"}


@pytest.mark.parametrize(("action", "parameters"), [("bios.reset", {}), ("media.eject", {})])
def test_what_the_bmc_has_no_way_to_is_refused_and_offered_with_the_reason(
    sqlite_installation: Installation, action: str, parameters: dict[str, object]
) -> None:
    with pytest.raises(NoWay) as caught:
        sqlite_installation.submit(action, "web01", parameters)
    assert (caught.value.code, jobs(), intents()) == ("not_supported", 0, 0)
    assert "it is reached over IPMI alone, and its profile generic-ipmi needs Redfish for it" in caught.value.message
    offers = control.offered(sqlite_installation.actor("customer"), sqlite_installation.servers["web01"])
    decisions = {one.name: decision for one, decision in offers}
    assert (decisions[action].allowed, decisions[action].reason) == (False, caught.value.message)
    assert decisions["boot.set"].allowed


def test_an_endpoint_that_carries_it_gives_it_back(sqlite_installation: Installation) -> None:
    installation = sqlite_installation
    over_redfish_too(installation.servers["web01"])
    assert installation.submit("bios.reset", "web01").state is JobState.QUEUED


# --- preemption --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "parameters", "by"),
    [("power.off", {"preempt": True}, "customer"), ("server.enroll", {"replace_identity": True}, "technician")],
)
def test_what_only_staff_may_ask_for_is_refused_and_recorded(
    sqlite_installation: Installation, action: str, parameters: dict[str, object], by: str
) -> None:
    with pytest.raises(NotAllowed):
        sqlite_installation.submit(action, "web01", parameters, by=by)
    with database().read() as session:
        refusals = session.scalars(select(AuditRecord).where(AuditRecord.kind == "refusal")).all()
    assert [(row.actor_name, row.parameters) for row in refusals] == [(by, dict.fromkeys(parameters, "True"))]
    assert jobs() == 0


def test_staff_may_end_a_job_to_switch_a_server_off(installation: Installation) -> None:
    first = installation.submit("power.shutdown", "web01")
    off = installation.submit("power.off", "web01", {"preempt": True}, by="technician")
    ended = installation.job(first.id)
    assert ended.state is JobState.NEEDS_ATTENTION
    assert ended.error is not None
    assert f"technician ended this job to switch the server off (job {off.id})" in ended.error["message"]
    assert [(row.kind, row.outcome) for row in installation.records(first.id)] == [
        ("intent", None),
        ("outcome", "needs_attention"),
    ]
    assert installation.job(off.id).state is JobState.QUEUED


def test_staff_who_do_not_ask_for_it_end_nobodys_job(sqlite_installation: Installation) -> None:
    first = sqlite_installation.submit("power.shutdown", "web01")
    with pytest.raises(ServerBusy):
        sqlite_installation.submit("power.off", "web01", by="technician")
    assert sqlite_installation.job(first.id).state is JobState.QUEUED


def test_an_inspection_keeps_off_other_inspections_of_that_server_and_nothing_else(installation: Installation) -> None:
    acting = installation.submit("power.cycle", "web01")
    reading = installation.submit("server.inspect", "web01", by="viewer")
    assert {acting.state, reading.state, installation.submit("server.inspect", "db01").state} == {JobState.QUEUED}
    with pytest.raises(ServerBusy) as caught:
        installation.submit("server.inspect", "web01")
    assert caught.value.details["job"] == reading.id
    assert reading.id in caught.value.message
    control.cancel(installation.actor("viewer"), reading.id)
    assert installation.submit("server.inspect", "web01").state is JobState.QUEUED


def test_a_server_changes_hands_whatever_is_read_of_it(sqlite_installation: Installation) -> None:
    reading = sqlite_installation.submit("server.inspect", "web01")
    administer.assign(SYSTEM, sqlite_installation.servers["web01"], None)
    assert sqlite_installation.job(reading.id).state is JobState.CANCELLED


def test_only_staff_have_the_bmcs_users_read(sqlite_installation: Installation) -> None:
    wanted = {"capabilities": ["users", "sensors"]}
    with pytest.raises(NotAllowed, match="Only staff may read the users"):
        sqlite_installation.submit("server.inspect", "web01", wanted)
    assert sqlite_installation.submit("server.inspect", "web01", wanted, by="technician").state is JobState.QUEUED
