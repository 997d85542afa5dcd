"""A NUL, or half of a surrogate pair, is refused at the face: no database keeps either."""

import base64
import json
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests.unit.web.conftest import csrf_token
from tests.unit.web.seed import Seed
from tests.unit.web.test_routes import call

Bearer = Callable[[str], dict[str, str]]
AFTER = base64.urlsafe_b64encode(json.dumps(["\0"]).encode()).decode()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("servers/web%0001", 404),
        ("jobs/%00", 404),
        ("audit?actor=%00", 422),
        ("audit?server=a%00", 422),
        ("servers?q=%00", 422),
        (f"jobs?after={AFTER}", 422),
    ],
)
def test_a_nul_in_an_address_is_refused(anonymous: FlaskClient, bearer: Bearer, path: str, status: int) -> None:
    assert anonymous.get(f"/api/v1/{path}", headers=bearer("admin")).status_code == status


@pytest.mark.parametrize("body", [b'{"name": "a\\u0000"}', b'{"a\\u0000": 1}', b'{"name": "\\ud800"}', b"[" * 60_000])
def test_a_nul_in_a_body_is_refused(anonymous: FlaskClient, bearer: Bearer, body: bytes) -> None:
    response = anonymous.post("/api/v1/accounts", data=body, content_type="application/json", headers=bearer("admin"))
    assert response.status_code in {400, 422}, response.text
    assert response.mimetype == "application/problem+json"


def test_a_nul_in_the_name_of_a_sign_in_is_refused(anonymous: FlaskClient) -> None:
    form = {"name": "a\0", "password": "x", "csrf_token": csrf_token(anonymous, "/sign-in")}
    assert anonymous.post("/sign-in", data=form).status_code == 422


def test_a_nul_in_the_address_of_a_stream_is_refused(seed: Seed) -> None:
    headers = [(b"host", b"localhost"), (b"authorization", f"Bearer {seed.tokens['owner']}".encode())]
    assert call("/api/v1/jobs/\0/events", headers)[0] == 404
