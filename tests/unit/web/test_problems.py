"""Errors on pages and in the API: a sentence and a code, never a stack trace."""

import logging
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from oobctl import control
from oobctl.store import Database, database, use
from tests.unit.web.conftest import SignIn, csrf_token
from tests.unit.web.seed import Seed
from web import views

Bearer = Callable[[str], dict[str, str]]


@pytest.mark.parametrize("path", ["/servers", "/api/v1/servers"])
def test_what_nobody_foresaw_is_an_id_on_the_page_and_whole_in_the_log(
    sign_in: SignIn, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    def broken(*_: object, **__: object) -> None:
        secret = "in-a-local-variable"
        raise RuntimeError(f"the details of {len(secret)}")

    client = sign_in("owner")
    monkeypatch.setattr(views, "listed_servers", broken)
    with caplog.at_level(logging.ERROR, "oobctl.web"):
        response = client.get(path)
    assert response.status_code == 500
    assert "the details" not in response.text
    assert "Traceback" not in response.text
    number = caplog.records[0].args[0]  # type: ignore[index]
    assert str(number) in response.text
    assert "the details of 19" in caplog.text
    assert "in-a-local-variable" not in caplog.text.replace('secret = "in-a-local-variable"', "")


def test_a_foreign_servers_page_reads_like_an_unknown_ones(sign_in: SignIn, seed: Seed) -> None:
    client = sign_in("stranger")
    foreign = seed.servers["web01"]
    unknown = foreign[:-1] + ("0" if foreign[-1] != "0" else "1")
    answers = [client.get(f"/servers/{number}") for number in (foreign, unknown)]
    bodies = [answer.text.split("<main", 1)[1].split("</main>")[0] for answer in answers]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert bodies[0].replace(foreign, "ID") == bodies[1].replace(unknown, "ID")


def test_a_refused_action_is_a_sentence_with_the_running_job(sign_in: SignIn, seed: Seed) -> None:
    client = sign_in("owner")
    path = f"/servers/{seed.servers['web01']}/actions/power.off"
    response = client.post(path, data={"csrf_token": csrf_token(client)})
    assert response.status_code == 409
    assert f"/jobs/{seed.jobs['running']}" in response.text
    assert "<code>server_busy</code>" in response.text


def test_what_is_not_allowed_is_refused_behind_the_page_too(sign_in: SignIn, seed: Seed) -> None:
    client = sign_in("viewer")
    path = f"/servers/{seed.servers['db01']}/actions/power.off"
    response = client.post(path, data={"csrf_token": csrf_token(client)})
    assert response.status_code == 403
    assert "the role viewer has no permission power" in response.text
    assert control.jobs(seed.actors["admin"], server="db01", state="queued")[0] == []


def test_a_customer_has_no_preempt(sign_in: SignIn, seed: Seed) -> None:
    client = sign_in("owner")
    path = f"/servers/{seed.servers['web01']}/actions/power.off"
    assert 'name="preempt"' not in client.get(path).text
    response = client.post(path, data={"preempt": "on", "csrf_token": csrf_token(client)})
    assert response.status_code == 403
    assert 'name="preempt"' in sign_in("technician").get(path).text


def test_what_people_typed_is_shown_as_text(sign_in: SignIn, seed: Seed) -> None:
    client = sign_in("owner")
    evil = "<script>alert(1)</script>"
    for path in (f"/servers?q={evil}", f"/audit?server={evil}", f"/audit?actor={evil}", f"/servers/{evil}"):
        assert evil not in client.get(path).text, path
    form = {"note": evil, "csrf_token": csrf_token(client)}
    client.post(f"/jobs/{seed.jobs['needs_attention']}/resolve", data=form)
    page = client.get(f"/jobs/{seed.jobs['needs_attention']}").text
    assert evil not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_an_unknown_address_is_a_page_for_people(anonymous: FlaskClient) -> None:
    response = anonymous.get("/nowhere")
    assert (response.status_code, response.mimetype) == (404, "text/html")
    assert "Code to quote" in response.text


def test_the_databases_own_words_stay_in_the_log(seed: Seed, anonymous: FlaskClient, bearer: Bearer) -> None:
    header = bearer("owner")
    use(Database("postgresql+psycopg://oobctl@127.0.0.1:9/oobctl"))
    try:
        for path in ("/api/v1/servers", "/healthz", "/readyz", "/servers"):
            response = anonymous.get(path, headers=header)
            assert response.status_code == 503, path
            assert "127.0.0.1" not in response.text
            assert "connection to server" not in response.text
    finally:
        database().close()
        use(None)


def test_errors_that_come_in_crowds_are_counted_and_not_all_logged_whole(
    sign_in: SignIn, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the details")

    client = sign_in("owner")
    monkeypatch.setattr(views, "listed_servers", broken)
    with caplog.at_level(logging.ERROR, "oobctl.web"):
        for _ in range(25):
            client.get("/servers")
    assert len([line for line in caplog.records if "(RuntimeError) while answering GET /servers" in line.message]) == 25
    assert 0 < caplog.text.count("Traceback") <= 20
