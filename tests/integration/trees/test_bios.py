"""BIOS settings over Redfish: read with their registry, set for the next boot, read back, taken back whole."""

from typing import Any

import flask
import pytest

from oobctl.bios_values import check
from oobctl.constants import ResetType
from oobctl.drivers.connect import ConnectedBmc
from oobctl.errors import BmcBadAnswer, BmcRefused, NotSupported
from oobctl.lab.redfish_service.trees.asked import Asked
from oobctl.lab.redfish_service.trees.behaviours.behaviour import Behaviour
from oobctl.lab.redfish_service.trees.state import State
from tests import trees
from tests.profiles import Derived
from tests.trees import Served, changed, connected, serve, written

pytestmark = pytest.mark.usefixtures("sqlite")

SYSTEM = "/redfish/v1/Systems/1"
BIOS = f"{SYSTEM}/Bios"
SETTINGS = f"{BIOS}/Settings"
REGISTRIES = "/redfish/v1/Registries"
FILE = f"{REGISTRIES}/BiosAttributeRegistry"
REGISTRY = f"{FILE}/BiosAttributeRegistry.v1_0_0.json"
ID = "BiosAttributeRegistry.v1_0_0"


def boot(there: ConnectedBmc) -> None:
    there.power.set(ResetType.FORCE_OFF)
    there.power.set(ResetType.ON)


# --- reading ---------------------------------------------------------------------------------------------------------


def test_settings_are_read_with_what_their_registry_says(there: ConnectedBmc) -> None:
    found = there.bios.read()
    assert (found.values["BootMode"], found.values["FanOffset"], found.values["SecureBoot"]) == ("Uefi", 10, True)
    assert (found.pending, found.registry_id, found.problems) == ({}, ID, ())
    attributes = {attribute.name: attribute for attribute in found.attributes}
    assert attributes["BootMode"].allowed == (("Uefi", "UEFI"), ("Bios", "Legacy BIOS"))
    assert (attributes["FanOffset"].lower, attributes["FanOffset"].upper) == (0, 50)
    assert (attributes["SystemRevision"].read_only, attributes["WatchdogTimer"].hidden) == (True, True)
    assert attributes["BootMode"].help == "How the firmware starts operating systems."


def test_no_password_is_read_out(bmc: Served, there: ConnectedBmc) -> None:
    for path in (BIOS, SETTINGS):
        bmc.state.resources.at(path)["Attributes"]["SetupPassword"] = f"hunter2{path}"
    found = there.bios.read()
    assert "hunter2" not in repr(found)
    assert "SetupPassword" not in {**found.values, **found.pending}


@pytest.mark.parametrize("link", [f"{BIOS.lower()}/settings/", f"{SETTINGS}/"])
def test_a_link_of_another_case_or_with_a_slash_is_followed_as_it_is(link: str) -> None:
    tree = changed(written(), BIOS, **{"@Redfish.Settings": {"SettingsObject": {"@odata.id": link}}})
    tree[link.rstrip("/")] = {"@odata.type": "#Bios.v1_2_0.Bios", "Attributes": {"FanOffset": 45}}
    with serve(tree) as bmc, connected(bmc) as there:
        assert there.bios.read().pending == {"FanOffset": 45}
        assert link in {request.path for request in bmc.asked("GET")}


def test_settings_that_repeat_all_values_have_the_differing_ones_pending(bmc: Served, there: ConnectedBmc) -> None:
    now = bmc.state.bios()
    bmc.state.resources.at(SETTINGS)["Attributes"] = {**now, "NumaNodes": 1}
    assert there.bios.read().pending == {"NumaNodes": 1}


def test_the_registry_is_found_without_a_link_in_another_version_and_in_english() -> None:
    other = {"Language": "ja", "Uri": f"{FILE}/elsewhere.json"}
    english = {"Language": "en", "Uri": {"extref": REGISTRY}}  # as it once was
    tree = changed(written(), FILE, Location=[other, english], Registry="BiosAttributeRegistry.1.7.2")
    for said in ("BiosAttributeRegistry.v2_9_9", None):
        with serve(changed(tree, BIOS, AttributeRegistry=said)) as bmc, connected(bmc, name=f"web{said}") as there:
            found = there.bios.read()
            assert (len(found.attributes), found.registry_id, found.problems) == (9, ID, ())


def test_a_registry_that_is_not_there_leaves_the_values_and_their_types() -> None:
    for tree in (
        trees.without(written(), FILE),
        trees.without(written(), "/redfish/v1", "Registries"),
        trees.without(written(), REGISTRY),
    ):
        with serve(tree) as bmc, connected(bmc, name=f"web{len(tree)}") as there:
            found = there.bios.read()
            assert found.values["FanOffset"] == 10
            assert (found.registry_id, len(found.problems)) == (None, 1)
            assert found.problems[0].startswith("What the BIOS attributes take is not known")
            assert check(found.attributes, {"FanOffset": 5}) == ()
            assert check(found.attributes, {"FanOffset": "5", "Other": 1}) != ()


def test_settings_that_cannot_be_read_are_a_problem_and_never_nothing_pending() -> None:
    with serve(trees.without(written(), SETTINGS)) as bmc, connected(bmc) as there:
        found = there.bios.read()
        assert any("What is pending for the BIOS is not known" in problem for problem in found.problems)
        assert found.values["FanOffset"] == 10


def test_what_the_bmc_says_of_the_last_settings_is_told_unless_all_went_well() -> None:
    settings = {"SettingsObject": {"@odata.id": SETTINGS}}
    good = [{"MessageId": "Base.1.0.Success"}, {"MessageId": "Maker.1.0.X", "MessageSeverity": "OK", "Message": "fine"}]
    bad = {"MessageId": "Base.1.0.PropertyValueNotInList", "MessageArgs": ["Maybe", "BootMode"]}
    for messages, told in ((good, 0), ([*good, bad], 1)):
        tree = changed(written(), BIOS, **{"@Redfish.Settings": {**settings, "Messages": messages}})
        with serve(tree) as bmc, connected(bmc, name=f"web{told}") as there:
            problems = there.bios.read().problems
            assert len(problems) == told
            assert "PropertyValueNotInList (Maybe, BootMode)" in "".join(problems) or not told


def test_a_bmc_without_bios_is_said_to_have_none() -> None:
    with serve(trees.without(written(), SYSTEM, "Bios")) as bmc, connected(bmc) as there:
        for ask in (there.bios.read, there.bios.reset, lambda: there.bios.set({"FanOffset": 5})):
            with pytest.raises(NotSupported, match="no Bios"):
                ask()


# --- setting ---------------------------------------------------------------------------------------------------------


def test_what_is_set_is_pending_until_the_next_boot_and_then_holds(bmc: Served, there: ConnectedBmc) -> None:
    there.bios.set({"BootMode": "Bios", "FanOffset": 20, "NumaNodes": 2})
    assert there.bios.read().pending == {"BootMode": "Bios", "FanOffset": 20}
    assert [command.body for command in bmc.state.done("PATCH") if command.path == SETTINGS] == [
        {"Attributes": {"BootMode": "Bios", "FanOffset": 20}, "@Redfish.SettingsApplyTime": {"ApplyTime": "OnReset"}}
    ]
    there.bios.set({"FanOffset": 20})  # it is pending already
    assert len(bmc.asked("PATCH")) == 1
    boot(there)
    found = there.bios.read()
    assert (found.values["BootMode"], found.values["FanOffset"], found.pending) == ("Bios", 20, {})


def test_a_value_that_is_pending_can_be_set_back(bmc: Served, there: ConnectedBmc) -> None:
    there.bios.set({"FanOffset": 20})
    there.bios.set({"FanOffset": 10})
    assert (there.bios.read().pending, bmc.state.pending_bios()) == ({}, {})


def test_when_it_is_applied_is_sent_only_where_the_bmc_lets_us_choose() -> None:
    tree = changed(written(), BIOS, **{"@Redfish.Settings": {"SettingsObject": {"@odata.id": SETTINGS}}})
    with serve(tree) as bmc, connected(bmc) as there:
        there.bios.set({"FanOffset": 20})
        assert [command.body for command in bmc.state.done("PATCH")] == [{"Attributes": {"FanOffset": 20}}]


def test_what_the_bmc_refuses_has_its_words_and_nothing_is_pending(bmc: Served, there: ConnectedBmc) -> None:
    with pytest.raises(BmcRefused, match=r"SystemRevision is a read-only property.* Nothing of it is pending"):
        there.bios.set({"FanOffset": 20, "SystemRevision": "A3"})
    assert bmc.state.pending_bios() == {}


class TakesHalf(Behaviour):
    """The BMC answers that it took all, and made one attribute pending; why stands in @Redfish.Settings."""

    name = "takes-half"

    def amend(self, state: State, asked: Asked, answer: flask.Response) -> flask.Response:
        if asked.method == "PATCH" and asked.path == SETTINGS and "BootMode" in (asked.body or {})["Attributes"]:
            state.resources.at(SETTINGS)["Attributes"].pop("BootMode")
            message = {"MessageId": "Maker.1.0.Locked", "Message": "The boot mode is locked."}
            state.resources.at(BIOS)["@Redfish.Settings"]["Messages"] = [message]
        return answer


def test_what_was_taken_of_a_refused_change_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oobctl.drivers.redfish.bios._PENDING_WITHIN", 0.2)
    with serve() as bmc, connected(bmc) as there:
        there.bios.set({"FanOffset": 30})
        bmc.server.service.behaviours = [TakesHalf()]
        with pytest.raises(BmcRefused) as caught:
            there.bios.set({"FanOffset": 20, "BootMode": "Bios"})
        assert caught.value.message == (
            "The BMC accepted BIOS attributes and did not make pending: BootMode. It says: The boot mode is locked. "
            "Nothing of it is pending."
        )
        assert bmc.state.pending_bios() == {"FanOffset": 30}  # as it was before


def test_without_settings_nothing_is_sent(derived: Derived) -> None:
    tree = trees.without(written(), BIOS, "@Redfish.Settings")
    with serve(tree) as bmc, connected(bmc) as there:
        with pytest.raises(NotSupported, match="links to no settings"):
            there.bios.set({"FanOffset": 20})
        assert bmc.asked("PATCH") == []


# --- the defaults ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("behaviours", [[], ["async-actions"]])
def test_the_defaults_are_asked_for_and_hold_after_the_next_boot(behaviours: list[str]) -> None:
    with serve(behaviours=behaviours) as bmc, connected(bmc) as there:
        there.bios.set({"BootMode": "Bios"})
        there.bios.reset()
        assert len(bmc.state.done("Bios.ResetBios")) == 1
        assert there.bios.read().pending["FanOffset"] == 0
        boot(there)
        assert there.bios.read().values["FanOffset"] == 0


def test_a_bmc_that_knows_no_defaults_is_sent_nothing() -> None:
    with serve(changed(written(), BIOS, Actions={})) as bmc, connected(bmc) as there:
        with pytest.raises(NotSupported, match=r"no action Bios\.ResetBios"):
            there.bios.reset()
        assert bmc.asked("POST", f"{BIOS}/Actions/Bios.ResetBios") == []


@pytest.mark.parametrize("target", ["//elsewhere.example/x", "https://elsewhere.example/x", "x"])
def test_an_action_that_leads_out_of_the_service_is_not_sent(target: str) -> None:
    actions: dict[str, Any] = {"#Bios.ResetBios": {"target": target}}
    with (
        serve(changed(written(), BIOS, Actions=actions)) as bmc,
        connected(bmc) as there,
        pytest.raises(BmcBadAnswer, match="no path of its service"),
    ):
        there.bios.reset()
