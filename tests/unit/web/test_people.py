"""What becomes of users, accounts, endpoints and servers, through the API; only administrators decide it."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests.unit.web.seed import Seed

Bearer = Callable[[str], dict[str, str]]
CHANGES = [
    ("PUT", "/users/owner/disablement", None, 204),
    ("DELETE", "/users/owner/disablement", None, 204),
    ("PUT", "/users/owner/password", {"password": "correct horse again"}, 204),
    ("PUT", "/accounts/shop/suspension", None, 204),
    ("DELETE", "/accounts/shop/suspension", None, 204),
    ("DELETE", "/accounts/shop/members/operator", None, 204),
    ("PUT", "/servers/{db01}/endpoints/ipmi", {"port": 6230}, 200),
    ("DELETE", "/servers/{db01}", None, 204),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), CHANGES)
def test_administrators_decide_and_nobody_else(
    anonymous: FlaskClient,
    bearer: Bearer,
    seed: Seed,
    method: str,
    path: str,
    body: dict[str, object] | None,
    status: int,
) -> None:
    path = f"/api/v1{path}".format(**seed.servers)
    for name in ("owner", "technician", "auditor"):
        assert anonymous.open(path, method=method, json=body, headers=bearer(name)).status_code == 403
    assert anonymous.open(path, method=method, json=body, headers=bearer("admin")).status_code == status


def test_a_disabled_users_token_is_nobodys(anonymous: FlaskClient, bearer: Bearer) -> None:
    assert anonymous.get("/api/v1/servers", headers=bearer("owner")).status_code == 200
    anonymous.put("/api/v1/users/owner/disablement", headers=bearer("admin"))
    assert anonymous.get("/api/v1/servers", headers=bearer("owner")).status_code == 401


def test_a_moved_endpoint_names_the_enrolment_that_looks_who_answers(
    anonymous: FlaskClient, bearer: Bearer, seed: Seed
) -> None:
    body = {"address": "192.0.2.99", "user": "admin", "password": "canary-moved"}
    path = f"/api/v1/servers/{seed.servers['db01']}/endpoints/ipmi"
    without = anonymous.put(path, json={"address": "192.0.2.99"}, headers=bearer("admin"))
    assert (without.status_code, without.json["field"]) == (422, "user")  # type: ignore[index]
    answer = anonymous.put(path, json=body, headers=bearer("admin"))
    assert answer.status_code == 200
    assert answer.json is not None
    job = anonymous.get(f"/api/v1/jobs/{answer.json['job']}", headers=bearer("admin")).json
    assert job is not None
    assert job["action"] == "server.enroll"
    assert "canary" not in answer.text


@pytest.mark.parametrize("path", ["/tokens", "/grants"])
def test_what_has_expired_before_it_is_made_is_not_made(
    anonymous: FlaskClient, bearer: Bearer, seed: Seed, path: str
) -> None:
    body = {"/tokens": {"name": "dead", "account": "shop", "role": "owner"}}.get(path) or {
        "server": "db01", "user": "stranger", "permission": "power"
    }  # fmt: skip
    before = anonymous.get(f"/api/v1{path}", headers=bearer("admin")).json
    body["expires_at"] = "2020-01-01T00:00:00Z"
    answer = anonymous.post(f"/api/v1{path}", json=body, headers=bearer("admin"))
    assert (answer.status_code, answer.json["field"]) == (422, "expires_at")  # type: ignore[index]
    assert anonymous.get(f"/api/v1{path}", headers=bearer("admin")).json == before
    body["expires_at"] = "2999-01-01T00:00:00Z"
    assert anonymous.post(f"/api/v1{path}", json=body, headers=bearer("admin")).status_code == 201


@pytest.mark.parametrize(
    "address",
    ["0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255", "::", "ff02::1", "::ffff:0.0.0.0", "::ffff:224.0.0.1"],
)
def test_an_address_that_no_bmc_can_have_is_refused_by_its_field(
    anonymous: FlaskClient, bearer: Bearer, seed: Seed, address: str
) -> None:
    endpoint = {"address": address, "user": "admin", "password": "canary-nowhere"}
    path = f"/api/v1/servers/{seed.servers['db01']}/endpoints/ipmi"
    moved = anonymous.put(path, json=endpoint, headers=bearer("admin"))
    assert (moved.status_code, moved.json["field"]) == (422, "address")  # type: ignore[index]
    server = {"name": "nowhere", "endpoints": [{"protocol": "ipmi", **endpoint}]}
    added = anonymous.post("/api/v1/servers", json=server, headers=bearer("admin"))
    assert (added.status_code, added.json["field"]) == (422, "endpoints.0.address")  # type: ignore[index]
