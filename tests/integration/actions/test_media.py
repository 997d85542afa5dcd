"""media.insert and media.eject: from our own media service alone, read back, and closed when it is over."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import flask
import httpx
import pytest
from sqlalchemy import func, select

from oobctl import actions
from oobctl.constants import Capability, JobState, Outcome
from oobctl.control import door
from oobctl.errors import InvalidParameter
from oobctl.images import access, catalogue
from oobctl.lab.redfish_service.trees import media as tree_media
from oobctl.lab.redfish_service.trees import refusals
from oobctl.lab.redfish_service.trees.state import State
from oobctl.store import MediaAccess, Reading, database
from tests.integration.actions.conftest import IMAGE, OnTree

CD = "/redfish/v1/Systems/1/VirtualMedia/Cd1"


@pytest.fixture(autouse=True)
def _empty(on_tree: OnTree) -> None:
    on_tree.road.do("media.eject", "db01")


def open_addresses() -> int:
    with database().read() as session:
        return session.scalar(select(func.count()).where(MediaAccess.closed_at.is_(None))) or 0


def test_an_inserted_image_can_be_fetched_by_the_bmc_until_it_is_ejected(on_tree: OnTree) -> None:
    job = on_tree.road.do("media.insert", "db01", {"image": "rescue.iso"})
    assert (job.state, job.outcome) == (JobState.SUCCEEDED, Outcome.PROVEN), job.error
    url = on_tree.bmc.state.media()[CD]
    assert url is not None
    assert url.startswith(f"{access.service()}{access.PREFIX}/")
    assert httpx.get(url, trust_env=False).content == IMAGE
    assert open_addresses() == 1
    ejected = on_tree.road.do("media.eject", "db01")
    assert (ejected.state, ejected.outcome) == (JobState.SUCCEEDED, Outcome.PROVEN), ejected.error
    assert on_tree.bmc.state.media()[CD] is None
    assert httpx.get(url, trust_env=False).status_code == 404
    assert open_addresses() == 0


def test_what_an_insert_and_an_eject_read_back_is_what_pages_show(on_tree: OnTree) -> None:
    on_tree.road.do("server.inspect", "db01", {"capabilities": ["virtual_media"]})
    assert on_tree.road.do("media.insert", "db01", {"image": "rescue.iso", "slot": "Cd1"}).outcome is Outcome.PROVEN
    assert inserted(on_tree) == ["Cd1"]
    assert on_tree.road.do("media.eject", "db01").outcome is Outcome.PROVEN
    assert inserted(on_tree) == []


def inserted(on_tree: OnTree) -> list[str]:
    """The slots that have something in them, as last read."""
    with database().read() as session:
        content = session.get_one(Reading, (on_tree.road.servers["db01"], Capability.VIRTUAL_MEDIA)).content
    return [slot["slot"] for slot in (content or {})["slots"] if slot["inserted"]]


def test_the_key_of_the_address_is_in_no_job_and_no_record(on_tree: OnTree) -> None:
    job = on_tree.road.do("media.insert", "db01", {"image": "rescue.iso"})
    key = str(on_tree.bmc.state.media()[CD]).split("/")[4]
    kept = repr([vars(record) for record in on_tree.road.records(job.id)]) + repr((job.evidence, job.parameters))
    assert key not in kept + repr([step.detail for step in job.steps])


def test_an_image_in_the_slot_is_taken_out_first(on_tree: OnTree) -> None:
    on_tree.road.do("media.insert", "db01", {"image": "rescue.iso", "slot": "Cd1"})
    again = on_tree.road.do("media.insert", "db01", {"image": "rescue.iso", "slot": "Cd1"})
    assert (again.state, again.outcome) == (JobState.SUCCEEDED, Outcome.PROVEN), again.error
    assert open_addresses() == 1


def add_image(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    if name not in {image.name for image in catalogue.all_images()}:
        catalogue.add(tmp_path / name)


def test_what_is_in_the_slot_stays_where_the_new_image_cannot_be_served(on_tree: OnTree, tmp_path: Path) -> None:
    add_image(tmp_path, "empty.iso", b"")
    on_tree.road.do("media.insert", "db01", {"image": "rescue.iso", "slot": "Cd1"})
    url = str(on_tree.bmc.state.media()[CD])
    job = on_tree.road.do("media.insert", "db01", {"image": "empty.iso", "slot": "Cd1"})
    assert (job.state, (job.error or {})["code"]) == (JobState.FAILED, "invalid_parameter")
    assert on_tree.bmc.state.media()[CD] == url
    assert httpx.get(url, trust_env=False).content == IMAGE


def test_where_the_bmc_refuses_the_new_image_the_old_one_is_put_back(
    on_tree: OnTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in = tree_media._put_in

    def picky(state: State, path: str, body: dict[str, Any], name: str) -> flask.Response:
        if body["Image"].endswith("/bad.iso"):
            return refusals.value_not_in_list("bad.iso", "Image")
        return put_in(state, path, body, name)

    add_image(tmp_path, "bad.iso", b"no BMC likes it")
    monkeypatch.setattr(tree_media, "_put_in", picky)
    on_tree.road.do("media.insert", "db01", {"image": "rescue.iso", "slot": "Cd1"})
    job = on_tree.road.do("media.insert", "db01", {"image": "bad.iso", "slot": "Cd1"})
    assert (job.state, (job.error or {})["code"]) == (JobState.FAILED, "bmc_refused")
    assert (job.error or {})["message"].endswith("rescue.iso is in Virtual CD again.")
    assert (job.evidence or {})["after"]["image"] == "rescue.iso"
    assert httpx.get(str(on_tree.bmc.state.media()[CD]), trust_env=False).content == IMAGE
    assert open_addresses() == 1


def test_an_image_that_the_site_does_not_have_is_refused_at_the_door(on_tree: OnTree) -> None:
    with pytest.raises(InvalidParameter, match=r"no image missing.iso. There are: .*rescue.iso") as caught:
        on_tree.road.submit("media.insert", "db01", {"image": "missing.iso"})
    assert caught.value.details["field"] == "image"


def test_where_the_door_cannot_know_the_images_the_worker_refuses_and_nothing_is_sent(
    on_tree: OnTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(on_tree.bmc.asked("POST"))
    insert = replace(actions.find("media.insert"), check=None)  # as with a catalogue on another computer
    monkeypatch.setattr(door, "find", lambda _name: insert)
    job = on_tree.road.do("media.insert", "db01", {"image": "missing.iso"})
    assert (job.state, (job.error or {})["code"]) == (JobState.FAILED, "invalid_parameter")
    assert "rescue.iso" in (job.error or {})["message"]
    inserts = [one for one in on_tree.bmc.asked("POST")[before:] if "InsertMedia" in one.path]
    assert (inserts, open_addresses()) == ([], 0)


def test_an_empty_slot_in_the_request_is_the_best_one_and_all_of_them(on_tree: OnTree) -> None:
    job = on_tree.road.do("media.insert", "db01", {"image": "rescue.iso", "slot": ""})
    assert job.state is JobState.SUCCEEDED, job.error
    job = on_tree.road.do("media.eject", "db01", {"slot": ""})
    assert (job.state, inserted(on_tree)) == (JobState.SUCCEEDED, []), job.error


def test_a_slot_that_the_bmc_does_not_have_is_refused_with_those_it_has(on_tree: OnTree) -> None:
    job = on_tree.road.do("media.insert", "db01", {"image": "rescue.iso", "slot": "Tape7"})
    assert job.state is JobState.FAILED
    assert "Cd1" in (job.error or {})["message"]
    assert open_addresses() == 0


@pytest.mark.parametrize("image", ["http://192.0.2.1/x.iso", "../x.iso", "x", ""])
def test_no_other_address_can_be_given_to_a_bmc(on_tree: OnTree, image: str) -> None:
    with pytest.raises(InvalidParameter):
        on_tree.road.submit("media.insert", "db01", {"image": image})


def test_ejecting_what_is_empty_is_done(on_tree: OnTree) -> None:
    job = on_tree.road.do("media.eject", "db01")
    assert (job.state, job.outcome) == (JobState.SUCCEEDED, Outcome.PROVEN)
