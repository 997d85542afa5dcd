"""Accounts and roles as users, and what follows from them about how far a BMC is open."""

from typing import Any

import pytest
from hypothesis import given

from oobctl.constants import BmcRole
from oobctl.drivers.exposure import of_users
from oobctl.drivers.readings import BmcUser
from oobctl.drivers.redfish.account_decode import account, by_privileges, predefined, user
from oobctl.drivers.redfish.security_decode import host_interface, insecure_protocols, ipmi_over_lan
from tests.unit.drivers.redfish.service_shapes import resources


@pytest.mark.parametrize(
    ("role_id", "role"),
    [
        ("Administrator", BmcRole.ADMINISTRATOR),
        ("administrator", BmcRole.ADMINISTRATOR),
        ("Operator", BmcRole.OPERATOR),
        ("ReadOnly", BmcRole.READ_ONLY),
        ("None", BmcRole.NO_ACCESS),
        ("NoAccess", BmcRole.NO_ACCESS),
        ("dirgroup17", None),
        (None, None),
    ],
)
def test_redfishs_own_roles_are_known_by_their_names(role_id: str | None, role: BmcRole | None) -> None:
    assert predefined(role_id) is role


@pytest.mark.parametrize(
    ("privileges", "role"),
    [
        (["Login", "ConfigureManager"], BmcRole.ADMINISTRATOR),
        (["Login", "ConfigureUsers"], BmcRole.ADMINISTRATOR),  # who makes users makes administrators
        (["Login", "ConfigureComponents"], BmcRole.OPERATOR),
        (["Login", "ConfigureSelf"], BmcRole.READ_ONLY),
        ([], BmcRole.NO_ACCESS),
        (None, BmcRole.OTHER),
        ([None, {}], BmcRole.NO_ACCESS),
    ],
)
def test_a_bmcs_own_role_is_what_it_may_do(privileges: Any, role: BmcRole) -> None:
    assert by_privileges({"AssignedPrivileges": privileges}) is role


def test_an_account_without_a_name_is_empty_unless_it_is_enabled() -> None:
    empty = account({"UserName": "", "Enabled": False, "Id": "5"}, "/x/5")
    null = account({"UserName": "", "Enabled": True, "Id": "1"}, "/x/1")
    assert empty is not None
    assert null is not None
    assert (empty.empty, empty.slot, null.empty) == (True, 5, False)


def facts(*users: BmcUser) -> dict[str, Any]:
    return {fact.name: fact.value for fact in of_users(users)}


def one(name: str, role: BmcRole, enabled: bool | None = True, ours: bool = False) -> BmcUser:
    return BmcUser("1", name, role, enabled, ours=ours)


def test_users_tell_how_far_a_bmc_is_open() -> None:
    ours = one("oobctl", BmcRole.ADMINISTRATOR, ours=True)
    assert facts(ours) == {"null_user": False, "default_user": False, "administrators": 1, "other_users": 0}
    root, off = one("Root", BmcRole.OPERATOR, None), one("ADMIN", BmcRole.ADMINISTRATOR, False)
    assert facts(ours, root, off) == {
        "null_user": False, "default_user": True, "administrators": 1, "other_users": 1,
    }  # fmt: skip
    assert facts(ours, one("", BmcRole.READ_ONLY))["null_user"] is True


def test_the_number_of_administrators_is_not_known_where_a_role_is_not() -> None:
    assert facts(one("bob", BmcRole.OTHER), one("root", BmcRole.ADMINISTRATOR))["administrators"] is None


ON, OFF = {"ProtocolEnabled": True}, {"ProtocolEnabled": False}


def test_protocols_are_on_off_or_not_told() -> None:
    assert ipmi_over_lan([{"IPMI": ON}, {"IPMI": OFF}]).value is True
    assert ipmi_over_lan([{"IPMI": OFF}]).value is False
    assert ipmi_over_lan([{"IPMI": {"ProtocolEnabled": "yes"}}, {}]).value is None
    assert insecure_protocols([{"HTTP": ON, "Telnet": OFF, "SNMP": ON}]).value == "HTTP, SNMP"
    assert insecure_protocols([{"HTTP": OFF}]).value == "none"
    assert insecure_protocols([{}]).value is None


def test_snmp_3_alone_is_no_insecure_protocol() -> None:
    snmp = {**ON, "EnableSNMPv1": False, "EnableSNMPv2c": False, "EnableSNMPv3": True}
    assert insecure_protocols([{"SNMP": snmp}]).value == "none"
    assert insecure_protocols([{"SNMP": {**snmp, "EnableSNMPv2c": True}}]).value == "SNMP"
    assert insecure_protocols([{"SNMP": ON}]).value == "SNMP"


def test_a_host_interface_that_is_off_says_nothing_about_kcs() -> None:
    assert host_interface([{"InterfaceEnabled": True}], told=True).value is True
    off = host_interface([{"InterfaceEnabled": False}], told=True)
    assert off.value is None
    assert "KCS" in str(off.detail)
    assert "network host interface is off" in str(off.detail)
    assert "network host interface is off" not in str(host_interface([{}], told=True).detail)


@given(resources)
def test_whatever_stands_in_an_account_or_a_protocol_it_is_read(resource: dict[str, Any]) -> None:
    found = account(resource, "/redfish/v1/AccountService/Accounts/1")
    if found is not None:
        of_users([user(found, predefined(found.role_id) or by_privileges(resource), "root")])
    for fact in (ipmi_over_lan([resource]), insecure_protocols([resource]), host_interface([resource], told=True)):
        assert fact.value is not None or fact.detail
