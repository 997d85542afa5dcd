"""Consoles over the API, and their pages: who gets a key, where the page may connect to, and what guests are told."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from oobctl import clock
from oobctl.access.identify import digest
from oobctl.administer.endpoints import add_endpoint
from oobctl.consoles.launch import names
from oobctl.constants import Protocol
from oobctl.jobs import recovery
from oobctl.store import Console, Process, Server, Site, database
from tests.furnished import endpoint
from tests.unit.web.conftest import SignIn, csrf_token
from tests.unit.web.seed import Seed

Bearer = Callable[[str], dict[str, str]]


@pytest.fixture
def consoles(seed: Seed) -> str:
    """The path of web01's consoles; it has a screen, and its site a gateway."""
    with database().write() as session:
        server = session.get_one(Server, seed.servers["web01"])
        site = session.get_one(Site, server.site_id)
        add_endpoint(session, site, server.bmc, endpoint(server.bmc.endpoints[0].address, Protocol.VNC))
        site_id = site.id
    recovery.beat("gateway-1", "gateway", site_id, first=True, url="https://console.example.net:8100")
    return f"/api/v1/servers/{seed.servers['web01']}/consoles"


def test_a_program_gets_a_key_a_websocket_and_a_page_for_its_person(
    consoles: str, anonymous: FlaskClient, bearer: Bearer
) -> None:
    answer = anonymous.post(consoles, json={"kind": "graphical"}, headers=bearer("owner"))
    found = answer.get_json()
    assert answer.status_code == 201
    assert (found["kind"], found["mode"], found["websocket"]) == (
        "graphical",
        "control",
        "wss://console.example.net:8100/console",
    )
    assert found["url"].endswith(f"/consoles/{found['id']}")
    assert found["token"] not in found["url"]
    assert answer.headers["Cache-Control"] == "no-store"
    with database().read() as session:
        row = session.get_one(Console, found["id"])
        assert (row.token_hash, row.panel_session) == (digest(found["token"]), None)


def test_a_browser_s_key_is_bound_to_its_panel_session_and_needs_a_csrf_token(consoles: str, sign_in: SignIn) -> None:
    client = sign_in("owner")
    body = {"kind": "graphical", "mode": "view"}
    assert client.post(consoles, json=body).status_code == 400
    answer = client.post(consoles, json=body, headers={"X-CSRFToken": csrf_token(client)})
    assert answer.status_code == 201
    cookie = client.get_cookie("oobctl_session")
    assert cookie is not None
    with database().read() as session:
        assert session.get_one(Console, answer.get_json()["id"]).panel_session == digest(cookie.value)


@pytest.mark.parametrize(
    ("body", "field"),
    [({}, "kind"), ({"kind": "telepathic"}, "kind"), ({"kind": "graphical", "mode": "root"}, "mode")],
)
def test_what_is_no_console_is_said(
    consoles: str, anonymous: FlaskClient, bearer: Bearer, body: dict[str, str], field: str
) -> None:
    answer = anonymous.post(consoles, json=body, headers=bearer("owner"))
    assert (answer.status_code, answer.get_json()["field"]) == (422, field)


def test_without_a_gateway_the_answer_says_so_and_all_else_goes_on(
    consoles: str, anonymous: FlaskClient, bearer: Bearer
) -> None:
    with database().write() as session:
        session.execute(update(Process).where(Process.kind == "gateway").values(seen=0.0))
    answer = anonymous.post(consoles, json={"kind": "graphical"}, headers=bearer("owner"))
    assert (answer.status_code, answer.get_json()["code"]) == (503, "no_gateway")


def test_a_page_of_a_console_may_connect_to_its_gateway_and_no_other_page_may(consoles: str, sign_in: SignIn) -> None:
    client, server = sign_in("owner"), consoles.split("/")[4]
    for page in ("console", "serial"):
        policy = client.get(f"/servers/{server}/{page}").headers["Content-Security-Policy"]
        assert "connect-src 'self' wss://console.example.net:8100/console;" in policy
        assert "unsafe" not in policy
    assert "connect-src 'self';" in client.get(f"/servers/{server}").headers["Content-Security-Policy"]


def test_a_console_has_a_page_for_its_own_person_alone(
    consoles: str, anonymous: FlaskClient, bearer: Bearer, sign_in: SignIn
) -> None:
    made = anonymous.post(consoles, json={"kind": "graphical"}, headers=bearer("owner")).get_json()
    assert f'data-console="{made["id"]}"' in sign_in("owner").get(f"/consoles/{made['id']}").text
    assert sign_in("technician").get(f"/consoles/{made['id']}").status_code == 404


def test_who_is_at_a_server_is_told_and_staff_end_it(consoles: str, anonymous: FlaskClient, bearer: Bearer) -> None:
    made = anonymous.post(consoles, json={"kind": "graphical"}, headers=bearer("owner")).get_json()
    assert anonymous.get(consoles, headers=bearer("owner")).get_json() == {"items": [], "next": None}
    with database().write() as session:
        session.execute(update(Console).values(gateway="gateway-1", opened_at=clock.now()))
    (found,) = anonymous.get(consoles, headers=bearer("technician")).get_json()["items"]
    assert (found["id"], found["who"], found["mode"]) == (made["id"], "owner", "control")
    assert anonymous.delete(f"/api/v1/consoles/{made['id']}", headers=bearer("stranger")).status_code == 404
    assert anonymous.delete(f"/api/v1/consoles/{made['id']}", headers=bearer("technician")).status_code == 204
    with database().read() as session:
        assert session.scalars(select(Console.ended_because)).one() == "technician ended it."


def test_a_guest_s_page_is_open_and_tells_nothing_without_the_secret(
    consoles: str, anonymous: FlaskClient, bearer: Bearer
) -> None:
    shares = consoles.replace("consoles", "console-shares")
    made = anonymous.post(shares, json={"kind": "graphical"}, headers=bearer("owner")).get_json()
    path, _, secret = made["url"].partition("#")
    path = "/shared/" + path.rpartition("/")[2]
    page = anonymous.get(path)
    assert page.status_code == 200
    assert "web01" not in page.text
    token = page.text.split('data-csrf="', 1)[1].split('"', 1)[0]
    headers = {"X-CSRFToken": token}
    opened = anonymous.post(path, json={"secret": secret}, headers=headers)
    assert (opened.status_code, opened.get_json()["name"], opened.get_json()["mode"]) == (200, "web01", "view")
    for wrong in ({"secret": "share_x"}, {}, {"secret": 5}):
        answer = anonymous.post(path, json=wrong, headers=headers)
        assert (answer.status_code, answer.get_json()["code"]) == (403, "not_allowed")
    assert anonymous.get("/shared/other").status_code == 404


@pytest.fixture
def oem(consoles: str, seed: Seed) -> str:
    """The page of the console in the BMC's own pages, whose maker's need a token in the browser."""
    with database().write() as session:
        server = session.get_one(Server, seed.servers["web01"])
        server.bmc.profile = "hpe-ilo5"
        session.execute(update(Process).values(launch_url="https://consoles.example.org:8443"))
    return f"/servers/{seed.servers['web01']}/console/oem"


def test_staff_are_told_that_a_token_reaches_their_browser_and_nobody_else_gets_there(
    oem: str, consoles: str, sign_in: SignIn, anonymous: FlaskClient, bearer: Bearer
) -> None:
    answer = sign_in("technician").get(oem)
    assert "A short-lived BMC token reaches this browser." in answer.text
    assert "form-action 'self' https://*.consoles.example.org:8443;" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Referrer-Policy"] == "strict-origin"
    page = sign_in("owner").get(oem).text
    assert "is for your provider&#39;s staff alone" in page
    assert 'data-do="open"' not in page
    assert anonymous.post(consoles, json={"kind": "oem"}, headers=bearer("owner")).status_code == 403


def test_the_api_says_where_a_browser_posts_the_key_of_it(
    oem: str, consoles: str, anonymous: FlaskClient, bearer: Bearer
) -> None:
    found = anonymous.post(consoles, json={"kind": "oem"}, headers=bearer("technician")).get_json()
    assert found["websocket"] is None
    assert found["launch"] == names.open_url("https://consoles.example.org:8443", found["token"])
    wrong = anonymous.post(consoles, json={"kind": "oem", "mode": "view"}, headers=bearer("technician"))
    assert (wrong.status_code, wrong.get_json()["field"]) == (422, "mode")


def test_a_server_without_a_screen_of_ours_has_those_pages_under_console(oem: str, seed: Seed, sign_in: SignIn) -> None:
    client, path = sign_in("technician"), f"/servers/{seed.servers['web01']}/console"
    assert 'href="' + oem + '"' in client.get(path).text
    with database().write() as session:
        server = session.get_one(Server, seed.servers["web01"])
        vnc = next(one for one in server.bmc.endpoints if one.protocol == Protocol.VNC)
        session.delete(vnc.credential)
        session.flush()
        session.delete(vnc)
    assert "<h2>The BMC's own console</h2>" in client.get(path).text
