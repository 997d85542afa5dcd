"""A BMC that refuses good passwords for a while, as one does that starts, and time that has passed since."""

import flask
from sqlalchemy import select, update

from oobctl.lab.redfish_service.trees import refusals
from oobctl.lab.redfish_service.trees.asked import Asked
from oobctl.lab.redfish_service.trees.behaviours.behaviour import Behaviour
from oobctl.lab.redfish_service.trees.state import State
from oobctl.store import Bmc, Credential, database
from tests.trees import Served


class Starting(Behaviour):
    """It forgets its sessions, and refuses whoever logs in, `number` times, or until `refuses` is 0.

    after: it begins with that once it has carried out this action.
    """

    name = "starting"

    def __init__(self, bmc: Served, number: float = 1_000, *, after: str | None = None) -> None:
        super().__init__(number)
        self.after, self.refuses, self.refused = after, 0.0, 0
        if after is None:
            self._start(bmc.state)
        bmc.server.service.behaviours = [*bmc.server.service.behaviours, self]

    def early(self, state: State, asked: Asked) -> flask.Response | None:
        logs_in = asked.method == "POST" and asked.path == state.sessions_path
        if not self.refuses or not (logs_in or asked.user is not None):
            return None
        self.refuses -= 1
        self.refused += 1
        return refusals.no_session()

    def amend(self, state: State, asked: Asked, answer: flask.Response) -> flask.Response:
        if self.after is not None and asked.method == "POST" and asked.path.endswith(self.after):
            self.after = None
            self._start(state)
        return answer

    def _start(self, state: State) -> None:
        self.refuses = self.number
        state.sessions.clear()


def later(seconds: float) -> None:
    """So much time has passed since the refusals and restarts that are noted."""
    with database().write() as tx:
        passed = {"refused_at": Credential.refused_at - seconds, "retry_at": Credential.retry_at - seconds}
        tx.execute(update(Credential).values(**passed))
        tx.execute(update(Bmc).values(restarts_until=Bmc.restarts_until - seconds))


def credential() -> Credential:
    """The only one."""
    with database().read() as tx:
        return tx.scalars(select(Credential)).one()
