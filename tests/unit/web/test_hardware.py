"""The hardware pages: what was read with its age, what a BMC lacks, who sees what, and BIOS settings under review."""

import re
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from oobctl import clock
from oobctl.constants import Capability, Health, JobState
from oobctl.drivers.readings import HealthReport
from oobctl.errors import BmcUnreachable
from oobctl.store import AuditRecord, BiosBaseline, Job, Server, database
from tests.unit.readings import samples
from tests.unit.web.conftest import SignIn, csrf_token
from tests.unit.web.seed import Seed, end, read
from tests.unit.web.test_readings import Bearer, get
from web import bios_form
from web.hardware import PAGES
from web.shapes.readings import AttributeShape

STAFFS = ("How far it is open", "Its own users", "What the profile was tried on")


def page(client: FlaskClient, seed: Seed, name: str, server: str = "web01", **query: str) -> str:
    answer = client.get(f"/servers/{seed.servers[server]}/hardware/{name}", query_string=query)
    assert answer.status_code == 200, answer.text
    return answer.text


def post(client: FlaskClient, seed: Seed, path: str, **form: str):  # type: ignore[no-untyped-def]
    address = f"/servers/{seed.servers['web01']}/hardware/{path}"
    return client.post(address, data={**form, "csrf_token": csrf_token(client)})


@pytest.mark.parametrize("name", list(PAGES))
@pytest.mark.parametrize("reader", ["owner", "viewer", "technician"])
def test_every_page_shows_what_was_read_and_when(sign_in: SignIn, seed: Seed, name: str, reader: str) -> None:
    text = page(sign_in(reader), seed, name)
    assert re.search(r"Read <time [^>]*>\d+ (s|min) ago</time>\.", text)
    assert f'aria-current="page">{PAGES[name].title}' in text


@pytest.mark.parametrize("name", list(PAGES))
def test_what_was_never_read_says_so_and_is_no_error(sign_in: SignIn, seed: Seed, name: str) -> None:
    assert "Not read yet" in page(sign_in("owner"), seed, name, "build01")


def test_the_bmcs_users_and_exposure_are_for_staff(sign_in: SignIn, seed: Seed) -> None:
    for_staff, for_others = page(sign_in("technician"), seed, "bmc"), page(sign_in("owner"), seed, "bmc")
    for words in STAFFS:
        assert words in for_staff
        assert words not in for_others


def test_an_unknown_user_of_the_bmc_shows_and_an_administrator_can_say_that_it_is_right(
    sign_in: SignIn, seed: Seed
) -> None:
    read(seed, "web01", Capability.SECURITY, samples.open_to(), age=10)
    read(seed, "web01", Capability.SECURITY, samples.open_to("backdoor"), age=5)
    assert "backdoor" not in page(sign_in("owner"), seed, "bmc")
    for_technician = page(sign_in("technician"), seed, "bmc")
    assert "Users that nobody here knows" in for_technician
    assert "This user is right" not in for_technician
    client = sign_in("admin")
    assert "unknown_users is backdoor (Administrator)" in client.get(f"/servers/{seed.servers['web01']}").text
    assert post(client, seed, "bmc/known-users", name="nobody").status_code == 422
    assert post(client, seed, "bmc/known-users", name="backdoor").status_code == 303
    assert "Users that nobody here knows" not in page(client, seed, "bmc")
    assert "This user is not right" in page(client, seed, "bmc")
    assert "This user is not right" not in page(sign_in("technician"), seed, "bmc")
    assert post(client, seed, "bmc/doubted-users", name="nobody").status_code == 422
    assert post(client, seed, "bmc/doubted-users", name="backdoor").status_code == 303
    assert "Users that nobody here knows" in page(client, seed, "bmc")


def test_a_bmc_s_user_is_acknowledged_and_doubted_over_the_api(
    anonymous: FlaskClient, bearer: Bearer, seed: Seed
) -> None:
    read(seed, "web01", Capability.SECURITY, samples.open_to(), age=10)
    read(seed, "web01", Capability.SECURITY, samples.open_to("back/door"), age=5)
    users, admin = "/api/v1/servers/web01/known-users", bearer("admin")
    assert anonymous.post(users, json={"name": "back/door"}, headers=admin).status_code == 204
    assert get(anonymous, "/servers/web01/security", admin)["known_users"] == [
        {"name": "back/door", "role": "Administrator"}
    ]
    assert anonymous.delete(f"{users}/back%2Fdoor", headers=bearer("technician")).status_code == 403
    assert anonymous.delete(f"{users}/back%2Fdoor", headers=admin).status_code == 204
    found = get(anonymous, "/servers/web01/security", admin)
    assert ([user["name"] for user in found["unknown_users"]], found["known_users"]) == (["back/door"], [])


def test_another_tenants_server_and_an_unknown_page_are_not_found(sign_in: SignIn, seed: Seed) -> None:
    stranger = sign_in("stranger")
    assert stranger.get(f"/servers/{seed.servers['web01']}/hardware/health").status_code == 404
    assert sign_in("owner").get(f"/servers/{seed.servers['web01']}/hardware/engine").status_code == 404


def test_a_reading_that_could_not_be_renewed_stays_with_its_age_and_the_reason(sign_in: SignIn, seed: Seed) -> None:
    read(seed, "web01", Capability.SENSORS, BmcUnreachable("Nothing answers at 192.0.2.9."), age=0)
    text = page(sign_in("owner"), seed, "health")
    assert "It could not be read anew" in text
    assert "bmc_unreachable" in text
    assert "192.0.2.9" not in text


def test_a_silent_bmc_is_said_with_why_on_each_page(sign_in: SignIn, seed: Seed) -> None:
    with database().write() as session:
        row = session.get_one(Server, seed.servers["web01"])
        row.silent_since, row.silent_because, row.silent_code = clock.now(), "It gave no answer.", "bmc_timeout"
    client = sign_in("owner")
    for name in PAGES:
        text = client.get(f"/servers/{seed.servers['web01']}/hardware/{name}").text
        assert ("BMC silent:</b> it gives no readings since" in text, "It gave no answer." in text) == (True, True), (
            name
        )


@pytest.mark.parametrize("shown", ["over-time?span=hour", "event-log?log=SEL"])
def test_read_now_goes_back_to_what_was_looked_at(sign_in: SignIn, seed: Seed, shown: str) -> None:
    client, name, asked = sign_in("owner"), *shown.split("?")
    action = f"/servers/{seed.servers['web01']}/hardware/{name}/read?{asked}"
    assert f'action="{action}"' in client.get(f"/servers/{seed.servers['web01']}/hardware/{shown}").text
    assert post(client, seed, f"{name}/read?{asked}").location.endswith(f"/hardware/{shown}")


def test_read_now_asks_for_what_the_page_shows_and_says_that_it_is_under_way(sign_in: SignIn, seed: Seed) -> None:
    client = sign_in("owner")
    assert post(client, seed, "bmc/read").status_code == 303
    with database().read() as session:
        job = session.scalars(select(Job).where(Job.action == "server.inspect").order_by(Job.id.desc())).first()
    assert job is not None
    assert job.parameters == {"capabilities": ["virtual_media"]}  # the rest of the page is for staff
    assert "Being read from the BMC now" in page(client, seed, "bmc")
    assert post(client, seed, "bmc/read").status_code == 303  # again: it is being read


def test_only_what_was_changed_is_reviewed_and_nothing_is_asked_for_yet(sign_in: SignIn, seed: Seed) -> None:
    client = sign_in("owner")
    text = post(
        client, seed, "bios/review", **{"bios.Cores": "32", "bios.BootMode": "Bios", "bios.NoSuchThing": "x"}
    ).text
    assert "Set 1 setting of web01" in text
    assert 'name="bios.Cores" value="32"' in text
    assert 'name="bios.BootMode"' not in text  # it is pending already
    assert "no attribute &#39;NoSuchThing&#39;" in text
    assert 'name="bios.NoSuchThing"' not in text
    with database().read() as session:
        assert session.scalar(select(Job.id).where(Job.action == "bios.set")) is None


def test_a_form_that_changes_nothing_says_so(sign_in: SignIn, seed: Seed) -> None:
    assert "Nothing is to be changed" in post(sign_in("owner"), seed, "bios/review", **{"bios.Cores": "16"}).text


def test_reviewed_changes_become_a_job_with_their_types(sign_in: SignIn, seed: Seed) -> None:
    end(seed, seed.jobs["running"], JobState.FAILED, error=BmcUnreachable("Nothing answers."))
    answer = post(sign_in("owner"), seed, "bios/set", **{"bios.Cores": "32", "apply": "now", "key": "k1"})
    assert answer.status_code == 303, answer.text.partition('role="alert"')[2][:400]
    with database().read() as session:
        job = session.scalars(select(Job).where(Job.action == "bios.set")).one()
    assert job.parameters == {"values": {"Cores": 32}, "apply": "now"}


def test_a_wrong_value_is_said_beside_what_was_typed(sign_in: SignIn, seed: Seed) -> None:
    answer = post(sign_in("owner"), seed, "bios/set", **{"bios.BootMode": "Purple"})
    assert answer.status_code == 422
    assert "BootMode takes one of" in answer.text
    assert 'value="Purple"' in answer.text


def test_a_value_out_of_range_is_said_at_its_field_when_it_is_reviewed(sign_in: SignIn, seed: Seed) -> None:
    answer = post(sign_in("owner"), seed, "bios/review", **{"bios.Cores": "77777"})
    assert answer.status_code == 422
    assert "Cores takes a whole number from 1 to 64." in answer.text
    assert re.search(r'<input id="[^"]*" name="bios.Cores" value="77777"', answer.text)
    assert "Set 1 setting" not in answer.text


@pytest.mark.parametrize(
    ("name", "said"),
    [("NoSuchThing", "no attribute &#39;NoSuchThing&#39;"), ("AdminPassword", "AdminPassword is not for you to set")],
)
def test_what_is_posted_and_is_no_setting_is_refused_by_its_name(
    sign_in: SignIn, seed: Seed, name: str, said: str
) -> None:
    answer = post(sign_in("owner"), seed, "bios/set", **{f"bios.{name}": "hunter2"})
    assert answer.status_code == 422
    assert said in answer.text
    assert "Dictionary" not in answer.text


def test_a_password_that_is_posted_as_a_setting_is_in_no_record(sign_in: SignIn, seed: Seed) -> None:
    assert post(sign_in("owner"), seed, "bios/set", **{"bios.AdminPassword": "hunter2"}).status_code == 422
    with database().read() as session:
        records = session.execute(select(AuditRecord.parameters, AuditRecord.reason)).all()
    assert "hunter2" not in repr(records)


def test_a_pending_value_is_shown_as_pending_and_never_as_what_holds_now(sign_in: SignIn, seed: Seed) -> None:
    pending = replace(samples.BIOS, values={"Cores": 30}, pending={"Cores": 31})
    read(seed, "web01", Capability.BIOS, pending, age=5)
    client = sign_in("owner")
    assert "Now 30; 31 is pending for the next boot." in page(client, seed, "bios")
    text = post(client, seed, "bios/review", **{"bios.Cores": "55"}).text
    cells = dict(re.findall(r'<td data-label="(Now|Pending|Then)"><(?:del|ins)>([^<]*)<', text))
    assert cells == {"Now": "30", "Pending": "31", "Then": "55"}


def test_who_may_not_set_the_bios_sees_values_and_no_form(sign_in: SignIn, seed: Seed) -> None:
    text = page(sign_in("viewer"), seed, "bios")
    assert "BootMode" in text
    assert 'name="bios.BootMode"' not in text
    assert post(sign_in("viewer"), seed, "bios/set", **{"bios.BootMode": "Bios"}).status_code == 403


def test_settings_are_saved_and_compared(sign_in: SignIn, seed: Seed) -> None:
    client = sign_in("owner")
    assert post(client, seed, "bios/baselines", name="as delivered").status_code == 303
    assert "all settings are as they were saved" in page(client, seed, "bios", baseline="as delivered")
    with database().write() as session:
        row = session.scalars(select(BiosBaseline)).one()
        row.values = {**row.values, "BootMode": "Bios"}
    text = page(client, seed, "bios", baseline="as delivered")
    assert "<del>Bios</del>" in text
    assert "<ins>Uefi</ins>" in text
    taken = post(client, seed, "bios/baselines", name="as delivered")
    assert taken.status_code == 409


def test_a_search_shows_what_it_finds_and_says_where_it_finds_nothing(sign_in: SignIn, seed: Seed) -> None:
    client = sign_in("owner")
    assert 'name="bios.BootMode"' in page(client, seed, "bios", q="bootm")
    assert "No setting has" in page(client, seed, "bios", q="zzzz")


def test_what_the_bmc_has_no_way_to_is_shown_with_the_reason_and_has_no_form(sign_in: SignIn, seed: Seed) -> None:
    client, server = sign_in("owner"), seed.servers["db01"]
    text = client.get(f"/servers/{server}").text
    off = re.search(
        r'<p class="action-off" aria-disabled="true">Eject virtual media<span class="why">(.*?)</span>', text
    )
    assert off is not None
    assert "has no way to virtual media: it is reached over IPMI alone" in off[1]
    assert 'id="action-media-eject"' not in text
    assert 'id="action-boot-set"' in text
    form = {"csrf_token": csrf_token(client)}
    answer = client.post(f"/servers/{server}/actions/media.eject", data=form)
    assert answer.status_code == 409
    assert "it is reached over IPMI alone" in answer.text
    with database().read() as session:
        assert session.scalar(select(Job.id).where(Job.action == "media.eject")) is None


def test_the_api_offers_and_refuses_it_with_the_reason(anonymous: FlaskClient, bearer: Bearer, seed: Seed) -> None:
    shape = anonymous.get("/api/v1/servers/db01", headers=bearer("owner")).get_json()
    assert "bios" not in shape["capabilities"]
    offer = next(one for one in shape["actions"] if one["name"] == "bios.reset")
    assert (offer["allowed"], "needs Redfish for it" in offer["reason"]) == (False, True)
    answer = anonymous.post("/api/v1/servers/db01/actions/bios.reset", json={}, headers=bearer("owner"))
    problem = answer.get_json()
    assert (answer.status_code, problem["code"], problem["retryable"]) == (409, "not_supported", False)
    assert problem["detail"] == offer["reason"]


def test_menus_are_called_as_the_setup_calls_them_with_the_registrys_word_beside_it() -> None:
    named = AttributeShape(
        name="A", value=1, pending=None, menu="./SysInfo/Mem_2",
        settable=True, not_settable_because=None, menu_names=["System Information", "Memory"],
    )  # fmt: skip
    plain = named.model_copy(update={"name": "B", "menu": "./Other", "menu_names": []})
    menus = bios_form.menus([named, plain], "")
    assert [(menu.title, menu.path) for menu in menus] == [
        ("System Information › Memory", "SysInfo › Mem_2"),
        ("Other", None),
    ]
    assert [menu.title for menu in bios_form.menus([named, plain], "system inf")] == ["System Information › Memory"]


def unwell(seed: Seed, name: str) -> None:
    """It was well until it was read half an hour ago."""
    for age, health in ((3600, Health.OK), (1800, Health.CRITICAL), (5, Health.CRITICAL)):
        read(seed, name, Capability.HEALTH, HealthReport(health, (), known=9, unknown=0), age=age)


def test_since_when_a_server_is_not_well_stands_on_its_pages_and_in_the_api(
    sign_in: SignIn, anonymous: FlaskClient, bearer: Bearer, seed: Seed
) -> None:
    unwell(seed, "build01")
    owner, path = sign_in("owner"), f"/servers/{seed.servers['build01']}"
    for shown in (path, f"{path}/hardware/health", "/servers"):
        assert re.search(r"Critical</\w+>( <span class=\"age\">)? ?since <time", owner.get(shown).text), shown
    assert (
        "since <time" in sign_in("technician").get("/fleet").text.partition("not well?")[2].partition("</section>")[0]
    )
    told = anonymous.get("/api/v1/servers/build01", headers=bearer("owner")).json
    [listed] = [
        one
        for one in anonymous.get("/api/v1/fleet", headers=bearer("technician")).json["unwell"]  # type: ignore[index]
        if one["server"] == "build01"
    ]
    assert told is not None
    assert told["health_since"] == listed["health_since"] < told["health_read_at"]


def test_a_health_whose_beginning_nobody_saw_has_none(sign_in: SignIn, seed: Seed) -> None:
    read(seed, "build01", Capability.HEALTH, HealthReport(Health.CRITICAL, (), known=9, unknown=0), age=5)
    text = sign_in("owner").get(f"/servers/{seed.servers['build01']}/hardware/health").text
    assert "Critical</span>" in text
    assert "since <time" not in text
