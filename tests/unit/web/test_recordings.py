"""Recordings over the API, and their pages: who is told of which, and where a page may connect to."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from oobctl.consoles.recording import kept
from oobctl.consoles.recording.kept import Closed, Subject
from oobctl.consoles.recording.policy import rules_of
from oobctl.constants import ConsoleKind, RecordConsoles, RecordingPurpose, SerialLog
from oobctl.jobs import recovery
from oobctl.store import Recording, Server, database
from tests.unit.web.conftest import SignIn, csrf_token
from tests.unit.web.seed import Seed

Bearer = Callable[[str], dict[str, str]]
GATEWAY = "wss://console.example.net:8100/recording"


@pytest.fixture
def recording(seed: Seed) -> str:
    """One of web01's screen, in its tenant's time; its site has a gateway."""
    server = seed.servers["web01"]
    with database().read() as session:
        site_id = session.get_one(Server, server).site_id
    recovery.beat("gateway-1", "gateway", site_id, first=True, url="https://console.example.net:8100")
    account = rules_of([server])[server].account_id
    begun = kept.begin(Subject(server, "web01", account, ConsoleKind.GRAPHICAL), "gateway-1")
    assert begun is not None
    recording_id, writer = begun
    kept.close(Closed(recording_id, "Over.", writer.close(0), writer.size, ()))
    return recording_id


def test_a_recording_is_listed_and_watched_by_who_may_and_unknown_to_others(
    recording: str, seed: Seed, anonymous: FlaskClient, bearer: Bearer
) -> None:
    path = f"/api/v1/servers/{seed.servers['web01']}/recordings"
    (found,) = anonymous.get(path, headers=bearer("owner")).get_json()["items"]
    assert (found["id"], found["kind"], found["whole"], len(found["sha256"])) == (recording, "graphical", True, 64)
    assert anonymous.get(path, headers=bearer("viewer")).status_code == 403
    assert anonymous.get(f"{path}?after=x", headers=bearer("owner")).get_json()["field"] == "after"
    answer = anonymous.post(f"/api/v1/recordings/{recording}/key", headers=bearer("owner"))
    assert (answer.status_code, answer.get_json()["websocket"]) == (201, GATEWAY)
    assert answer.headers["Cache-Control"] == "no-store"
    for verb, where in (("get", ""), ("post", "/key")):
        stranger = getattr(anonymous, verb)(f"/api/v1/recordings/{recording}{where}", headers=bearer("stranger"))
        assert stranger.status_code == 404


def test_its_pages_may_connect_to_the_gateway_alone(recording: str, seed: Seed, sign_in: SignIn) -> None:
    client = sign_in("owner")
    for page in (f"/servers/{seed.servers['web01']}/recordings", f"/recordings/{recording}"):
        answer = client.get(page)
        assert answer.status_code == 200
        policy = answer.headers["Content-Security-Policy"]
        assert f"connect-src 'self' {GATEWAY};" in policy
        assert "unsafe" not in policy


def test_the_page_of_a_failed_job_leads_to_what_its_serial_line_said(
    recording: str, seed: Seed, sign_in: SignIn
) -> None:
    client = sign_in("owner")
    job, server = seed.jobs["failed"], seed.servers["app01"]
    assert "What its serial line said" not in client.get(f"/jobs/{job}").text
    with database().write() as session:
        session.get_one(Server, server).serial_log = SerialLog.ALWAYS
    assert "What its serial line said" in client.get(f"/jobs/{job}").text
    assert "Nothing is kept of it" in client.get(f"/jobs/{job}/serial").text


def test_the_serial_log_is_chosen_by_who_may_be_at_the_console(
    seed: Seed, anonymous: FlaskClient, bearer: Bearer, sign_in: SignIn
) -> None:
    path = f"/api/v1/servers/{seed.servers['web01']}/serial-log"
    assert anonymous.put(path, json={"when": "always"}, headers=bearer("viewer")).status_code == 403
    assert anonymous.put(path, json={"when": "sometimes"}, headers=bearer("owner")).get_json()["field"] == "when"
    assert anonymous.put(path, json={"when": "always"}, headers=bearer("owner")).status_code == 204
    client = sign_in("owner")
    assert client.put(path, json={"when": "off"}).status_code == 400  # no CSRF token
    assert client.put(path, json={"when": "off"}, headers={"X-CSRFToken": csrf_token(client)}).status_code == 204


def test_whose_consoles_are_recorded_is_for_administrators(seed: Seed, anonymous: FlaskClient, bearer: Bearer) -> None:
    path = f"/api/v1/servers/{seed.servers['web01']}/record-consoles"
    assert anonymous.put(path, json={"record": "on"}, headers=bearer("owner")).status_code == 403
    assert anonymous.put(path, json={"record": "on"}, headers=bearer("admin")).status_code == 204
    with database().read() as session:
        assert session.get_one(Server, seed.servers["web01"]).record_consoles is RecordConsoles.ON


def test_the_page_lets_administrators_alone_say_who_is_recorded(seed: Seed, sign_in: SignIn) -> None:
    path = f"/servers/{seed.servers['web01']}/recordings"
    with database().write() as session:
        session.get_one(Server, seed.servers["web01"]).record_consoles = RecordConsoles.STAFF
    page = sign_in("admin").get(path).text
    assert '<option value="staff" selected>while staff are there</option>' in page
    for who in ("owner", "technician"):
        assert "Record them" not in sign_in(who).get(path).text


def test_what_was_kept_of_a_jobs_server_stands_with_the_job(recording: str, seed: Seed, sign_in: SignIn) -> None:
    job = seed.jobs["failed"]
    with database().write() as session:
        row = session.get_one(Recording, recording)
        row.job_id, row.purpose = job, RecordingPurpose.PICTURE
    answer = sign_in("owner").get(f"/recordings/{recording}")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/jobs/{job}")
