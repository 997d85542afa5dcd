"""/healthz and /readyz: who is missing is named."""

from pathlib import Path

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
