"""Customers are told neither where a BMC is reached nor what another server's BMC said; staff are."""

import ast
import asyncio
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from oobctl.store import Job, JobStep, Server, database
from tests.unit.web.conftest import SignIn, csrf_token
from tests.unit.web.seed import Seed
from tests.unit.web.test_streams import stream
from web.discretion import told, without_addresses, without_instructions

ROOT = Path(__file__).parents[3]
ADDRESS, FOREIGN = "127.0.9.", "FOREIGN-77"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Nothing answers at 127.0.9.3, UDP port 623.", "Nothing answers at its address."),
        ("the BMC (127.0.9.3, port 623) is busy", "the BMC (its address) is busy"),
        ("https://127.0.9.3:8443/redfish/v1", "https://its address/redfish/v1"),
        ("https://[fd00::12]:443/redfish and fd00::12.", "https://its address/redfish and its address."),
        ("Read back: Off at 02:51:07Z on 2026-11-22T02:51:07.5Z", None),
        ("UUID 6f2c0b0e-1d1d-4a4a-8b8b-0123456789ab, MAC 52:54:00:12:34:56", None),
        ("Waited 10.5 s, at most 1.2.", None),
    ],
)  # fmt: skip
def test_addresses_are_left_out_and_nothing_else_is(written: str, read: str | None) -> None:
    assert without_addresses(written) == (written if read is None else read)
    assert told(written, staff=True) == written


def test_members_for_staff_and_for_the_log_are_left_out() -> None:
    content = {"found": [{"staff": {"a": 1}, "port": 1, "b": "::1"}], "cause": "x", "version": "1.2.3.4"}
    assert told(content, staff=False) == {"found": [{"b": "its address"}], "version": "1.2.3.4"}
    assert told(content, staff=True) == {key: value for key, value in content.items() if key != "cause"}


@pytest.fixture
def told_all_over(seed: Seed) -> Seed:
    """A job that names the address wherever a job has text."""
    with database().write() as session:
        job = session.get_one(Job, seed.jobs["running"])
        job.waits_for = "for the BMC at 127.0.9.1, UDP port 623"
        job.evidence = {"notes": ["sent to 127.0.9.1:623"], "staff": {"found": FOREIGN}}
        job.revision += 1
        session.query(JobStep).filter_by(job_id=job.id, position=0).update({"detail": "Logged in at 127.0.9.1"})
    return seed


def test_no_answer_of_the_api_tells_a_customer_an_address(
    anonymous: FlaskClient, bearer: Callable[[str], dict[str, str]], told_all_over: Seed
) -> None:
    jobs = [f"jobs/{job}" for job in told_all_over.jobs.values()]
    servers = [f"servers/{name}" for name in ("web01", "app01", "mail01")]
    seen = ""
    for path in ["servers", "jobs", "audit?limit=200", *jobs, *servers]:
        text = anonymous.get(f"/api/v1/{path}", headers=bearer("owner")).text
        assert ADDRESS not in text, path
        assert FOREIGN not in text, path
        assert '"port"' not in text, path
        seen += anonymous.get(f"/api/v1/{path}", headers=bearer("technician")).text
    assert ADDRESS in seen
    assert FOREIGN in seen
    refused = anonymous.post("/api/v1/servers/mail01/actions/power.on", headers=bearer("owner"))
    assert refused.status_code == 409
    assert ADDRESS not in refused.text


def test_no_page_tells_a_customer_an_address(sign_in: SignIn, told_all_over: Seed) -> None:
    customer, staff = sign_in("owner"), sign_in("technician")
    servers = [told_all_over.servers[name] for name in ("web01", "app01", "mail01")]
    pages = ["/servers", "/jobs", "/audit", *(f"/servers/{server}" for server in servers)]
    pages += [f"/jobs/{job}" for job in told_all_over.jobs.values()]
    seen = ""
    for page in pages:
        text = customer.get(page).text
        assert ADDRESS not in text, page
        assert FOREIGN not in text, page
        seen += staff.get(page).text
    assert ADDRESS in seen
    form = {"csrf_token": csrf_token(customer)}
    refused = customer.post(f"/servers/{servers[2]}/actions/power.on", data=form)
    assert (refused.status_code, ADDRESS in refused.text) == (409, False)


@pytest.mark.parametrize(("name", "tells"), [("owner", False), ("technician", True)])
def test_a_stream_tells_each_reader_what_is_theirs(told_all_over: Seed, name: str, tells: bool) -> None:
    async def run() -> None:
        async with stream(told_all_over.jobs["running"], told_all_over.tokens[name]) as reader:
            await reader.start()
            await reader.event()
            event = await reader.event()
            assert (ADDRESS in event["data"], FOREIGN in event["data"]) == (tells, tells)

    asyncio.run(run())


INSTRUCTION = re.compile(
    r"(Check the BMC's|Check its power|has its firmware|Close sessions|Enable one|Raise it|at the endpoint"
    r"|enroll it again|enroll the server|Change it there|Switch it on there)"
)


def written_for_staff() -> list[str]:
    """Every text of the drivers that tells somebody to do something at the BMC, the rack or here."""
    found = []
    for path in (ROOT / "oobctl" / "drivers").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "").startswith(("Bmc", "Wrong", "NotSupp")):
                parts = [part.value for part in ast.walk(node) if isinstance(part, ast.Constant)]
                found.append("".join(part for part in parts if isinstance(part, str)).strip())
    return [text for text in found if INSTRUCTION.search(text)]


def test_who_has_a_serial_line_is_for_staff() -> None:
    staff = "The serial line was to be opened, and oobctl's process gateway-1 has it open at the BMC at 127.0.9.3."
    said = told({"code": "serial_in_use", "message": staff}, staff=False)["message"]
    assert "open elsewhere" in said
    assert "gateway-1" not in said
    assert ADDRESS not in said


def test_no_driver_tells_a_customer_what_staff_have_to_do() -> None:
    texts = written_for_staff()
    assert len(texts) > 8
    assert [text for text in map(without_instructions, texts) if INSTRUCTION.search(text)] == []


@pytest.mark.parametrize("code", ["bmc_unreachable", "bmc_auth_failed", "wrong_server", "bmc_sessions_exhausted"])
def test_what_only_staff_can_mend_is_said_to_customers_in_words_of_theirs(code: str) -> None:
    staff = "Nothing answered IPMI at 127.0.9.3. Check the BMC's power, cable and address."
    error = {"code": code, "message": staff, "retryable": True}
    assert told(error, staff=True) == error
    of_customers = told(error, staff=False)
    assert of_customers["mended_by_provider"] is True
    said = of_customers["message"]
    assert "our provider has to look at it" in said
    assert "uote the code and the job" in said
    assert not INSTRUCTION.search(said)


def test_that_nothing_was_sent_is_told_on_the_page_and_by_the_api_and_once(
    sign_in: SignIn, anonymous: FlaskClient, bearer: Callable[[str], dict[str, str]], seed: Seed
) -> None:
    failed, unclear = seed.jobs["failed"], seed.jobs["needs_attention"]
    said = "Nothing was sent; the server is as it was."
    for who, times in (("owner", 1), ("technician", 0)):  # the sentence for staff says so itself
        assert sign_in(who).get(f"/jobs/{failed}").text.count(said) == times
        answer = anonymous.get(f"/api/v1/jobs/{failed}", headers=bearer(who)).get_json()["error"]
        assert answer["message"].lower().count("nothing was sent") == 1
        assert answer.get("mended_by_provider", False) is (who == "owner")
    with database().write() as session:
        session.get_one(Job, unclear).error = {"code": "outcome_unknown", "message": "Who knows.", "sent": False}
    assert said not in sign_in("technician").get(f"/jobs/{unclear}").text


def test_a_customers_pages_and_answers_have_no_instruction_for_staff(
    sign_in: SignIn, anonymous: FlaskClient, bearer: Callable[[str], dict[str, str]], seed: Seed
) -> None:
    why = (
        "Another server answers at the address of mail01. Check the BMC's address and cabling, then enroll the server."
    )
    with database().write() as session:
        session.get_one(Server, seed.servers["mail01"]).quarantined_because = why
        job = session.get_one(Job, seed.jobs["proven"])
        job.error = {"code": "wrong_server", "message": why, "retryable": False}
    customer, staff = sign_in("owner"), sign_in("technician")
    pages = [f"/servers/{seed.servers['mail01']}", f"/jobs/{seed.jobs['proven']}"]
    answers = ["/api/v1/servers/mail01", f"/api/v1/jobs/{seed.jobs['proven']}"]
    for page in pages:
        assert "cabling" not in customer.get(page).text, page
        assert "cabling" in staff.get(page).text, page
    for path in answers:
        assert "cabling" not in anonymous.get(path, headers=bearer("owner")).text, path
    assert "cabling" not in anonymous.post("/api/v1/servers/mail01/actions/power.on", headers=bearer("owner")).text


def test_only_staff_are_told_which_profiles_were_rejected_and_by_which_sign(
    sign_in: SignIn, anonymous: FlaskClient, bearer: Callable[[str], dict[str, str]], seed: Seed
) -> None:
    job = seed.jobs["proven"]
    staffs = {"because": "The BMC says model A1.", "rejected": ["acme-2: it asks for BMC model like ^A2"]}
    with database().write() as session:
        session.get_one(Job, job).evidence = {"notes": ["Profile acme-1."], "staff": staffs}
    pages = [sign_in(who).get(f"/jobs/{job}").text for who in ("owner", "technician")]
    answers = [anonymous.get(f"/api/v1/jobs/{job}", headers=bearer(who)).text for who in ("owner", "technician")]
    for customer, staff in (pages, answers):
        for words in ("^A2", "acme-2", "model A1"):
            assert words in staff
            assert words not in customer
        assert "Profile acme-1." in customer


def test_the_reason_of_a_quarantine_is_read_once_and_a_name_stays_as_it_is(sign_in: SignIn, seed: Seed) -> None:
    for name in ("owner", "technician"):
        text = sign_in(name).get(f"/servers/{seed.servers['mail01']}").text
        main = text.split("<main", 1)[1].split('id="records"')[0]
        assert main.count("system UUID 6f2c") == 1
        assert "Nothing was sent.</span>" not in main
        assert "Mail01" not in main
        assert "Not while the server is quarantined." in main
