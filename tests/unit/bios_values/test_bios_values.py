"""What a registry says of BIOS attributes decides which values may be sent; every refusal names what is allowed."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oobctl.bios_values import BiosAttribute, check, differing
from oobctl.drivers.readings import as_json

MODE = BiosAttribute("BootMode", "Enumeration", allowed=(("Uefi", "UEFI"), ("Bios", "Legacy BIOS")))
SUFFIXED = BiosAttribute("ARISupport_0049", "Enumeration", allowed=(("Enabled", "Enabled"), ("Disabled", "Disabled")))
OFFSET = BiosAttribute("FanOffset", "Integer", lower=0, upper=100, increment=5)
SECURE = BiosAttribute("SecureBoot", "Boolean")
LABEL = BiosAttribute("AssetLabel", "String", min_length=1, max_length=8, pattern="^[a-z0-9 ]*$", depends_on=("X",))
REVISION = BiosAttribute("SystemRevision", "String", read_only=True)
PASSWORD = BiosAttribute("SetupPassword", "Password", max_length=32)
SECRET = BiosAttribute("ChapSecret", "String")
ALL = (SECRET, MODE, SUFFIXED, OFFSET, SECURE, LABEL, REVISION, PASSWORD)

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
anything = st.recursive(scalars, lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(), inside))


def why(name: str, value: Any, **more: Any) -> str:
    found = check(ALL, {name: value}, **more)
    assert [one.name for one in found] == [name]
    return found[0].message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BootMode", "Bios"),
        ("ARISupport_0049", "Disabled"),
        ("FanOffset", 0),
        ("FanOffset", 7),  # an increment is the step of a form, and no bound (DSP8013, ScalarIncrement)
        ("FanOffset", 100),
        ("SecureBoot", False),
        ("AssetLabel", "rack 4"),
    ],
)
def test_what_the_registry_allows_may_be_sent(name: str, value: Any) -> None:
    assert check(ALL, {name: value}) == ()


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("BootMode", "UEFI", "takes one of Uefi, Bios."),  # a display name is no value
        ("BootMode", 1, "takes one of Uefi, Bios."),
        ("FanOffset", -1, "from 0 to 100"),
        ("FanOffset", 101, "from 0 to 100"),
        ("FanOffset", True, "whole number"),
        ("FanOffset", 5.0, "whole number"),
        ("FanOffset", "5", "whole number"),
        ("SecureBoot", 1, "true or false"),
        ("SecureBoot", "true", "true or false"),
        ("AssetLabel", "", "1 to 8 characters"),
        ("AssetLabel", "far too long", "1 to 8 characters"),
        ("AssetLabel", "Rack 4", "^[a-z0-9 ]*$"),
        ("AssetLabel", "a\nb", "one line"),
        ("SystemRevision", "A3", "read-only"),
        ("SetupPassword", "hunter2", "is a secret"),
        ("ChapSecret", "hunter2", "is a secret"),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_allowed(name: str, value: Any, allowed: str) -> None:
    assert allowed in why(name, value)


def test_an_unknown_attribute_is_refused_with_those_that_are_called_alike() -> None:
    assert why("BootMod", "Uefi") == "This BIOS has no attribute 'BootMod'. It has BootMode."
    assert "ARISupport_0049" in why("ARISupport", "Enabled")  # the suffix belongs to the name
    assert why("Q", 1) == "This BIOS has no attribute 'Q'."


def test_an_attribute_that_the_registry_has_and_this_bios_has_not_is_unknown() -> None:
    assert "has no attribute 'FanOffset'" in why("FanOffset", 5, present=["BootMode"])
    assert check(ALL, {"FanOffset": 5}, present=["FanOffset"]) == ()


def test_what_is_read_only_for_all_is_called_so_and_nobody_is_sent_to_ask_for_it() -> None:
    fixed = BiosAttribute("Version", "String", read_only=True)
    [wrong] = check([fixed], {"Version": "2"}, denied=["Version"])
    assert wrong.message == "Version is read-only: the BIOS takes no value for it."


def test_what_is_denied_is_refused_whatever_its_value() -> None:
    assert "not for you" in why("SecureBoot", True, denied=["(?i)secure_?boot"])
    assert check(ALL, {"FanOffset": 5}, denied=["(?i)secure_?boot"]) == ()


def test_all_that_is_wrong_is_told_at_once_and_no_value_is_repeated() -> None:
    found = check(ALL, {"BootMode": "hunter2", "SecureBoot": "hunter2", "Nothing": "hunter2", "FanOffset": 5})
    assert [one.name for one in found] == ["BootMode", "SecureBoot", "Nothing"]
    assert not any("hunter2" in one.message for one in found)


def test_without_allowed_values_or_bounds_the_type_alone_decides() -> None:
    bare = [BiosAttribute("E", "Enumeration"), BiosAttribute("I", "Integer"), BiosAttribute("I2", "Integer", lower=3)]
    assert check(bare, {"E": "x", "I": -(10**30), "I2": 10**30}) == ()
    assert [one.message for one in check(bare, {"E": 1, "I": "x", "I2": 2})] == [
        "E takes a text.",
        "I takes a whole number.",
        "I2 takes a whole number of at least 3.",
    ]


@given(st.dictionaries(st.sampled_from([one.name for one in ALL]) | st.text(max_size=12), anything, max_size=8))
def test_whatever_is_asked_for_it_is_judged_and_what_passes_keeps_to_the_registry(values: dict[str, Any]) -> None:
    wrong = {one.name for one in check(ALL, values)}
    passed = {name: value for name, value in values.items() if name not in wrong}
    assert passed.keys() <= {"BootMode", "ARISupport_0049", "FanOffset", "SecureBoot", "AssetLabel"}
    assert passed.get("BootMode", "Uefi") in {"Uefi", "Bios"}
    offset = passed.get("FanOffset", 0)
    assert type(offset) is int
    assert 0 <= offset <= 100
    assert type(passed.get("SecureBoot", True)) is bool
    assert re.fullmatch("[a-z0-9 ]{1,8}", passed.get("AssetLabel", "a"))


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(a|a)*$", "(.*)*x", "a**", "[z-a]", "(?<=x)", "\\1", "^(a{1,99}){1,99}$"]
)
def test_a_pattern_that_may_never_end_or_is_none_is_left_to_the_bmc(pattern: str) -> None:
    attribute = BiosAttribute("A", "String", pattern=pattern)
    assert check([attribute], {"A": "a" * 200 + "!"}) == ()


@given(st.text(alphabet="ab[]^$(){}*+?|\\.,19-", max_size=60), st.text(alphabet="ab!", max_size=60))
def test_any_pattern_is_judged_in_time(pattern: str, value: str) -> None:
    """The deadline of hypothesis is the test: a pattern comes from the BMC."""
    check([BiosAttribute("A", "String", pattern=pattern)], {"A": value})


def test_attributes_come_back_from_the_json_that_is_kept() -> None:
    for attribute in ALL:
        kept = json.loads(json.dumps(as_json(attribute) | {"unknown": 1}))
        assert BiosAttribute.from_json(kept) == attribute


def test_a_difference_is_one_of_value_type_or_presence() -> None:
    baseline = {"Same": 1, "Truth": True, "Gone": "x", "Changed": "a"}
    assert differing({"Same": 1, "Truth": 1, "Changed": "b", "New": None}, baseline) == {
        "Changed": ("a", "b"),
        "Gone": ("x", None),
        "New": (None, None),
        "Truth": (True, 1),
    }
