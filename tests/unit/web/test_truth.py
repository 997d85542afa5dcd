"""What the pages and the API say of jobs and actions is so: what waits, what can be cancelled, what was sent."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from oobctl import clock, control
from oobctl.constants import JobState, Lifecycle, PowerState
from oobctl.errors import BmcUnreachable
from oobctl.jobs import recovery
from oobctl.store import Job, JobStep, Server, database
from tests.unit.web.conftest import SignIn
from tests.unit.web.seed import Seed, begin, end

Bearer = Callable[[str], dict[str, str]]


def queued_for(job_id: str, seconds: float) -> None:
    with database().write() as session:
        session.get_one(Job, job_id).created_at = clock.now() - timedelta(seconds=seconds)


def told(client: FlaskClient, bearer: Bearer, path: str) -> dict[str, object]:
    found: dict[str, object] = client.get(f"/api/v1{path}", headers=bearer("owner")).get_json()
    return found


# --- what a job waits for ----------------------------------------------------------------------------------------


def test_a_queued_job_that_no_worker_takes_says_so_and_that_none_is_alive(
    anonymous: FlaskClient, bearer: Bearer, sign_in: SignIn, seed: Seed
) -> None:
    job = control.submit(seed.actors["owner"], "power.cycle", "db01").id
    assert told(anonymous, bearer, f"/jobs/{job}")["waits_for"] is None
    queued_for(job, 12.4)
    words = "for a worker: none is running for the site main. No worker has taken it for "
    assert str(told(anonymous, bearer, f"/jobs/{job}")["waits_for"]) == f"{words}12 s"
    client = sign_in("owner")
    assert f"Waiting {words}" in client.get(f"/jobs/{job}").text
    assert f"Waiting {words}" in client.get(f"/servers/{seed.servers['db01']}").text


def test_a_queued_job_that_no_worker_takes_says_that_all_are_busy(
    anonymous: FlaskClient, bearer: Bearer, seed: Seed
) -> None:
    job = control.submit(seed.actors["owner"], "power.cycle", "db01")
    recovery.beat("worker-1", "worker", job.site_id, first=True)
    recovery.beat("worker-1", "worker", job.site_id)
    queued_for(job.id, 12)
    assert "all of the site main (1) are busy" in str(told(anonymous, bearer, f"/jobs/{job.id}")["waits_for"])


def test_a_job_that_is_due_and_waits_for_its_server_says_so(anonymous: FlaskClient, bearer: Bearer, seed: Seed) -> None:
    job = control.submit(seed.actors["owner"], "power.on", "web01", not_before=clock.now() + timedelta(hours=1)).id
    assert told(anonymous, bearer, f"/jobs/{job}")["waits_for"] is None
    with database().write() as session:
        row = session.get_one(Job, job)
        row.created_at = row.not_before = clock.now() - timedelta(seconds=30)
    words = "for web01: another job has it. This one has been due for 30 s"
    assert told(anonymous, bearer, f"/jobs/{job}")["waits_for"] == words


def test_a_scheduled_job_stands_on_its_servers_page_whatever_came_after_it(
    anonymous: FlaskClient, bearer: Bearer, sign_in: SignIn, seed: Seed
) -> None:
    owner = seed.actors["owner"]
    later = control.submit(owner, "power.cycle", "db01", not_before=clock.now() + timedelta(hours=1)).id
    control.cancel(owner, control.submit(owner, "power.on", "db01").id)
    shown = told(anonymous, bearer, "/servers/db01")["scheduled_jobs"]
    assert isinstance(shown, list)
    assert [head["id"] for head in shown] == [later]
    page = sign_in("owner").get(f"/servers/{seed.servers['db01']}").text
    assert "Power cycle is scheduled for" in page
    assert f"/jobs/{later}" in page


# --- what can be cancelled ---------------------------------------------------------------------------------------


def test_a_cancel_is_offered_until_the_point_of_no_return_and_no_longer(
    anonymous: FlaskClient, bearer: Bearer, sign_in: SignIn, seed: Seed
) -> None:
    job = control.submit(seed.actors["owner"], "power.cycle", "db01").id
    begin(job, done=1, details=["The right server"], seconds=[0.3], ago=3)
    client, server = sign_in("owner"), seed.servers["db01"]
    assert told(anonymous, bearer, f"/jobs/{job}")["cancellable"] is True
    assert "Cancel this job" in client.get(f"/jobs/{job}").text
    assert "See or cancel this job" in client.get(f"/servers/{server}").text
    with database().write() as session:
        session.execute(
            update(JobStep).where(JobStep.job_id == job, JobStep.position == 2).values(started_at=clock.now())
        )
    assert told(anonymous, bearer, f"/jobs/{job}")["cancellable"] is False
    assert "Cancel this job" not in client.get(f"/jobs/{job}").text
    assert 'id="cancel" hidden hx-swap-oob="true"' in client.get(f"/jobs/{job}/live").text
    assert "See or cancel this job" not in client.get(f"/servers/{server}").text
    refused = anonymous.post(f"/api/v1/jobs/{job}/cancel", headers=bearer("owner"))
    assert refused.status_code == 409


def test_an_open_page_of_a_server_that_came_on_offers_its_actions_again(sign_in: SignIn, seed: Seed) -> None:
    client, live = sign_in("owner"), f"/servers/{seed.servers['build01']}/live"
    assert f"{live}?off=1" in client.get(f"/servers/{seed.servers['build01']}").text
    assert "HX-Retarget" not in client.get(f"{live}?off=1").headers
    with database().write() as session:
        session.get_one(Server, seed.servers["build01"]).power_state = PowerState.ON
    assert client.get(f"{live}?off=1").headers["HX-Retarget"] == "#main"
    assert "HX-Retarget" not in client.get(live).headers


# --- what was sent -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reader", ["owner", "technician"])
@pytest.mark.parametrize(
    ("sent", "message", "said"),
    [
        (False, "Nothing answers at the BMC.", 1),
        (False, "The BMC was away. Nothing was sent.", 1),
        (True, "The BMC fell silent.", 0),
    ],
)
def test_a_failed_job_says_once_that_nothing_was_sent_where_that_is_so(
    anonymous: FlaskClient,
    bearer: Bearer,
    sign_in: SignIn,
    seed: Seed,
    reader: str,
    sent: bool,
    message: str,
    said: int,
) -> None:
    job = control.submit(seed.actors["owner"], "power.shutdown", "db01").id
    begin(job, done=2, details=["The right server", "Read: On"], seconds=[0.3, 0.1], ago=3)
    if sent:
        with database().write() as session:
            session.execute(
                update(JobStep).where(JobStep.job_id == job, JobStep.position == 2).values(sent_at=clock.now())
            )
    end(seed, job, JobState.FAILED, error=BmcUnreachable(message))
    error = told(anonymous, bearer, f"/jobs/{job}")["error"]
    assert isinstance(error, dict)
    assert error["sent"] is sent
    client = sign_in(reader)
    for page in (f"/jobs/{job}", f"/servers/{seed.servers['db01']}"):
        trouble = client.get(page).text.partition('<div class="trouble">')[2].partition("</div>")[0]
        assert "Code to quote" in trouble
        assert trouble.count("othing was sent") == said, page


# --- what is offered ---------------------------------------------------------------------------------------------


def test_while_a_job_has_the_server_nobody_is_told_to_switch_it_on(
    anonymous: FlaskClient, bearer: Bearer, sign_in: SignIn, seed: Seed
) -> None:
    with database().write() as session:  # as in the dwell of the cycle that runs
        off = update(Server).where(Server.id == seed.servers["web01"])
        session.execute(off.values(power_state=PowerState.OFF, power_read_at=clock.now(), silent_since=None))
    offers = told(anonymous, bearer, "/servers/web01")["actions"]
    assert [offer["nothing_to_do"] for offer in offers if offer["nothing_to_do"]] == []  # type: ignore
    assert "nothing to" not in str(offers)
    client, path = sign_in("owner"), f"/servers/{seed.servers['web01']}"
    assert "so there is nothing to" not in client.get(path).text
    page = client.get(f"{path}/actions/power.cycle").text
    token = page.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]
    refused = client.post(f"{path}/actions/power.cycle", data={"csrf_token": token})
    assert refused.status_code == 409
    assert "Nothing was sent" in refused.text
    assert "so there is nothing to" not in refused.text


@pytest.mark.parametrize(
    ("action", "verb"),
    [("power.cycle", "cycle"), ("power.reset", "reset"), ("power.nmi", "interrupt"), ("power.shutdown", "shut down")],
)
def test_what_a_server_that_is_off_cannot_do_is_not_offered_and_says_why(
    anonymous: FlaskClient, bearer: Bearer, sign_in: SignIn, seed: Seed, action: str, verb: str
) -> None:
    why = f"build01 is off, so there is nothing to {verb}. Use Power on to start it."
    offers = {offer["name"]: offer for offer in told(anonymous, bearer, "/servers/build01")["actions"]}  # type: ignore
    assert (offers[action]["consequence"], offers[action]["nothing_to_do"]) == (why, why)
    assert offers["power.on"]["nothing_to_do"] is None
    client, path = sign_in("owner"), f"/servers/{seed.servers['build01']}"
    assert why in client.get(path).text
    assert f'action="{path}/actions/{action}"' not in client.get(path).text
    assert f'action="{path}/actions/power.on"' in client.get(path).text
    assert why in client.get(f"{path}/actions/{action}").text
    assert "<button" not in client.get(f"{path}/actions/{action}").text.split("<main", 1)[1].split("</main>")[0]
    taken = anonymous.post(f"/api/v1/servers/build01/actions/{action}", headers=bearer("owner"))
    assert taken.status_code == 202, "the job decides, by reading"


@pytest.mark.parametrize(
    "columns",
    [
        {"silent_since": clock.now()},
        {"power_read_at": clock.now() - timedelta(hours=2)},
        {"power_state": PowerState.ON},
        {"power_state": PowerState.UNKNOWN, "lifecycle": Lifecycle.ASSIGNED},
    ],
)
def test_a_server_that_may_run_is_offered_what_running_servers_are(
    sign_in: SignIn, seed: Seed, columns: dict[str, object]
) -> None:
    with database().write() as session:
        session.execute(update(Server).where(Server.id == seed.servers["build01"]).values(**columns))
    path = f"/servers/{seed.servers['build01']}"
    assert f'action="{path}/actions/power.cycle"' in sign_in("owner").get(path).text
