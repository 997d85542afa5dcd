"""A power state is shown as the state now only while it was read lately; else as what it is: old."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from oobctl import clock
from oobctl.constants import Lifecycle
from oobctl.store import Bmc, Server, database
from tests.unit.web.conftest import SignIn
from tests.unit.web.seed import Seed

Bearer = Callable[[str], dict[str, str]]
_STATE = re.compile(r'<span class="state (\w+)">([^<]*)</span>(.*?)<time', re.DOTALL)


def change(seed: Seed, seconds: float | None, **columns: object) -> None:
    """db01 was read so long ago; one round is 60 s."""
    columns["power_read_at"] = None if seconds is None else clock.now() - timedelta(seconds=seconds)
    with database().write() as session:
        session.execute(update(Server).where(Server.id == seed.servers["db01"]).values(**columns))


def shown(html: str) -> tuple[str, str, bool]:
    """The tone, the word, and whether it is said to be old."""
    found = _STATE.search(html)
    assert found is not None
    return found[1], found[2], "last read" in found[3]


def places(client: FlaskClient, seed: Seed) -> dict[str, str]:
    path = f"/servers/{seed.servers['db01']}"
    row = client.get("/servers?q=db01").text.partition(f'href="{path}"')[2]
    pages = {
        name: client.get(f"{path}{name}").text.partition("<h1>")[2]
        for name in ("", "/hardware/health", "/actions/power.on")
    }
    live = client.get(f"{path}/hardware/health", headers={"HX-Target": "reading"}).text.partition(
        'id="now" hx-swap-oob="true"'
    )[2]
    return {"list": row, **pages, "open page": live}


@pytest.mark.parametrize(
    ("seconds", "columns", "tone", "old"),
    [
        (150, {}, "on", False),
        (190, {}, "unknown", True),
        (12, {"lifecycle": Lifecycle.QUARANTINED, "quarantined_because": "Another server."}, "unknown", True),
    ],
)
def test_a_state_that_is_read_no_more_is_shown_as_old_on_every_page(
    sign_in: SignIn, seed: Seed, seconds: float, columns: dict[str, object], tone: str, old: bool
) -> None:
    change(seed, seconds, **columns)
    for where, html in places(sign_in("owner"), seed).items():
        assert shown(html) == (tone, "On", old), where


@pytest.mark.parametrize(
    ("seconds", "columns", "fresh"),
    [
        (150, {}, True),
        (190, {}, False),
        (12, {"lifecycle": Lifecycle.QUARANTINED}, False),
        (12, {"silent_since": clock.now()}, False),
        (None, {}, False),
    ],
)
def test_the_api_says_whether_a_state_is_fresh(
    anonymous: FlaskClient,
    bearer: Bearer,
    seed: Seed,
    seconds: float | None,
    columns: dict[str, object],
    fresh: bool,
) -> None:
    change(seed, seconds, **columns)
    server = anonymous.get("/api/v1/servers/db01", headers=bearer("owner")).get_json()
    listed = anonymous.get("/api/v1/servers?q=db01", headers=bearer("owner")).get_json()["items"]
    assert (server["power_state"], server["power_fresh"]) == ("On" if seconds else "Unknown", fresh)
    assert {one["name"]: one["power_fresh"] for one in listed}["db01"] is fresh


@pytest.mark.parametrize(("seconds", "state"), [(12, "running"), (190, "in a state that was not read lately")])
def test_what_an_action_does_is_not_said_of_an_old_state_as_of_now(
    anonymous: FlaskClient, bearer: Bearer, seed: Seed, seconds: float, state: str
) -> None:
    change(seed, seconds)
    server = anonymous.get("/api/v1/servers/db01", headers=bearer("owner")).get_json()
    [offer] = [offer for offer in server["actions"] if offer["name"] == "power.off"]
    assert offer["consequence"].startswith(f"db01 is {state}")


def test_a_server_whose_profile_is_missing_is_shown_all_the_same(
    anonymous: FlaskClient, bearer: Bearer, seed: Seed
) -> None:
    change(seed, 190)
    with database().write() as session:
        session.execute(update(Bmc).values(profile="acme-bmc"))
    assert anonymous.get("/api/v1/servers/db01", headers=bearer("owner")).get_json()["power_fresh"] is False


def test_the_description_of_the_api_has_the_member(anonymous: FlaskClient) -> None:
    shape = anonymous.get("/api/v1/openapi.json").get_json()["components"]["schemas"]["ServerShape"]
    assert "power_state" in shape["properties"]["power_fresh"]["description"]
