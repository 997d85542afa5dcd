"""Who may read /metrics: the holder of its own token, or whoever is on this computer with nothing in between."""

import pytest
from flask.testing import FlaskClient

from oobctl.config import settings
from tests.unit.web.seed import Seed

AWAY, HERE = "192.0.2.1", "127.0.0.1"
TOKEN = {"Authorization": "Bearer m3tr1cs"}


def asked(client: FlaskClient, address: str, headers: dict[str, str]) -> int:
    return client.get("/metrics?target=web01", headers=headers, environ_base={"REMOTE_ADDR": address}).status_code


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        (HERE, {}, 200),
        ("::1", {}, 200),
        (AWAY, {}, 403),
        (AWAY, TOKEN, 200),
        (AWAY, {"Authorization": "bearer m3tr1cs"}, 200),
        (HERE, {"Authorization": "Bearer wrong"}, 403),
        (AWAY, {"Authorization": "Bearer "}, 403),
        (HERE, {"X-Forwarded-For": AWAY}, 403),
        (HERE, {"X-Forwarded-For": HERE}, 403),
        (HERE, {"Via": "1.1 proxy"}, 403),
        (HERE, {"Host": "rebound.example"}, 403),
        (AWAY, {**TOKEN, "Host": "10.0.0.1:8080"}, 200),
    ],
)
def test_metrics_are_for_loopback_and_the_token(
    anonymous: FlaskClient, monkeypatch: pytest.MonkeyPatch, address: str, headers: dict[str, str], status: int
) -> None:
    monkeypatch.setattr(settings(), "metrics_token", "m3tr1cs")
    assert asked(anonymous, address, headers) == status


def test_behind_a_proxy_the_token_alone_opens_it(anonymous: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings(), "behind_proxy", True)
    monkeypatch.setattr(settings(), "metrics_token", "m3tr1cs")
    assert asked(anonymous, HERE, {}) == 403
    assert asked(anonymous, HERE, TOKEN) == 200


def test_an_empty_metrics_token_opens_nothing(anonymous: FlaskClient) -> None:
    assert asked(anonymous, AWAY, {"Authorization": "Bearer "}) == 403
    assert asked(anonymous, HERE, {"Authorization": "Bearer "}) == 403


def test_no_token_of_the_api_opens_it(anonymous: FlaskClient, seed: Seed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings(), "metrics_token", "m3tr1cs")
    for secret in seed.tokens.values():
        assert asked(anonymous, HERE, {"Authorization": f"Bearer {secret}"}) == 403
