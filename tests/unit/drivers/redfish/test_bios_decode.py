"""Attribute registries as BMCs have them: described in our words, with the values spelled as the BMC itself does."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from oobctl.bios_values import BiosAttribute, check
from oobctl.drivers.readings import as_json
from oobctl.drivers.redfish import bios_decode
from tests.unit.drivers.redfish.service_shapes import anything, resources

ENUMERATION = {
    "AttributeName": "QuietBoot_002D",
    "Type": "Enumeration",
    "Value": [{"ValueName": "1", "ValueDisplayName": "On"}, {"ValueName": "0", "ValueDisplayName": "Off"}],
}


def described(*entries: Any, now: dict[str, Any] | None = None, **more: Any) -> tuple[list[BiosAttribute], list[str]]:
    problems: list[str] = []
    registry = {"RegistryEntries": {"Attributes": list(entries), **more}}
    return list(bios_decode.attributes(registry, now or {}, problems)), problems


def test_an_attribute_has_what_the_registry_says_of_it() -> None:
    entry = {
        "AttributeName": "FanOffset", "Type": "Integer", "DisplayName": "Fan offset", "HelpText": "Faster\r\nfans.",
        "MenuPath": "./Cooling", "LowerBound": 0, "UpperBound": 2**63 - 1, "ScalarIncrement": 5, "DefaultValue": 10,
        "ReadOnly": False, "Hidden": True, "ResetRequired": False,
    }  # fmt: skip
    found, problems = described(entry)
    assert found == [
        BiosAttribute(
            name="FanOffset", type="Integer", display_name="Fan offset", help="Faster fans.", menu="./Cooling", lower=0,
            upper=2**63 - 1, increment=5, default=10, hidden=True, reset_required=False,
        )
    ]  # fmt: skip
    assert problems == []


def test_an_immutable_attribute_is_read_only() -> None:
    found, _ = described({"AttributeName": "A", "Type": "String", "Immutable": True})
    assert found[0].read_only


def test_values_are_value_names() -> None:
    found, _ = described(ENUMERATION, now={"QuietBoot_002D": "1"})
    assert found[0].allowed == (("1", "On"), ("0", "Off"))


def test_values_are_display_names_where_the_bmc_itself_tells_them() -> None:
    found, _ = described(ENUMERATION, now={"QuietBoot_002D": "On"})
    assert found[0].allowed == (("On", "On"), ("Off", "Off"))
    assert check(found, {"QuietBoot_002D": "Off"}) == ()
    assert check(found, {"QuietBoot_002D": "0"}) != ()


def test_where_a_value_fits_both_spellings_the_default_and_then_the_other_attributes_decide() -> None:
    both = {**ENUMERATION, "Value": [{"ValueName": "On", "ValueDisplayName": "On"}, *ENUMERATION["Value"]]}
    found, _ = described({**both, "DefaultValue": "Off"}, now={"QuietBoot_002D": "On"})
    assert [value for value, _shown in found[0].allowed] == ["On", "On", "Off"]
    other = {**ENUMERATION, "AttributeName": "Other"}
    for value, expected in (("On", "Off"), ("1", "0")):
        found, _ = described(both, other, now={"QuietBoot_002D": "5", "Other": value})
        assert found[0].allowed[-1][0] == expected


def test_a_value_without_a_display_name_is_its_own() -> None:
    found, _ = described({"AttributeName": "A", "Type": "Enumeration", "Value": [{"ValueName": "x86"}, {}, "no", None]})
    assert found[0].allowed == (("x86", "x86"),)


def test_dependencies_name_what_an_attribute_depends_on() -> None:
    one = {"Dependency": {"MapFrom": [{"MapFromAttribute": "B"}, {"MapFromAttribute": "B"}], "MapToAttribute": "A"}}
    found, _ = described(
        {"AttributeName": "A", "Type": "String"}, {"AttributeName": "B", "Type": "String"}, Dependencies=[one, None, {}]
    )
    assert [attribute.depends_on for attribute in found] == [("B",), ()]


def test_a_damaged_entry_is_a_problem_and_the_others_are_described() -> None:
    found, problems = described(
        {"AttributeName": "A", "Type": "String"}, None, {"Type": "String"}, {"AttributeName": 5}
    )
    assert [attribute.name for attribute in found] == ["A"]
    assert len(problems) == 3


def test_nonsense_for_bounds_and_texts_is_left_out() -> None:
    entry = {"AttributeName": "A", "Type": "Integer", "LowerBound": "0", "UpperBound": float("nan"), "HelpText": 5,
             "ScalarIncrement": True, "DefaultValue": [1], "ValueExpression": "a\nb"}  # fmt: skip
    assert described(entry)[0] == [BiosAttribute("A", "Integer")]
    huge = {"AttributeName": "A", "Type": "Integer", "LowerBound": -(10**400), "UpperBound": 10**400}
    assert described(huge)[0] == [BiosAttribute("A", "Integer")]


def test_bounds_between_which_nothing_is_are_none() -> None:
    entry = {"AttributeName": "A", "Type": "Integer", "LowerBound": 0, "UpperBound": -1, "MinLength": 5, "MaxLength": 4}
    assert described(entry)[0] == [BiosAttribute("A", "Integer")]


def test_values_that_are_none_are_problems() -> None:
    problems: list[str] = []
    resource = {
        "Attributes": {
            "A": 1,
            "B": None,
            "C": [1],
            "D": float("nan"),
            "H": 10**400,
            "E": "\ud800",
            "F@Redfish.X": 1,
            "G": "€",
        }
    }
    assert bios_decode.values(resource, problems) == {"A": 1, "B": None, "G": "€"}
    assert len(problems) == 4
    assert bios_decode.values({"Attributes": []}, problems) == {}


def test_no_password_is_shown_and_nothing_that_is_called_a_secret_and_says_one() -> None:
    attributes = (BiosAttribute("SetupPassword", "Password"), BiosAttribute("PasswordStatus", "Enumeration"))
    now = {"SetupPassword": "hunter2", "PasswordStatus": "Unlocked", "SHA256SystemPassword": "abc", "OldPassword": "",
           "Label": "x"}  # fmt: skip
    assert bios_decode.without_passwords(now, attributes) == {
        "PasswordStatus": "Unlocked",
        "OldPassword": "",
        "Label": "x",
    }


def test_without_a_registry_the_types_follow_from_the_values() -> None:
    found = bios_decode.inferred({"A": True, "B": 1, "C": "x", "D": None})
    assert [(attribute.name, attribute.type) for attribute in found] == [
        ("A", "Boolean"),
        ("B", "Integer"),
        ("C", "String"),
    ]


@given(anything, anything, resources, st.dictionaries(st.sampled_from(["A", "Name"]), anything))
def test_whatever_stands_in_a_registry_it_is_described_and_checked_against(
    attributes: Any, dependencies: Any, entry: dict[str, Any], now: dict[str, Any]
) -> None:
    entry = {**entry, "AttributeName": "A", "Type": "Enumeration"}
    values = bios_decode.values({"Attributes": now}, [])
    for listed in (attributes, [attributes, entry]):
        registry = {"RegistryEntries": {"Attributes": listed, "Dependencies": dependencies}}
        found = bios_decode.attributes(registry, values, [])
        check(found, {"A": "x", "Name": 1})
        bios_decode.without_passwords(values, found)
    bios_decode.attributes({"RegistryEntries": attributes}, values, [])


def test_a_menu_is_called_as_the_registry_says_part_by_part() -> None:
    menus = [
        {"MenuName": "Sys", "MenuPath": "./Sys", "DisplayName": "System\r\nsettings"},
        {"MenuName": "Mem", "MenuPath": "./Sys/Mem/Deep", "DisplayName": "Deep down"},
        {"MenuName": "Cpu", "MenuPath": "./Cpu"},
        {"MenuPath": 7, "DisplayName": "Wrong"},
        "wrong",
    ]
    paths = ["./Sys", "Sys/Mem/Deep", "./Cpu", "./Sysx", None]
    entries = [{"AttributeName": f"A{n}", "Type": "String", "MenuPath": path} for n, path in enumerate(paths)]
    found, problems = described(*entries, Menus=menus)
    assert [one.menu_names for one in found] == [
        ("System settings",), ("System settings", "Mem", "Deep down"), (), (), (),
    ]  # fmt: skip
    assert problems == []
    assert BiosAttribute.from_json(as_json(found[1])) == found[1]
    unfit: list[Any] = [None, {}, "x", 3]
    for wrong in unfit:
        assert described(*entries, Menus=wrong)[0][0].menu_names == ()
