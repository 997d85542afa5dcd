"""What the pages say of a job: its readings with their times, and who asked for it."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from oobctl.store import Job, Server, database
from tests.unit.web.conftest import SignIn
from tests.unit.web.seed import Seed
from web import views, words


def test_each_reading_back_is_shown_with_its_time(seed: Seed) -> None:
    with database().read() as session:
        shape = views.job(session.get_one(Job, seed.jobs["proven"]), staff=False)
    shown = {label: [text for text, _ in found] for label, found in words.readings(shape)}
    assert shown == {"before": ["On"], "read back": ["Off", "On"]}
    assert all(at for _, found in words.readings(shape) for _, at in found)


def test_settings_that_were_read_are_said_in_words(seed: Seed) -> None:
    with database().read() as session:
        shape = views.job(session.get_one(Job, seed.jobs["proven"]), staff=False)
    before = {"bios": {"Cores": 31, "Turbo": True}, "bios_pending": {"Cores": 32}, "read_at": "2026-03-01T12:00:00Z"}
    [(_label, [(text, _at)])] = words.readings(shape.model_copy(update={"evidence": {"before": before}}))
    assert text == "BIOS Cores 31, Turbo yes, pending for the next boot Cores 32"


def test_the_api_shows_the_readings_as_they_are(
    anonymous: FlaskClient, bearer: Callable[[str], dict[str, str]], seed: Seed
) -> None:
    job = anonymous.get(f"/api/v1/jobs/{seed.jobs['proven']}", headers=bearer("owner")).get_json()
    assert [reading["PowerState"] for reading in job["evidence"]["read_back"]] == ["Off", "On"]


def test_what_a_token_did_for_a_user_says_so(
    anonymous: FlaskClient, bearer: Callable[[str], dict[str, str]], sign_in: SignIn
) -> None:
    job = anonymous.post("/api/v1/servers/db01/actions/power.on", headers=bearer("owner")).get_json()
    assert (job["requested_by"], job["requested_by_kind"]) == ("owner", "token")
    client = sign_in("owner")
    for page in (f"/jobs/{job['id']}", "/jobs", "/audit"):
        assert "owner (token owner-token)" in client.get(page).text, page


@pytest.mark.parametrize(
    ("code", "staff", "customers"),
    [
        ("bmc_timeout", "BMC silent", "BMC silent"),
        ("bmc_auth_failed", "BMC refuses our password", "BMC does not let us in"),
        ("bmc_bad_answer", "BMC answers wrongly", "BMC answers wrongly"),
        ("configuration_error", "BMC cannot be asked", "BMC cannot be asked"),
    ],
)
def test_how_a_bmc_gives_no_readings_is_said_in_its_own_words(
    sign_in: SignIn, seed: Seed, code: str, staff: str, customers: str
) -> None:
    with database().write() as session:
        session.get_one(Server, seed.servers["app01"]).silent_code = code
    pages = ("/servers", f"/servers/{seed.servers['app01']}", f"/servers/{seed.servers['app01']}/hardware/health")
    for name, said in (("technician", staff), ("owner", customers)):
        client = sign_in(name)
        assert [said in client.get(page).text for page in pages] == [True, True, True]
    assert staff in sign_in("technician").get("/fleet").text
