"""BIOS settings that are saved over the API, and compared with."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from oobctl.constants import Capability
from oobctl.drivers.readings import BiosReport
from oobctl.store import AuditRecord, database
from tests.unit.web.seed import Seed, read
from tests.unit.web.test_readings import Bearer, get


def save(client: FlaskClient, headers: dict[str, str], **body: Any) -> Any:
    return client.post("/api/v1/servers/web01/bios/baselines", json=body, headers=headers)


def test_bios_settings_are_saved_and_compared_with(anonymous: FlaskClient, bearer: Bearer, seed: Seed) -> None:
    saved = save(anonymous, bearer("owner"), name="golden")
    assert saved.status_code == 201
    assert (saved.get_json()["settings"], saved.get_json()["saved_by"]) == (3, "owner")
    assert get(anonymous, "/servers/web01/bios/diff?baseline=golden", bearer("viewer"))["differences"] == []
    changed = BiosReport({"BootMode": "Bios", "Cores": 16, "New": 1}, {"Cores": 8}, None, ())
    read(seed, "web01", Capability.BIOS, changed, age=1)
    found = get(anonymous, "/servers/web01/bios/diff?baseline=golden", bearer("owner"))
    assert found["differences"] == [
        {"name": "BootMode", "saved": "Uefi", "now": "Bios", "pending": None},
        {"name": "New", "saved": None, "now": 1, "pending": None},
        {"name": "Unlisted", "saved": True, "now": None, "pending": None},
    ]
    assert found["baseline"]["name"] == "golden"
    with database().read() as session:
        [record] = session.query(AuditRecord).filter_by(tag="server:bios:baseline", kind="event").all()
    assert (record.actor_name, record.parameters, record.outcome) == (
        "owner", {"name": "golden", "replace": False}, "done",
    )  # fmt: skip


def test_saving_bios_settings_needs_the_permission_and_a_refusal_is_recorded(
    anonymous: FlaskClient, bearer: Bearer
) -> None:
    assert save(anonymous, bearer("operator"), name="golden").status_code == 403
    assert save(anonymous, bearer("stranger"), name="golden").status_code == 404
    with database().read() as session:
        kinds = [row.kind for row in session.query(AuditRecord).filter_by(tag="server:bios:baseline").all()]
    assert kinds == ["refusal"]


def test_a_baseline_is_overwritten_only_where_that_was_meant(anonymous: FlaskClient, bearer: Bearer) -> None:
    owner = bearer("owner")
    assert save(anonymous, owner, name="golden").status_code == 201
    taken = save(anonymous, owner, name="golden")
    assert (taken.status_code, taken.get_json()["code"]) == (409, "wrong_state")
    assert save(anonymous, owner, name="golden", replace=True).status_code == 201
    names = [item["name"] for item in get(anonymous, "/servers/web01/bios/baselines", owner)["items"]]
    assert names == ["golden"]
    for wrong in ("", " a", "a\n", ".", ".."):  # the last two would be another address, and could not be removed
        assert save(anonymous, owner, name=wrong).status_code == 422
    assert get(anonymous, "/servers/web01/bios/diff?baseline=none", owner, 404)["code"] == "not_found"


def test_no_more_baselines_are_kept_than_one_tenant_needs(
    anonymous: FlaskClient, bearer: Bearer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oobctl.readings.baselines.MOST", 1)
    assert save(anonymous, bearer("owner"), name="one").status_code == 201
    assert save(anonymous, bearer("owner"), name="two").status_code == 409
    assert save(anonymous, bearer("owner"), name="one", replace=True).status_code == 201


def test_what_was_not_read_can_be_neither_saved_nor_compared(anonymous: FlaskClient, bearer: Bearer) -> None:
    answer = anonymous.post("/api/v1/servers/db01/bios/baselines", json={"name": "x"}, headers=bearer("owner"))
    assert (answer.status_code, "server.inspect" in answer.get_json()["detail"]) == (409, True)


def test_a_baseline_is_removed_by_who_may_set_the_bios_and_the_record_says_so(
    anonymous: FlaskClient, bearer: Bearer
) -> None:
    owner, saved = bearer("owner"), "/api/v1/servers/web01/bios/baselines"
    save(anonymous, owner, name="as new/1")
    assert anonymous.delete(f"{saved}/as%20new%2F1", headers=bearer("viewer")).status_code == 403
    assert anonymous.delete(f"{saved}/as%20new%2F1", headers=owner).status_code == 204
    assert get(anonymous, "/servers/web01/bios/baselines", owner)["items"] == []
    assert anonymous.delete(f"{saved}/as%20new%2F1", headers=owner).status_code == 404
    with database().read() as session:
        rows = session.query(AuditRecord).filter_by(tag="server:bios:baseline_remove").all()
    assert [(row.kind, row.parameters["name"]) for row in rows] == [("refusal", "as new/1"), ("event", "as new/1")]
