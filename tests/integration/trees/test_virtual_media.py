"""Virtual media over Redfish: an image is put into a slot and taken out, and the slot is read until it is so."""

import json
from collections.abc import Callable

import flask
import pytest

from oobctl.drivers.connect import ConnectedBmc
from oobctl.drivers.media_slots import choose
from oobctl.errors import BmcRefused, NotSupported, StateNotReached
from oobctl.lab.redfish_service.trees import refusals
from oobctl.lab.redfish_service.trees.asked import Asked
from oobctl.lab.redfish_service.trees.behaviours.behaviour import Behaviour
from oobctl.lab.redfish_service.trees.state import State
from tests import trees
from tests.profiles import Derived
from tests.trees import Served, changed, connected, serve, written

pytestmark = pytest.mark.usefixtures("sqlite")

SYSTEM = "/redfish/v1/Systems/1"
CD = f"{SYSTEM}/VirtualMedia/Cd1"
INSERT, EJECT = "VirtualMedia.InsertMedia", "VirtualMedia.EjectMedia"
URL = "https://media.example/images/rescue.iso?token=hunter2"
TASK = "/redfish/v1/TaskService/Tasks/1"
PLAIN = "https://media.example/images/rescue.iso"


def sent(bmc: Served, name: str) -> list[object]:
    return [command.body for command in bmc.state.done(name)]


def test_slots_are_read_and_one_for_a_cd_is_chosen(there: ConnectedBmc) -> None:
    found = there.virtual_media.read()
    assert [(slot.slot, slot.media_types, slot.inserted) for slot in found.slots] == [
        ("Cd1", ("CD", "DVD"), False),
        ("Usb1", ("USBStick",), False),
    ]
    assert choose(found.slots, there.profile.media.slots).slot == "Cd1"


def test_an_image_is_inserted_read_back_and_ejected_and_each_twice_is_as_once(bmc: Served, there: ConnectedBmc) -> None:
    for _ in range(2):
        there.virtual_media.insert("Cd1", URL)
    slot = there.virtual_media.read().slots[0]
    assert (slot.inserted, slot.image, slot.connected_via) == (True, PLAIN, "URI")
    assert sent(bmc, INSERT) == [{"Image": URL}]
    for _ in range(2):
        there.virtual_media.eject("Cd1")
    assert there.virtual_media.read().slots[0].inserted is False
    assert len(bmc.state.done(EJECT)) == 1


def test_another_image_is_not_thrown_out(bmc: Served, there: ConnectedBmc) -> None:
    there.virtual_media.insert("Cd1", "https://media.example/images/other.iso")
    with pytest.raises(BmcRefused, match="another image in the slot Cd1"):
        there.virtual_media.insert("Cd1", URL)
    assert len(bmc.state.done(INSERT)) == 1


def test_an_action_that_tells_what_it_takes_gets_that() -> None:
    tree = written()
    actions = tree[CD]["Actions"]
    actions["#VirtualMedia.InsertMedia"]["@Redfish.ActionInfo"] = f"{CD}/InsertMediaActionInfo"
    parameters = [{"Name": "Image", "Required": True}, {"Name": "Inserted"}, {"Name": "WriteProtected"}]
    parameters += [{"Name": "TransferProtocolType", "AllowableValues": ["HTTP", "HTTPS"]}]
    tree[f"{CD}/InsertMediaActionInfo"] = {"@odata.type": "#ActionInfo.v1_1_2.ActionInfo", "Parameters": parameters}
    with serve(tree) as bmc, connected(bmc) as there:
        there.virtual_media.insert("Cd1", URL)
        assert sent(bmc, INSERT) == [
            {"Image": URL, "Inserted": True, "WriteProtected": True, "TransferProtocolType": "HTTPS"}
        ]


class Wants(Behaviour):
    """InsertMedia does not go without TransferProtocolType, though nothing says so before."""

    name = "wants"

    def refuse(self, state: State, asked: Asked) -> flask.Response | None:
        if asked.method == "POST" and asked.path.endswith(INSERT) and "TransferProtocolType" not in (asked.body or {}):
            return refusals.no_parameter(INSERT, "TransferProtocolType")
        return None


def test_a_parameter_that_the_bmc_misses_is_added(bmc: Served, there: ConnectedBmc) -> None:
    bmc.server.service.behaviours = [Wants()]
    there.virtual_media.insert("Cd1", URL)
    assert sent(bmc, INSERT) == [{"Image": URL, "TransferProtocolType": "HTTPS"}]


def test_an_address_that_the_bmc_cannot_fetch_from_or_that_has_a_password_is_not_sent(
    bmc: Served, there: ConnectedBmc
) -> None:
    with pytest.raises(NotSupported, match="fetches images over https, http, and not over nfs"):
        there.virtual_media.insert("Cd1", "nfs://media.example/images/rescue.iso")
    with pytest.raises(BmcRefused, match="a user or password"):
        there.virtual_media.insert("Cd1", "https://bob:hunter2@media.example/rescue.iso")
    assert bmc.asked("POST", f"{CD}/Actions/{INSERT}") == []


def test_a_slot_that_is_not_there_is_said_with_those_that_are(there: ConnectedBmc) -> None:
    asks: list[Callable[[], None]] = [
        lambda: there.virtual_media.insert("Cd2", URL),
        lambda: there.virtual_media.eject("Cd2"),
    ]
    for ask in asks:
        with pytest.raises(NotSupported, match="no slot 'Cd2' of virtual media: it has Cd1, Usb1"):
            ask()


class Echoes(Behaviour):
    """A refusal that repeats the address."""

    name = "echoes"

    def refuse(self, state: State, asked: Asked) -> flask.Response | None:
        if asked.method == "POST" and asked.path.endswith(INSERT):
            return refusals.failure(400, "CouldNotEstablishConnection", f"No connection to {URL}.", URL)
        return None


def test_a_refusal_has_the_bmcs_words_without_the_address(bmc: Served, there: ConnectedBmc) -> None:
    bmc.server.service.behaviours = [Echoes()]
    with pytest.raises(BmcRefused, match=r"No connection to \*\*\*") as caught:
        there.virtual_media.insert("Cd1", URL)
    assert "hunter2" not in str(caught.value)


class Forgets(Behaviour):
    """The BMC takes the command, and the slot stays empty: it could not fetch the image."""

    name = "forgets"

    def amend(self, state: State, asked: Asked, answer: flask.Response) -> flask.Response:
        if asked.path.endswith(INSERT):
            state.resources.at(CD).update({"Image": None, "Inserted": False})
        return answer


def test_an_image_that_never_shows_is_not_taken_for_inserted(
    bmc: Served, there: ConnectedBmc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oobctl.drivers.redfish.virtual_media._SEEN_WITHIN", 0.2)
    bmc.server.service.behaviours = [Forgets()]
    with pytest.raises(StateNotReached, match="Check that it reaches the image's address"):
        there.virtual_media.insert("Cd1", URL)


def test_a_slot_that_is_called_not_connected_with_an_image_in_it_is_full() -> None:
    tree = changed(written(), CD, Image=PLAIN, Inserted=False, ConnectedVia="NotConnected")
    with serve(tree) as bmc, connected(bmc) as there:
        assert there.virtual_media.read().slots[0].inserted is True
        there.virtual_media.insert("Cd1", URL)
        assert bmc.state.done(INSERT) == []


def test_slots_without_actions_are_not_patched_unless_the_profile_says_so() -> None:
    with serve(behaviours=["media-without-actions"]) as bmc, connected(bmc) as there:
        with pytest.raises(NotSupported, match="with the quirk media-without-actions"):
            there.virtual_media.insert("Cd1", URL)
        assert bmc.asked("PATCH") == []


def test_an_insertion_that_runs_as_a_task_is_waited_for(derived: Derived) -> None:
    with serve(behaviours=["async-actions"]) as bmc, connected(bmc) as there:
        there.virtual_media.insert("Cd1", URL)
        there.virtual_media.eject("Cd1")
        assert {bmc.state.resources.at(path)["TaskState"] for path in bmc.state.tasks} == {"Completed"}


def test_a_task_that_fails_is_a_refusal_with_its_words(bmc: Served, there: ConnectedBmc) -> None:
    class Fails(Behaviour):
        name = "fails"

        def amend(self, state: State, asked: Asked, answer: flask.Response) -> flask.Response:
            if asked.path.endswith(INSERT):
                task = {
                    "@odata.id": TASK, "@odata.type": "#Task.v1_7_3.Task", "Id": "1", "TaskState": "Exception",
                    "Messages": [{"MessageId": "Maker.1.0.NoRoute", "Message": "No route to the image."}],
                }  # fmt: skip
                state.resources.put(TASK, task)
                return flask.Response(json.dumps(task), 202, {"Location": "/redfish/v1/TaskService/Monitors/1"})
            return answer

    bmc.server.service.behaviours = [Fails()]
    with pytest.raises(BmcRefused, match="asked to insert an image into its slot Cd1 and could not: No route"):
        there.virtual_media.insert("Cd1", URL)


def test_a_bmc_without_virtual_media_is_said_to_have_none() -> None:
    with (
        serve(trees.without(written(), SYSTEM, "VirtualMedia")) as bmc,
        connected(bmc) as there,
        pytest.raises(NotSupported, match="no virtual media"),
    ):
        there.virtual_media.read()
