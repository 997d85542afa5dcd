"""The API of reinstalls: images, plans that do nothing, installers, and the SSH keys that users keep."""

from datetime import date
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from oobctl import administer, control
from oobctl.access import SYSTEM, Actor
from oobctl.constants import BootPath, Permission, Role
from oobctl.store import Account, AuditRecord, Install, Job, SshKey, database
from oobctl.workflows.reinstall_os import steps_from
from tests.reinstalls import SSH_KEY, private_key
from tests.unit.web import reinstallable
from tests.unit.web.conftest import SignIn, csrf_token
from tests.unit.web.seed import Seed, begin
from tests.unit.web.test_readings import Bearer, get

PRIVATE = private_key()


@pytest.fixture
def act(seed: Seed) -> str:
    return f"/api/v1/servers/{reinstallable.prepare(seed)}/actions/os.reinstall"


def count(table: type[Job] | type[Install] | type[AuditRecord]) -> int:
    with database().read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


# --- images ---------------------------------------------------------------------------------------------------------


def test_the_images_are_those_that_ones_servers_can_be_given(
    act: str, seed: Seed, anonymous: FlaskClient, bearer: Bearer
) -> None:
    other = seed.actors["stranger"].account_id
    reinstallable.add_image("private-1", "Private", date(2030, 1, 1), 1000, account=other)
    names = {
        name: [one["name"] for one in get(anonymous, "/images", bearer(name))["items"]]
        for name in ("owner", "stranger", "technician")
    }
    assert names == {
        "owner": ["debian-12", "debian-13"],
        "stranger": ["debian-12", "debian-13", "private-1"],
        "technician": ["debian-12", "debian-13", "private-1"],
    }
    every = get(anonymous, "/images", bearer("technician"))["items"]
    private = next(one for one in every if one["name"] == "private-1")
    with database().read() as session:
        assert private["account"] == session.get_one(Account, other).name
    of_server = get(anonymous, "/images?server=db01", bearer("technician"))["items"]
    assert [one["name"] for one in of_server] == ["debian-12", "debian-13"]
    assert of_server[1]["end_of_life"] == "2030-06-30"
    assert {one["kind"] for one in of_server[1]["forms"]} == {"disk-image", "root-archive"}
    assert "file" not in of_server[1]["forms"][0]


# --- plans ----------------------------------------------------------------------------------------------------------


def test_a_dry_run_tells_steps_and_losses_and_leaves_nothing_behind(
    act: str, anonymous: FlaskClient, bearer: Bearer
) -> None:
    before = [count(table) for table in (Job, Install, AuditRecord)]
    answer = anonymous.post(f"{act}?dry_run=true", json=reinstallable.asked(), headers=bearer("owner"))
    assert answer.status_code == 200, answer.text
    plan = answer.get_json()
    assert [one["name"] for one in plan["steps"]] == [one.name for one in steps_from(BootPath.VIRTUAL_MEDIA)]
    assert plan["boot_path"] == BootPath.VIRTUAL_MEDIA
    assert plan["lost"] == ["All that is on disk S3Z8NB0K123456 (480.1 GB) is lost."]
    assert plan["disks"] == [{"serial": "S3Z8NB0K123456", "size": 480103981056, "name": "Disk Bay 0"}]
    assert plan["image"]["title"] == "Debian 13 (trixie)"
    assert {one["name"]: one["limit_seconds"] for one in plan["steps"]}["configured"] == 900
    assert plan["no_return"] == "image_written"
    assert plan["warnings"] == []
    assert [count(table) for table in (Job, Install, AuditRecord)] == before


def test_an_image_that_nobody_maintains_any_more_is_warned_of(act: str, anonymous: FlaskClient, bearer: Bearer) -> None:
    reinstallable.add_image("debian-10", "Debian 10", date(2024, 6, 30), 1000)
    body = reinstallable.asked(image="debian-10")
    plan = anonymous.post(f"{act}?dry_run=true", json=body, headers=bearer("owner")).get_json()
    assert plan["warnings"] == ["Debian 10 is no longer maintained since 30 Jun 2024: expect no security updates."]


def test_the_plan_names_the_account_that_alone_may_use_the_image(
    act: str, seed: Seed, anonymous: FlaskClient, bearer: Bearer
) -> None:
    own = seed.actors["owner"].account_id
    reinstallable.add_image("own-1", "Own", date(2030, 1, 1), 1000, account=own)
    body = reinstallable.asked(image="own-1")
    plan = anonymous.post(f"{act}?dry_run=true", json=body, headers=bearer("owner")).get_json()
    with database().read() as session:
        assert plan["image"]["account"] == session.get_one(Account, own).name


def test_a_network_card_that_the_server_is_not_known_to_have_is_warned_of(
    act: str, anonymous: FlaskClient, bearer: Bearer
) -> None:
    body = reinstallable.asked(network={"macs": ["02:00:00:00:00:99"]})
    plan = anonymous.post(f"{act}?dry_run=true", json=body, headers=bearer("owner")).get_json()
    assert plan["warnings"] == [
        f"db01 is not known to have the network card 02:00:00:00:00:99. It has: {reinstallable.MAC}."
    ]


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"image": "nothing"}, "invalid_parameter", "image"),
        ({"disks": ["FOREIGN"]}, "invalid_parameter", "disks"),
        ({"ssh_keys": ["nonsense"]}, "invalid_parameter", "ssh_keys.0"),
        ({"surprise": 1}, "invalid_parameter", "surprise"),
        ({"root_password": "yes"}, "invalid_parameter", "root_password"),
    ],
)
def test_a_dry_run_refuses_what_the_real_thing_refuses_in_the_same_words(
    act: str, anonymous: FlaskClient, bearer: Bearer, changes: dict[str, Any], code: str, field: str
) -> None:
    body = reinstallable.asked(**changes)
    dry, real = (anonymous.post(f"{act}{end}", json=body, headers=bearer("owner")) for end in ("?dry_run=true", ""))
    assert dry.status_code == real.status_code == 422
    assert dry.get_json() == real.get_json()
    assert (dry.get_json()["code"], dry.get_json()["field"]) == (code, field)


def test_a_dry_run_on_a_busy_server_names_the_job_that_has_it(act: str, anonymous: FlaskClient, bearer: Bearer) -> None:
    job = control.submit(SYSTEM, "power.cycle", "db01").id
    answer = anonymous.post(f"{act}?dry_run=true", json=reinstallable.asked(), headers=bearer("owner"))
    assert (answer.status_code, answer.get_json()["code"]) == (409, "server_busy")
    assert anonymous.post(act, json=reinstallable.asked(), headers=bearer("owner")).get_json() == answer.get_json()
    assert answer.get_json()["job"] == job


def test_a_dry_run_is_allowed_to_whom_the_reinstall_is(act: str, anonymous: FlaskClient, bearer: Bearer) -> None:
    body, dry = reinstallable.asked(), f"{act}?dry_run=true"
    found = {name: anonymous.post(dry, json=body, headers=bearer(name)).status_code
             for name in ("owner", "operator", "viewer", "stranger", "technician", "auditor")}  # fmt: skip
    assert found == {"owner": 200, "operator": 403, "viewer": 403, "stranger": 404, "technician": 200, "auditor": 403}


def test_other_actions_have_no_dry_run_and_are_not_done(act: str, anonymous: FlaskClient, bearer: Bearer) -> None:
    before = count(Job)
    other = act.replace("os.reinstall", "power.cycle")
    answer = anonymous.post(f"{other}?dry_run=true", headers=bearer("owner"))
    assert (answer.status_code, answer.get_json()["field"]) == (422, "dry_run")
    assert count(Job) == before


def test_a_root_password_is_in_the_first_answer_alone(act: str, anonymous: FlaskClient, bearer: Bearer) -> None:
    headers = {**bearer("owner"), "Idempotency-Key": "once"}
    first, second = (
        anonymous.post(act, json=reinstallable.asked(root_password=True), headers=headers).get_json() for _ in range(2)
    )
    assert first["shown_once"]["user"] == "root"
    assert (second["id"], second["shown_once"]) == (first["id"], None)
    assert first["shown_once"]["password"] not in anonymous.get("/api/v1/jobs", headers=bearer("owner")).text


def test_the_document_describes_what_a_reinstall_takes_with_the_network_in_it(anonymous: FlaskClient) -> None:
    schemas = anonymous.get("/api/v1/openapi.json").get_json()["components"]["schemas"]
    network = schemas["os.reinstall"]["properties"]["network"]
    assert network["$ref"] == "#/components/schemas/os.reinstall.Network"
    assert schemas["os.reinstall.Network"]["properties"]["addresses"]["description"]
    assert set(schemas["os.reinstall"]["required"]) == {"image", "host_name"}


@pytest.mark.parametrize("first_line", [True, False])
@pytest.mark.parametrize("lines", [True, False])
def test_what_may_be_a_private_key_is_in_no_answer_and_no_record(
    act: str, anonymous: FlaskClient, bearer: Bearer, first_line: bool, lines: bool
) -> None:
    pasted = PRIVATE if first_line else PRIVATE.partition("\n")[2]
    keys = pasted.splitlines() if lines else [pasted]
    for name in ("owner", "viewer"):  # who may not is on record with what was asked
        answer = anonymous.post(act, json=reinstallable.asked(ssh_keys=keys), headers=bearer(name))
        assert answer.status_code == {"owner": 422, "viewer": 403}[name]
        assert [line for line in PRIVATE.splitlines() if line[:16] in answer.text] == []
    with database().read() as session:
        kept = str([vars(row) for row in session.scalars(select(AuditRecord))])
    assert [line for line in PRIVATE.splitlines() if line[:16] in kept] == []


# --- installers -----------------------------------------------------------------------------------------------------


def test_the_installers_lines_are_given_from_the_one_that_is_wanted(
    act: str, seed: Seed, anonymous: FlaskClient, bearer: Bearer
) -> None:
    job = reinstallable.begun(seed.servers["db01"], seed.actors["owner"])
    begin(job, done=1, details=["Done"], seconds=[1.0], ago=5)
    reinstallable.writing(job)
    reinstallable.said(job, "six", "seven")
    path = f"/jobs/{job}/installer"
    whole = get(anonymous, path, bearer("owner"))
    assert whole["log"]["lines"][-2:] == ["six", "seven"]
    assert (whole["log"]["first"], whole["log"]["next"]) == (0, 7)
    for after in range(9):
        log = get(anonymous, f"{path}?after={after}", bearer("owner"))["log"]
        assert log["lines"] == whole["log"]["lines"][after:]
        assert log["next"] == 7


def test_the_installer_tells_customers_how_far_it_is_and_staff_who_called(
    act: str, seed: Seed, anonymous: FlaskClient, bearer: Bearer
) -> None:
    job = reinstallable.begun(seed.servers["db01"], seed.actors["owner"])
    begin(job, done=1, details=["Done"], seconds=[1.0], ago=5)
    assert get(anonymous, f"/jobs/{job}/installer", bearer("owner"))["phase"] is None
    reinstallable.writing(job)
    seen = get(anonymous, f"/jobs/{job}/installer", bearer("owner"))
    assert (seen["bytes_done"], seen["bytes_total"], seen["caller"]) == (214_000_000, 331_000_000, None)
    assert seen["bytes_per_second"] == pytest.approx(53_500_000)
    assert seen["seconds_left"] == pytest.approx(117 / 53.5)
    assert "203.0.113.77" not in str(seen)
    told = get(anonymous, f"/jobs/{job}/installer", bearer("technician"))
    assert told["caller"]["macs"] == [reinstallable.MAC]
    assert "203.0.113.77" in str(told["log"])
    assert anonymous.get(f"/api/v1/jobs/{job}/installer", headers=bearer("stranger")).status_code == 404
    other = anonymous.get(f"/api/v1/jobs/{seed.jobs['proven']}/installer", headers=bearer("owner"))
    assert other.status_code == 404


# --- keys -----------------------------------------------------------------------------------------------------------


def test_a_user_keeps_keys_and_no_other_user_sees_them(anonymous: FlaskClient, bearer: Bearer) -> None:
    added = anonymous.post("/api/v1/ssh-keys", json={"key": f" {SSH_KEY}\n"}, headers=bearer("owner"))
    assert added.status_code == 201
    key = added.get_json()
    assert (key["name"], key["key"]) == ("somebody@example.org", SSH_KEY)
    assert key["fingerprint"].startswith("SHA256:")
    assert get(anonymous, "/ssh-keys", bearer("owner"))["items"] == [key]
    assert get(anonymous, "/ssh-keys", bearer("operator"))["items"] == []
    foreign = anonymous.delete(f"/api/v1/ssh-keys/{key['id']}", headers=bearer("operator"))
    assert foreign.status_code == 404
    assert anonymous.delete(f"/api/v1/ssh-keys/{key['id']}", headers=bearer("owner")).status_code == 204
    assert get(anonymous, "/ssh-keys", bearer("owner"))["items"] == []


@pytest.mark.parametrize(
    ("key", "why"),
    [("", "no SSH public key"), ("nonsense", "no SSH public key"), (PRIVATE, "this is a private key"),
     ('command="x" ' + SSH_KEY, "no SSH public key"), (f"{SSH_KEY}\n{SSH_KEY}", "must be one line")],
)  # fmt: skip
def test_a_refused_key_says_why(anonymous: FlaskClient, bearer: Bearer, key: str, why: str) -> None:
    answer = anonymous.post("/api/v1/ssh-keys", json={"key": key}, headers=bearer("owner"))
    assert (answer.status_code, answer.get_json()["field"]) == (422, "key")
    assert why in answer.get_json()["detail"]


def test_a_key_is_kept_once(anonymous: FlaskClient, bearer: Bearer) -> None:
    answers = [
        anonymous.post("/api/v1/ssh-keys", json={"key": key}, headers=bearer("owner"))
        for key in (SSH_KEY, SSH_KEY.replace("somebody", "again"))
    ]
    assert [answer.status_code for answer in answers] == [201, 409]
    assert "as “somebody@example.org”" in answers[1].get_json()["detail"]


def test_the_record_of_a_key_has_its_name_and_fingerprint_and_not_the_key(
    seed: Seed, anonymous: FlaskClient, bearer: Bearer
) -> None:
    added = anonymous.post("/api/v1/ssh-keys", json={"key": SSH_KEY}, headers=bearer("owner")).get_json()
    anonymous.delete(f"/api/v1/ssh-keys/{added['id']}", headers=bearer("owner"))
    records = [one for one in get(anonymous, "/audit", bearer("owner"))["items"] if "ssh_key" in one["tag"]]
    assert [one["tag"] for one in records] == ["account:ssh_key:remove", "account:ssh_key:add"]
    assert all(one["parameters"] == {"name": added["name"], "fingerprint": added["fingerprint"]} for one in records)
    assert SSH_KEY.split()[1] not in str(records)


def token(seed: Seed, user: str | None, permissions: list[Permission] | None) -> dict[str, str]:
    _row, secret = administer.add_token(SYSTEM, "limited", "shop", Role.OWNER, user=user, permissions=permissions)
    return {"Authorization": f"Bearer {secret}"}


def test_a_token_that_may_not_reinstall_changes_no_keys(seed: Seed, anonymous: FlaskClient) -> None:
    power, reinstalls = (token(seed, "owner", [one]) for one in (Permission.POWER, Permission.REINSTALL))
    body = {"key": SSH_KEY}
    assert anonymous.post("/api/v1/ssh-keys", json=body, headers=power).status_code == 403
    assert anonymous.post("/api/v1/ssh-keys", json=body, headers=token(seed, None, None)).status_code == 403
    added = anonymous.post("/api/v1/ssh-keys", json=body, headers=reinstalls)
    assert added.status_code == 201
    assert anonymous.delete(f"/api/v1/ssh-keys/{added.get_json()['id']}", headers=power).status_code == 403
    with database().read() as session:
        assert session.scalars(select(SshKey)).one().user_id == seed.actors["owner"].id
        refused = select(AuditRecord.tag).where(AuditRecord.kind == "refusal")
        assert set(session.scalars(refused)) == {"account:ssh_key:add", "account:ssh_key:remove"}


def test_no_user_keeps_more_keys_than_fifty(seed: Seed, anonymous: FlaskClient, bearer: Bearer) -> None:
    owner: Actor = seed.actors["owner"]
    with database().write() as session:
        for number in range(50):
            session.add(SshKey(user_id=owner.id, name=f"{number}", key=SSH_KEY, fingerprint=f"SHA256:{number}"))
    answer = anonymous.post("/api/v1/ssh-keys", json={"key": SSH_KEY}, headers=bearer("owner"))
    assert (answer.status_code, answer.get_json()["code"]) == (409, "wrong_state")


def test_the_page_of_keys_adds_lists_and_removes_and_keeps_what_was_refused(seed: Seed, sign_in: SignIn) -> None:
    client = sign_in("owner")
    wrong = client.post("/keys", data={"key": "ssh-rsa oops", "name": "Mine", "csrf_token": csrf_token(client)})
    assert wrong.status_code == 422
    assert "ssh-rsa oops</textarea>" in wrong.text
    assert 'value="Mine"' in wrong.text
    assert 'id="key-wrong">The key was not taken' in wrong.text
    right = client.post("/keys", data={"key": SSH_KEY, "name": "<i>Mine", "csrf_token": csrf_token(client)})
    assert right.status_code == 303
    assert "&lt;i&gt;Mine" in client.get("/keys").text
    with database().read() as session:
        key_id = session.scalars(select(SshKey.id)).one()
    client.post(f"/keys/{key_id}/remove", data={"csrf_token": csrf_token(client)})
    assert "You have saved none yet." in client.get("/keys").text
