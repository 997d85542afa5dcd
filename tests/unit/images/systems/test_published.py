"""The catalogue in the store: what a site's boot service tells of is what can be asked for, wherever the panel runs."""

import shutil

import pytest
from sqlalchemy.exc import IntegrityError
from structlog.testing import capture_logs

from oobctl import control
from oobctl.access import SYSTEM
from oobctl.config import settings
from oobctl.errors import InvalidParameter, StoreUnavailable
from oobctl.images.systems import all_systems, catalogue, published
from oobctl.images.systems.published import Publisher
from oobctl.store import Account, Image, Server, Site, database
from tests.installation import Installation
from tests.reinstalls import add_image, asked, ready, request
from tests.systems import added, entry


@pytest.fixture
def site(sqlite_installation: Installation) -> str:
    with database().read() as session:
        return session.get_one(Server, sqlite_installation.servers["web01"]).site_id


def names(site: str) -> list[str]:
    with database().read() as session:
        return [image.name for image in published.of_site(session, site)]


def test_a_panel_on_another_computer_offers_plans_and_checks_what_the_site_has(
    installation: Installation,
) -> None:
    add_image()
    add_image("theirs-1", account=another_account(installation))
    server = ready(installation)
    shutil.rmtree(settings().systems)
    assert all_systems() == []
    assert [image.name for image in control.choices(SYSTEM, server).images] == ["tiny-1"]
    assert control.plan(SYSTEM, server, request()).image.title == "Tiny 1"
    assert asked(server).action == "os.reinstall"
    for name in ("theirs-1", "no-such"):
        with pytest.raises(InvalidParameter, match=f"no image {name} to install. There are: tiny-1"):
            asked(server, request(image=name))


def another_account(installation: Installation) -> str:
    owner = installation.people["customer"].actor.account_id
    with database().read() as session:
        return next(row.id for row in session.query(Account) if row.id != owner)


def test_what_came_changed_and_went_is_told(site: str) -> None:
    added("debian-12")
    added("debian-13")
    published.publish(site)
    assert names(site) == ["debian-12", "debian-13"]
    retired = catalogue.retire("debian-12")
    catalogue.remove("debian-13")
    published.publish(site)
    with database().read() as session:
        assert published.of_site(session, site) == (retired,)


def test_the_store_is_told_when_something_has_changed_and_not_else(site: str) -> None:
    added("debian-12")
    publisher = Publisher(site)
    publisher.publish()
    with database().write() as session:
        session.query(Image).delete()
    publisher.publish()
    assert names(site) == []
    catalogue.retire("debian-12")
    publisher.publish()
    assert names(site) == ["debian-12"]


@pytest.mark.parametrize(
    "error",
    [StoreUnavailable("away"), IntegrityError("INSERT", {}, Exception("another was first")), PermissionError(13, "no")],
    ids=["away", "another-service-was-first", "no-folder"],
)
def test_a_store_that_could_not_be_told_is_told_the_next_time_and_the_boot_service_goes_on(
    site: str, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fails(site_id: str) -> None:
        raise error

    added("debian-12")
    publisher = Publisher(site)
    with monkeypatch.context() as patch:
        patch.setattr(published, "publish", fails)
        publisher.publish()
    publisher.publish()
    assert names(site) == ["debian-12"]


def test_a_folder_that_is_away_takes_no_image_from_the_store_and_is_said_once(site: str) -> None:
    add_image()
    publisher = Publisher(site)
    publisher.publish()
    away = settings().systems.rename(settings().systems.with_name("away"))
    with capture_logs() as logged:
        publisher.publish()
        publisher.publish()
    assert names(site) == ["tiny-1"]
    (line,) = logged
    assert "Is its disk mounted?" in line["why"]
    shutil.rmtree(away / "tiny-1")
    away.rename(settings().systems)
    publisher.publish()
    assert names(site) == []


def test_what_sites_have_alike_is_one_image_and_what_differs_is_two(site: str) -> None:
    with database().write() as session:
        other = Site(name="north", public_key=b"0" * 32)
        session.add(other)
        session.flush()
        alike, here, there = entry("debian-12"), entry("debian-13"), entry("debian-13", version="13.9")
        for where, image in ((site, alike), (other.id, alike), (site, here), (other.id, there)):
            session.add(Image(site_id=where, name=image.name, entry=image.model_dump(mode="json", exclude_none=True)))
        session.flush()
        found = published.of_sites(session, [site, other.id])
        assert {(image.version, frozenset(sites)) for image, sites in found} == {
            (alike.version, frozenset({site, other.id})), (here.version, frozenset({site})),
            (there.version, frozenset({other.id})),
        }  # fmt: skip
        assert len(published.of_sites(session, [site])) == 2


def test_an_entry_of_another_version_is_left_out_alone(site: str) -> None:
    added("debian-12")
    published.publish(site)
    with database().write() as session:
        session.add(Image(site_id=site, name="newer", entry={"name": "newer", "surprise": True}))
    assert names(site) == ["debian-12"]
