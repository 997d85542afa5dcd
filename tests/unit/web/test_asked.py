"""What is asked, in JSON and in forms: of the right type, or 422 naming the field; and a key with every form."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from oobctl.constants import NetworkBoot
from oobctl.store import Server, Site, database
from tests.unit.web.conftest import SignIn, csrf_token
from tests.unit.web.seed import Seed

Bearer = Callable[[str], dict[str, str]]


@pytest.mark.parametrize(
    ("action", "body", "field"),
    [
        ("identify.set", '{"seconds": true}', "seconds"),
        ("identify.set", '{"seconds": "10"}', "seconds"),
        ("power.off", '{"preempt": "yes"}', "preempt"),
        ("power.off", '{"preempt": 1}', "preempt"),
        ("power.shutdown", f'{{"timeout_seconds": {"9" * 5000}}}', "timeout_seconds"),
        ("power.shutdown", f'{{"timeout_seconds": -{"9" * 5000}}}', "timeout_seconds"),
        ("power.shutdown", '{"timeout_seconds": 1e999}', "timeout_seconds"),
    ],
)
def test_a_parameter_of_another_type_is_422_and_named(
    anonymous: FlaskClient, bearer: Bearer, action: str, body: str, field: str
) -> None:
    path = f"/api/v1/servers/db01/actions/{action}"
    answer = anonymous.post(path, data=body, content_type="application/json", headers=bearer("technician"))
    assert (answer.status_code, answer.get_json().get("field")) == (422, field)


def test_words_of_an_enumeration_are_taken_as_json_has_them(anonymous: FlaskClient, bearer: Bearer) -> None:
    body = {"source": "Pxe", "enabled": "Once", "mode": "UEFI"}
    path = "/api/v1/servers/db01/actions/boot.set"
    assert anonymous.post(path, json=body, headers=bearer("owner")).status_code == 202


@pytest.mark.parametrize("typed", ["9" * 5000, "-5", "30.5", "soon", "1"])
def test_a_wrong_number_in_a_form_is_422_and_stands_where_it_was_typed(sign_in: SignIn, seed: Seed, typed: str) -> None:
    client = sign_in("owner")
    path = f"/servers/{seed.servers['db01']}/actions/power.shutdown"
    answer = client.post(path, data={"csrf_token": csrf_token(client), "timeout_seconds": typed})
    assert answer.status_code == 422
    assert f'value="{typed}"' in answer.text
    assert "timeout_seconds" in answer.text


def test_every_form_of_an_action_carries_a_fresh_key(sign_in: SignIn, seed: Seed) -> None:
    client = sign_in("owner")
    path = f"/servers/{seed.servers['db01']}/actions/power.shutdown"
    busy = f"/servers/{seed.servers['web01']}/actions/power.reset"
    token = csrf_token(client)
    pages = [
        client.get(path).text,
        client.get(path).text,
        client.post(path, data={"csrf_token": token, "timeout_seconds": "1"}).text,
        client.post(busy, data={"csrf_token": token, "key": "form-1"}).text,
    ]
    keys = [page.split('name="key" value="', 1)[1].split('"', 1)[0] for page in pages]
    assert all(key.startswith("form-") for key in keys)
    assert len({*keys, "form-1"}) == 5


def test_a_text_of_many_lines_has_room_and_stands_where_it_was_typed(sign_in: SignIn, seed: Seed) -> None:
    client = sign_in("owner")
    path = f"/servers/{seed.servers['db01']}/actions/boot.script"
    typed = "echo one\necho two"
    with database().write() as session:
        session.execute(update(Site).values(boot_public_key=b"x" * 32, network_boot=NetworkBoot.SCRIPT))
        session.get_one(Server, seed.servers["db01"]).boot_macs = ["52:54:00:00:00:01"]
    answer = client.post(path, data={"csrf_token": csrf_token(client), "script": typed})
    assert answer.status_code == 422
    assert "begins with the line #!ipxe" in answer.text
    assert f">{typed}</textarea>" in answer.text
