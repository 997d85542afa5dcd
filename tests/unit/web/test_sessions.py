"""Signing in and out: what the cookie is, where it leads, how often one may try."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from oobctl import clock
from oobctl.config import settings
from oobctl.store import AuditRecord, PanelSession, database
from tests.unit.web.conftest import SignIn, csrf_token
from tests.unit.web.seed import PASSWORD, Seed
from tests.unit.web.test_routes import call
from web.limits import limiter
from web.sessions import own_path


def attempt(
    client: FlaskClient, name: str, password: str, following: str = "/", address: str = "127.0.0.1"
) -> TestResponse:
    token = csrf_token(client, "/sign-in")
    form = {"name": name, "password": password, "next": following, "csrf_token": token}
    return client.post("/sign-in", data=form, environ_overrides={"REMOTE_ADDR": address})


def test_the_session_cookie_is_hidden_from_scripts_and_other_sites(anonymous: FlaskClient) -> None:
    response = attempt(anonymous, "owner", PASSWORD, "/jobs")
    cookies = [value for value in response.headers.getlist("Set-Cookie") if value.startswith("oobctl_session=")]
    assert len(cookies) == 1
    assert all(word in cookies[0] for word in ("HttpOnly", "SameSite=Lax", "Path=/"))
    assert response.headers["Location"] == "/jobs"


def test_over_https_the_cookie_is_bound_to_the_host(anonymous: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings(), "public_url", "https://oob.example.net")
    anonymous.environ_base.update({"HTTP_HOST": "oob.example.net", "wsgi.url_scheme": "https"})
    page = anonymous.get("/sign-in")
    token = page.text.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]
    form = {"name": "owner", "password": PASSWORD, "csrf_token": token}
    response = anonymous.post("/sign-in", data=form, headers={"Referer": "https://oob.example.net/sign-in"})
    cookie = next(value for value in response.headers.getlist("Set-Cookie") if "oobctl_session=" in value)
    assert cookie.startswith("__Host-oobctl_session=")
    assert "Secure" in cookie


def test_a_wrong_password_keeps_the_name_and_says_no_more_than_wrong(anonymous: FlaskClient) -> None:
    wrong = [attempt(anonymous, name, "not it") for name in ("owner", "nobody-here")]
    texts = [response.text.replace("nobody-here", "owner") for response in wrong]
    assert [response.status_code for response in wrong] == [401, 401]
    assert 'value="owner"' in texts[0]
    strip = [text.split("<main", 1)[1].split('name="csrf_token"', 1)[0] for text in texts]
    assert strip[0] == strip[1]
    assert "not it" not in texts[0]


def test_signing_out_ends_the_session_for_good(sign_in: SignIn) -> None:
    client = sign_in("owner")
    kept = client.get_cookie("oobctl_session")
    assert kept is not None
    client.post("/sign-out", data={"csrf_token": csrf_token(client)})
    client.set_cookie("oobctl_session", kept.value)
    assert client.get("/servers").status_code == 303
    with database().read() as session:
        assert session.query(AuditRecord).filter_by(tag="account:session:sign_out").count() == 1


def test_an_idle_session_ends(sign_in: SignIn) -> None:
    client = sign_in("owner")
    assert client.get("/servers").status_code == 200
    with database().write() as session:
        long_ago = clock.now() - timedelta(minutes=settings().session_idle_minutes + 1)
        session.query(PanelSession).update({"seen_at": long_ago})
    assert client.get("/servers").status_code == 303


def test_what_an_open_page_asks_by_itself_does_not_keep_the_session_alive(sign_in: SignIn, seed: Seed) -> None:
    client = sign_in("owner")
    long_ago = clock.now() - timedelta(minutes=5)
    with database().write() as session:
        session.query(PanelSession).update({"seen_at": long_ago})
    polling = [f"/servers/{seed.servers['web01']}", "/servers", f"/jobs/{seed.jobs['running']}"]
    for page in polling:
        client.get(page, headers={"X-Oobctl-Poll": "1"})
    with database().read() as session:
        assert session.query(PanelSession).one().seen_at == long_ago
    for page in polling:
        text = client.get(page).text
        polls = re.findall(r'hx-headers=\'{"X-Oobctl-Poll": "1"}\'\s+hx-trigger="[^"]*every', text)
        assert len(polls) == len(re.findall(r'hx-trigger="[^"]*every', text)) == 1, page
    with database().read() as session:
        assert session.query(PanelSession).one().seen_at > long_ago


def test_a_stream_does_not_keep_the_session_alive(sign_in: SignIn, seed: Seed) -> None:
    client = sign_in("owner")
    cookie = client.get_cookie("oobctl_session")
    assert cookie is not None
    long_ago = clock.now() - timedelta(minutes=5)
    with database().write() as session:
        session.query(PanelSession).update({"seen_at": long_ago})
    headers = [(b"host", b"localhost"), (b"cookie", f"oobctl_session={cookie.value}".encode())]
    status, _, body = call(f"/api/v1/jobs/{seed.jobs['proven']}/events", headers)
    assert (status, b"event: end" in body) == (200, True)
    with database().read() as session:
        assert session.query(PanelSession).one().seen_at == long_ago


def test_a_live_part_of_a_page_leads_the_whole_page_to_the_sign_in(anonymous: FlaskClient) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://localhost/servers?q=web"}
    response = anonymous.get("/servers", headers=headers)
    assert (response.status_code, response.headers["HX-Redirect"]) == (401, "/sign-in?next=%2Fservers%3Fq%3Dweb")


def test_wrong_passwords_for_one_name_are_limited_and_right_ones_are_not(anonymous: FlaskClient) -> None:
    codes = [attempt(anonymous, "owner", "wrong").status_code for _ in range(11)]
    assert codes == [401] * 10 + [429]
    assert attempt(anonymous, "operator", PASSWORD).status_code == 303
    limiter.reset()
    for _ in range(12):
        client = anonymous.application.test_client()
        assert attempt(client, "owner", PASSWORD).status_code == 303


def test_nobody_locks_out_a_user_who_is_somewhere_else(anonymous: FlaskClient) -> None:
    for _ in range(11):
        attempt(anonymous, "owner", "wrong", address="192.0.2.66")
    assert attempt(anonymous, "owner", PASSWORD, address="192.0.2.66").status_code == 429
    assert attempt(anonymous.application.test_client(), "owner", PASSWORD, address="192.0.2.7").status_code == 303


def test_guesses_from_many_addresses_are_limited_but_not_for_who_signed_in_from_there_before(
    anonymous: FlaskClient,
) -> None:
    application = anonymous.application
    assert attempt(application.test_client(), "owner", PASSWORD, address="192.0.2.7").status_code == 303
    codes = {attempt(anonymous, "owner", "wrong", address=f"198.51.100.{number}").status_code for number in range(100)}
    assert codes == {401}
    assert attempt(application.test_client(), "owner", PASSWORD, address="198.51.100.200").status_code == 429
    assert attempt(application.test_client(), "owner", PASSWORD, address="192.0.2.7").status_code == 303


def test_too_many_tries_say_how_long_to_wait_and_are_recorded(anonymous: FlaskClient) -> None:
    for _ in range(10):
        attempt(anonymous, "owner", "wrong")
    refused = attempt(anonymous, "owner", "wrong")
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "300")
    assert "Wait 5 minutes" in refused.text
    with database().read() as session:
        reasons = session.scalars(select(AuditRecord.reason).where(AuditRecord.kind == "refusal")).all()
    assert reasons[-1] == "too many tries"


def test_a_token_cannot_sign_out_and_leaves_no_record_of_it(
    anonymous: FlaskClient, bearer: Callable[[str], dict[str, str]]
) -> None:
    assert anonymous.post("/sign-out", headers=bearer("owner")).status_code == 422
    with database().read() as session:
        assert not session.scalars(select(AuditRecord).where(AuditRecord.tag == "account:session:sign_out")).all()


def test_what_pages_send_is_limited(sign_in: SignIn) -> None:
    client = sign_in("owner")
    form = {"csrf_token": csrf_token(client, "/servers")}
    codes = [client.post("/jobs/nothing/cancel", data=form).status_code for _ in range(60)]
    assert 429 in codes


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("/jobs?state=failed", "/jobs?state=failed"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/a\nb", "/"),
        ("", "/"),
        (None, "/"),
    ],
)
def test_after_the_sign_in_one_stays_here(asked: str | None, given: str) -> None:
    assert own_path(asked) == given
