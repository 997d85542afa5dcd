"""What the API tells of readings: shapes and ages, who may see them, and nothing of a former tenant."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event

from oobctl import administer, clock, readings
from oobctl.access import SYSTEM
from oobctl.bios_values import BiosAttribute
from oobctl.clock import rfc3339
from oobctl.constants import READ_CAPABILITIES, Capability, Permission
from oobctl.drivers.readings import as_json
from oobctl.errors import BmcUnreachable
from oobctl.store import Reading, database
from tests.unit.readings import samples
from tests.unit.web.conftest import SignIn, csrf_token
from tests.unit.web.seed import Seed, read

Bearer = Callable[[str], dict[str, str]]
PATHS = {
    "sensors": "sensors", "health": "parts", "inventory": "parts", "bios": "attributes", "virtual-media": "slots",
    "power-metering": "meters", "users": "users", "security": "facts", "event-log": "items",
}  # fmt: skip
STAFFS = ("users", "security")


def get(client: FlaskClient, path: str, headers: dict[str, str], status: int = 200) -> Any:
    answer = client.get(f"/api/v1{path}", headers=headers)
    assert answer.status_code == status, answer.text
    return answer.get_json()


@pytest.mark.parametrize("path", PATHS)
def test_a_reading_tells_what_was_read_and_how_old_it_is(anonymous: FlaskClient, bearer: Bearer, path: str) -> None:
    found = get(anonymous, f"/servers/web01/{path}", bearer("technician"))
    assert set(found) >= {"read_at", "age_seconds", "tried_at", "problem", "problems", PATHS[path]}
    if path == "power-metering":
        assert (found["read_at"], found["age_seconds"], found["meters"]) == (None, None, None)
        assert found["problem"] == {
            "code": "not_supported", "message": "This BMC does not measure what the server draws.",
        }  # fmt: skip
    else:
        assert 19 < found["age_seconds"] < 600
        assert found["read_at"] == found["tried_at"]
        assert found["problem"] is None
        assert found[PATHS[path]]


@pytest.mark.parametrize("path", PATHS)
def test_what_was_never_read_is_null_and_no_error(anonymous: FlaskClient, bearer: Bearer, path: str) -> None:
    found = get(anonymous, "/servers/build01/" + path, bearer("technician"))
    assert (found["read_at"], found["age_seconds"], found["tried_at"], found["problem"]) == (None,) * 4
    assert found[PATHS[path]] == ([] if path == "event-log" else None)


@pytest.mark.parametrize("path", PATHS)
def test_readings_are_for_those_who_may_look_and_the_bmcs_users_for_staff(
    anonymous: FlaskClient, bearer: Bearer, path: str
) -> None:
    for name in ("owner", "operator", "viewer"):
        found = get(anonymous, f"/servers/web01/{path}", bearer(name), 403 if path in STAFFS else 200)
        assert path not in STAFFS or "Only staff" in found["detail"]
    for name in ("technician", "admin", "auditor"):
        get(anonymous, f"/servers/web01/{path}", bearer(name))
    foreign, unknown = (
        get(anonymous, f"/servers/{name}/{path}", bearer("stranger"), 404) for name in ("web01", "zzz01")
    )
    assert foreign["detail"].replace("web01", "N") == unknown["detail"].replace("zzz01", "N")


def test_a_grant_for_power_shows_no_readings(anonymous: FlaskClient, bearer: Bearer) -> None:
    administer.add_grant(SYSTEM, "web01", "stranger", Permission.POWER, None)
    assert "permission view" in get(anonymous, "/servers/web01/sensors", bearer("stranger"), 403)["detail"]
    administer.add_grant(SYSTEM, "web01", "stranger", Permission.VIEW, None)
    assert get(anonymous, "/servers/web01/sensors", bearer("stranger"))["sensors"]


def test_the_api_tells_reports_as_the_drivers_made_them(anonymous: FlaskClient, bearer: Bearer) -> None:
    for path, member, report in (
        ("sensors", "sensors", samples.SENSORS.sensors),
        ("inventory", "parts", samples.INVENTORY.parts),
        ("health", "parts", samples.HEALTH.parts),
        ("users", "users", samples.USERS.users),
    ):
        assert get(anonymous, f"/servers/web01/{path}", bearer("technician"))[member] == as_json(report)
    assert get(anonymous, "/servers/web01/sensors", bearer("owner"))["problems"] == list(samples.SENSORS.problems)


@pytest.mark.parametrize("reader", ["owner", "technician"])
@pytest.mark.parametrize("as_kept_once", [False, True])
def test_of_an_inserted_image_everybody_is_told_the_files_name_alone(
    anonymous: FlaskClient, bearer: Bearer, sign_in: SignIn, seed: Seed, reader: str, as_kept_once: bool
) -> None:
    if as_kept_once:  # by a release that kept whole addresses
        with database().write() as session:
            row = session.get_one(Reading, (seed.servers["web01"], Capability.VIRTUAL_MEDIA))
            row.content = as_json(samples.MEDIA)
    answer = anonymous.get("/api/v1/servers/web01/virtual-media", headers=bearer(reader))
    assert answer.get_json()["slots"] == [{**as_json(samples.MEDIA.slots[0]), "image": "rescue.iso"}]
    page = sign_in(reader).get(f"/servers/{seed.servers['web01']}/hardware/bmc").text
    assert "rescue.iso" in page
    assert samples.IMAGE_KEY not in answer.text + page


def test_customers_are_told_versions_as_they_are(anonymous: FlaskClient, bearer: Bearer) -> None:
    assert get(anonymous, "/servers/web01/inventory", bearer("owner"))["parts"][0]["firmware"] == "1.2.3.4"


def test_why_a_try_failed_is_told_in_words_that_its_reader_can_use(
    anonymous: FlaskClient, bearer: Bearer, seed: Seed
) -> None:
    error = BmcUnreachable("Nothing answers at 127.0.9.1, UDP port 623. Check the BMC's network.")
    read(seed, "web01", Capability.SENSORS, error, age=5)
    found = get(anonymous, "/servers/web01/sensors", bearer("owner"))
    assert found["problem"]["code"] == "bmc_unreachable"
    assert "127.0.9.1" not in found["problem"]["message"]
    assert found["sensors"]
    assert found["age_seconds"] > 15
    assert datetime.fromisoformat(found["tried_at"]) > datetime.fromisoformat(found["read_at"])
    assert "127.0.9.1" in get(anonymous, "/servers/web01/sensors", bearer("admin"))["problem"]["message"]


def test_the_event_log_comes_in_pages_the_newest_first(anonymous: FlaskClient, bearer: Bearer) -> None:
    seen: list[str] = []
    after = ""
    for _ in range(5):
        page = get(anonymous, f"/servers/web01/event-log?limit=2{after}", bearer("owner"))
        seen += [item["entry_id"] for item in page["items"]]
        assert page["counts"] == {"SEL": {"Critical": 5}}
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert seen == ["5", "4", "3", "2", "1"]
    assert get(anonymous, "/servers/web01/event-log?log=Other", bearer("owner"))["items"] == []
    assert get(anonymous, "/servers/web01/event-log?after=nonsense", bearer("owner"), 422)["field"] == "after"


def test_an_entry_as_the_bmc_gave_it_is_for_staff(anonymous: FlaskClient, bearer: Bearer) -> None:
    raw = [get(anonymous, "/servers/web01/event-log", bearer(name))["items"][0]["raw"] for name in ("owner", "admin")]
    assert raw == [None, "SEL-5-Fan 2 failed"]


def test_a_cleared_log_is_told_with_since_when_it_is_gone(anonymous: FlaskClient, bearer: Bearer, seed: Seed) -> None:
    read(seed, "web01", Capability.EVENT_LOG, samples.log(whole=("SEL",)), age=1)
    page = get(anonymous, "/servers/web01/event-log", bearer("owner"))
    assert [item["gone_at"] is not None for item in page["items"]] == [True] * 5
    assert page["counts"] == {}


def test_bios_settings_come_with_what_the_registry_says_of_them(anonymous: FlaskClient, bearer: Bearer) -> None:
    found = get(anonymous, "/servers/web01/bios", bearer("owner"))
    by_name = {item["name"]: item for item in found["attributes"]}
    assert list(by_name) == ["BootMode", "Cores", "AdminPassword", "Unlisted"]
    mode = by_name["BootMode"]
    assert (mode["value"], mode["pending"], mode["type"]) == ("Uefi", "Bios", "Enumeration")
    assert mode["allowed"] == [
        {"value": "Uefi", "display_name": "UEFI"}, {"value": "Bios", "display_name": "Legacy"},
    ]  # fmt: skip
    assert (by_name["Cores"]["value"], by_name["Cores"]["upper"], by_name["Cores"]["pending"]) == (16, 64, None)
    assert (by_name["Unlisted"]["value"], by_name["Unlisted"]["type"]) == (True, None)
    assert (by_name["AdminPassword"]["type"], by_name["AdminPassword"]["value"]) == ("Password", None)


def test_security_says_what_each_fact_means_and_should_be(anonymous: FlaskClient, bearer: Bearer) -> None:
    found = get(anonymous, "/servers/web01/security", bearer("admin"))
    facts = {fact["name"]: fact for fact in found["facts"]}
    assert (facts["cipher_zero"]["value"], facts["cipher_zero"]["should"]) == (True, False)
    assert "without a password" in facts["cipher_zero"]["meaning"]
    assert (facts["host_interface"]["value"], facts["host_interface"]["should"]) == (None, None)
    assert found["drift"] == [{"fact": "cipher_zero", "is": True, "should": False}]


def test_a_servers_difference_in_security_is_shown_to_staff_alone(
    anonymous: FlaskClient, bearer: Bearer, sign_in: SignIn, seed: Seed
) -> None:
    told = {name: get(anonymous, "/servers/web01", bearer(name))["security_drift"] for name in ("owner", "admin")}
    assert told == {"owner": None, "admin": [{"fact": "cipher_zero", "is": True, "should": False}]}
    pages = {name: sign_in(name).get(f"/servers/{seed.servers['web01']}").text for name in ("owner", "admin")}
    assert "cipher_zero is yes (should be no): IPMI cipher suite 0 lets anybody in" in pages["admin"]
    assert "cipher_zero" not in pages["owner"]


# --- health in lists ---------------------------------------------------------------------------------------------


def test_lists_and_pages_show_the_health_with_its_age(
    anonymous: FlaskClient, bearer: Bearer, sign_in: SignIn, seed: Seed
) -> None:
    items = {item["name"]: item for item in get(anonymous, "/servers", bearer("owner"))["items"]}
    shown = {name: (item["health"], item["health_read_at"] is not None) for name, item in items.items()}
    unread = ("Unknown", False)
    assert shown == {
        "web01": ("Warning", True), "db01": ("OK", True), "app01": unread, "build01": unread, "mail01": unread,
    }  # fmt: skip
    assert 40 < items["db01"]["health_age_seconds"] < 600
    assert items["app01"]["health_age_seconds"] is None
    rows = sign_in("owner").get("/servers").text
    assert rows.count("Not read yet</span>") == 3
    assert '<span class="word bad">Warning</span> <span class="age">read <time' in rows
    page = sign_in("owner").get(f"/servers/{seed.servers['db01']}").text
    assert 'health <span class="word good">OK</span>, read <time' in page


def test_a_longer_list_needs_no_more_queries(anonymous: FlaskClient, bearer: Bearer) -> None:
    counts = []
    for limit in (1, 5):
        seen: list[str] = []

        def count(_connection: object, _cursor: object, statement: str, *_rest: object, seen: list[str] = seen) -> None:
            seen.append(statement)

        event.listen(database().engine, "before_cursor_execute", count)
        assert len(get(anonymous, f"/servers?limit={limit}", bearer("owner"))["items"]) == limit
        event.remove(database().engine, "before_cursor_execute", count)
        counts.append(len(seen))
    assert counts[0] == counts[1]


def test_a_server_can_do_what_its_profile_knows_over_the_protocols_that_it_is_reached_by(
    anonymous: FlaskClient, bearer: Bearer
) -> None:
    found = get(anonymous, "/servers/db01", bearer("owner"))
    assert found["capabilities"] == sorted(found["protocols"])
    assert set(found["protocols"].values()) == {"ipmi"}
    assert (found["protocols"]["power"], found["evidence"]["power"]) == ("ipmi", "simulated")
    assert "bios" not in found["capabilities"]  # IPMI has none, and this server has no other endpoint


# --- reading now -------------------------------------------------------------------------------------------------


def test_an_inspection_is_asked_for_by_whoever_may_look_and_one_at_a_time(
    anonymous: FlaskClient, bearer: Bearer, seed: Seed
) -> None:
    path = "/api/v1/servers/web01/actions/server.inspect"  # a power cycle has web01
    asked = anonymous.post(path, json={"capabilities": ["sensors"]}, headers=bearer("viewer"))
    assert (asked.status_code, asked.get_json()["action"]) == (202, "server.inspect")
    again = anonymous.post(path, headers=bearer("owner"))
    assert (again.status_code, again.get_json()["job"]) == (409, asked.get_json()["id"])
    shown = get(anonymous, "/servers/web01", bearer("owner"))
    assert shown["active_job"]["id"] == seed.jobs["running"]
    assert anonymous.post(path.replace("web01", "db01"), headers=bearer("owner")).status_code == 202
    acted = anonymous.post("/api/v1/servers/db01/actions/power.on", headers=bearer("owner"))
    assert acted.status_code == 202


@pytest.mark.parametrize(
    ("names", "by", "status"),
    [(["users"], "owner", 403), (["users"], "technician", 202), (["power"], "owner", 422), (["x"], "owner", 422),
     ("sensors", "owner", 422), (["sensors", "sensors"], "owner", 202)],
)  # fmt: skip
def test_what_can_be_inspected(anonymous: FlaskClient, bearer: Bearer, names: Any, by: str, status: int) -> None:
    path = "/api/v1/servers/db01/actions/server.inspect"
    assert anonymous.post(path, json={"capabilities": names}, headers=bearer(by)).status_code == status


def test_the_page_reads_one_thing_or_all_of_it_now(sign_in: SignIn, seed: Seed) -> None:
    client = sign_in("owner")
    page = client.get(f"/servers/{seed.servers['db01']}").text
    form = page[page.index('id="action-server-inspect"') :].split("</form>", 1)[0]
    assert ">All of it<" in form
    assert ">Sensors<" in form
    assert "users" not in form
    path = f"/servers/{seed.servers['db01']}/actions/server.inspect"
    answer = client.post(path, data={"capabilities": "sensors", "csrf_token": csrf_token(client)})
    assert answer.status_code == 303
    page = client.get(f"/servers/{seed.servers['db01']}").text
    assert 'sse-connect="/api/v1/jobs/' in page  # its steps show as they come
    assert "has db01 now" not in page  # and the actions stay


def test_every_capability_that_is_read_has_its_place_in_the_api() -> None:
    assert {path.replace("-", "_") for path in PATHS} == {str(name) for name in READ_CAPABILITIES}


# --- BIOS settings: who may set which ----------------------------------------------------------------------------


@pytest.fixture
def with_a_kept_one(seed: Seed) -> Seed:
    """web01 has a setting that customers may not set, one that is read-only, and one that it has not itself."""
    tpm = BiosAttribute("TpmState", "Enumeration", allowed=(("On", "On"), ("Off", "Off")))
    version = BiosAttribute("Version", "String", read_only=True)
    others = (tpm, version, BiosAttribute("Elsewhere", "Boolean"))
    values = {**samples.BIOS.values, "TpmState": "On", "Version": "1"}
    report = replace(samples.BIOS, values=values, attributes=(*samples.BIOS.attributes, *others))
    read(seed, "web01", Capability.BIOS, report, age=0)
    return seed


@pytest.mark.parametrize(
    ("reader", "settable"),
    [("owner", {"BootMode", "Cores"}), ("technician", {"BootMode", "Cores", "TpmState"}), ("viewer", set())],
)
def test_each_setting_says_whether_its_reader_may_set_it_or_why_not(
    anonymous: FlaskClient, bearer: Bearer, with_a_kept_one: Seed, reader: str, settable: set[str]
) -> None:
    found = get(anonymous, "/servers/web01/bios", bearer(reader))["attributes"]
    assert {one["name"] for one in found if one["settable"]} == settable
    assert all((one["not_settable_because"] is None) is one["settable"] for one in found)


def test_the_reason_is_the_doors_own(anonymous: FlaskClient, bearer: Bearer, with_a_kept_one: Seed) -> None:
    found = get(anonymous, "/servers/web01/bios", bearer("owner"))["attributes"]
    because = {one["name"]: one["not_settable_because"] for one in found}
    assert because["TpmState"] == "TpmState is not for you to set. Ask the provider."
    for name, value in {"TpmState": "Off", "Version": "2", "AdminPassword": "x"}.items():
        path, wanted = "/api/v1/servers/web01/actions/bios.set", {"values": {name: value}}
        answer = anonymous.post(path, json=wanted, headers=bearer("owner"))
        assert (answer.status_code, because[name] in answer.get_json()["detail"]) == (422, True)


def test_the_page_has_no_input_for_what_is_not_settable_and_says_why(sign_in: SignIn, with_a_kept_one: Seed) -> None:
    page = f"/servers/{with_a_kept_one.servers['web01']}/hardware/bios"
    customer, staff = sign_in("owner").get(page).text, sign_in("technician").get(page).text
    assert "TpmState is not for you to set" in customer
    assert 'name="bios.TpmState"' not in customer
    assert 'name="bios.Cores"' in customer
    assert 'name="bios.TpmState"' in staff
    assert "not for you to set" not in staff


def test_a_history_is_told_where_it_is_asked_for(anonymous: FlaskClient, bearer: Bearer) -> None:
    assert get(anonymous, "/servers/web01/sensors", bearer("owner"))["history"] is None
    begin = rfc3339(clock.now() - timedelta(hours=1))
    found = get(anonymous, f"/servers/web01/sensors?from={begin}&step=60", bearer("owner"))["history"]
    assert (found["from"], found["step"]) == (begin, 60)
    (fan,) = [line for line in found["series"] if line["name"] == "Fan 1"]
    assert (fan["units"], fan["reading_type"], fan["source"]) == ("RPM", "Rotational", None)
    assert fan["minimum"] == fan["average"] == fan["maximum"] == [4200.0] * len(found["times"])


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("to=2026-01-01T00:00:00Z", "from"),
        ("step=60", "from"),
        ("from=yesterday", "from"),
        ("from=0001-01-01T00:00:00%2B14:00", "from"),  # before the first moment that can be told in UTC
        ("from=2026-01-01T00:00:00Z&to=9999-12-31T23:59:59-14:00", "to"),
        ("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "from"),
        ("from=2026-01-01T00:00:00Z&step=59", "step"),
        ("from=1026-01-01T00:00:00Z&step=60", "step"),
        ("since=2026-01-01T00:00:00Z", "since"),
    ],
)
def test_a_history_of_no_time_is_refused_with_the_field(
    anonymous: FlaskClient, bearer: Bearer, query: str, field: str
) -> None:
    assert get(anonymous, f"/servers/web01/sensors?{query}", bearer("owner"), 422)["field"] == field


def test_what_was_noted_while_a_clock_was_ahead_is_told_of_no_time_to_come(
    anonymous: FlaskClient, bearer: Bearer, seed: Seed
) -> None:
    ahead, entry = clock.now() + timedelta(hours=1), samples.entry(900, "Noted ahead of its time")
    with database().write() as session:
        readings.keep(session, seed.servers["web01"], Capability.EVENT_LOG, samples.log(entry), ahead)
        readings.keep(session, seed.servers["web01"], Capability.SENSORS, samples.SENSORS, ahead)
    sensors = get(anonymous, "/servers/web01/sensors", bearer("technician"))
    log = get(anonymous, "/servers/web01/event-log", bearer("technician"))
    (noted,) = [item for item in log["items"] if item["message"] == "Noted ahead of its time"]
    moments = [sensors["read_at"], sensors["tried_at"], log["read_at"], log["tried_at"], noted["seen_at"]]
    assert [moment for moment in moments if datetime.fromisoformat(moment) > clock.now()] == []
