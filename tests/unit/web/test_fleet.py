"""The fleet's page and API: staff alone see them, what is wrong stands out, and nothing old is told as now."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from oobctl import administer, clock
from oobctl.access import SYSTEM
from oobctl.constants import Lifecycle
from oobctl.store import Figures, Reading, Server, database
from tests.unit.web.conftest import SignIn
from tests.unit.web.seed import Seed

Bearer = Callable[[str], dict[str, str]]
STAFF, CUSTOMERS = ("technician", "admin", "auditor"), ("owner", "operator", "viewer", "stranger")


def block(page: str, title: str) -> str:
    """One block of the page, by its question."""
    assert f">{title}</h2>" in page
    return page.partition(f">{title}</h2>")[2].partition("</section>")[0]


def api(client: FlaskClient, bearer: Bearer, by: str = "technician", **query: str) -> Any:
    answer = client.get("/api/v1/fleet", headers=bearer(by), query_string=query)
    assert answer.status_code == 200, answer.text
    return answer.json


@pytest.mark.parametrize("name", STAFF)
def test_all_staff_see_the_fleet(sign_in: SignIn, anonymous: FlaskClient, bearer: Bearer, name: str) -> None:
    client = sign_in(name)
    assert client.get("/fleet").status_code == 200
    assert 'href="/fleet"' in client.get("/servers").text
    assert anonymous.get("/api/v1/fleet", headers=bearer(name)).status_code == 200


@pytest.mark.parametrize("name", CUSTOMERS)
def test_no_customer_sees_it_nor_in_which_rack_a_server_stands(
    seed: Seed, sign_in: SignIn, anonymous: FlaskClient, bearer: Bearer, name: str
) -> None:
    administer.place_server(SYSTEM, "web01", "RACK-77", 3)
    client = sign_in(name)
    assert client.get("/fleet").status_code == 403
    assert 'href="/fleet"' not in client.get("/servers").text
    answer = anonymous.get("/api/v1/fleet", headers=bearer(name))
    assert (answer.status_code, answer.json["code"]) == (403, "not_allowed")  # type: ignore[index]
    for path in ("/servers", f"/servers/{seed.servers['web01']}", "/fleet", "/audit"):
        assert "RACK-77" not in client.get(path).text
        assert "RACK-77" not in anonymous.get(f"/api/v1{path}", headers=bearer(name)).text


def test_an_over_temperature_stands_first_with_its_limit_and_leads_to_the_plots(seed: Seed, sign_in: SignIn) -> None:
    found = block(sign_in("technician").get("/fleet").text, "Is anything too hot?")
    assert "44 °C" in found
    assert "critical from 42 °C on" in found
    assert f'href="/servers/{seed.servers["db01"]}/hardware/health"' in found
    assert "last known" not in found


def test_a_silent_bmc_is_told_with_its_last_known_state_and_age(seed: Seed, sign_in: SignIn) -> None:
    page = sign_in("technician").get("/fleet").text
    found = block(page, "Which BMCs give no readings?")
    assert "app01" in found
    assert '<span class="state silent">BMC silent</span> <span class="age">since <time' in found
    assert "last known On, read <time" in found
    assert "No answer from the BMC at 127.0.9.3" in found
    assert 'class="state on"' not in found


def test_the_draw_is_told_with_how_many_servers_tell_it(
    sign_in: SignIn, anonymous: FlaskClient, bearer: Bearer
) -> None:
    total = api(anonymous, bearer)["total"]
    assert (total["servers"], total["watts"], total["telling"]) == (7, 212.5, 1)
    found = block(sign_in("auditor").get("/fleet").text, "Where does the power go?")
    assert "212 W" in found
    assert "the 1 of 7 servers that tell it now" in found


def test_the_api_and_the_page_look_at_one_rack(
    seed: Seed, sign_in: SignIn, anonymous: FlaskClient, bearer: Bearer
) -> None:
    admin = bearer("admin")
    for name, rack in (("web01", "R1"), ("app01", "R2")):
        path = f"/api/v1/servers/{seed.servers[name]}/place"
        assert anonymous.put(path, headers=admin, json={"rack": rack, "unit": 4}).status_code == 204
    found = api(anonymous, bearer, rack="R2")
    assert [one["server"] for one in found["silent"]] == ["app01"]
    assert found["total"]["servers"] == 1
    page = sign_in("technician").get("/fleet?site=main&rack=R2").text
    assert "<b>1 server</b>" in page
    assert 'hx-get="/fleet?site=main&amp;rack=R2"' in page
    assert anonymous.get("/api/v1/fleet?rack=R9", headers=admin).status_code == 404
    assert anonymous.get("/api/v1/servers/web01", headers=admin).json["rack"] == "R1"  # type: ignore[index]
    shown = sign_in("technician").get(f"/servers/{seed.servers['web01']}").text
    assert "rack R1, unit 4" in shown


@pytest.mark.parametrize(
    "body", [{"rack": ""}, {"rack": "-"}, {"rack": "R1", "unit": 0}, {}, {"rack": None, "unit": 2}]
)
def test_a_place_that_is_none_is_refused(anonymous: FlaskClient, bearer: Bearer, body: dict[str, Any]) -> None:
    assert anonymous.put("/api/v1/servers/web01/place", headers=bearer("admin"), json=body).status_code == 422


def test_a_live_page_asks_for_the_blocks_alone(sign_in: SignIn) -> None:
    client = sign_in("technician")
    part = client.get("/fleet", headers={"HX-Target": "fleet", "X-Oobctl-Poll": "1"}).text
    assert part.lstrip().startswith('<div id="fleet"')
    assert "<html" not in part


def test_another_site_is_chosen_though_the_form_has_the_last_ones_rack(sign_in: SignIn) -> None:
    client = sign_in("technician")
    assert client.get("/fleet?site=main&rack=R9").status_code == 200
    assert client.get("/fleet?site=nowhere").status_code == 404


def test_an_empty_fleet_says_what_to_do(sign_in: SignIn) -> None:
    with database().write() as session:
        for server in session.query(Server):
            server.lifecycle = Lifecycle.RETIRED
    assert "oobctl server add" in sign_in("admin").get("/fleet").text


def test_where_nothing_is_read_now_each_block_says_so(sign_in: SignIn) -> None:
    long_ago = clock.now() - timedelta(hours=3)
    with database().write() as session:
        session.execute(update(Reading).values(read_at=long_ago))
        session.execute(update(Figures).values(sensors_read_at=long_ago, watts_read_at=long_ago))
    page = sign_in("admin").get("/fleet").text
    assert "No health is known now." in block(page, "Which servers are not well?")
    assert "No server tells now how warm" in block(page, "Where is the air that goes in the warmest?")
    assert "No server tells now what it draws" in block(page, "Where does the power go?")
    assert "<b>last known</b>" in block(page, "Is anything too hot?")
    assert "oobctl server set NAME --rack RACK" in block(page, "How is each rack?")
