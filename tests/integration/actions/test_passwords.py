"""bmc.rotate_password: set, proven, the old one forgotten; a BMC that refuses or changes nothing locks nobody out."""

from collections.abc import Iterator

import flask
import pytest
from sqlalchemy import select

from oobctl import administer
from oobctl.access import SYSTEM
from oobctl.actions.passwords import new_password
from oobctl.constants import JobState, Outcome, Protocol
from oobctl.drivers import credentials
from oobctl.errors import NotAllowed
from oobctl.lab.redfish_service.trees.asked import Asked
from oobctl.lab.redfish_service.trees.behaviours.behaviour import Behaviour
from oobctl.lab.redfish_service.trees.state import State
from oobctl.store import Credential, Endpoint, Server, database
from tests.integration.actions.conftest import OnTree


@pytest.fixture(autouse=True)
def _enrolled(on_tree: OnTree) -> Iterator[None]:
    yield
    assert on_tree.road.do("power.on", "db01").state is JobState.SUCCEEDED  # we are not locked out, whatever was done


def credential(on_tree: OnTree) -> Credential:
    with database().read() as session:
        return session.scalars(select(Credential)).one()


def password(on_tree: OnTree) -> str:
    """The one that is kept now."""
    with database().read() as session:
        endpoint = session.scalars(select(Endpoint)).one()
        site_id = session.get_one(Server, on_tree.road.servers["db01"]).site_id
    return credentials.only(endpoint, site_id, credential(on_tree).sealed).password


def lets_in(on_tree: OnTree, secret: str) -> bool:
    return on_tree.bmc.state.passwords.who(on_tree.bmc.user, secret) is not None


def test_a_rotated_password_is_proven_and_the_old_one_lets_nobody_in(on_tree: OnTree) -> None:
    old = password(on_tree)
    job = on_tree.road.do("bmc.rotate_password", "db01", by="technician")
    assert (job.state, job.outcome) == (JobState.SUCCEEDED, Outcome.PROVEN), job.error
    new, row = password(on_tree), credential(on_tree)
    assert new != old
    assert (lets_in(on_tree, new), lets_in(on_tree, old)) == (True, False)
    assert (row.next_sealed, row.parked_at) == (None, None)
    assert row.rotated_at is not None


def test_neither_password_is_in_the_job_its_records_or_a_log(on_tree: OnTree) -> None:
    old = password(on_tree)
    job = on_tree.road.do("bmc.rotate_password", "db01", by="technician")
    kept = repr([vars(record) for record in on_tree.road.records(job.id)])
    kept += repr((vars(job), [vars(step) for step in job.steps]))
    kept += "".join(process.output for process in on_tree.road.processes)
    assert old not in kept
    assert password(on_tree) not in kept


def test_only_staff_rotate(on_tree: OnTree) -> None:
    with pytest.raises(NotAllowed):
        on_tree.road.submit("bmc.rotate_password", "db01", by="customer")


def test_a_bmc_that_refuses_the_new_password_keeps_the_old_one(
    on_tree: OnTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = password(on_tree)
    service = on_tree.bmc.state.resources.at("/redfish/v1/AccountService")
    before = service.get("MinPasswordLength")
    service["MinPasswordLength"] = 40  # longer than ours
    try:
        job = on_tree.road.do("bmc.rotate_password", "db01", by="technician")
    finally:
        service["MinPasswordLength"] = before
    assert job.state is JobState.FAILED, (job.state, job.error)
    assert password(on_tree) == old
    assert credential(on_tree).next_sealed is None
    assert lets_in(on_tree, old)


def test_what_an_earlier_rotation_left_open_is_settled_by_the_next_one(on_tree: OnTree) -> None:
    """The BMC has the new password, and the worker died before it could prove it."""
    with database().read() as session:
        bmc_id = session.get_one(Server, on_tree.road.servers["db01"]).bmc_id
        endpoint = session.scalars(select(Endpoint)).one()
        site_id = session.get_one(Server, on_tree.road.servers["db01"]).site_id
    credentials.begin(bmc_id, lambda: "Left-open-1234")
    following = credential(on_tree).next_sealed
    assert following is not None
    secret = credentials.only(endpoint, site_id, following)
    account = on_tree.bmc.state.passwords.who(on_tree.bmc.user, password(on_tree))
    assert account is not None
    assert account.account is not None
    on_tree.bmc.state.passwords.set(account.account, secret.password)
    assert on_tree.road.do("power.on", "db01").state is JobState.SUCCEEDED  # with the other one of the two
    assert credential(on_tree).parked_at is None
    job = on_tree.road.do("bmc.rotate_password", "db01", by="technician")
    assert (job.state, job.outcome) == (JobState.SUCCEEDED, Outcome.PROVEN), job.error
    assert password(on_tree) not in {secret.password}


class Late(Behaviour):
    """It takes a new password, and comes to it later."""

    name = "late"
    password = ""

    def refuse(self, state: State, asked: Asked) -> flask.Response | None:
        if asked.method != "PATCH" or "/Accounts/" not in asked.path:
            return None
        self.password = str((asked.body or {})["Password"])
        return flask.Response(status=204)


def test_a_bmc_that_comes_to_the_new_password_late_locks_nobody_out(on_tree: OnTree) -> None:
    late, service = Late(), on_tree.bmc.server.service
    account = on_tree.bmc.state.passwords.who(on_tree.bmc.user, password(on_tree))
    assert account is not None
    assert account.account is not None
    before = service.behaviours
    service.behaviours = [*before, late]
    try:
        job = on_tree.road.do("bmc.rotate_password", "db01", by="technician")
    finally:
        service.behaviours = before
    assert job.state is not JobState.SUCCEEDED
    assert "nothing is locked out" in (job.error or {})["message"]
    on_tree.bmc.state.passwords.set(account.account, late.password)
    on_tree.bmc.state.sessions.clear()
    assert on_tree.road.do("power.on", "db01").state is JobState.SUCCEEDED
    job = on_tree.road.do("bmc.rotate_password", "db01", by="technician")
    assert (job.state, job.outcome) == (JobState.SUCCEEDED, Outcome.PROVEN), job.error


class Unclear(Behaviour):
    """It takes a new password, or not (number 0), and what it answers tells neither."""

    name = "unclear"

    def __init__(self, answer: flask.Response, number: float = 0) -> None:
        super().__init__(number)
        self.answer, self.sent = answer, 0

    def refuse(self, state: State, asked: Asked) -> flask.Response | None:
        return self.answer if not self.number and self._is_change(asked) else None

    def amend(self, state: State, asked: Asked, answer: flask.Response) -> flask.Response:
        if not self._is_change(asked):
            return answer
        self.sent += 1
        return self.answer

    def _is_change(self, asked: Asked) -> bool:
        return asked.method == "PATCH" and "Password" in (asked.body or {})


ANSWERS = {
    "500": lambda: flask.Response("it broke", 500),
    "503": lambda: flask.Response(status=503),
    "garbled": lambda: flask.Response(b"no gzip", 200, {"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_after_an_unclear_refusal_of_the_new_password_both_are_kept_and_that_is_said(
    on_tree: OnTree, kind: str
) -> None:
    old, unclear, service = password(on_tree), Unclear(ANSWERS[kind]()), on_tree.bmc.server.service
    before = service.behaviours
    service.behaviours = [*before, unclear]
    try:
        job = on_tree.road.do("bmc.rotate_password", "db01", by="technician")
    finally:
        service.behaviours = before
    assert (job.state, unclear.sent) == (JobState.NEEDS_ATTENTION, 1), (job.state, job.error)
    assert "Both are kept" in (job.error or {})["message"]
    assert "was unclear" in str((job.evidence or {})["notes"])
    row = credential(on_tree)
    assert row.next_sealed is not None
    assert (password(on_tree), row.parked_at, lets_in(on_tree, old)) == (old, None, True)
    job = on_tree.road.do("bmc.rotate_password", "db01", by="technician")  # the next one settles it
    assert (job.state, job.outcome) == (JobState.SUCCEEDED, Outcome.PROVEN), job.error
    assert credential(on_tree).next_sealed is None


@pytest.mark.parametrize("kind", ANSWERS)
def test_a_new_password_that_was_taken_with_an_unclear_answer_is_proven(on_tree: OnTree, kind: str) -> None:
    old, unclear, service = password(on_tree), Unclear(ANSWERS[kind](), 1), on_tree.bmc.server.service
    before = service.behaviours
    service.behaviours = [*before, unclear]
    try:
        job = on_tree.road.do("bmc.rotate_password", "db01", by="technician")
    finally:
        service.behaviours = before
    assert (job.state, job.outcome, unclear.sent) == (JobState.SUCCEEDED, Outcome.PROVEN, 1), job.error
    assert (lets_in(on_tree, password(on_tree)), lets_in(on_tree, old)) == (True, False)


def test_a_password_that_somebody_changed_at_the_bmc_parks_the_credential_until_it_is_entered(on_tree: OnTree) -> None:
    old = password(on_tree)
    account = on_tree.bmc.state.passwords.who(on_tree.bmc.user, old)
    assert account is not None
    assert account.account is not None
    on_tree.bmc.state.passwords.set(account.account, "somebody-elses")
    on_tree.bmc.state.sessions.clear()
    job = on_tree.road.do("bmc.rotate_password", "db01", by="technician")
    assert (job.state, (job.error or {})["code"]) == (JobState.FAILED, "bmc_auth_failed")
    assert credential(on_tree).parked_at is not None
    on_tree.bmc.state.passwords.set(account.account, old)
    administer.set_credential(SYSTEM, on_tree.road.servers["db01"], Protocol.REDFISH, on_tree.bmc.user, old)


def test_a_new_password_has_every_kind_of_character_and_the_length_that_the_bmc_takes() -> None:
    for longest in (8, 12, 16, 20):
        found = new_password(longest)
        assert len(found) == min(16, longest)
        assert any(map(str.islower, found))
        assert any(map(str.isupper, found))
        assert any(map(str.isdigit, found))
        assert any(one in "-_.+" for one in found)
        assert found.isascii()
    assert new_password(16) != new_password(16)
