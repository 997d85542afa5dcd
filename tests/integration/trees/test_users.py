"""The BMC's users over Redfish: made, changed and removed, and our own password changed without locking us out."""

from collections.abc import Callable

import flask
import pytest
from sqlalchemy import select

from oobctl.constants import BmcRole
from oobctl.drivers.connect import ConnectedBmc
from oobctl.errors import BmcRefused, BmcTimeout, BmcUnreachable, NotSupported, StateNotReached
from oobctl.lab.redfish_service.trees import refusals
from oobctl.lab.redfish_service.trees.asked import Asked
from oobctl.lab.redfish_service.trees.behaviours.behaviour import Behaviour, Lost
from oobctl.lab.redfish_service.trees.state import State
from oobctl.store import Credential, database
from tests import trees
from tests.profiles import Derived
from tests.trees import Served, changed, connected, serve, written

pytestmark = pytest.mark.usefixtures("sqlite")

ACCOUNTS = "/redfish/v1/AccountService/Accounts"
NEW = "c0rrect-horse"


class LosesTheChange(Behaviour):
    """The password is changed, and the answer is lost."""

    name = "loses-the-change"

    def amend(self, state: State, asked: Asked, answer: flask.Response) -> flask.Response:
        if asked.method == "PATCH":
            raise Lost
        return answer


class EchoesThePassword(Behaviour):
    """A refusal that repeats what it did not like."""

    name = "echoes-the-password"

    def refuse(self, state: State, asked: Asked) -> flask.Response | None:
        password = (asked.body or {}).get("Password")
        if not password or asked.path == state.sessions_path:
            return None
        return refusals.failure(400, "PropertyValueFormatError", f"{password!r} is no good password.", password)


class MakesThemDisabled(Behaviour):
    """Users are made switched off; with a number they stay so."""

    name = "makes-them-disabled"

    def amend(self, state: State, asked: Asked, answer: flask.Response) -> flask.Response:
        if asked.method == "POST" and asked.path == ACCOUNTS:
            state.resources.at(answer.headers["Location"])["Enabled"] = False
        if asked.method == "PATCH" and self.number:
            state.resources.at(asked.path)["Enabled"] = False
        return answer


def parked() -> list[str]:
    with database().read() as tx:
        return [str(row) for row in tx.scalars(select(Credential.parked_because)) if row]


def lets_in(bmc: Served, user: str, password: str) -> bool:
    return bmc.state.passwords.who(user, password) is not None


def test_users_are_listed_with_their_roles_and_ours_is_told(bmc: Served, there: ConnectedBmc) -> None:
    found = there.users.read()
    assert [(user.name, user.role, user.enabled, user.ours) for user in found.users] == [
        ("admin", BmcRole.ADMINISTRATOR, True, True),
        ("watcher", BmcRole.READ_ONLY, True, False),
    ]
    assert (found.capacity, found.free, found.problems) == (None, None, ())


def test_a_role_of_the_bmcs_own_is_what_its_privileges_say() -> None:
    role = "/redfish/v1/AccountService/Roles/Keeper"
    tree = changed(written(), f"{ACCOUNTS}/2", RoleId="Keeper", Links={"Role": {"@odata.id": role}})
    tree[role] = {"@odata.type": "#Role.v1_3_1.Role", "AssignedPrivileges": ["Login", "ConfigureUsers"]}
    with serve(tree) as bmc, connected(bmc) as there:
        assert there.users.read().users[1].role is BmcRole.ADMINISTRATOR
    with serve(trees.without(tree, role)) as bmc, connected(bmc, name="web02") as there:
        found = there.users.read()
        assert (found.users[1].role, len(found.problems)) == (BmcRole.OTHER, 1)


def test_a_user_is_made_and_made_again_with_another_password_and_removed(bmc: Served, there: ConnectedBmc) -> None:
    number = there.users.add("guest", NEW, BmcRole.OPERATOR)
    assert lets_in(bmc, "guest", NEW)
    assert there.users.add("guest", NEW + "2", BmcRole.READ_ONLY) == number
    assert (bmc.state.accounts()["guest"], lets_in(bmc, "guest", NEW + "2")) == ("ReadOnly", True)
    assert len(bmc.state.done("POST")) == 1
    for _ in range(2):
        there.users.remove("guest")
    assert "guest" not in bmc.state.accounts()
    assert len(bmc.state.done("DELETE")) == 1


def test_a_user_that_is_switched_off_is_made_anew_as_enabled(bmc: Served, there: ConnectedBmc) -> None:
    bmc.state.resources.at(f"{ACCOUNTS}/2")["Enabled"] = False
    there.users.add("watcher", NEW, BmcRole.READ_ONLY)
    assert bmc.state.resources.at(f"{ACCOUNTS}/2")["Enabled"] is True


def test_a_user_that_is_made_switched_off_is_switched_on(bmc: Served, there: ConnectedBmc) -> None:
    bmc.server.service.behaviours = [MakesThemDisabled()]
    number = there.users.add("guest", NEW, BmcRole.OPERATOR)
    assert bmc.state.resources.at(f"{ACCOUNTS}/{number}")["Enabled"] is True


def test_a_user_that_stays_switched_off_is_not_taken_for_made(
    bmc: Served, there: ConnectedBmc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oobctl.drivers.redfish.users._SEEN_WITHIN", 0.2)
    bmc.server.service.behaviours = [MakesThemDisabled(1)]
    with pytest.raises(StateNotReached, match="its role is Operator, enabled: False"):
        there.users.add("guest", NEW, BmcRole.OPERATOR)


def test_a_user_whose_service_knows_no_enabled_is_changed_without_it(bmc: Served, there: ConnectedBmc) -> None:
    del bmc.state.resources.at(f"{ACCOUNTS}/2")["Enabled"]
    there.users.add("watcher", NEW, BmcRole.READ_ONLY)
    assert lets_in(bmc, "watcher", NEW)


@pytest.mark.parametrize(
    ("name", "password", "says"),
    [
        ("", NEW, "user names of 1 to 16 bytes"),
        ("seventeen-letters", NEW, "user names of 1 to 16 bytes"),
        ("guest", "", "passwords of 1 to 16 bytes"),
        ("guest", "ü" * 9, "passwords of 1 to 16 bytes"),
    ],
)
def test_what_the_profile_says_that_the_bmc_does_not_take_is_not_sent(
    bmc: Served, there: ConnectedBmc, name: str, password: str, says: str
) -> None:
    with pytest.raises(BmcRefused, match=says):
        there.users.add(name, password, BmcRole.OPERATOR)
    assert bmc.asked("POST", ACCOUNTS) == []


def test_a_password_that_the_bmc_refuses_is_in_no_message(bmc: Served, there: ConnectedBmc) -> None:
    bmc.server.service.behaviours = [EchoesThePassword()]
    asks: list[Callable[[], object]] = [
        lambda: there.users.add("guest", NEW, BmcRole.OPERATOR),
        lambda: there.users.add("watcher", NEW, BmcRole.OPERATOR),
        lambda: there.users.set_password("watcher", NEW),
        lambda: there.users.set_password("admin", NEW),
    ]
    for ask in asks:
        with pytest.raises(BmcRefused, match=r"'\*\*\*' is no good password") as caught:
            ask()
        assert NEW not in f"{caught.value!r} {caught.value.details}"


def test_a_role_that_the_bmc_does_not_have_is_refused_with_those_it_has(bmc: Served, there: ConnectedBmc) -> None:
    with pytest.raises(
        NotSupported, match="has the roles Administrator, Operator, ReadOnly, and none that is NoAccess"
    ):
        there.users.add("guest", NEW, BmcRole.NO_ACCESS)
    assert bmc.asked("POST", ACCOUNTS) == []


def test_our_own_user_is_not_removed(bmc: Served, there: ConnectedBmc) -> None:
    with pytest.raises(BmcRefused, match="the user that we log in as"):
        there.users.remove("admin")
    assert bmc.state.done("DELETE") == []


def test_the_password_of_another_user_is_changed(bmc: Served, there: ConnectedBmc) -> None:
    for _ in range(2):
        there.users.set_password("watcher", NEW)
    assert lets_in(bmc, "watcher", NEW)
    assert there.users.read().users  # and we go on
    with pytest.raises(BmcRefused, match="no user nobody"):
        there.users.set_password("nobody", NEW)


def test_our_own_password_is_changed_and_the_old_one_is_not_tried_again(bmc: Served, there: ConnectedBmc) -> None:
    there.users.set_password("admin", NEW)
    assert lets_in(bmc, "admin", NEW)
    with pytest.raises(BmcRefused, match="Connect anew"):
        there.users.read()
    assert (bmc.state.failed_logins, bmc.state.sessions, parked()) == (0, {}, [])


def test_an_unclear_answer_to_our_own_change_never_leads_to_a_login_with_the_old_password(derived: Derived) -> None:
    with serve() as bmc, connected(bmc) as there:
        there.users.read()
        bmc.server.service.behaviours = [LosesTheChange()]
        with pytest.raises((BmcUnreachable, BmcTimeout)):
            there.users.set_password("admin", NEW)
        assert lets_in(bmc, "admin", NEW)
        bmc.server.service.behaviours = []
        with pytest.raises(BmcRefused, match="Connect anew"):
            there.users.read()
    assert (bmc.state.failed_logins, bmc.state.sessions, parked()) == (0, {}, [])


def test_a_refused_change_of_our_own_leaves_the_connection_as_it_was(bmc: Served, there: ConnectedBmc) -> None:
    bmc.state.resources.at("/redfish/v1/AccountService")["MinPasswordLength"] = 15
    with pytest.raises(BmcRefused, match="must have 15 to") as caught:
        there.users.set_password("admin", NEW)
    assert NEW not in str(caught.value)
    assert there.users.read().users
    assert len(bmc.asked("POST", "/redfish/v1/SessionService/Sessions")) == 1


def test_a_bmc_without_accounts_is_said_to_have_none() -> None:
    with (
        serve(trees.without(written(), "/redfish/v1", "AccountService")) as bmc,
        connected(bmc) as there,
        pytest.raises(NotSupported, match="no accounts"),
    ):
        there.users.read()
