"""bmc.user_add and bmc.user_remove: a user for some hours, whose password is shown once, and who is gone afterwards."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select, update

from oobctl import administer, clock, control
from oobctl.access import SYSTEM
from oobctl.constants import Capability, JobState, Outcome
from oobctl.errors import InvalidParameter, WrongState
from oobctl.store import BmcUser, Job, JobSecret, Reading, database
from oobctl.vault import Secret
from tests.installation import CUSTOMER, eventually
from tests.integration.actions.conftest import OnTree, give, is_free


@pytest.fixture(autouse=True)
def _nobody(on_tree: OnTree) -> Iterator[None]:
    on_tree.road.do("bmc.user_remove", "db01", by="technician")
    yield
    eventually(is_free)  # the worker may be removing one by itself


def add(on_tree: OnTree, **parameters: object) -> tuple[Job, Secret]:
    """As the customer; waits for the job's end."""
    job, secret = control.submit_shown(
        on_tree.road.actor("customer"), "bmc.user_add", on_tree.road.servers["db01"], parameters
    )
    assert secret is not None
    return on_tree.road.wait(job.id), secret


def row_of(name: str) -> BmcUser:
    with database().read() as session:
        return session.scalars(select(BmcUser).where(BmcUser.name == name)).one()


def test_the_user_that_was_shown_can_log_in_at_the_bmc_until_it_is_removed(on_tree: OnTree) -> None:
    job, secret = add(on_tree)
    assert (job.state, job.outcome) == (JobState.SUCCEEDED, Outcome.PROVEN), job.error
    who = on_tree.bmc.state.passwords.who(secret.user, secret.password)
    assert who is not None
    assert who.role == "Operator"
    row = row_of(secret.user)
    assert job.evidence is not None
    assert job.evidence["after"]["could_act_unseen_since"] == clock.rfc3339(row.active_from)
    removed = on_tree.road.do("bmc.user_remove", "db01", {"name": secret.user})
    assert (removed.state, removed.outcome) == (JobState.SUCCEEDED, Outcome.PROVEN), removed.error
    assert on_tree.bmc.state.passwords.who(secret.user, secret.password) is None
    assert secret.user not in on_tree.bmc.state.accounts()
    assert row_of(secret.user).removed_at is not None


def test_what_adding_and_removing_a_user_read_back_is_what_pages_show(on_tree: OnTree) -> None:
    on_tree.road.do("server.inspect", "db01", {"capabilities": ["users"]}, by="technician")
    _job, secret = add(on_tree)
    assert secret.user in listed(on_tree)
    on_tree.road.do("bmc.user_remove", "db01", {"name": secret.user})
    assert secret.user not in listed(on_tree)


def listed(on_tree: OnTree) -> list[str]:
    """The BMC's users, as last read."""
    with database().read() as session:
        content = session.get_one(Reading, (on_tree.road.servers["db01"], Capability.USERS)).content
    return [user["name"] for user in (content or {})["users"]]


def test_the_password_is_kept_nowhere_once_the_job_has_ended(on_tree: OnTree) -> None:
    job, secret = add(on_tree)
    kept = repr([vars(record) for record in on_tree.road.records(job.id)])
    kept += repr((vars(job), [vars(step) for step in job.steps]))
    kept += "".join(process.output for process in on_tree.road.processes)
    assert secret.password not in kept
    with database().read() as session:
        assert session.get(JobSecret, job.id) is None


def test_a_second_request_of_the_same_key_makes_no_second_user_and_shows_nothing(on_tree: OnTree) -> None:
    actor, server = on_tree.road.actor("customer"), on_tree.road.servers["db01"]
    first, shown = control.submit_shown(actor, "bmc.user_add", server, {}, idempotency_key="same")
    on_tree.road.wait(first.id)
    again, nothing = control.submit_shown(actor, "bmc.user_add", server, {}, idempotency_key="same")
    assert (again.id, nothing) == (first.id, None)
    assert shown is not None


def test_nobody_becomes_an_administrator(on_tree: OnTree) -> None:
    with pytest.raises(InvalidParameter):
        on_tree.road.submit("bmc.user_add", "db01", {"role": "Administrator"})


def test_a_server_has_only_so_many_of_them(on_tree: OnTree) -> None:
    for _ in range(3):
        add(on_tree)
    with pytest.raises(WrongState, match="Remove one first"):
        on_tree.road.submit("bmc.user_add", "db01")


def test_customers_remove_temporary_users_alone(on_tree: OnTree) -> None:
    with pytest.raises(InvalidParameter, match=r"no temporary user of db01. There are: none.") as caught:
        on_tree.road.submit("bmc.user_remove", "db01", {"name": on_tree.bmc.user})
    assert caught.value.details["field"] == "name"
    assert on_tree.bmc.user in on_tree.bmc.state.accounts()


def test_a_user_whose_time_is_over_is_removed_by_the_worker(on_tree: OnTree) -> None:
    _job, secret = add(on_tree)
    with database().write() as session:
        session.execute(update(BmcUser).where(BmcUser.name == secret.user).values(expires_at=clock.now()))
    eventually(lambda: secret.user not in on_tree.bmc.state.accounts())
    eventually(lambda: row_of(secret.user).removed_at is not None)


def test_a_server_that_changes_hands_takes_no_user_along(on_tree: OnTree) -> None:
    _job, secret = add(on_tree)
    try:
        give(on_tree, None)
        eventually(lambda: secret.user not in on_tree.bmc.state.accounts())
        eventually(lambda: row_of(secret.user).removed_at is not None)
    finally:
        give(on_tree, CUSTOMER)


def test_a_job_that_makes_a_secret_is_not_tried_again_but_asked_anew(on_tree: OnTree) -> None:
    job = on_tree.road.submit("bmc.user_add", "db01")
    on_tree.road.wait(job.id)
    with database().write() as session:
        session.execute(update(Job).where(Job.id == job.id).values(state=JobState.FAILED))
    with pytest.raises(WrongState, match="anew"):
        control.retry(on_tree.road.actor("customer"), job.id)


def test_a_server_is_not_retired_while_its_bmc_has_a_temporary_user(on_tree: OnTree) -> None:
    _job, secret = add(on_tree)
    with pytest.raises(WrongState, match=f"temporary users.*{secret.user}.*bmc.user_remove"):
        administer.retire_server(SYSTEM, "db01")
    assert on_tree.bmc.state.passwords.who(secret.user, secret.password) is not None


def test_temporary_users_of_an_account_that_is_suspended_are_removed(on_tree: OnTree) -> None:
    _job, secret = add(on_tree, hours=72)
    administer.suspend_account(SYSTEM, CUSTOMER)
    try:
        eventually(lambda: row_of(secret.user).removed_at is not None)
    finally:
        administer.resume_account(SYSTEM, CUSTOMER)
    assert on_tree.bmc.state.passwords.who(secret.user, secret.password) is None
