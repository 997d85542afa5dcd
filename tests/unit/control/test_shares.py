"""Links to a console: good for as long as who made them may, told once, and ended at once."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from oobctl import administer, clock, control
from oobctl.access.identify import digest
from oobctl.consoles import admission, tokens
from oobctl.constants import ConsoleKind, ConsoleMode
from oobctl.control import OpenedConsole
from oobctl.errors import NotAllowed, NotFound
from oobctl.store import AuditRecord, ConsoleShare, database
from tests.installation import Installation
from tests.unit.control.test_consoles import GATEWAY, site

__all__ = ["site"]


def made(site: Installation, who: str = "operator", mode: ConsoleMode = ConsoleMode.VIEW) -> tuple[str, str]:
    """A link's id and secret."""
    row, secret = control.share_console(site.actor(who), "web01", ConsoleKind.GRAPHICAL, mode, 1)
    return row.id, secret


def came(secret: str) -> OpenedConsole:
    return control.open_shared(secret, address="198.51.100.9", user_agent=None)


def test_a_guest_is_let_in_as_one_with_no_more_than_the_link_says(site: Installation) -> None:
    share, secret = made(site)
    opened = came(secret)
    ticket = tokens.redeem(opened.token, gateway=GATEWAY, cookie=None, same_name=True, address=None)
    assert (ticket.mode, ticket.actor.name, ticket.actor.role) == (ConsoleMode.VIEW, "a guest of operator", None)
    with database().read() as session:
        assert session.get_one(ConsoleShare, share).secret_hash == digest(secret)
        rows = session.scalars(
            select(AuditRecord).where(AuditRecord.tag.like("server:console:%")).order_by(AuditRecord.id)
        )
        assert [(row.tag, row.actor_name) for row in rows] == [
            ("server:console:share", "operator"),
            ("server:console:open", "a guest of operator"),
        ]


def test_who_may_not_open_a_console_shares_none(site: Installation) -> None:
    with pytest.raises(NotAllowed):
        made(site, "viewer")
    with pytest.raises(NotFound):
        made(site, "stranger")


@pytest.mark.parametrize("how", ["ended", "expired", "role", "handed over"])
def test_a_link_ends_and_who_came_by_it_is_let_go(site: Installation, how: str) -> None:
    share, secret = made(site)
    opened = came(secret)
    tokens.redeem(opened.token, gateway=GATEWAY, cookie=None, same_name=True, address=None)
    assert admission.over([opened.row.id]) == []
    if how == "ended":
        control.end_share(site.actor("operator"), share)
    elif how == "expired":
        with database().write() as session:
            session.execute(update(ConsoleShare).values(expires_at=clock.now() - timedelta(seconds=1)))
    elif how == "role":
        administer.end_membership(site.actor("admin"), "operator", "Example Customer")
    else:
        administer.assign(site.actor("admin"), "web01", "Other Customer")
    assert len(admission.over([opened.row.id])) == 1
    with pytest.raises(NotAllowed, match="Ask who gave it to you"):
        came(secret)


def test_a_guessed_link_is_refused_and_on_record(site: Installation) -> None:
    with pytest.raises(NotAllowed):
        came("share_guessed")
    with database().read() as session:
        row = session.scalars(select(AuditRecord).where(AuditRecord.kind == "refusal")).one()
    assert (row.tag, row.source_ip, row.account_id) == ("server:console:open", "198.51.100.9", None)


def test_links_are_listed_for_who_made_them_and_for_staff(site: Installation) -> None:
    share, _ = made(site)
    server = site.servers["web01"]
    with database().read() as session:
        assert [row.id for row in control.shares(session, site.actor("operator"), server)] == [share]
        assert control.shares(session, site.actor("customer"), server) == []
        assert [row.id for row in control.shares(session, site.actor("technician"), server)] == [share]
    with pytest.raises(NotFound):
        control.end_share(site.actor("customer"), share)
    control.end_share(site.actor("technician"), share)
    with database().read() as session:
        assert control.shares(session, site.actor("operator"), server) == []


def test_a_link_that_staff_made_ends_with_the_tenant_it_was_made_for(site: Installation) -> None:
    _share, secret = made(site, "technician", ConsoleMode.CONTROL)
    opened = came(secret)
    tokens.redeem(opened.token, gateway=GATEWAY, cookie=None, same_name=True, address=None)
    administer.assign(site.actor("admin"), "web01", "Other Customer")
    assert [one.because for one in admission.over([opened.row.id])] == ["The link that let you in has ended."]
    with pytest.raises(NotAllowed):
        came(secret)
