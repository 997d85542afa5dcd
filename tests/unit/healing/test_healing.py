"""A BMC that has long been silent is restarted where that is wanted: few at once, once a day, none of many."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from oobctl import clock, control
from oobctl.access import SYSTEM
from oobctl.config import settings
from oobctl.constants import JobState, Lifecycle
from oobctl.errors import BmcAuthFailed, BmcAuthUnconfirmed, BmcBadAnswer, BmcTimeout
from oobctl.healing import heal_silent
from oobctl.store import Job, Outage, Server, Site, database
from tests.installation import Installation


@pytest.fixture
def site(sqlite_installation: Installation, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("OOBCTL_HEAL_SILENT_MINUTES", "30")
    settings.cache_clear()
    with database().write() as session:
        session.execute(update(Server).values(lifecycle=Lifecycle.READY))
        return session.scalars(select(Site.id)).one()


def silent(*names: str, minutes: float = 60, code: str | None = BmcTimeout.code) -> None:
    with database().write() as session:
        values = {"silent_since": clock.now() - timedelta(minutes=minutes), "silent_code": code}
        session.execute(update(Server).where(Server.name.in_(names)).values(values))


def jobs() -> list[Job]:
    with database().read() as session:
        return list(session.scalars(select(Job).order_by(Job.id)))


def names(found: list[Job]) -> list[tuple[str, str]]:
    with database().read() as session:
        return [(job.action, session.get_one(Server, job.server_id).name) for job in found]


def end_all() -> None:
    for job in jobs():
        control.cancel(SYSTEM, job.id)


def test_a_bmc_that_has_been_silent_for_long_gets_the_ladder(site: str, sqlite_installation: Installation) -> None:
    silent("web01")
    heal_silent(site)
    assert names(jobs()) == [("bmc.reset", "web01")]
    assert [record.kind for record in sqlite_installation.records(jobs()[0].id)] == ["intent"]


def test_none_is_restarted_unless_the_installation_wants_it(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OOBCTL_HEAL_SILENT_MINUTES")
    settings.cache_clear()
    silent("web01")
    heal_silent(site)
    assert jobs() == []


def test_one_that_has_just_fallen_silent_is_waited_for(site: str) -> None:
    silent("web01", minutes=29)
    heal_silent(site)
    assert jobs() == []


@pytest.mark.parametrize("code", [BmcAuthFailed.code, BmcAuthUnconfirmed.code, BmcBadAnswer.code, None])
def test_one_that_answers_is_not_restarted_whatever_it_answers(site: str, code: str | None) -> None:
    silent("web01", code=code)
    heal_silent(site)
    assert jobs() == []


def test_what_it_refused_before_is_no_part_of_its_silence(site: str, sqlite_installation: Installation) -> None:
    silent("web01")
    fell = Outage(server_id=sqlite_installation.servers["web01"], from_at=clock.now() - timedelta(minutes=5))
    with database().write() as session:
        session.add(fell)
    heal_silent(site)
    assert jobs() == []


def test_one_that_answers_is_none_of_the_many(site: str) -> None:
    silent("web01")
    silent("db01", code=BmcAuthFailed.code)
    heal_silent(site)
    assert names(jobs()) == [("bmc.reset", "web01")]


def test_where_many_are_silent_none_is_touched(site: str) -> None:
    """Of a few, one is more than a twentieth: two are the network's fault."""
    silent("web01", "db01")
    heal_silent(site)
    assert jobs() == []


def test_one_is_tried_once_a_day(site: str) -> None:
    silent("web01")
    heal_silent(site)
    end_all()
    heal_silent(site)
    assert len(jobs()) == 1
    with database().write() as session:
        session.execute(update(Job).values(created_at=clock.now() - timedelta(days=2), idempotency_key=None))
    heal_silent(site)
    assert len(jobs()) == 2


def test_while_one_is_under_way_no_other_is_begun(site: str) -> None:
    silent("web01")
    heal_silent(site)
    with database().write() as session:
        session.execute(update(Server).values(silent_since=None))
    silent("db01")
    heal_silent(site)
    assert names(jobs()) == [("bmc.reset", "web01")]
    end_all()
    heal_silent(site)
    assert names(jobs()) == [("bmc.reset", "web01"), ("bmc.reset", "db01")]


def test_a_server_with_a_job_is_left_alone(site: str, sqlite_installation: Installation) -> None:
    sqlite_installation.submit("identify.set", "web01", {"state": "Lit"}, by="admin")
    silent("web01")
    heal_silent(site)
    assert [job.action for job in jobs()] == ["identify.set"]


def test_a_bmc_one_of_whose_servers_is_heard_is_not_silent(site: str) -> None:
    with database().write() as session:
        web01, db01 = (session.scalars(select(Server).where(Server.name == name)).one() for name in ("web01", "db01"))
        db01.bmc_id = web01.bmc_id
    silent("web01")
    heal_silent(site)
    assert jobs() == []


def test_a_job_of_the_healing_is_queued_like_any_other(site: str) -> None:
    silent("web01")
    heal_silent(site)
    assert [job.state for job in jobs()] == [JobState.QUEUED]
