"""Every route of Flask and of the ASGI table: closed to strangers, and carrying the security headers."""

import asyncio
import re
from collections.abc import MutableMapping
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from oobctl.config import settings
from tests.unit.web.conftest import SignIn, csrf_token
from tests.unit.web.seed import Seed
from web.guard import OPEN_ENDPOINTS
from web.streams.table import ROUTES

OPEN_PATHS = {
    "/static/<path:filename>",
    "/sign-in",
    "/shared/<kind>",
    "/api/v1/openapi.json",
    "/healthz",
    "/readyz",
    "/metrics",
}


def addresses(app: Flask, seed: Seed) -> list[tuple[str, str, str]]:
    """(endpoint, method, path) of every route, with real ids in it."""
    values = {"server": seed.servers["web01"], "job": seed.jobs["running"], "action": "power.on", "protocol": "ipmi"}
    found = []
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda match: values.get(match[1], "x"), rule.rule)
        found += [(rule.endpoint, method, path) for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}]
    return found


def test_only_the_listed_routes_are_open(app: Flask) -> None:
    assert {rule.rule for rule in app.url_map.iter_rules() if rule.endpoint in OPEN_ENDPOINTS} == OPEN_PATHS
    assert {rule.endpoint for rule in app.url_map.iter_rules()} >= OPEN_ENDPOINTS


def test_no_route_but_the_open_ones_answers_a_stranger(app: Flask, seed: Seed, anonymous: FlaskClient) -> None:
    walked = 0
    for endpoint, method, path in addresses(app, seed):
        if endpoint in OPEN_ENDPOINTS:
            continue
        response = anonymous.open(path, method=method)
        if path.startswith("/api/"):
            assert response.status_code == 401, (method, path)
            assert response.mimetype == "application/problem+json"
            assert response.headers["WWW-Authenticate"].startswith("Bearer")
        else:
            assert response.status_code == 303, (method, path)
            assert response.headers["Location"].startswith("/sign-in?next=")
        walked += 1
    assert walked > 30


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: str(route.name))
@pytest.mark.parametrize("header", [None, (b"authorization", b"Bearer oob_wrong"), (b"cookie", b"oobctl_session=x")])
def test_no_asgi_route_answers_a_stranger(seed: Seed, route: Any, header: tuple[bytes, bytes] | None) -> None:
    path = re.sub(r"{\w+}", seed.jobs["running"], route.template)
    status, headers, body = call(path, [(b"host", b"localhost"), *([header] if header else [])])
    assert status == 401
    assert headers["content-type"] == "application/problem+json"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert b"not_signed_in" in body


def test_every_answer_carries_the_security_headers(app: Flask, seed: Seed, sign_in: SignIn) -> None:
    client = sign_in("admin")
    for _endpoint, method, path in addresses(app, seed):
        if method != "GET":
            continue
        response = client.get(path)
        policy = response.headers["Content-Security-Policy"]
        assert "script-src 'self'" in policy, path
        assert "unsafe" not in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["X-Frame-Options"] == "DENY"
        assert response.headers["Referrer-Policy"] == "same-origin"
        assert "Permissions-Policy" in response.headers
        if "text/html" in response.headers["Content-Type"]:
            assert response.headers["Cache-Control"] == "no-store"
            assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", response.text), path


def test_hsts_and_the_host_cookie_come_with_https(
    app: Flask, monkeypatch: pytest.MonkeyPatch, anonymous: FlaskClient
) -> None:
    assert "Strict-Transport-Security" not in anonymous.get("/sign-in").headers
    monkeypatch.setattr(settings(), "public_url", "https://oob.example.net")
    response = anonymous.get("/sign-in")
    assert response.headers["Strict-Transport-Security"].startswith("max-age=63072000")


@pytest.mark.parametrize("name", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", ""])
def test_a_name_that_is_not_ours_is_refused(anonymous: FlaskClient, seed: Seed, name: str) -> None:
    assert anonymous.get("/sign-in", headers={"Host": name}).status_code == 400
    path = f"/api/v1/jobs/{seed.jobs['running']}/events"
    assert call(path, [(b"host", name.encode())])[0] == 400


@pytest.mark.parametrize("name", ["localhost:8080", "127.0.0.1", "[::1]:8080"])
def test_loopback_names_are_ours(anonymous: FlaskClient, name: str) -> None:
    assert anonymous.get("/sign-in", headers={"Host": name}).status_code == 200


def test_every_form_needs_its_csrf_token(app: Flask, seed: Seed, sign_in: SignIn) -> None:
    client = sign_in("owner")
    posts = [path for _, method, path in addresses(app, seed) if method == "POST"]
    assert len(posts) > 8
    for path in posts:
        response = client.post(path, data={} if not path.startswith("/api/") else None)
        assert response.status_code == 400, path
        assert "csrf_failed" in response.text


def test_a_cookie_may_write_to_the_api_with_the_csrf_header_alone(seed: Seed, sign_in: SignIn) -> None:
    client = sign_in("owner")
    path = f"/api/v1/servers/{seed.servers['db01']}/actions/identify.set"
    token = csrf_token(client)
    assert client.post(path).status_code == 400
    assert client.post(path, headers={"X-CSRFToken": "x" + token}).status_code == 400
    assert client.post(path, headers={"X-CSRFToken": token}).status_code == 202


def test_a_wrong_token_is_not_replaced_by_a_right_cookie(sign_in: SignIn) -> None:
    client = sign_in("owner")
    assert client.get("/api/v1/servers").status_code == 200
    assert client.get("/api/v1/servers", headers={"Authorization": "Bearer oob_wrong"}).status_code == 401


def test_behind_a_proxy_its_last_word_counts_and_no_earlier_one(seed: Seed) -> None:
    from web.asgi import behind_proxy

    headers = [(b"x-forwarded-for", b"203.0.113.9, 198.51.100.7"), (b"x-forwarded-proto", b"https")]
    scope = behind_proxy({"type": "http", "headers": headers, "client": ("127.0.0.1", 9), "scheme": "http"})
    assert (scope["client"][0], scope["scheme"]) == ("198.51.100.7", "https")
    scope = behind_proxy({"type": "http", "headers": [], "client": ("127.0.0.1", 9), "scheme": "http"})
    assert (scope["client"][0], scope["scheme"]) == ("127.0.0.1", "http")


def call(path: str, headers: list[tuple[bytes, bytes]]) -> tuple[int, dict[str, str], bytes]:
    """One request to the ASGI application that ends by itself: status, headers, body."""
    from web.asgi import app as application  # at its import it needs the home folder that the fixtures make

    sent: list[MutableMapping[str, Any]] = []

    async def run() -> None:
        gone = asyncio.Event()

        async def receive() -> MutableMapping[str, Any]:
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        scope = {
            "type": "http", "method": "GET", "path": path, "query_string": b"", "headers": headers,
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "scheme": "http", "http_version": "1.1",
        }  # fmt: skip
        await asyncio.wait_for(application(scope, receive, send), 20)

    asyncio.run(run())
    start = sent[0]
    answer = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], answer, b"".join(message.get("body", b"") for message in sent[1:])
