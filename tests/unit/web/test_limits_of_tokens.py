"""What a token's limits leave of reading: nothing of others without `view`, every account with `audit` alone."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from oobctl import administer
from oobctl.access import SYSTEM
from oobctl.constants import Permission
from oobctl.store import Server, database
from tests.unit.web.conftest import SignIn
from tests.unit.web.seed import Seed

Limited = Callable[[str, list[Permission]], dict[str, str]]


@pytest.fixture
def limited(seed: Seed) -> Limited:
    """The header of a token of that user with no more than those permissions."""

    def header(name: str, permissions: list[Permission]) -> dict[str, str]:
        actor = seed.actors[name]
        assert actor.account_id
        assert actor.role
        _, secret = administer.add_token(
            SYSTEM, f"{name}-limited", actor.account_id, actor.role, user=name, permissions=permissions
        )
        return {"Authorization": f"Bearer {secret}"}

    return header


@pytest.mark.parametrize("name", ["technician", "admin", "auditor", "owner"])
def test_a_token_without_permissions_reads_nothing(
    anonymous: FlaskClient, limited: Limited, seed: Seed, name: str
) -> None:
    header = limited(name, [])
    for path in ("servers", "jobs", "audit"):
        assert items(anonymous, path, header) == []
    assert anonymous.get(f"/api/v1/jobs/{seed.jobs['proven']}", headers=header).status_code == 404


def test_a_token_for_power_acts_and_reads_only_what_it_did_itself(
    anonymous: FlaskClient, limited: Limited, seed: Seed
) -> None:
    header = limited("owner", [Permission.POWER])
    assert items(anonymous, "audit", header) == items(anonymous, "jobs", header) == []
    assert "web01" in {item["name"] for item in items(anonymous, "servers", header)}
    response = anonymous.post("/api/v1/servers/db01/actions/power.on", headers=header)
    assert response.status_code == 202
    job = response.get_json()["id"]
    assert [item["id"] for item in items(anonymous, "jobs", header)] == [job]
    assert {item["job"] for item in items(anonymous, "audit", header)} == {job}
    assert anonymous.get(f"/api/v1/jobs/{seed.jobs['proven']}", headers=header).status_code == 404


def test_technicians_read_what_was_done_to_servers_and_no_sign_ins(
    anonymous: FlaskClient, bearer: Callable[[str], dict[str, str]], sign_in: SignIn
) -> None:
    sign_in("owner")
    read = items(anonymous, "audit?limit=200", bearer("technician"))
    assert {item["server"] for item in read} >= {"web01", "crm01", "spare01"}
    assert all(item["server_id"] for item in read)
    tags = {item["tag"] for item in items(anonymous, "audit?limit=200", bearer("auditor"))}
    assert "account:session:sign_in" in tags
    assert len(items(anonymous, "jobs", bearer("technician"))) == len(items(anonymous, "jobs", bearer("auditor"))) == 5


def test_a_token_for_the_audit_reads_every_account(anonymous: FlaskClient, limited: Limited) -> None:
    read = items(anonymous, "audit?server=crm01", limited("auditor", [Permission.AUDIT]))
    assert [item["server"] for item in read] == ["crm01"]
    assert items(anonymous, "audit", limited("owner", [Permission.AUDIT])) == []


def test_a_token_that_may_not_enroll_adds_no_server(anonymous: FlaskClient, limited: Limited) -> None:
    for permission in (Permission.ADMINISTER, Permission.SERVICE):
        response = anonymous.post("/api/v1/servers", json=new_server(), headers=limited("admin", [permission]))
        assert response.status_code == 403, response.text
    with database().read() as session:
        assert session.query(Server).filter_by(name="new01").count() == 0
    both = limited("admin", [Permission.ADMINISTER, Permission.SERVICE])
    assert anonymous.post("/api/v1/servers", json=new_server(), headers=both).status_code == 201


def test_adding_a_server_with_the_same_idempotency_key_is_one_server(
    anonymous: FlaskClient, bearer: Callable[[str], dict[str, str]]
) -> None:
    headers = {**bearer("admin"), "Idempotency-Key": "add-new01"}
    answers = [anonymous.post("/api/v1/servers", json=new_server(), headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].get_json()["id"] == answers[1].get_json()["id"]
    other = {**new_server(), "name": "new02"}
    wrong = anonymous.post("/api/v1/servers", json=other, headers=headers)
    assert (wrong.status_code, wrong.get_json()["field"]) == (422, "Idempotency-Key")


def test_a_server_added_but_not_enrolled_says_where_to_go_on(
    anonymous: FlaskClient, bearer: Callable[[str], dict[str, str]]
) -> None:
    added = administer.add_server(SYSTEM, administer.ServerSpec.model_validate(new_server()))
    answer = anonymous.post("/api/v1/servers", json=new_server(), headers=bearer("admin"))
    assert answer.status_code == 409
    path = f"/api/v1/servers/{added.id}/actions/server.enroll"
    assert path in answer.get_json()["detail"]
    assert anonymous.post(path, headers=bearer("admin")).status_code == 202


def new_server() -> dict[str, Any]:
    endpoint = {"protocol": "ipmi", "address": "127.0.9.77", "user": "admin", "password": "canary-9"}
    return {"name": "new01", "account": "shop", "endpoints": [endpoint]}


def items(client: FlaskClient, path: str, headers: dict[str, str]) -> list[dict[str, Any]]:
    response = client.get(f"/api/v1/{path}", headers=headers)
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.get_json()["items"]
    return found
