"""What programs are promised: shapes, statuses, problems."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from oobctl import clock
from oobctl.store import Job, Server, database
from tests.unit.web.conftest import SignIn
from tests.unit.web.seed import BMC_PASSWORD, PASSWORD, Seed, account_id, grant_to_stranger

Bearer = Callable[[str], dict[str, str]]
JOB_MEMBERS = {
    "id", "action", "server", "state", "outcome", "steps", "error", "requested_by", "source_ip", "created_at",
    "finished_at",
}  # fmt: skip
STEP_MEMBERS = {"name", "state", "started_at", "finished_at", "detail"}
AUDIT_MEMBERS = {
    "id", "at", "actor", "source_ip", "tag", "server", "parameters", "reason", "outcome", "evidence", "job", "charge",
}  # fmt: skip


def test_a_list_holds_items_and_the_cursor_of_the_next_page(anonymous: FlaskClient, bearer: Bearer) -> None:
    for path, total in (("/api/v1/servers", 5), ("/api/v1/jobs", 5), ("/api/v1/audit", 14)):
        seen: list[str] = []
        after, pages = None, 0
        while pages < 20:
            query = {"limit": 2} | ({"after": after} if after else {})
            page = anonymous.get(path, query_string=query, headers=bearer("owner")).get_json()
            assert set(page) == {"items", "next"}
            seen += [item["id"] for item in page["items"]]
            pages += 1
            after = page["next"]
            if after is None:
                break
        assert len(seen) == len(set(seen)) == total, path


def test_servers_are_found_by_part_of_their_name(anonymous: FlaskClient, bearer: Bearer) -> None:
    names = [item["name"] for item in get(anonymous, "/api/v1/servers?q=B01", bearer("owner"))["items"]]
    assert names == ["db01", "web01"]
    assert get(anonymous, "/api/v1/servers?q=%25", bearer("owner"))["items"] == []


def test_a_server_tells_its_power_with_its_age(anonymous: FlaskClient, bearer: Bearer, seed: Seed) -> None:
    by_name = get(anonymous, "/api/v1/servers/app01", bearer("owner"))
    assert by_name == {**by_name, "id": seed.servers["app01"], "power_state": "On", "health": "Unknown"}
    assert by_name["power_age_seconds"] > 1000
    assert by_name["silent_since"].endswith("Z")
    assert (by_name["contact"], by_name["silent_code"]) == ("silent", "bmc_timeout")
    assert by_name["active_job"] is None
    assert "power" in by_name["capabilities"]
    by_id = get(anonymous, f"/api/v1/servers/{seed.servers['web01']}", bearer("owner"))
    assert by_id["active_job"]["id"] == seed.jobs["running"]
    offers = {offer["name"]: offer for offer in by_id["actions"]}
    assert offers["power.cycle"]["allowed"]
    assert "web01 is running" in offers["power.cycle"]["consequence"]


def test_a_server_tells_of_the_job_that_waits_for_somebody_to_look(
    anonymous: FlaskClient, bearer: Bearer, sign_in: SignIn, seed: Seed
) -> None:
    job = seed.jobs["needs_attention"]
    assert get(anonymous, "/api/v1/servers/build01", bearer("owner"))["needs_attention"]["id"] == job
    client = sign_in("owner")
    said = "needs attention: what came of it is not known"
    assert said in client.get(f"/servers/{seed.servers['build01']}").text
    anonymous.post(f"/api/v1/jobs/{job}/resolve", json={"note": "It runs."}, headers=bearer("owner"))
    assert get(anonymous, "/api/v1/servers/build01", bearer("owner"))["needs_attention"] is None
    assert said not in client.get(f"/servers/{seed.servers['build01']}").text


def test_a_server_that_was_never_read_is_unknown(anonymous: FlaskClient, bearer: Bearer, seed: Seed) -> None:
    with database().write() as session:
        session.get_one(Server, seed.servers["db01"]).power_read_at = None
    server = get(anonymous, "/api/v1/servers/db01", bearer("owner"))
    assert (server["power_state"], server["power_read_at"], server["power_age_seconds"]) == ("Unknown", None, None)


def test_acting_answers_202_with_where_the_job_is(anonymous: FlaskClient, bearer: Bearer, seed: Seed) -> None:
    response = anonymous.post("/api/v1/servers/db01/actions/power.cycle", headers=bearer("owner"))
    job = response.get_json()
    assert response.status_code == 202
    assert response.headers["Location"] == f"/api/v1/jobs/{job['id']}"
    assert set(job) >= JOB_MEMBERS
    assert set(job["steps"][0]) >= STEP_MEMBERS
    assert (job["server"], job["server_id"]) == ("db01", seed.servers["db01"])
    assert (job["state"], job["requested_by"], job["source_ip"]) == ("queued", "owner", "127.0.0.1")
    assert get(anonymous, response.headers["Location"], bearer("owner"))["id"] == job["id"]


def test_the_same_idempotency_key_is_the_same_job(anonymous: FlaskClient, bearer: Bearer) -> None:
    headers = {**bearer("owner"), "Idempotency-Key": "restart-7"}
    path = "/api/v1/servers/db01/actions/power.cycle"
    first, second = (anonymous.post(path, headers=headers) for _ in range(2))
    assert first.get_json()["id"] == second.get_json()["id"]
    other = anonymous.post("/api/v1/servers/db01/actions/power.on", headers=headers)
    assert (other.status_code, other.get_json()["field"]) == (422, "Idempotency-Key")


def test_not_before_makes_a_scheduled_job(anonymous: FlaskClient, bearer: Bearer) -> None:
    later = clock.rfc3339(clock.now() + timedelta(hours=1))
    path = "/api/v1/servers/db01/actions/power.on"
    response = anonymous.post(path, query_string={"not_before": later}, headers=bearer("owner"))
    assert (response.status_code, response.get_json()["state"]) == (202, "scheduled")
    assert response.get_json()["not_before"] == later


@pytest.mark.parametrize(
    "wrong",
    ["20261125", "1795000000.5", "2026-11-25", "2026-01-01T00:00:00", "2099-01-01T00:00:00 01:00",
     "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"],
)  # fmt: skip
def test_a_not_before_that_is_no_rfc_3339_time_of_the_coming_year_is_422(
    anonymous: FlaskClient, bearer: Bearer, wrong: str
) -> None:
    path = "/api/v1/servers/db01/actions/power.on"
    answer = anonymous.post(path, query_string={"not_before": wrong}, headers=bearer("owner"))
    assert (answer.status_code, answer.get_json()["field"]) == (422, "not_before")


def test_a_busy_server_answers_409_naming_the_job(anonymous: FlaskClient, bearer: Bearer, seed: Seed) -> None:
    response = anonymous.post("/api/v1/servers/web01/actions/power.on", headers=bearer("owner"))
    problem = response.get_json()
    assert (response.status_code, problem["code"], problem["job"]) == (409, "server_busy", seed.jobs["running"])
    assert response.mimetype == "application/problem+json"
    assert set(problem) >= {"type", "title", "status", "detail", "code"}


@pytest.mark.parametrize("kind", ["servers", "jobs", "audit?server="])
def test_a_foreign_thing_is_answered_like_an_unknown_one(
    anonymous: FlaskClient, bearer: Bearer, seed: Seed, kind: str
) -> None:
    """The same status and body, whatever the id, but for the id that was asked for."""
    foreign = seed.jobs["proven"] if kind == "jobs" else seed.servers["web01"]
    unknown = foreign[:-1] + ("0" if foreign[-1] != "0" else "1")
    separator = "" if kind.endswith("=") else "/"
    answers = [
        anonymous.get(f"/api/v1/{kind}{separator}{number}", headers=bearer("stranger")) for number in (foreign, unknown)
    ]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].text.replace(foreign, "ID") == answers[1].text.replace(unknown, "ID")


def test_a_foreign_server_cannot_be_told_apart_when_acting(anonymous: FlaskClient, bearer: Bearer) -> None:
    answers = [
        anonymous.post(f"/api/v1/servers/{name}/actions/power.cycle", headers=bearer("stranger"))
        for name in ("web01", "zzz01")
    ]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].text.replace("web01", "N") == answers[1].text.replace("zzz01", "N")


def test_a_grant_opens_one_server(anonymous: FlaskClient, bearer: Bearer) -> None:
    grant_to_stranger(Seed())
    names = [item["name"] for item in get(anonymous, "/api/v1/servers", bearer("stranger"))["items"]]
    assert names == ["crm01", "web01"]


def test_what_is_not_allowed_is_403_with_the_reason(anonymous: FlaskClient, bearer: Bearer) -> None:
    response = anonymous.post("/api/v1/servers/db01/actions/power.cycle", headers=bearer("viewer"))
    assert response.status_code == 403
    assert "the role viewer has no permission power" in response.get_json()["detail"]
    assert get(anonymous, "/api/v1/audit?actor=viewer", bearer("admin"))["items"][0]["outcome"] == "refused"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code", "field"),
    [
        ("POST", "/api/v1/servers/db01/actions/boot.set", '{"source": "Floppy"}', 422, "invalid_parameter", "source"),
        ("POST", "/api/v1/servers/db01/actions/power.on", '{"force": true}', 422, "invalid_parameter", "force"),
        ("POST", "/api/v1/servers/db01/actions/power.on", "[1]", 422, "invalid_parameter", "body"),
        ("POST", "/api/v1/servers/db01/actions/power.on", '{"a":', 400, "bad_request", None),
        ("POST", "/api/v1/accounts", '{"a":', 400, "bad_request", None),
        ("POST", "/api/v1/servers/db01/actions/no.such", "{}", 404, "not_found", None),
        ("POST", "/api/v1/tokens", '{"name": "x"}', 422, "invalid_parameter", "account"),
        ("POST", "/api/v1/accounts", '{"name": "x", "y": 1}', 422, "invalid_parameter", "y"),
        ("GET", "/api/v1/jobs?limit=0", None, 422, "invalid_parameter", "limit"),
        ("GET", "/api/v1/jobs?after=nonsense", None, 422, "invalid_parameter", "after"),
        ("GET", "/api/v1/jobs?state=sleeping", None, 422, "invalid_parameter", "state"),
        ("GET", "/api/v1/nothing", None, 404, "not_found", None),
        ("DELETE", "/api/v1/jobs", None, 405, "method_not_allowed", None),
    ],
)
def test_a_wrong_request_is_a_problem_naming_what_is_wrong(
    anonymous: FlaskClient, bearer: Bearer, method: str, path: str, body: str | None, status: int, code: str,
    field: str | None,
) -> None:  # fmt: skip
    kind = "application/json" if body is not None else None
    response = anonymous.open(path, method=method, data=body, content_type=kind, headers=bearer("admin"))
    problem = response.get_json()
    assert (response.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert problem.get("field") == field
    assert response.mimetype == "application/problem+json"


def test_a_body_that_is_no_json_is_415_and_a_huge_one_413(anonymous: FlaskClient, bearer: Bearer) -> None:
    path = "/api/v1/servers/db01/actions/boot.set"
    assert anonymous.post(path, data={"source": "Pxe"}, headers=bearer("owner")).status_code == 415
    huge = anonymous.post(path, data=b" " * 300_000, content_type="application/json", headers=bearer("owner"))
    assert (huge.status_code, huge.get_json()["code"]) == (413, "body_too_large")


def test_records_tell_who_did_what_free_of_charge(anonymous: FlaskClient, bearer: Bearer, seed: Seed) -> None:
    items = get(anonymous, "/api/v1/audit?server=db01&actor=owner", bearer("owner"))["items"]
    assert [(item["kind"], item["tag"], item["outcome"]) for item in items] == [
        ("outcome", "server:power:cycle", "proven"),
        ("intent", "server:power:cycle", None),
    ]
    for item in items:
        assert set(item) >= AUDIT_MEMBERS
        assert item["charge"] == {"amount": "0.00", "currency": "EUR"}
        assert (item["server"], item["job"]) == ("db01", seed.jobs["proven"])
        assert datetime.fromisoformat(item["at"]).utcoffset() == timedelta(0)


def test_cancel_retry_and_resolve(anonymous: FlaskClient, bearer: Bearer, seed: Seed) -> None:
    asked = anonymous.post("/api/v1/servers/db01/actions/power.on", headers=bearer("owner")).get_json()
    cancelled = anonymous.post(f"/api/v1/jobs/{asked['id']}/cancel", headers=bearer("owner"))
    assert (cancelled.status_code, cancelled.get_json()["state"]) == (200, "cancelled")
    again = anonymous.post(f"/api/v1/jobs/{asked['id']}/cancel", headers=bearer("owner"))
    assert (again.status_code, again.get_json()["state"]) == (200, "cancelled")
    ended = anonymous.post(f"/api/v1/jobs/{seed.jobs['proven']}/cancel", headers=bearer("owner"))
    assert (ended.status_code, ended.get_json()["code"]) == (409, "wrong_state")
    keyed = {**bearer("owner"), "Idempotency-Key": "again-1"}
    tries = [anonymous.post(f"/api/v1/jobs/{seed.jobs['failed']}/retry", headers=keyed) for _ in range(2)]
    assert tries[0].get_json()["id"] == tries[1].get_json()["id"]
    retried = tries[0]
    assert (retried.status_code, retried.get_json()["retry_of"]) == (202, seed.jobs["failed"])
    path = f"/api/v1/jobs/{seed.jobs['needs_attention']}/resolve"
    resolved = anonymous.post(path, json={"note": "It had restarted."}, headers=bearer("owner"))
    assert (resolved.status_code, resolved.get_json()["resolution"]) == (200, "It had restarted.")
    assert anonymous.post(path, json={"note": "It had restarted."}, headers=bearer("owner")).status_code == 200
    assert anonymous.post(path, json={"note": "No."}, headers=bearer("owner")).status_code == 409
    assert anonymous.post(path, json={}, headers=bearer("owner")).get_json()["field"] == "note"


def test_only_administrators_administer(anonymous: FlaskClient, bearer: Bearer, seed: Seed) -> None:
    for path in ("sites", "accounts", "users", "tokens", "grants"):
        assert anonymous.get(f"/api/v1/{path}", headers=bearer("owner")).status_code == 403
        assert anonymous.get(f"/api/v1/{path}", headers=bearer("technician")).status_code == 403
        assert anonymous.get(f"/api/v1/{path}", headers=bearer("admin")).status_code == 200
    body = {"name": "evil"}
    assert anonymous.post("/api/v1/accounts", json=body, headers=bearer("technician")).status_code == 403


def test_administration_from_account_to_revoked_token(anonymous: FlaskClient, bearer: Bearer, seed: Seed) -> None:
    admin = bearer("admin")
    assert anonymous.post("/api/v1/accounts", json={"name": "third"}, headers=admin).status_code == 201
    user = {"name": "third-owner", "password": PASSWORD, "account": "third", "role": "owner"}
    assert anonymous.post("/api/v1/users", json=user, headers=admin).status_code == 201
    wanted = {"name": "robot", "account": "third", "role": "operator", "permissions": ["view"]}
    token = anonymous.post("/api/v1/tokens", json=wanted, headers=admin)
    secret = token.get_json()["secret"]
    robot = {"Authorization": f"Bearer {secret}"}
    assert get(anonymous, "/api/v1/servers", robot)["items"] == []
    account = {"account": "third"}
    assert anonymous.put("/api/v1/servers/spare01/assignment", json=account, headers=admin).status_code == 204
    assert [item["name"] for item in get(anonymous, "/api/v1/servers", robot)["items"]] == ["spare01"]
    acted = anonymous.post("/api/v1/servers/spare01/actions/power.on", headers=robot)
    assert (acted.status_code, "limited to view" in acted.get_json()["detail"]) == (403, True)
    path = f"/api/v1/tokens/{token.get_json()['id']}"
    assert anonymous.delete(path, headers=admin).status_code == 204
    assert anonymous.get("/api/v1/servers", headers=robot).status_code == 401
    assert secret not in anonymous.get("/api/v1/tokens", headers=admin).text
    assert account_id("third") in anonymous.get("/api/v1/accounts", headers=admin).text


def test_no_answer_holds_a_password_or_a_hash(anonymous: FlaskClient, bearer: Bearer, seed: Seed) -> None:
    credential = {"user": "root", "password": "canary-77"}
    path = "/api/v1/servers/web01/credentials/ipmi"
    assert anonymous.put(path, json=credential, headers=bearer("admin")).status_code == 204
    with database().read() as session:
        jobs = [job.id for job in session.query(Job)]
    pages = ["servers", "servers/web01", "jobs", "audit?limit=200", "users", "tokens", "grants", "accounts", "sites"]
    for page in [*pages, *(f"jobs/{job}" for job in jobs)]:
        text = anonymous.get(f"/api/v1/{page}", headers=bearer("admin")).text
        for secret in (BMC_PASSWORD, "canary-77", PASSWORD, "$argon2", *seed.tokens.values()):
            assert secret not in text, page


def test_the_document_names_every_route_of_the_api(anonymous: FlaskClient) -> None:
    document = anonymous.get("/api/v1/openapi.json").get_json()
    assert document["openapi"].startswith("3.1")
    assert "/api/v1/jobs/{job}/events" in document["paths"]
    assert "/api/v1/servers/{server}/actions/{action}" in document["paths"]
    described = {
        (path, method) for path, item in document["paths"].items() for method in item if method != "parameters"
    }
    routes = {
        (rule.rule.replace("<path:", "{").replace("<", "{").replace(">", "}"), method.lower())
        for rule in anonymous.application.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/api/v1/") and not rule.rule.endswith("openapi.json")
    }
    assert described == routes | {("/api/v1/jobs/{job}/events", "get")}


def get(client: FlaskClient, path: str, headers: dict[str, str]) -> Any:
    response = client.get(path, headers=headers)
    assert response.status_code == 200, response.text
    return response.get_json()
