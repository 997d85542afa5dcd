"""Whose consoles are recorded: as the server says, else its account, else the site's setting."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import Session

from oobctl import clock
from oobctl.config import settings
from oobctl.constants import RecordConsoles
from oobctl.store import Account, Assignment, Server, database


@dataclass(frozen=True)
class Rule:
    """Of one server: whose it is, and who is recorded there."""

    account_id: str | None
    record: RecordConsoles

    def holds_for(self, *, of_staff: bool) -> bool:
        """Whether somebody's presence makes it recorded. of_staff: they are, or came by a link of staff."""
        return self.record is RecordConsoles.ON or (self.record is RecordConsoles.STAFF and of_staff)


NOT_RECORDED = Rule(None, RecordConsoles.OFF)


def rule_of(session: Session, server_id: str) -> Rule:
    """As it is now."""
    _, account_id, *said = session.execute(_query().where(Server.id == server_id)).one()
    return Rule(account_id, _first(said))


def rules_of(servers: Collection[str]) -> dict[str, Rule]:
    """Of these servers, in one query. Raises StoreUnavailable."""
    with database().read() as session:
        rows = session.execute(_query().where(Server.id.in_(servers))).all()
    return {row[0]: Rule(row[1], _first(row[2:])) for row in rows}


def _query() -> Select[str, str | None, RecordConsoles | None, RecordConsoles | None]:
    now = clock.now()
    theirs = and_(
        Assignment.server_id == Server.id,
        Assignment.from_at <= now,
        or_(Assignment.until_at.is_(None), Assignment.until_at > now),
    )
    query = select(Server.id, Assignment.account_id, Server.record_consoles, Account.record_consoles)
    return query.outerjoin(Assignment, theirs).outerjoin(Account, Account.id == Assignment.account_id)


def _first(said: Sequence[RecordConsoles | None]) -> RecordConsoles:
    return next((one for one in said if one is not None), settings().record_consoles)
