"""A server behind whose address another one answers: nothing is sent to it until staff have looked."""

from oobctl.access import SYSTEM
from oobctl.audit import record
from oobctl.audit.tags import Tag
from oobctl.constants import Lifecycle
from oobctl.errors import WrongServer
from oobctl.store import Server, database


def quarantine(server_id: str, error: WrongServer) -> None:
    """Nothing is sent to a server behind whose address another one answers, until staff have looked."""
    with database().write() as session:
        server = session.get_one(Server, server_id)
        if server.lifecycle is Lifecycle.QUARANTINED:
            return
        server.lifecycle = Lifecycle.QUARANTINED
        server.quarantined_because = error.message
        record.event(
            session, SYSTEM, Tag.SERVER_QUARANTINE, server=server, reason=error.message, evidence=dict(error.details)
        )
