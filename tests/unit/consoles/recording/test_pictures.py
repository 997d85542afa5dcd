"""Pictures of screens for jobs: when one is asked for, who takes it, and what is said where nobody does."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from oobctl import administer, clock, control
from oobctl.administer.endpoints import add_endpoint
from oobctl.config import settings
from oobctl.consoles.recording import kept, pictures
from oobctl.constants import Ending, Lifecycle, Protocol, RecordingPurpose
from oobctl.errors import NotAllowed, NotFound
from oobctl.jobs import recovery
from oobctl.store import Job, Recording, Server, Site, database
from tests.carrying import begin
from tests.furnished import endpoint
from tests.installation import Installation

GATEWAY = "gateway-1"


@pytest.fixture
def site(installation: Installation) -> Installation:
    """web01 has a screen, and its site a gateway; nobody answers at its BMC."""
    with database().write() as session:
        server = session.get_one(Server, installation.servers["web01"])
        add_endpoint(
            session, session.get_one(Site, server.site_id), server.bmc,
            endpoint(server.bmc.endpoints[0].address, Protocol.VNC),
        )  # fmt: skip
        site_id = server.site_id
    recovery.beat(GATEWAY, "gateway", site_id, first=True, url="http://127.0.0.1:9")
    return installation


def site_id(site: Installation) -> str:
    with database().read() as session:
        return session.get_one(Server, site.servers["web01"]).site_id


def asked() -> list[Recording]:
    with database().read() as session:
        return list(session.scalars(select(Recording).where(Recording.purpose == RecordingPurpose.PICTURE)))


def fails(site: Installation) -> str:
    """A job that a worker ends as failed."""
    runner, run = begin(control.submit(site.actor("customer"), "power.on", "web01").id)
    error = {"code": "bmc_unreachable", "message": "The BMC does not answer.", "details": {}}
    runner.finish(run.owner, {"error": error, "retryable": True, "how": Ending.FAILED, "acted": False})
    runner.close(run)
    return run.acted.job_id


def test_a_job_that_failed_asks_for_a_picture_and_has_it(site: Installation) -> None:
    job_id = fails(site)
    (wanted,) = pictures.claim(site_id(site), GATEWAY)
    assert wanted.server_name == "web01"
    assert pictures.claim(site_id(site), "gateway-2") == []  # it is taken once
    pictures.keep(wanted, b"a picture", (640, 480))
    with database().read() as session:
        job = session.get_one(Job, job_id)
        assert [row.id for row in control.pictures_of_job(session, site.actor("customer"), job)] == [
            wanted.recording_id
        ]
        assert control.pictures_of_job(session, site.actor("viewer"), job) == []


@pytest.mark.parametrize("but", ["the site wants none", "no gateway runs", "it is quarantined", "it has no screen"])
def test_none_is_asked_for_where(site: Installation, monkeypatch: pytest.MonkeyPatch, but: str) -> None:
    job = control.submit(site.actor("customer"), "power.on", "db01" if but == "it has no screen" else "web01")
    if but == "the site wants none":
        monkeypatch.setattr(settings(), "picture_failures", False)
    elif but == "no gateway runs":
        recovery.leave(GATEWAY)
    with database().write() as session:
        found = session.get_one(Job, job.id)
        if but == "it is quarantined":
            found.server.lifecycle = Lifecycle.QUARANTINED
        pictures.ask_where_failed(session, found)
    assert asked() == []


def test_none_is_asked_for_of_the_next_tenant_s_screen(site: Installation) -> None:
    job_id = fails(site)
    with database().write() as session:
        for row in asked():
            session.delete(session.get_one(Recording, row.id))
    administer.assign(site.actor("admin"), "web01", "Other Customer")
    with database().write() as session:
        pictures.ask_where_failed(session, session.get_one(Job, job_id))
    assert asked() == []


def test_one_that_nobody_took_in_time_is_given_up(site: Installation) -> None:
    fails(site)
    with database().write() as session:
        session.get_one(Recording, asked()[0].id).began_at = clock.now() - timedelta(minutes=2)
    assert pictures.claim(site_id(site), GATEWAY) == []
    assert asked()[0].ended_because == "No gateway took it in time."


def test_one_that_could_not_be_taken_says_why_and_is_looked_for_no_more(site: Installation) -> None:
    fails(site)
    (wanted,) = pictures.claim(site_id(site), GATEWAY)
    pictures.give_up(wanted, "The BMC shows nothing now.")
    (row,) = asked()
    assert (row.ended_because, row.sha256) == ("The BMC shows nothing now.", None)
    assert row.removed_at is not None
    assert kept.prune() == 0


def test_who_may_not_be_at_the_console_asks_for_no_picture(site: Installation) -> None:
    with pytest.raises(NotAllowed):
        control.submit(site.actor("viewer"), "console.screenshot", "web01")
    with pytest.raises(NotFound):
        control.submit(site.actor("stranger"), "console.screenshot", "web01")
