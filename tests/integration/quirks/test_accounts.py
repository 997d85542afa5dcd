"""Quirks of accounts and of our own password: with the quirk users are made and changed, without it they are not."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from oobctl.constants import BmcRole
from oobctl.drivers.connect import ConnectedBmc
from oobctl.errors import BmcRefused, NotSupported
from tests import trees
from tests.profiles import Derived
from tests.trees import Served

pytestmark = pytest.mark.usefixtures("sqlite")

ACCOUNTS = "/redfish/v1/AccountService/Accounts"
SESSIONS = "/redfish/v1/SessionService/Sessions"
NEW = "c0rrect-horse"


@contextmanager
def at(*behaviours: str, profile: str) -> Iterator[tuple[Served, ConnectedBmc]]:
    """A BMC that behaves so, and the driver with that profile."""
    with trees.serve(behaviours=behaviours) as bmc, trees.connected(bmc, profile=profile) as found:
        yield bmc, found


def test_account_slots_fixed_are_filled_and_emptied_by_patch(derived: Derived) -> None:
    with at("account-slots-fixed=5", profile=derived(quirks=["account-slots-fixed"])) as (bmc, found):
        before = found.users.read()
        assert (before.capacity, before.free) == (5, 3)
        assert found.users.add("guest", NEW, BmcRole.OPERATOR) == "3"  # the profile's first slot
        assert bmc.state.passwords.who("guest", NEW) is not None
        assert found.users.read().free == 2
        found.users.add("second", NEW, BmcRole.OPERATOR)
        found.users.add("third", NEW, BmcRole.OPERATOR)
        with pytest.raises(BmcRefused, match="no account left for fourth: all 5 are taken"):
            found.users.add("fourth", NEW, BmcRole.OPERATOR)
        found.users.remove("guest")
        assert "guest" not in bmc.state.accounts()
        assert found.users.read().free == 1
        assert (bmc.asked("POST", ACCOUNTS), bmc.asked("DELETE", f"{ACCOUNTS}/3")) == ([], [])
    with at("account-slots-fixed=5", profile=derived()) as (bmc, found):
        with pytest.raises((BmcRefused, NotSupported), match="405"):
            found.users.add("guest", NEW, BmcRole.OPERATOR)
        with pytest.raises((BmcRefused, NotSupported), match="405"):
            found.users.remove("watcher")
        assert sorted(bmc.state.accounts()) == ["admin", "watcher"]


def test_etag_required_is_met_with_the_accounts_own(derived: Derived) -> None:
    with at("etag-required", profile=derived()) as (bmc, found):
        found.users.set_password("watcher", NEW)
        assert bmc.state.passwords.who("watcher", NEW) is not None
    with at("etag-required", profile=derived(without=["etag-required"])) as (bmc, found):
        with pytest.raises(BmcRefused, match="428"):
            found.users.set_password("watcher", NEW)
        assert bmc.state.passwords.who("watcher", NEW) is None


def test_308_on_trailing_slash_is_followed_for_accounts(derived: Derived) -> None:
    with at("308-on-trailing-slash", profile=derived()) as (bmc, found):
        found.users.add("guest", NEW, BmcRole.OPERATOR)
        found.users.remove("guest")
        assert (len(bmc.state.done("POST")), len(bmc.state.done("DELETE"))) == (1, 1)


@pytest.mark.parametrize("more", [[], ["etag-required"], ["308-on-trailing-slash"]])
def test_password_change_required_lets_the_change_of_our_own_through(derived: Derived, more: list[str]) -> None:
    with at("password-change-required", *more, profile=derived()) as (bmc, found):
        with pytest.raises(BmcRefused, match="before the password of our user is changed"):
            found.users.set_password("watcher", NEW)
        found.users.set_password("admin", NEW)
        assert bmc.state.passwords.who("admin", NEW) is not None
        assert (bmc.state.sessions, bmc.state.failed_logins) == ({}, 0)
    again = [request for request in bmc.asked("POST") if request.path.startswith(SESSIONS)]
    assert len([request for request in again if request.status == 201]) == 1


def test_password_change_required_is_no_way_to_change_anything_else(derived: Derived) -> None:
    with at("password-change-required", profile=derived()) as (bmc, found):
        for ask in (lambda: found.users.remove("watcher"), lambda: found.bios.set({"FanOffset": 5}), found.users.read):
            with pytest.raises(BmcRefused, match="before the password of our user is changed"):
                ask()
        assert bmc.state.commands == []


def test_password_change_required_without_the_quirk_is_a_refusal_of_everything(derived: Derived) -> None:
    with at("password-change-required", profile=derived(without=["password-change-required"])) as (bmc, found):
        with pytest.raises(BmcRefused, match="403"):
            found.users.set_password("admin", NEW)
        assert bmc.state.passwords.who("admin", NEW) is None
    assert bmc.state.sessions == {}


def test_password_change_required_where_there_are_no_sessions(derived: Derived) -> None:
    """With Basic it is the first request that is answered so."""
    tree = trees.without(trees.written(), "/redfish/v1", "SessionService", "Links")
    tree = trees.without(tree, "/redfish/v1/SessionService")
    with (
        trees.serve(tree, ["password-change-required"]) as bmc,
        trees.connected(bmc, profile=derived()) as found,
    ):
        found.users.set_password("admin", NEW)
        assert bmc.state.passwords.who("admin", NEW) is not None
        assert bmc.state.failed_logins == 0
