"""Accounts, users and their tokens: names that can be read, passwords, and how each of them ends."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from oobctl import administer, control
from oobctl.access import SYSTEM, Presented, identify, sign_in
from oobctl.audit.tags import Tag
from oobctl.constants import Role
from oobctl.errors import InvalidParameter, NotAllowed, NotFound, NotSignedIn, WrongState
from oobctl.ids import new_id
from oobctl.installation import PROVIDER
from oobctl.store import Account, AuditRecord, User, database
from tests.furnished import OTHER_CUSTOMER
from tests.installation import CUSTOMER, PASSWORD, Installation

NEW_PASSWORD = "canary another horse"


def session_of(name: str, password: str = PASSWORD) -> str:
    return sign_in(name, password, address=None, user_agent=None)


def cookie(secret: str) -> Presented:
    return Presented(cookie=secret)


def tags() -> list[str]:
    with database().read() as session:
        return [record.tag for record in session.scalars(select(AuditRecord).order_by(AuditRecord.id))]


@pytest.mark.parametrize("name", ["", "a" * 129, "a\x00b", "a\nb", "a\u202eb", " a", new_id()])
def test_a_name_that_nobody_could_read_is_refused_by_its_field(sqlite_installation: Installation, name: str) -> None:
    for add in (
        lambda: administer.add_account(SYSTEM, name),
        lambda: administer.add_user(SYSTEM, name, PASSWORD, CUSTOMER, Role.OWNER),
        lambda: administer.add_token(SYSTEM, name, CUSTOMER, Role.OWNER),
    ):
        with pytest.raises(InvalidParameter) as refused:
            add()
        assert refused.value.details["field"] == "name"


def test_names_of_people_may_have_any_letters(sqlite_installation: Installation) -> None:
    assert administer.add_account(SYSTEM, "M\u00fcller & S\u00f6hne (Berlin), O'Neil").name
    assert administer.add_account(SYSTEM, "Čeští Żółw & 株式会社").name == "Čeští Żółw & 株式会社"


@pytest.mark.parametrize("name", ["Customer", "CUSTOMER", "\uff43ustomer"])
def test_a_name_that_differs_in_case_or_form_alone_is_taken(installation: Installation, name: str) -> None:
    with pytest.raises(WrongState, match="upper and lower case"):
        administer.add_user(SYSTEM, name, PASSWORD, CUSTOMER, Role.OWNER)
    with pytest.raises(WrongState, match="upper and lower case"):
        administer.add_account(SYSTEM, CUSTOMER.upper())


@pytest.mark.parametrize("name", ["\u0441ustomer", "custom\u0435r", "\u03bfwner", "c<script>", "a/b", "a\u00b7b"])
def test_a_user_whose_name_could_be_taken_for_anothers_is_refused_with_the_rule(
    sqlite_installation: Installation, name: str
) -> None:
    with pytest.raises(InvalidParameter, match="letters of one script") as refused:
        administer.add_user(SYSTEM, name, PASSWORD, CUSTOMER, Role.OWNER)
    assert refused.value.details["field"] == "name"


@pytest.mark.parametrize(
    "name",
    [
        "\u0430\u043d\u043d\u0430.\u043a",
        "\u0627\u062d\u0645\u062f",
        "jos\u00e9@example.net",
        "\u0930\u093e\u092e",
        "o_k-1",
    ],
)
def test_a_user_has_a_name_in_any_one_script(sqlite_installation: Installation, name: str) -> None:
    assert administer.add_user(SYSTEM, name, PASSWORD, CUSTOMER, Role.OWNER).name == name


def test_a_token_for_somebody_elses_user_is_refused(sqlite_installation: Installation) -> None:
    with pytest.raises(InvalidParameter, match="no member of the account") as refused:
        administer.add_token(SYSTEM, "script", CUSTOMER, Role.OWNER, user="stranger")
    assert refused.value.details["field"] == "user"


def test_a_disabled_user_and_their_tokens_are_nobody(sqlite_installation: Installation) -> None:
    secret, token = session_of("customer"), sqlite_installation.token("customer")
    administer.disable_user(sqlite_installation.people["admin"].actor, "customer")
    assert identify(cookie(secret)) is None
    assert identify(Presented(bearer=token)) is None
    with pytest.raises(NotSignedIn):
        session_of("customer")
    administer.enable_user(SYSTEM, "customer")
    assert identify(cookie(secret)) is None  # the sessions of before are gone
    assert identify(cookie(session_of("customer"))) is not None
    assert {Tag.ACCOUNT_USER_DISABLE, Tag.ACCOUNT_USER_ENABLE} <= set(tags())


def test_a_new_password_signs_out_everywhere(sqlite_installation: Installation) -> None:
    secret = session_of("customer")
    administer.set_password(sqlite_installation.people["admin"].actor, "customer", NEW_PASSWORD)
    assert identify(cookie(secret)) is None
    with pytest.raises(NotSignedIn):
        session_of("customer")
    assert identify(cookie(session_of("customer", NEW_PASSWORD))) is not None
    with database().read() as session:
        record = session.scalars(select(AuditRecord).where(AuditRecord.tag == Tag.ACCOUNT_USER_PASSWORD)).one()
        assert record.parameters == {"name": "customer"}


@pytest.mark.parametrize("password", ["short", "x" * 1025])
def test_a_password_has_a_length(sqlite_installation: Installation, password: str) -> None:
    with pytest.raises(InvalidParameter, match="at least 12 characters"):
        administer.set_password(SYSTEM, "customer", password)


def test_a_membership_that_ended_ends_what_its_user_may(sqlite_installation: Installation) -> None:
    administer.end_membership(SYSTEM, "operator", CUSTOMER)
    assert identify(Presented(bearer=sqlite_installation.token("operator"))) is None
    assert Tag.ACCOUNT_MEMBERSHIP_END in tags()
    with pytest.raises(NotFound, match="no member"):
        administer.end_membership(SYSTEM, "operator", CUSTOMER)


def test_a_suspended_account_looks_and_does_nothing_until_it_is_resumed(sqlite_installation: Installation) -> None:
    administer.suspend_account(SYSTEM, CUSTOMER)
    with pytest.raises(NotAllowed, match="suspended"):
        sqlite_installation.submit("power.on", "web01")
    assert control.offered(sqlite_installation.people["customer"].actor, sqlite_installation.servers["web01"]) != []
    administer.resume_account(SYSTEM, CUSTOMER)
    sqlite_installation.submit("power.on", "web01")
    assert {Tag.ACCOUNT_SUSPEND, Tag.ACCOUNT_RESUME} <= set(tags())


def test_the_providers_account_is_not_suspended(sqlite_installation: Installation) -> None:
    with pytest.raises(WrongState):
        administer.suspend_account(SYSTEM, PROVIDER)


@pytest.mark.parametrize("label", ["customer", "technician", "auditor"])
def test_nobody_but_administrators_changes_people(sqlite_installation: Installation, label: str) -> None:
    actor = sqlite_installation.people[label].actor
    attempts: tuple[Callable[[], None], ...] = (
        lambda: administer.disable_user(actor, "stranger"),
        lambda: administer.enable_user(actor, "stranger"),
        lambda: administer.set_password(actor, "stranger", NEW_PASSWORD),
        lambda: administer.end_membership(actor, "stranger", OTHER_CUSTOMER),
        lambda: administer.suspend_account(actor, OTHER_CUSTOMER),
        lambda: administer.resume_account(actor, OTHER_CUSTOMER),
    )
    for attempt in attempts:
        with pytest.raises(NotAllowed):
            attempt()
    with database().read() as session:
        assert session.scalars(select(User).where(User.disabled_at.is_not(None))).all() == []
        assert session.scalars(select(Account).where(Account.suspended_at.is_not(None))).all() == []
