"""Who may open a console, what that leaves in the record, and that its key opens it once."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import event, select, update

from oobctl import administer, clock, control
from oobctl.access.identify import Presented, digest, identify
from oobctl.access.sign_in import sign_in, sign_out
from oobctl.administer.endpoints import add_endpoint
from oobctl.config import settings
from oobctl.consoles import admission, ending, tokens
from oobctl.consoles.ending import Used
from oobctl.consoles.words import screen_words
from oobctl.constants import ConsoleKind, ConsoleMode, Lifecycle, Protocol
from oobctl.control import OpenedConsole
from oobctl.errors import BmcSessionsExhausted, NoGateway, NotAllowed, NotFound, NoWay, WrongState
from oobctl.gateway import places
from oobctl.jobs import recovery
from oobctl.store import Account, AuditRecord, Console, PanelSession, Process, Server, Site, database
from tests.furnished import endpoint
from tests.installation import Installation

SCREEN, CONTROL = ConsoleKind.GRAPHICAL, ConsoleMode.CONTROL
GATEWAY = "gateway-1"


@pytest.fixture
def site(installation: Installation) -> Installation:
    """A site with a gateway; web01 has a screen."""
    with database().write() as session:
        server = session.get_one(Server, installation.servers["web01"])
        found = session.get_one(Site, server.site_id)
        spec = endpoint(server.bmc.endpoints[0].address, Protocol.VNC)
        add_endpoint(session, found, server.bmc, spec)
        site_id = found.id
    recovery.beat(GATEWAY, "gateway", site_id, first=True, url="http://127.0.0.1:9")
    return installation


def open_one(site: Installation, who: str = "customer", **options: object) -> OpenedConsole:
    return control.open_console(site.actor(who), "web01", SCREEN, CONTROL, **options)  # type: ignore[arg-type]


def redeem(token: str, cookie: str | None = None, *, same_name: bool = True) -> tokens.Ticket:
    return tokens.redeem(token, gateway=GATEWAY, cookie=cookie, same_name=same_name, address="198.51.100.9")


def records(tag: str) -> list[tuple[str, str, str]]:
    with database().read() as session:
        rows = session.scalars(select(AuditRecord).where(AuditRecord.tag == tag).order_by(AuditRecord.id))
        return [(row.actor_name, row.kind, row.reason or "") for row in rows]


def why_over(console_id: str) -> list[str]:
    return [one.because for one in admission.over([console_id])]


def test_who_opens_a_console_is_on_record_and_so_is_their_leaving(site: Installation) -> None:
    opened = open_one(site)
    assert opened.gateway == "http://127.0.0.1:9"
    ticket = redeem(opened.token)
    assert (ticket.server_name, ticket.kind, ticket.mode, ticket.actor.name) == ("web01", SCREEN, CONTROL, "customer")
    ending.left(opened.row.id, "The console was idle.", Used(12.34, 5000, 7))
    assert [(who, kind) for who, kind, _ in records("server:console:open")] == [("customer", "event")]
    with database().read() as session:
        left = session.scalars(select(AuditRecord).where(AuditRecord.tag == "server:console:closed")).one()
        assert (left.reason, left.evidence) == (
            "The console was idle.",
            {"seconds": 12.3, "bytes_shown": 5000, "keys": 7},
        )
        assert (left.charge_amount, left.account_id) == ("0.00", opened.row.account_id)


@pytest.mark.parametrize("who", ["viewer", "auditor"])
def test_who_may_only_look_at_a_server_sees_no_screen_and_that_is_on_record(site: Installation, who: str) -> None:
    with pytest.raises(NotAllowed, match="no permission console"):
        open_one(site, who)
    assert [(name, kind) for name, kind, _ in records("server:console:open")] == [(who, "refusal")]


def test_a_stranger_learns_nothing_and_where_no_way_is_it_is_said(site: Installation) -> None:
    with pytest.raises(NotFound):
        open_one(site, "stranger")
    with pytest.raises(NoWay, match="Staff can add its VNC endpoint"):
        control.open_console(site.actor("customer"), "db01", SCREEN, CONTROL)
    with database().write() as session:
        session.execute(update(Server).values(lifecycle=Lifecycle.QUARANTINED, quarantined_because="Another answers."))
    with pytest.raises(WrongState, match="Another answers"):
        open_one(site, "technician")


def test_without_a_gateway_that_is_said_and_nothing_is_left_open(site: Installation) -> None:
    with database().write() as session:
        session.execute(update(Process).values(seen=0.0))
    with pytest.raises(NoGateway, match="oobctl gateway"):
        open_one(site)
    with database().read() as session:
        assert session.scalars(select(Console)).all() == []


# --- the key


def test_a_key_opens_once(site: Installation) -> None:
    token = open_one(site).token
    redeem(token)
    with pytest.raises(NotAllowed, match="used already"):
        redeem(token)


def test_a_key_is_kept_hashed_and_ends_after_its_minute(site: Installation) -> None:
    opened = open_one(site)
    with database().read() as session:
        assert session.get_one(Console, opened.row.id).token_hash == digest(opened.token) != opened.token
    with database().write() as session:
        session.execute(update(Console).values(token_expires_at=clock.now() - timedelta(seconds=1)))
    with pytest.raises(NotAllowed):
        redeem(opened.token)
    assert opened.row.token_expires_at - opened.row.created_at <= timedelta(seconds=61)


def test_a_wrong_key_is_refused_and_on_record_for_staff_alone(site: Installation) -> None:
    with pytest.raises(NotAllowed):
        redeem("console_guessed")
    with database().read() as session:
        row = session.scalars(select(AuditRecord).where(AuditRecord.kind == "refusal")).one()
        assert (row.tag, row.source_ip, row.account_id) == ("server:console:open", "198.51.100.9", None)


def test_a_key_of_one_panel_session_does_nothing_in_another(site: Installation) -> None:
    mine, other = (sign_in("customer", site.people["customer"].password, address=None, user_agent=None) for _ in "12")
    opened = open_one(site, panel_session=digest(mine))
    with pytest.raises(NotAllowed):
        redeem(opened.token, other)
    with pytest.raises(NotAllowed):
        redeem(opened.token, None)
    assert redeem(opened.token, mine).panel_session == digest(mine)


def test_where_the_gateway_has_another_name_no_cookie_comes_and_none_is_needed(site: Installation) -> None:
    mine = sign_in("customer", site.people["customer"].password, address=None, user_agent=None)
    opened = open_one(site, panel_session=digest(mine))
    assert redeem(opened.token, None, same_name=False).panel_session == digest(mine)


def test_a_new_key_voids_the_one_before_and_is_for_its_own_person_and_session(site: Installation) -> None:
    mine = sign_in("customer", site.people["customer"].password, address=None, user_agent=None)
    opened = open_one(site, panel_session=digest(mine))
    again = control.reopen(site.actor("customer"), opened.row.id, panel_session=digest(mine))
    with pytest.raises(NotAllowed):
        redeem(opened.token, mine)
    assert redeem(again.token, mine).console_id == opened.row.id
    with pytest.raises(NotAllowed, match="another sign-in"):
        control.reopen(site.actor("customer"), opened.row.id, panel_session="other")
    with pytest.raises(NotFound):
        control.reopen(site.actor("operator"), opened.row.id, panel_session=digest(mine))


# --- how one ends


def ends_by_sign_out(site: Installation, secret: str) -> None:
    actor = identify(Presented(cookie=secret))
    assert actor is not None
    sign_out(actor, secret)


def ends_by_idling_in_the_panel(_site: Installation, _secret: str) -> None:
    with database().write() as session:
        session.execute(update(PanelSession).values(seen_at=clock.now() - timedelta(hours=2)))


def ends_by_another_role(site: Installation, _secret: str) -> None:
    administer.end_membership(site.actor("admin"), "operator", "Example Customer")


def ends_by_hand_over(site: Installation, _secret: str) -> None:
    administer.assign(site.actor("admin"), "web01", "Other Customer")


def ends_by_suspension(_site: Installation, _secret: str) -> None:
    with database().write() as session:
        session.execute(update(Account).where(Account.name == "Example Customer").values(suspended_at=clock.now()))


def ends_by_quarantine(_site: Installation, _secret: str) -> None:
    with database().write() as session:
        session.execute(update(Server).values(lifecycle=Lifecycle.QUARANTINED, quarantined_because="Another answers."))


def ends_by_staff(site: Installation, _secret: str) -> None:
    with database().read() as session:
        console = session.scalars(select(Console.id)).one()
    control.end_console(site.actor("technician"), console)


@pytest.mark.parametrize(
    ("cause", "because"),
    [
        (ends_by_sign_out, "signed out"),
        (ends_by_idling_in_the_panel, "session there ended"),
        (ends_by_another_role, "access has ended"),
        (ends_by_hand_over, "not yours any more"),
        (ends_by_suspension, "suspended"),
        (ends_by_quarantine, "quarantined"),
        (ends_by_staff, "technician ended it"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_console_may_not_go_on_when_its_person_may_not(
    site: Installation, cause: Callable[[Installation, str], None], because: str
) -> None:
    secret = sign_in("operator", site.people["operator"].password, address=None, user_agent=None)
    opened = open_one(site, "operator", panel_session=digest(secret))
    redeem(opened.token, secret)
    assert why_over(opened.row.id) == []
    cause(site, secret)
    assert len(why_over(opened.row.id)) == 1
    assert because in why_over(opened.row.id)[0]


def test_who_went_away_comes_back_for_a_minute_and_a_console_that_was_ended_does_not(site: Installation) -> None:
    opened = open_one(site)
    redeem(opened.token)
    ending.left(opened.row.id, None, Used())
    again = control.reopen(site.actor("customer"), opened.row.id, panel_session=None)
    redeem(again.token)
    control.end_console(site.actor("customer"), opened.row.id)
    with pytest.raises(WrongState, match="You ended it"):
        control.reopen(site.actor("customer"), opened.row.id, panel_session=None)


def test_nobody_ends_another_s_console_but_staff(site: Installation) -> None:
    opened = open_one(site)
    with pytest.raises(NotFound):
        control.end_console(site.actor("operator"), opened.row.id)
    with pytest.raises(NotAllowed, match="no permission console"):
        control.end_console(site.actor("auditor"), opened.row.id)
    control.end_console(site.actor("technician"), opened.row.id)
    assert records("server:console:end") == [("technician", "event", "technician ended it.")]


def test_what_a_dead_gateway_had_is_over_and_what_was_never_opened_ends(site: Installation) -> None:
    opened, unopened = open_one(site), open_one(site, "technician")
    redeem(opened.token)
    ending.leave_all_of([GATEWAY])
    assert records("server:console:closed") == [("customer", "event", "The gateway that had it stopped.")]
    with database().write() as session:
        session.execute(update(Console).values(token_expires_at=clock.now() - timedelta(hours=1)))
        site_id = session.get_one(Server, site.servers["web01"]).site_id
    ending.end_unopened(site_id)
    with database().read() as session:
        said = {row.id: row.ended_because for row in session.scalars(select(Console))}
    assert said == {opened.row.id: "You left it.", unopened.row.id: "It was not opened in time."}


def test_a_key_for_one_site_opens_nothing_at_another_one_s_gateway(site: Installation) -> None:
    token = open_one(site).token
    with pytest.raises(NotAllowed):
        tokens.redeem(token, gateway=GATEWAY, cookie=None, same_name=True, address=None, site_id="another")


def test_a_window_that_was_replaced_is_recorded_and_the_console_goes_on(site: Installation) -> None:
    opened = open_one(site)
    redeem(opened.token)
    ending.left(opened.row.id, "You opened this console in another window.", Used(), elsewhere=True)
    assert [reason for _, _, reason in records("server:console:closed")] == [
        "You opened this console in another window."
    ]
    with database().read() as session:
        row = session.get_one(Console, opened.row.id)
        assert (row.ended_at, row.gateway) == (None, GATEWAY)


def test_why_a_server_is_quarantined_is_told_to_staff_alone(site: Installation) -> None:
    with database().write() as session:
        session.execute(update(Server).values(lifecycle=Lifecycle.QUARANTINED, quarantined_because="Another answers."))
    with pytest.raises(WrongState) as refused:
        open_one(site)
    assert "Another answers" not in refused.value.message


def test_the_next_tenant_s_record_does_not_tell_who_was_at_the_console_before(site: Installation) -> None:
    opened = open_one(site)
    redeem(opened.token)
    administer.assign(site.actor("admin"), "web01", "Other Customer")
    ending.left(opened.row.id, "The server is not yours any more.", Used())
    with database().read() as session:
        left = session.scalars(select(AuditRecord).where(AuditRecord.tag == "server:console:closed")).one()
    assert left.account_id == opened.row.account_id == site.actor("customer").account_id


def test_a_look_at_many_consoles_asks_what_they_share_once(site: Installation) -> None:
    consoles = [open_one(site, who).row.id for who in ("customer", "technician") for _ in range(20)]
    statements: list[str] = []
    event.listen(database().engine, "before_cursor_execute", lambda *said: statements.append(said[2]))
    assert admission.over(consoles) == []
    assert len(statements) < 25


@pytest.mark.parametrize("bound", [True, False])
def test_a_key_is_bound_to_the_address_where_the_site_says_so(
    site: Installation, monkeypatch: pytest.MonkeyPatch, bound: bool
) -> None:
    monkeypatch.setattr(settings(), "console_bind_address", bound)
    opened = open_one(site)  # from 198.51.100.7
    if not bound:
        redeem(opened.token)
        return
    with pytest.raises(NotAllowed):
        redeem(opened.token)
    assert [reason for _, kind, reason in records("server:console:open") if kind == "refusal"] == [
        "it came from another address than the one that asked for it"
    ]
    tokens.redeem(opened.token, gateway=GATEWAY, cookie=None, same_name=True, address="198.51.100.7")


def test_who_finds_no_place_is_told_who_has_them(site: Installation) -> None:
    opened = open_one(site, "technician")
    redeem(opened.token)
    error = BmcSessionsExhausted("full", holders=[GATEWAY])
    places.name_holders(error, site.servers["web01"], SCREEN)
    assert screen_words(error) == (
        "All the places that the BMC has for this are taken, by technician, or by oobctl itself for moments."
    )
    assert "by oobctl itself" in screen_words(BmcSessionsExhausted("full", holders=["worker-1"]))
    assert "who is at the BMC itself" in screen_words(BmcSessionsExhausted("full"))
