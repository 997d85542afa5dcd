"""From a cookie or a token to an actor, and when there is none."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from oobctl import administer, clock
from oobctl.access import SYSTEM, Presented, identify, may, sign_in, sign_out
from oobctl.access.decide import held
from oobctl.constants import Permission, Role
from oobctl.errors import InvalidParameter, NotSignedIn
from oobctl.installation import PROVIDER
from oobctl.store import AuditRecord, Membership, PanelSession, Server, Token, User, database
from tests.installation import CUSTOMER, PASSWORD, Installation


def signed_in() -> str:
    return sign_in("customer", PASSWORD, address="192.0.2.1", user_agent="tests")


def is_known(cookie: str) -> bool:
    return identify(Presented(cookie=cookie)) is not None


def later(monkeypatch: pytest.MonkeyPatch, **time: float) -> None:
    moment = clock.now() + timedelta(**time)
    monkeypatch.setattr(clock, "now", lambda: moment)


def change_user(**values: object) -> None:
    with database().write() as session:
        session.execute(update(User).where(User.name == "customer").values(**values))


def end_membership(user_id: str) -> None:
    with database().write() as session:
        session.execute(update(Membership).where(Membership.user_id == user_id).values(ended_at=clock.now()))


def test_the_right_name_and_password_open_a_session(sqlite_installation: Installation) -> None:
    actor = identify(Presented(cookie=signed_in(), address="192.0.2.1", user_agent="tests"))
    assert actor is not None
    assert (actor.kind, actor.name, actor.role, actor.address) == ("user", "customer", Role.OWNER, "192.0.2.1")


@pytest.mark.parametrize(("name", "password"), [("customer", "open sesame"), ("nobody", PASSWORD)])
def test_a_wrong_password_and_an_unknown_name_get_the_same_answer_and_a_record(
    sqlite_installation: Installation, name: str, password: str
) -> None:
    with pytest.raises(NotSignedIn) as caught:
        sign_in(name, password, address="192.0.2.1", user_agent=None)
    assert caught.value.message == "The name or the password is wrong. Check both and try again."
    recorded = name if name == "customer" else "no…"
    with database().read() as session:
        written = session.scalars(select(AuditRecord).where(AuditRecord.kind == "refusal")).one()
    assert (written.actor_kind, written.actor_name, written.source_ip) == ("anonymous", recorded, "192.0.2.1")
    assert password not in str(written.__dict__)


def test_a_disabled_user_cannot_sign_in(sqlite_installation: Installation) -> None:
    change_user(disabled_at=clock.now())
    with pytest.raises(NotSignedIn):
        signed_in()


def test_a_session_ends_when_its_user_is_disabled(sqlite_installation: Installation) -> None:
    cookie = signed_in()
    change_user(disabled_at=clock.now())
    assert not is_known(cookie)


def test_a_session_ends_when_its_user_leaves_the_account(sqlite_installation: Installation) -> None:
    cookie = signed_in()
    end_membership(sqlite_installation.actor("customer").id)
    assert not is_known(cookie)


def test_a_session_ends_with_the_sign_out(sqlite_installation: Installation) -> None:
    cookie = signed_in()
    sign_out(sqlite_installation.actor("customer"), cookie)
    assert not is_known(cookie)


def test_a_session_that_nobody_uses_ends_after_an_hour(
    sqlite_installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    cookie = signed_in()
    later(monkeypatch, minutes=59)
    assert is_known(cookie)
    later(monkeypatch, minutes=61)
    assert not is_known(cookie)


def test_a_session_in_use_ends_after_twelve_hours(
    sqlite_installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    cookie = signed_in()
    for _half_hour in range(23):
        later(monkeypatch, minutes=30)
        assert is_known(cookie)
    later(monkeypatch, minutes=31)
    assert not is_known(cookie)


def test_the_cookie_itself_is_not_in_the_database(sqlite_installation: Installation) -> None:
    cookie = signed_in()
    with database().read() as session:
        row = session.scalars(select(PanelSession)).one()
    assert cookie not in str(row.__dict__)


def test_a_token_is_its_actor(sqlite_installation: Installation) -> None:
    actor = identify(Presented(bearer=sqlite_installation.token("technician")))
    assert actor is not None
    assert (actor.kind, actor.role, actor.user_id) == (
        "token",
        Role.TECHNICIAN,
        sqlite_installation.actor("technician").id,
    )


def test_an_expired_token_is_nobody(sqlite_installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    expires = clock.now() + timedelta(days=1)
    _token, secret = administer.add_token(SYSTEM, "short", CUSTOMER, Role.OPERATOR, expires_at=expires)
    assert identify(Presented(bearer=secret)) is not None
    monkeypatch.setattr(clock, "now", lambda: expires)
    assert identify(Presented(bearer=secret)) is None


def test_a_revoked_token_is_nobody(sqlite_installation: Installation) -> None:
    token, secret = administer.add_token(SYSTEM, "gone", CUSTOMER, Role.OPERATOR)
    administer.revoke_token(SYSTEM, token.id)
    assert identify(Presented(bearer=secret)) is None


def test_a_token_of_a_disabled_user_is_nobody(sqlite_installation: Installation) -> None:
    change_user(disabled_at=clock.now())
    assert identify(Presented(bearer=sqlite_installation.token("customer"))) is None


def test_a_token_of_a_user_who_left_the_account_is_nobody(sqlite_installation: Installation) -> None:
    end_membership(sqlite_installation.actor("customer").id)
    assert identify(Presented(bearer=sqlite_installation.token("customer"))) is None


def test_a_token_loses_what_its_user_loses(sqlite_installation: Installation) -> None:
    user_id = sqlite_installation.actor("customer").id
    with database().write() as session:
        session.execute(update(Membership).where(Membership.user_id == user_id).values(role=Role.VIEWER))
    actor = identify(Presented(bearer=sqlite_installation.token("customer")))
    assert actor is not None
    assert actor.role is Role.VIEWER


@pytest.mark.parametrize(
    ("user", "role", "may_power", "may_view"),
    [("customer", Role.VIEWER, False, True), ("customer", Role.OPERATOR, True, True)],
)
def test_a_token_for_a_user_has_the_role_that_it_was_given(
    sqlite_installation: Installation, user: str, role: Role, may_power: bool, may_view: bool
) -> None:
    _token, secret = administer.add_token(SYSTEM, "lesser", CUSTOMER, role, user=user)
    actor = identify(Presented(bearer=secret))
    assert actor is not None
    assert actor.role is role
    with database().read() as session:
        server = session.get_one(Server, sqlite_installation.servers["web01"])
        for permission, allowed in ((Permission.POWER, may_power), (Permission.VIEW, may_view)):
            assert may(session, actor, permission, server).allowed is allowed


def test_a_token_whose_role_and_whose_users_differ_both_ways_has_what_both_have(
    sqlite_installation: Installation,
) -> None:
    _token, secret = administer.add_token(SYSTEM, "service", PROVIDER, Role.TECHNICIAN, user="technician")
    user_id = sqlite_installation.actor("technician").id
    with database().write() as session:
        session.execute(update(Membership).where(Membership.user_id == user_id).values(role=Role.AUDITOR))
    actor = identify(Presented(bearer=secret))
    assert actor is not None
    assert held(actor) == {Permission.VIEW}


def test_a_token_cannot_be_given_more_than_its_user_has(sqlite_installation: Installation) -> None:
    with pytest.raises(InvalidParameter, match="viewer is viewer in") as caught:
        administer.add_token(SYSTEM, "more", CUSTOMER, Role.OWNER, user="viewer")
    assert caught.value.details["field"] == "role"


def test_a_wrong_token_is_nobody_even_beside_a_right_cookie(sqlite_installation: Installation) -> None:
    assert identify(Presented(cookie=signed_in(), bearer="oob_wrong")) is None


def test_a_tokens_secret_is_not_in_the_database(sqlite_installation: Installation) -> None:
    with database().read() as session:
        rows = session.scalars(select(Token)).all()
    assert rows
    assert not any(person.token in str(row.__dict__) for row in rows for person in sqlite_installation.people.values())
