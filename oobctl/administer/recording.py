"""Whose consoles are recorded: of an account's servers, or of one."""

from oobctl.access import Actor
from oobctl.administer.change import change, find_account
from oobctl.audit.tags import Tag
from oobctl.constants import RecordConsoles


def record_account(actor: Actor, account: str, record: RecordConsoles | None) -> None:
    """Say whose consoles of the account's servers are recorded; None: as the site's setting says.

    Consoles that are open follow within seconds. Raises NotAllowed, NotFound.
    """
    with change(actor, Tag.ACCOUNT_RECORD_CONSOLES, account=account, record=record) as this:
        found = find_account(this.session, account)
        found.record_consoles = record
        this.note(account_id=found.id, name=found.name, record=record)


def record_server(actor: Actor, server: str, record: RecordConsoles | None) -> None:
    """The same of one server, until it changes hands; None: as its account says. Raises NotAllowed, NotFound."""
    with change(actor, Tag.SERVER_CONSOLE_SET, server, record=record) as this:
        found = this.server(server)
        found.record_consoles = record
        this.note(server=found, record=record)
