"""How far a BMC is open over Redfish: each fact is told, or why it can't be."""

from datetime import datetime
from typing import Any

import pytest

from oobctl.drivers.readings import SecurityReport
from oobctl.lab.redfish_service.trees.load import Tree
from oobctl.profiles.model import SECURITY_FACTS
from tests import trees
from tests.trees import changed, connected, serve, written

pytestmark = pytest.mark.usefixtures("sqlite")

ACCOUNTS = "/redfish/v1/AccountService/Accounts"
MANAGER = "/redfish/v1/Managers/1"
PROTOCOLS = f"{MANAGER}/NetworkProtocol"


def read(tree: Tree | None = None, name: str = "web01") -> SecurityReport:
    with serve(tree or "plain") as bmc, connected(bmc, name=name) as there:
        return there.security.read()


def values(report: SecurityReport) -> dict[str, Any]:
    return {fact.name: fact.value for fact in report.facts}


def test_every_fact_is_told_or_says_why_not() -> None:
    found = read()
    assert {fact.name for fact in found.facts} == set(SECURITY_FACTS)
    assert [fact.name for fact in found.facts if fact.value is None and not fact.detail] == []
    told = values(found)
    assert (told["null_user"], told["default_user"], told["administrators"], told["other_users"]) == (False, True, 1, 1)
    assert (told["ipmi_over_lan"], told["insecure_protocols"], told["host_interface"]) == (True, "none", True)
    assert (told["cipher_zero"], told["channel_privilege"], told["channel_access"]) == (None, None, None)
    assert found.problems == ()


def test_the_certificate_is_the_one_that_the_bmc_presents() -> None:
    end = values(read())["certificate_expires"]
    assert datetime.fromisoformat(end).year - datetime.now().year in {9, 10}  # as the lab issues them


def test_what_changed_shows() -> None:
    tree = changed(written(), PROTOCOLS, HTTP={"ProtocolEnabled": True}, IPMI={"ProtocolEnabled": False})
    tree = changed(tree, f"{ACCOUNTS}/2", UserName="", Enabled=True)
    told = values(read(tree))
    assert (told["insecure_protocols"], told["ipmi_over_lan"], told["null_user"]) == ("HTTP", False, True)


def test_facts_of_what_cannot_be_read_are_not_known() -> None:
    tree = trees.without(written(), "/redfish/v1", "AccountService")
    found = read(trees.without(tree, MANAGER, "NetworkProtocol", "HostInterfaces"))
    told = values(found)
    for name in ("null_user", "default_user", "administrators", "other_users", "ipmi_over_lan", "insecure_protocols"):
        assert told[name] is None
    assert told["host_interface"] is None


def test_one_account_that_cannot_be_read_makes_all_facts_of_users_unknown() -> None:
    """It may be the one that matters."""
    found = read(changed(written(), f"{ACCOUNTS}/2", UserName=["bob"]))
    assert values(found)["administrators"] is None
    assert len(found.problems) == 1
