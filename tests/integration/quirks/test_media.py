"""Quirks of virtual media and tasks: with the quirk an image goes in and out at such a BMC, without it it does not."""

from collections.abc import Iterator
from contextlib import contextmanager

import flask
import pytest

from oobctl.drivers.connect import ConnectedBmc
from oobctl.errors import BmcBadAnswer, BmcRefused, NotSupported
from oobctl.lab.redfish_service.trees.asked import Asked
from oobctl.lab.redfish_service.trees.behaviours.behaviour import Behaviour
from oobctl.lab.redfish_service.trees.load import Tree
from oobctl.lab.redfish_service.trees.state import State
from tests import trees
from tests.profiles import Derived
from tests.trees import Served

pytestmark = pytest.mark.usefixtures("sqlite")

SYSTEM, MANAGER = "/redfish/v1/Systems/1", "/redfish/v1/Managers/1"
CD = f"{SYSTEM}/VirtualMedia/Cd1"
INSERT = "VirtualMedia.InsertMedia"
URL = "https://media.example/images/rescue.iso"


class SlashOfWrites(Behaviour):
    """Writes are redirected to the path with a slash; readings are not."""

    name = "slash-of-writes"

    def early(self, state: State, asked: Asked) -> flask.Response | None:
        if not asked.writes or asked.sent_path.endswith("/"):
            return None
        return flask.Response(status=308, headers={"Location": f"{asked.sent_path}/"})


@contextmanager
def at(*behaviours: str, profile: str, tree: Tree | None = None) -> Iterator[tuple[Served, ConnectedBmc]]:
    """A BMC that behaves so, and the driver with that profile."""
    with trees.serve(tree or "plain", behaviours) as bmc, trees.connected(bmc, profile=profile) as found:
        yield bmc, found


def in_and_out(found: ConnectedBmc, bmc: Served) -> None:
    found.virtual_media.insert("Cd1", URL)
    assert URL in bmc.state.media().values()
    found.virtual_media.eject("Cd1")
    assert set(bmc.state.media().values()) == {None}


@pytest.mark.parametrize("more", [[], ["etag-required"]])
def test_media_without_actions_are_changed_by_patch(derived: Derived, more: list[str]) -> None:
    with at("media-without-actions", *more, profile=derived(quirks=["media-without-actions"])) as (bmc, found):
        in_and_out(found, bmc)
        assert [command.body for command in bmc.state.done("PATCH")] == [
            {"Image": URL, "Inserted": True, "WriteProtected": True},
            {"Image": None, "Inserted": False},
        ]
    with at("media-without-actions", *more, profile=derived()) as (bmc, found):
        with pytest.raises(NotSupported, match="no action"):
            found.virtual_media.insert("Cd1", URL)
        assert bmc.asked("PATCH") == []


def test_media_image_only_gets_the_image_and_nothing_beside_it(derived: Derived) -> None:
    """Its ActionInfo says that it takes more, and it does not."""
    tree = trees.written()
    tree[CD]["Actions"][f"#{INSERT}"]["@Redfish.ActionInfo"] = f"{CD}/Info"
    parameters = [{"Name": "Image"}, {"Name": "Inserted"}, {"Name": "WriteProtected"}]
    tree[f"{CD}/Info"] = {"@odata.type": "#ActionInfo.v1_1_2.ActionInfo", "Parameters": parameters}
    for quirks, statuses in ((["media-image-only"], [204]), ([], [400, 400, 204])):
        with at("media-image-only", profile=derived(quirks=quirks), tree=tree) as (bmc, found):
            in_and_out(found, bmc)
            asked = [request.status for request in bmc.asked("POST") if request.path.endswith(INSERT)]
            assert asked == statuses  # without the quirk it finds out, at the price of refusals


def test_media_under_managers_are_the_ones_that_work(derived: Derived) -> None:
    with at("media-under-managers", profile=derived()) as (bmc, found):
        in_and_out(found, bmc)
        assert {command.path for command in bmc.state.done(INSERT)} == {f"{MANAGER}/VirtualMedia/Cd1"}
    with (
        at("media-under-managers", profile=derived(without=["media-under-managers"])) as (_bmc, found),
        pytest.raises(NotSupported, match="404"),
    ):
        found.virtual_media.insert("Cd1", URL)


def test_task_deleted_on_read_is_followed_by_its_task(derived: Derived) -> None:
    with at("task-deleted-on-read", profile=derived()) as (bmc, found):
        in_and_out(found, bmc)
        assert len(bmc.state.tasks) == 2
    with at("task-deleted-on-read", profile=derived(without=["task-deleted-on-read"])) as (bmc, found):
        with pytest.raises(BmcBadAnswer, match="lost the task"):
            found.virtual_media.insert("Cd1", URL)
        assert bmc.state.tasks == {}


def test_bare_string_members_are_slots_too(derived: Derived) -> None:
    with at("bare-string-members", profile=derived()) as (bmc, found):
        in_and_out(found, bmc)
    profile = derived(without=["bare-string-members"])
    with (
        trees.serve(behaviours=["bare-string-members"]) as bmc,
        trees.connected(bmc, profile=profile, system_path=SYSTEM) as found,
        pytest.raises(NotSupported, match="it has none"),
    ):
        found.virtual_media.insert("Cd1", URL)


def test_308_on_trailing_slash_is_followed_for_media(derived: Derived) -> None:
    with at("308-on-trailing-slash", profile=derived()) as (bmc, found):
        in_and_out(found, bmc)


def test_a_refusal_by_a_slash_stays_one_without_the_quirk(derived: Derived) -> None:
    """The session is opened before the BMC begins to redirect, so that the write alone meets it."""
    with at(profile=derived(without=["308-on-trailing-slash"])) as (bmc, found):
        found.virtual_media.read()
        bmc.server.service.behaviours = [SlashOfWrites()]
        with pytest.raises(BmcRefused, match="308"):
            found.virtual_media.insert("Cd1", URL)
        assert bmc.state.done(INSERT) == []
