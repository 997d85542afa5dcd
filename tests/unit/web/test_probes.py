"""/healthz, /readyz and /metrics: who is missing is named, and who may read is checked."""

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from oobctl.config import settings
from oobctl.store import Database, Process, database, db_now, use
from tests.unit.web.seed import Seed


def beat(kind: str, seconds_ago: float = 0) -> None:
    with database().write() as session:
        session.add(Process(id=f"{kind}-1", kind=kind, site_id="x", seen=session.scalar(db_now()) - seconds_ago))


def test_ready_when_a_worker_and_a_monitor_beat(anonymous: FlaskClient) -> None:
    assert anonymous.get("/healthz").status_code == 200
    response = anonymous.get("/readyz")
    checks = {check["name"]: check for check in response.get_json()["checks"]}
    assert response.status_code == 503
    assert (checks["database"]["ok"], checks["worker"]["ok"], checks["monitor"]["ok"]) == (True, False, False)
    assert "oobctl worker" in checks["worker"]["detail"]
    assert (checks["gateway"]["ok"], checks["gateway"]["needed"]) == (False, False)
    beat("worker")
    beat("monitor", seconds_ago=settings().dead_after_seconds + 5)
    assert anonymous.get("/readyz").status_code == 503
    with database().write() as session:
        session.query(Process).filter_by(kind="monitor").delete()
    beat("monitor")
    assert anonymous.get("/readyz").status_code == 200


def test_without_the_database_all_is_503_with_a_sentence(anonymous: FlaskClient, seed: Seed, tmp_path: Path) -> None:
    database().close()
    use(Database(f"sqlite:///{tmp_path}/no/such/folder/oobctl.db"))
    assert anonymous.get("/healthz").status_code == 503
    api = anonymous.get("/api/v1/servers", headers={"Authorization": f"Bearer {seed.tokens['owner']}"})
    assert (api.status_code, api.get_json()["code"], api.headers["Retry-After"]) == (503, "store_unavailable", "5")
    anonymous.set_cookie("oobctl_session", "x")
    page = anonymous.get("/servers")
    assert page.status_code == 503
    assert "can't reach its database" in page.text


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("192.0.2.1", {}, 403),
        ("127.0.0.1", {"X-Forwarded-For": "192.0.2.1"}, 403),
        ("192.0.2.1", {"Authorization": "Bearer m3tr1cs"}, 200),
        ("127.0.0.1", {"Authorization": "Bearer wrong"}, 403),
        ("192.0.2.1", {"Authorization": "Bearer "}, 403),
    ],
)
def test_metrics_are_for_loopback_and_the_token(
    anonymous: FlaskClient, monkeypatch: pytest.MonkeyPatch, address: str, headers: dict[str, str], status: int
) -> None:
    monkeypatch.setattr(settings(), "metrics_token", "m3tr1cs")
    response = anonymous.get("/metrics", headers=headers, environ_base={"REMOTE_ADDR": address})
    assert response.status_code == status


def test_metrics_count_servers_jobs_and_silent_bmcs(anonymous: FlaskClient) -> None:
    text = anonymous.get("/metrics").text
    assert 'oobctl_servers{power_state="On"} 5.0' in text
    assert "oobctl_silent_bmcs 1.0" in text
    assert 'oobctl_jobs{state="running"} 1.0' in text


def test_an_empty_metrics_token_opens_nothing(anonymous: FlaskClient) -> None:
    headers = {"Authorization": "Bearer "}
    response = anonymous.get("/metrics", headers=headers, environ_base={"REMOTE_ADDR": "192.0.2.1"})
    assert response.status_code == 403
