"""A server's page and the API say what its profile is: that it is a generic one and why, and what it was tried on."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from oobctl.constants import Capability, Lifecycle
from oobctl.store import Server, database
from tests.unit.web.conftest import SignIn
from tests.unit.web.seed import Seed

Bearer = Callable[[str], dict[str, str]]
NOTE = "No profile knows QEMU, Standard PC (Q35 + ICH9, 2009), BMC 1, 2.1, so it has a generic one: generic-ipmi"


@pytest.fixture
def told(seed: Seed) -> Callable[..., None]:
    """Set what enrolment would have: the BMC's profile and what the BMC called itself."""

    def tell(server: str, *, lifecycle: Lifecycle = Lifecycle.ASSIGNED, **columns: Any) -> None:
        with database().write() as session:
            row = session.get_one(Server, seed.servers[server])
            row.lifecycle = lifecycle
            for column, value in {"model": "BMC 1", "firmware": "2.1", **columns}.items():
                setattr(row.bmc, column, value)

    return tell


def shape(client: FlaskClient, headers: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/api/v1/servers/web01", headers=headers).get_json()
    return found


def test_staff_are_told_that_a_profile_is_generic_and_why(
    anonymous: FlaskClient, bearer: Bearer, sign_in: SignIn, told: Callable[..., None], seed: Seed
) -> None:
    told("web01", profile="generic-ipmi")
    found = shape(anonymous, bearer("technician"))
    assert found["generic"] is True
    assert found["profile_note"].startswith(NOTE)
    page = sign_in("technician").get(f"/servers/{seed.servers['web01']}").text
    assert f"<b>Generic profile:</b> {NOTE}" in page


def test_customers_are_told_no_reasons_of_the_profile(
    anonymous: FlaskClient, bearer: Bearer, sign_in: SignIn, told: Callable[..., None], seed: Seed
) -> None:
    told("web01", profile="generic-ipmi")
    found = shape(anonymous, bearer("owner"))
    assert (found["generic"], found["profile_note"]) == (True, None)
    assert "Generic profile" not in sign_in("owner").get(f"/servers/{seed.servers['web01']}").text


def test_a_profile_of_its_kind_and_a_server_not_yet_enrolled_need_no_note(
    anonymous: FlaskClient, bearer: Bearer, told: Callable[..., None]
) -> None:
    told("web01", profile="openbmc")
    found = shape(anonymous, bearer("technician"))
    assert (found["generic"], found["profile_note"]) == (False, None)
    told("web01", profile="generic-ipmi", lifecycle=Lifecycle.ENROLLING)
    assert shape(anonymous, bearer("technician"))["profile_note"] is None


def test_a_missing_profile_is_said_to_staff(
    anonymous: FlaskClient, bearer: Bearer, sign_in: SignIn, told: Callable[..., None], seed: Seed
) -> None:
    told("web01", profile="acme-1")
    found = shape(anonymous, bearer("technician"))
    assert "acme-1 is missing or wrong" in found["profile_note"]
    assert (found["capabilities"], found["evidence"]) == ([], {})
    assert "oobctl profile check" in sign_in("technician").get(f"/servers/{seed.servers['web01']}").text
    assert shape(anonymous, bearer("owner"))["profile_note"] is None


def test_each_capability_says_what_the_profile_was_tried_on(
    anonymous: FlaskClient, bearer: Bearer, sign_in: SignIn, told: Callable[..., None], seed: Seed
) -> None:
    told("web01", profile="supermicro-x9")
    assert shape(anonymous, bearer("owner"))["evidence"] == {str(one): "documented" for one in Capability}
    page = sign_in("technician").get(f"/servers/{seed.servers['web01']}").text
    assert (
        "<span>from documents alone: bios, bmc, boot, chassis, console oem, console screen, console serial, event log"
        in page
    )
    assert "from documents alone" not in sign_in("owner").get(f"/servers/{seed.servers['web01']}").text
