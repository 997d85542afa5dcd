"""iPXE scripts that accounts keep: over the API, on their pages, and as what a server is started from."""

import pytest
from flask.testing import FlaskClient
from nacl.public import PrivateKey
from sqlalchemy import select, update

from oobctl import administer, control
from oobctl.access import SYSTEM
from oobctl.constants import NetworkBoot, Permission, Role
from oobctl.errors import InvalidParameter, NotAllowed
from oobctl.images.installs import scripts
from oobctl.store import AuditRecord, BootScript, Install, Job, Server, Site, database
from tests.unit.web.conftest import SignIn, csrf_token
from tests.unit.web.seed import Seed
from tests.unit.web.test_readings import Bearer, get

SECRET = "a-secret-of-the-customer"
SCRIPT = f"#!ipxe\necho {SECRET}\n"
KEY = PrivateKey.generate()
BODY = {"name": "rescue", "script": SCRIPT.replace("\n", "\r\n")}


@pytest.fixture
def act(seed: Seed) -> str:
    """The action's address on a server that starts from its network."""
    with database().write() as session:
        found = {"boot_public_key": KEY.public_key.encode(), "network_boot": NetworkBoot.SCRIPT}
        session.execute(update(Site).values(**found))
        session.get_one(Server, seed.servers["db01"]).boot_macs = ["52:54:00:00:00:01"]
    return f"/servers/{seed.servers['db01']}/actions/boot.script"


def test_an_account_keeps_scripts_and_no_other_account_sees_them(anonymous: FlaskClient, bearer: Bearer) -> None:
    added = anonymous.post("/api/v1/boot-scripts", json=BODY, headers=bearer("owner"))
    assert added.status_code == 201
    kept = added.get_json()
    assert (kept["name"], kept["lines"], kept["sha256"]) == ("rescue", 2, scripts.sha256(SCRIPT))
    assert get(anonymous, "/boot-scripts", bearer("owner"))["items"] == [kept]
    assert get(anonymous, "/boot-scripts/rescue", bearer("owner"))["script"] == SCRIPT
    assert get(anonymous, "/boot-scripts", bearer("technician"))["items"] == []
    for path in ("rescue", kept["id"]):
        assert anonymous.get(f"/api/v1/boot-scripts/{path}", headers=bearer("stranger")).status_code == 404
        assert anonymous.delete(f"/api/v1/boot-scripts/{path}", headers=bearer("stranger")).status_code == 404
    assert anonymous.delete("/api/v1/boot-scripts/rescue", headers=bearer("owner")).status_code == 204
    assert get(anonymous, "/boot-scripts", bearer("owner"))["items"] == []


@pytest.mark.parametrize(
    ("change", "field", "why"),
    [
        ({"script": "echo hello"}, "script", "begins with the line #!ipxe"),
        ({"script": "#!ipxe\n" + "#" * 70_000}, "script", "at most 65536"),
        ({"name": "../x"}, "name", "no name of a boot script"),
        ({"name": ""}, "name", "no name of a boot script"),
        ({"name": "12.04"}, "name", "begins with a letter"),
        ({"name": "null"}, "name", "nor null"),
    ],
)
def test_a_refused_script_says_why(
    anonymous: FlaskClient, bearer: Bearer, change: dict[str, str], field: str, why: str
) -> None:
    answer = anonymous.post("/api/v1/boot-scripts", json=BODY | change, headers=bearer("owner"))
    assert (answer.status_code, answer.get_json()["field"]) == (422, field)
    assert why in answer.get_json()["detail"]


def test_a_kept_script_is_not_overwritten_and_no_account_keeps_more_than_fifty(
    seed: Seed, anonymous: FlaskClient, bearer: Bearer
) -> None:
    answers = [anonymous.post("/api/v1/boot-scripts", json=BODY, headers=bearer("owner")) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 409]
    for number in range(49):
        control.add_boot_script(seed.actors["owner"], f"more-{number}", SCRIPT)
    last = anonymous.post("/api/v1/boot-scripts", json=BODY | {"name": "last"}, headers=bearer("owner"))
    assert (last.status_code, "Remove one" in last.get_json()["detail"]) == (409, True)


def test_whoever_may_reinstall_nothing_reads_and_changes_no_scripts(
    seed: Seed, anonymous: FlaskClient, bearer: Bearer, sign_in: SignIn
) -> None:
    control.add_boot_script(seed.actors["owner"], "rescue", SCRIPT)
    limits = [Permission.POWER, Permission.VIEW]
    _row, secret = administer.add_token(SYSTEM, "limited", "shop", Role.OWNER, user="owner", permissions=limits)
    for headers in ({"Authorization": f"Bearer {secret}"}, bearer("viewer")):
        answers = [
            anonymous.get("/api/v1/boot-scripts", headers=headers),
            anonymous.get("/api/v1/boot-scripts/rescue", headers=headers),
            anonymous.post("/api/v1/boot-scripts", json=BODY | {"name": "other"}, headers=headers),
            anonymous.delete("/api/v1/boot-scripts/rescue", headers=headers),
        ]
        assert [answer.status_code for answer in answers] == [403] * 4
        assert SECRET not in "".join(answer.text for answer in answers)
    with database().read() as session:
        refused = session.scalars(select(AuditRecord.tag).where(AuditRecord.kind == "refusal"))
        assert set(refused) == {"account:boot_script:add", "account:boot_script:remove"}
    client = sign_in("viewer")
    assert "Boot scripts" not in client.get("/servers").text
    assert client.get("/boot-scripts").status_code == 403


def test_a_server_is_started_from_a_kept_script_and_the_script_is_in_no_record(
    act: str, seed: Seed, anonymous: FlaskClient, bearer: Bearer
) -> None:
    anonymous.post("/api/v1/boot-scripts", json=BODY, headers=bearer("owner"))
    done = anonymous.post(f"/api/v1{act}", json={"saved": "rescue"}, headers=bearer("owner"))
    assert done.status_code == 202, done.text
    control.remove_boot_script(seed.actors["owner"], "rescue")  # what was asked for is not taken back by this
    with database().read() as session:
        job = session.get_one(Job, done.get_json()["id"])
        assert job.parameters == {"saved": "rescue", "sha256": scripts.sha256(SCRIPT), "lines": 2}
        sealed = session.get_one(Install, job.id).sealed
        assert sealed is not None
        assert scripts.unsealed(KEY, job.id, sealed) == SCRIPT
        records = [str(one.parameters) for one in session.scalars(select(AuditRecord))]
    assert any("rescue" in one for one in records)
    assert SECRET not in str(records)


def test_another_accounts_script_is_unknown_and_who_asks_for_it_is_on_record(
    act: str, seed: Seed, anonymous: FlaskClient, bearer: Bearer
) -> None:
    """Staff see every server, and start it from what their own account keeps."""
    kept = control.add_boot_script(seed.actors["stranger"], "theirs", SCRIPT)
    control.add_boot_script(seed.actors["technician"], "memtest", SCRIPT)
    for wanted in ("theirs", kept.id):
        answer = anonymous.post(f"/api/v1{act}", json={"saved": wanted}, headers=bearer("technician"))
        assert (answer.status_code, "keeps no boot script" in answer.get_json()["detail"]) == (404, True)
    with database().read() as session:
        refused = session.scalars(select(AuditRecord.parameters).where(AuditRecord.kind == "refusal")).all()
        assert [one["saved"] for one in refused] == ["theirs", kept.id]


def test_a_repeated_request_is_its_first_ones_job_whatever_became_of_the_script(
    act: str, seed: Seed, anonymous: FlaskClient, bearer: Bearer
) -> None:
    owner = seed.actors["owner"]
    headers = bearer("owner") | {"Idempotency-Key": "one"}
    control.add_boot_script(owner, "rescue", SCRIPT)
    first = anonymous.post(f"/api/v1{act}", json={"saved": "rescue"}, headers=headers).get_json()
    control.remove_boot_script(owner, "rescue")
    again = anonymous.post(f"/api/v1{act}", json={"saved": "rescue"}, headers=headers)
    assert (again.status_code, again.get_json()["id"]) == (202, first["id"])
    other = anonymous.post(f"/api/v1{act}", json={"saved": "other"}, headers=headers)
    assert (other.status_code, other.get_json()["field"]) == (422, "Idempotency-Key")


def test_who_was_granted_one_server_starts_it_from_their_own_script_and_from_none_of_the_accounts(
    act: str, seed: Seed, sign_in: SignIn
) -> None:
    control.add_boot_script(seed.actors["owner"], "rescue", SCRIPT)
    administer.add_grant(SYSTEM, seed.servers["db01"], "viewer", Permission.REINSTALL, None)
    client = sign_in("viewer")
    page = client.get(act).text
    assert ('name="script"' in page, "rescue" in page) == (True, False)
    refused = client.post(act, data={"csrf_token": csrf_token(client), "saved": "rescue"})
    assert (refused.status_code, "boot scripts of your account" in refused.text) == (403, True)
    assert client.post(act, data={"csrf_token": csrf_token(client), "script": SCRIPT}).status_code == 303


@pytest.mark.parametrize("asked", [{}, {"saved": "rescue", "script": SCRIPT}, {"saved": f"#!ipxe {SECRET}"}])
def test_a_script_or_a_kept_ones_name_and_a_script_in_the_names_place_is_not_recorded(
    act: str, seed: Seed, asked: dict[str, str]
) -> None:
    control.add_boot_script(seed.actors["owner"], "rescue", SCRIPT)
    with pytest.raises(InvalidParameter) as caught:
        control.submit(seed.actors["owner"], "boot.script", seed.servers["db01"], asked)
    with database().read() as session:
        records = [f"{one.parameters} {one.reason}" for one in session.scalars(select(AuditRecord))]
    assert SECRET not in caught.value.message + str(records)


def test_a_suspended_accounts_scripts_are_read_and_stay_as_they_are(seed: Seed) -> None:
    owner = seed.actors["owner"]
    control.add_boot_script(owner, "rescue", SCRIPT)
    administer.suspend_account(SYSTEM, "shop")
    for change in (
        lambda: control.add_boot_script(owner, "more", SCRIPT),
        lambda: control.remove_boot_script(owner, "rescue"),
    ):
        with pytest.raises(NotAllowed, match="suspended"):
            change()
    assert [row.name for row in control.boot_scripts(owner)] == ["rescue"]


def test_the_pages_add_show_and_remove_a_script_and_keep_what_was_refused(sign_in: SignIn) -> None:
    client = sign_in("owner")
    assert 'href="/boot-scripts"' in client.get("/servers").text
    assert "Your account keeps none yet." in client.get("/boot-scripts").text
    form = {"name": "rescue", "script": "echo </textarea>", "csrf_token": csrf_token(client)}
    wrong = client.post("/boot-scripts", data=form)
    assert wrong.status_code == 422
    assert "echo &lt;/textarea&gt;</textarea>" in wrong.text
    assert 'value="rescue"' in wrong.text
    assert 'id="script-wrong">The script was not taken' in wrong.text
    assert client.post("/boot-scripts", data=form | {"script": SCRIPT + "echo <b>\n"}).status_code == 303
    listed = client.get("/boot-scripts").text
    with database().read() as session:
        script_id = session.scalars(select(BootScript.id)).one()
    assert f'href="/boot-scripts/{script_id}"' in listed
    assert "echo &lt;b&gt;" in client.get(f"/boot-scripts/{script_id}").text
    client.post(f"/boot-scripts/{script_id}/remove", data={"csrf_token": csrf_token(client)})
    assert "Your account keeps none yet." in client.get("/boot-scripts").text


def test_the_form_offers_what_the_account_keeps_and_nothing_where_it_keeps_nothing(
    act: str, seed: Seed, sign_in: SignIn
) -> None:
    client = sign_in("owner")
    assert 'name="saved"' not in client.get(act).text
    control.add_boot_script(seed.actors["owner"], "rescue", SCRIPT)
    control.add_boot_script(seed.actors["stranger"], "theirs", SCRIPT)
    page = client.get(act).text
    assert '<option value="rescue">rescue</option>' in page
    assert "theirs" not in page
    sent = client.post(act, data={"csrf_token": csrf_token(client), "saved": "rescue", "script": ""})
    assert sent.status_code == 303, sent.text
