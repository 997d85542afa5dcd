"""The BMC's user table: ipmi_sim's own file, read back as written; the factory's users and the changed password."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oobctl.lab import user_table
from oobctl.lab.bmc_users import BmcUsers
from oobctl.lab.errors import LabRefused
from oobctl.lab.user_table import ADMINISTRATOR, OPERATOR, User

_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=16)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "users.mc20"


def _users(path: Path) -> BmcUsers:
    return BmcUsers(path, user="admin", password="factory-password")


@given(name=_TEXT.filter(lambda text: 0 < len(text.encode()) <= 16), password=_TEXT.map(lambda text: text[:5]))
def test_a_user_is_read_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, name: str, password: str) -> None:
    path = tmp_path_factory.mktemp("users") / "users.mc20"
    user = User(3, name, password, privilege=OPERATOR, enabled=True, link_auth=True, max_sessions=4)
    user_table.write(path, [user])
    assert user_table.read(path) == {3: user}


@given(st.binary(max_size=200))
def test_a_damaged_table_is_no_crash(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("users") / "users.mc20"
    path.write_bytes(b"3.username:d:bob\n" + data)
    user_table.read(path)


def test_the_table_is_for_its_owner_s_eyes_alone(path: Path) -> None:
    _users(path).prepare()
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_does_not_fit_is_not_cut(path: Path) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        user_table.write(path, [User(3, "n" * 17, "")])


def test_changed_users_outlast_a_restart_of_the_rack(path: Path) -> None:
    users = _users(path)
    users.prepare()
    users.change(2, {"password": "another-one"})
    users.change(3, {"name": "bob", "password": "bobs-password", "privilege": OPERATOR, "enabled": True})
    again = _users(path)
    again.prepare()
    assert {user.name: user.password for user in again.all().values()} == {
        "admin": "another-one",
        "bob": "bobs-password",
    }


def test_a_rack_with_new_passwords_begins_with_the_factory_s_users(path: Path) -> None:
    _users(path).prepare()
    renewed = BmcUsers(path, user="admin", password="new")
    renewed.prepare()
    assert [user.password for user in renewed.all().values()] == ["new"]


def test_the_fault_of_a_changed_password_leaves_what_was_changed_meanwhile(path: Path) -> None:
    users = _users(path)
    users.prepare()
    users.disguise(changed=True)
    assert users.all()[2].password != "factory-password"
    users.change(3, {"name": "bob", "password": "bobs-password"})
    users.disguise(changed=False)
    assert (users.all()[2].password, users.all()[3].name) == ("factory-password", "bob")


def test_a_rack_that_ended_under_that_fault_starts_with_the_right_password(path: Path) -> None:
    users = _users(path)
    users.prepare()
    users.disguise(changed=True)
    _users(path).prepare()
    assert users.all()[2].password == "factory-password"


@pytest.mark.parametrize("change", [{"enabled": False}, {"privilege": OPERATOR}, {"name": ""}])
def test_the_last_administrator_stays(path: Path, change: dict[str, object]) -> None:
    users = _users(path)
    users.prepare()
    with pytest.raises(LabRefused, match="last administrator"):
        users.change(2, change)
    with pytest.raises(LabRefused, match="last administrator"):
        users.remove(2)
    assert users.all()[2].privilege == ADMINISTRATOR


def test_resetting_the_users_brings_the_factory_s_password_back(path: Path) -> None:
    users = _users(path)
    users.prepare()
    users.change(2, {"password": "another-one"})
    users.reset()
    assert [user.password for user in users.all().values()] == ["factory-password"]
