"""May this actor do that to this server: the answers, and their reasons."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from oobctl import administer, clock
from oobctl.access import SYSTEM, Actor, Decision, Presented, find_server, identify, may, visible_servers
from oobctl.constants import Lifecycle, Lock, Permission, Role
from oobctl.errors import InvalidParameter, NotFound
from oobctl.store import Account, Server, database
from tests.furnished import OTHER_CUSTOMER, endpoint
from tests.installation import CUSTOMER, Installation


def decide(
    installation: Installation, actor: Actor, permission: Permission, name: str = "web01", lock: Lock = Lock.SERVER
) -> Decision:
    with database().read() as session:
        return may(session, actor, permission, session.get_one(Server, installation.servers[name]), lock)


def sees(actor: Actor) -> set[str]:
    with database().read() as session:
        return {server.name for server in session.scalars(visible_servers(actor))}


def not_found_message(actor: Actor, name: str) -> str:
    with database().read() as session, pytest.raises(NotFound) as caught:
        find_server(session, actor, name)
    return caught.value.message.replace(name, "NAME")


def token_of(installation: Installation, label: str, **limits: list[Permission]) -> Actor:
    _token, secret = administer.add_token(
        SYSTEM, "t", *account_and_role(installation, label), user=label, permissions=limits.get("permissions")
    )
    actor = identify(Presented(bearer=secret))
    assert actor is not None
    return actor


def account_and_role(installation: Installation, label: str) -> tuple[str, Role]:
    actor = installation.actor(label)
    assert actor.account_id
    assert actor.role
    return actor.account_id, actor.role


def suspend_account(name: str) -> None:
    with database().write() as session:
        session.execute(update(Account).where(Account.name == name).values(suspended_at=clock.now()))


def test_a_customer_sees_the_servers_of_their_account_and_staff_see_all(sqlite_installation: Installation) -> None:
    assert sees(sqlite_installation.actor("viewer")) == {"web01", "db01"}
    assert sees(sqlite_installation.actor("stranger")) == {"other01"}
    assert sees(sqlite_installation.actor("auditor")) == {"web01", "db01", "other01", "spare01"}


def test_a_foreign_server_and_an_unknown_one_cannot_be_told_apart(sqlite_installation: Installation) -> None:
    actor = sqlite_installation.actor("customer")
    unknown = not_found_message(actor, "nothing01")
    assert not_found_message(actor, "other01") == unknown
    assert not_found_message(actor, sqlite_installation.servers["other01"]) == unknown


def test_a_server_is_found_by_its_id_and_by_its_name(sqlite_installation: Installation) -> None:
    server_id = sqlite_installation.servers["web01"]
    with database().read() as session:
        for name in ("web01", server_id):
            assert find_server(session, sqlite_installation.actor("customer"), name).id == server_id


def test_a_name_that_two_accounts_use_asks_staff_for_the_id(sqlite_installation: Installation) -> None:
    sqlite_installation.add_server("web01", [endpoint("127.0.9.9")], account=OTHER_CUSTOMER)
    with database().read() as session, pytest.raises(InvalidParameter) as caught:
        find_server(session, sqlite_installation.actor("technician"), "web01")
    assert caught.value.details["field"] == "server"


def test_a_server_taken_back_is_seen_no_more(sqlite_installation: Installation) -> None:
    administer.assign(SYSTEM, sqlite_installation.servers["web01"], None)
    assert sees(sqlite_installation.actor("customer")) == {"db01"}


def test_the_reason_names_the_role_or_what_is_missing(sqlite_installation: Installation) -> None:
    yes = decide(sqlite_installation, sqlite_installation.actor("operator"), Permission.POWER)
    no = decide(sqlite_installation, sqlite_installation.actor("viewer"), Permission.POWER)
    assert (yes.allowed, yes.reason) == (True, "operator of the account that has web01")
    assert (no.allowed, no.reason) == (False, "the role viewer has no permission power; ask the owner of the account")
    for label, whom in (
        ("customer", "your provider"),
        ("technician", "an administrator"),
        ("auditor", "an administrator"),
    ):
        reason = decide(sqlite_installation, sqlite_installation.actor(label), Permission.ADMINISTER).reason
        assert reason.endswith(f"has no permission administer; ask {whom}")


def test_a_grant_gives_one_permission_on_one_server(sqlite_installation: Installation) -> None:
    viewer = sqlite_installation.actor("viewer")
    administer.add_grant(SYSTEM, sqlite_installation.servers["web01"], "viewer", Permission.POWER, None)
    granted = decide(sqlite_installation, viewer, Permission.POWER)
    assert (granted.allowed, granted.reason) == (True, "granted by oobctl")
    assert not decide(sqlite_installation, viewer, Permission.BIOS).allowed
    assert not decide(sqlite_installation, viewer, Permission.POWER, "db01").allowed


def test_a_grant_shows_a_server_of_another_account(sqlite_installation: Installation) -> None:
    administer.add_grant(SYSTEM, sqlite_installation.servers["other01"], "viewer", Permission.POWER, None)
    assert sees(sqlite_installation.actor("viewer")) == {"web01", "db01", "other01"}


def test_a_grant_ends_with_its_time(sqlite_installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    until = clock.now() + timedelta(hours=1)
    administer.add_grant(SYSTEM, sqlite_installation.servers["other01"], "viewer", Permission.POWER, until)
    viewer = sqlite_installation.actor("viewer")
    assert decide(sqlite_installation, viewer, Permission.POWER, "other01").allowed
    monkeypatch.setattr(clock, "now", lambda: until)
    assert not decide(sqlite_installation, viewer, Permission.POWER, "other01").allowed
    assert "other01" not in sees(viewer)


def test_a_revoked_grant_ends_at_once(sqlite_installation: Installation) -> None:
    grant = administer.add_grant(SYSTEM, sqlite_installation.servers["web01"], "viewer", Permission.POWER, None)
    administer.revoke_grant(SYSTEM, grant.id)
    assert not decide(sqlite_installation, sqlite_installation.actor("viewer"), Permission.POWER).allowed


def test_a_token_has_no_more_than_it_was_made_with(sqlite_installation: Installation) -> None:
    limited = token_of(sqlite_installation, "customer", permissions=[Permission.VIEW])
    refused = decide(sqlite_installation, limited, Permission.POWER)
    assert (refused.allowed, refused.reason) == (False, "this token is limited to view; this needs power")


def test_a_grant_of_its_user_does_not_widen_a_limited_token(sqlite_installation: Installation) -> None:
    administer.add_grant(SYSTEM, sqlite_installation.servers["web01"], "viewer", Permission.POWER, None)
    limited = token_of(sqlite_installation, "viewer", permissions=[Permission.VIEW])
    assert decide(sqlite_installation, token_of(sqlite_installation, "viewer"), Permission.POWER).allowed
    assert not decide(sqlite_installation, limited, Permission.POWER).allowed


def test_any_permission_on_servers_implies_to_know_of_them(sqlite_installation: Installation) -> None:
    limited = token_of(sqlite_installation, "customer", permissions=[Permission.POWER])
    assert sees(limited) == {"web01", "db01"}
    assert decide(sqlite_installation, limited, Permission.POWER).allowed
    assert sees(token_of(sqlite_installation, "customer", permissions=[])) == set()
    assert sees(token_of(sqlite_installation, "technician", permissions=[])) == set()
    assert sees(token_of(sqlite_installation, "customer", permissions=[Permission.ADMINISTER])) == set()


def test_a_limited_token_sees_a_granted_server_only_within_its_limits(sqlite_installation: Installation) -> None:
    administer.add_grant(SYSTEM, sqlite_installation.servers["other01"], "viewer", Permission.POWER, None)
    assert sees(token_of(sqlite_installation, "viewer", permissions=[Permission.POWER])) == {"other01"}
    assert sees(token_of(sqlite_installation, "viewer", permissions=[Permission.VIEW])) == {"web01", "db01"}


def test_a_token_without_a_user_acts_in_its_own_role(sqlite_installation: Installation) -> None:
    _token, secret = administer.add_token(SYSTEM, "deploys", CUSTOMER, Role.OPERATOR)
    actor = identify(Presented(bearer=secret))
    assert actor is not None
    assert (actor.name, actor.user_id) == ("deploys", None)
    assert decide(sqlite_installation, actor, Permission.POWER).reason == (
        "token of operator of the account that has web01"
    )
    assert not decide(sqlite_installation, actor, Permission.BIOS).allowed


def test_a_suspended_account_may_only_look(sqlite_installation: Installation) -> None:
    suspend_account(CUSTOMER)
    customer = sqlite_installation.actor("customer")
    refused = decide(sqlite_installation, customer, Permission.POWER)
    assert (refused.allowed, refused.reason) == (False, "your account is suspended; ask your provider")
    assert sees(customer) == {"web01", "db01"}
    assert decide(sqlite_installation, sqlite_installation.actor("technician"), Permission.POWER).allowed


def test_looking_goes_on_in_a_suspended_account(sqlite_installation: Installation) -> None:
    suspend_account(CUSTOMER)
    assert decide(sqlite_installation, sqlite_installation.actor("customer"), Permission.VIEW).allowed


def test_a_grant_does_not_get_around_the_suspension_of_its_holders_account(sqlite_installation: Installation) -> None:
    administer.add_grant(SYSTEM, sqlite_installation.servers["web01"], "viewer", Permission.POWER, None)
    suspend_account(CUSTOMER)
    assert not decide(sqlite_installation, sqlite_installation.actor("viewer"), Permission.POWER).allowed


def test_a_suspended_server_is_for_staff_alone(sqlite_installation: Installation) -> None:
    with database().write() as session:
        session.get_one(Server, sqlite_installation.servers["web01"]).lifecycle = Lifecycle.SUSPENDED
    customer = sqlite_installation.actor("customer")
    assert decide(sqlite_installation, customer, Permission.POWER).reason == "web01 is suspended; ask your provider"
    assert decide(sqlite_installation, customer, Permission.VIEW).allowed
    assert decide(sqlite_installation, sqlite_installation.actor("technician"), Permission.POWER).allowed


def test_a_bmc_that_serves_several_servers_is_for_staff_alone(sqlite_installation: Installation) -> None:
    customer, staff = sqlite_installation.actor("customer"), sqlite_installation.actor("technician")
    assert decide(sqlite_installation, customer, Permission.POWER, lock=Lock.BMC).allowed
    with database().write() as session:
        web01 = session.get_one(Server, sqlite_installation.servers["web01"])
        session.get_one(Server, sqlite_installation.servers["other01"]).bmc_id = web01.bmc_id
    refused = decide(sqlite_installation, customer, Permission.POWER, lock=Lock.BMC)
    assert (refused.allowed, refused.reason) == (
        False,
        "this BMC serves several servers, so only staff may act on it",
    )
    assert decide(sqlite_installation, customer, Permission.POWER, lock=Lock.SERVER).allowed
    assert decide(sqlite_installation, staff, Permission.POWER, lock=Lock.BMC).allowed


def test_a_retired_neighbour_does_not_count_behind_a_bmc(sqlite_installation: Installation) -> None:
    with database().write() as session:
        web01 = session.get_one(Server, sqlite_installation.servers["web01"])
        other = session.get_one(Server, sqlite_installation.servers["other01"])
        other.bmc_id, other.lifecycle = web01.bmc_id, Lifecycle.RETIRED
    customer = sqlite_installation.actor("customer")
    assert decide(sqlite_installation, customer, Permission.POWER, lock=Lock.BMC).allowed


def test_an_actor_without_a_role_may_nothing(sqlite_installation: Installation) -> None:
    nobody = replace(sqlite_installation.actor("customer"), role=None)
    assert sees(nobody) == set()
    assert not decide(sqlite_installation, nobody, Permission.VIEW).allowed


def test_an_actor_survives_its_way_through_a_job(sqlite_installation: Installation) -> None:
    for actor in (SYSTEM, sqlite_installation.actor("customer"), token_of(sqlite_installation, "viewer")):
        assert Actor.from_json(actor.to_json()) == actor


def test_the_system_may_everything_on_every_server(sqlite_installation: Installation) -> None:
    with database().read() as session:
        for server in session.scalars(select(Server)):
            assert all(may(session, SYSTEM, permission, server, Lock.BMC).allowed for permission in Permission)
