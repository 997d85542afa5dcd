"""The actions as they are declared: what each may, locks, sends once, and says before it is done."""

from dataclasses import replace

import pytest

from oobctl import actions, profiles
from oobctl.audit.tags import Tag
from oobctl.constants import Lock, Permission
from oobctl.errors import NotFound
from oobctl.jobs.action import Action
from oobctl.profiles import Quirk, QuirkNote

EVERY = sorted(actions.all_actions().values(), key=lambda action: action.name)
every_action = pytest.mark.parametrize("action", EVERY, ids=lambda action: action.name)
SENT_ONCE = {"power.reset": ["send_reset"], "power.nmi": ["send_nmi"], "bmc.reset": ["send_reset", "send_cold"]}
ASK_WHO = {"server.enroll": "read_certificate", "bmc.reset": "probe", "console.screenshot": "take_picture"}
"""A picture is taken by a gateway, which asks before it opens the screen."""
LOOKS = {"server.inspect": Lock.READ, "console.screenshot": Lock.NONE}


PERMISSIONS = {
    "bmc.reset": Permission.POWER,
    "bmc.rotate_password": Permission.SERVICE,
    "bmc.user_add": Permission.REINSTALL,
    "bmc.user_remove": Permission.REINSTALL,
    "bios.reset": Permission.BIOS,
    "bios.set": Permission.BIOS,
    "bios.setup": Permission.BIOS,
    "boot.set": Permission.POWER,
    "console.screenshot": Permission.CONSOLE,
    "event_log.clear": Permission.SERVICE,
    "identify.set": Permission.POWER,
    "media.eject": Permission.REINSTALL,
    "media.insert": Permission.REINSTALL,
    "power.cycle": Permission.POWER,
    "power.nmi": Permission.POWER,
    "power.off": Permission.POWER,
    "power.on": Permission.POWER,
    "power.reset": Permission.POWER,
    "power.shutdown": Permission.POWER,
    "server.enroll": Permission.SERVICE,
    "server.inspect": Permission.VIEW,
    "server.release": Permission.SERVICE,
}


def test_these_actions_are_there_each_with_its_permission() -> None:
    assert {action.name: action.permission for action in EVERY} == PERMISSIONS


@every_action
def test_each_command_that_must_not_be_repeated_has_a_step_that_is_sent_once(action: Action) -> None:
    once = [step.name for step in action.steps if step.once]
    assert once == SENT_ONCE.get(action.name, [])


@every_action
def test_an_action_asks_who_answers_before_anything_else(action: Action) -> None:
    assert action.steps[0].name == ASK_WHO.get(action.name, "check_identity")


@every_action
def test_the_point_of_no_return_is_one_of_the_steps(action: Action) -> None:
    assert action.no_return is None or action.no_return in [step.name for step in action.steps]


@every_action
def test_an_action_has_a_tag_of_its_own_and_words_for_people(action: Action) -> None:
    assert [other.name for other in EVERY if other.tag == action.tag] == [action.name]
    assert action.tag in set(Tag)
    assert "{server}" in action.consequence
    assert action.consequence.endswith(".")
    assert action.danger in {"look", "gentle", "hard", "destructive"}
    assert all(step.title for step in action.steps)


@every_action
def test_an_action_on_the_bmc_locks_the_bmc(action: Action) -> None:
    assert (action.lock is Lock.BMC) == action.name.startswith("bmc.")


@every_action
def test_what_only_looks_leaves_the_server_to_others_and_nothing_else_does(action: Action) -> None:
    assert (action.danger == "look") == (action.name in LOOKS)
    assert (action.lock in {Lock.READ, Lock.NONE}) == (action.name in LOOKS)
    assert action.lock is LOOKS.get(action.name, action.lock)


@every_action
def test_the_steps_of_an_action_have_different_names(action: Action) -> None:
    assert len({step.name for step in action.steps}) == len(action.steps)


def test_an_unknown_action_names_those_there_are() -> None:
    with pytest.raises(NotFound, match=r"event_log\.clear, identify\.set"):
        actions.find("power.explode")


def test_what_a_bmc_hangs_on_is_done_by_commands_that_may_be_repeated() -> None:
    """With the quirk the step sends an off, so a run after a crash goes on; without it the job would be interrupted."""
    step = next(step for step in actions.find("power.reset").steps if step.once)
    plain = profiles.find("generic-redfish")
    hanging = replace(plain, quirks={**plain.quirks, Quirk.FORCE_RESTART_HANGS: QuirkNote("it hangs", "a test", "all")})
    assert (step.is_once(plain), step.is_once(hanging)) == (True, False)
    assert next(step for step in actions.find("power.nmi").steps if step.once).is_once(hanging)
