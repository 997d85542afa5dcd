"""The actions that there are, and which of them an actor may do on a server now."""

from oobctl import actions as nouns
from oobctl import workflows
from oobctl.access import Actor, Decision, find_server, may
from oobctl.constants import Permission
from oobctl.errors import NoWay, WrongState
from oobctl.jobs.action import Action
from oobctl.jobs.admission import check_cleared, check_lifecycle, check_way
from oobctl.store import database

_DANGERS = ("look", "gentle", "hard", "destructive")
_NOUNS = ("power", "boot", "identify", "bmc")


def find(name: str) -> Action:
    """The action of that name. Raises NotFound."""
    return workflows.find(name) or nouns.find(name)


def actions() -> tuple[Action, ...]:
    """All actions, in the order in which a page shows them."""
    return tuple(sorted((*nouns.all_actions().values(), *workflows.all_workflows().values()), key=_place))


def _place(action: Action) -> tuple[int, int]:
    """By danger, then by how often people need it; within a noun as its file has them (sorted() keeps that)."""
    noun = action.name.partition(".")[0]
    return _DANGERS.index(action.danger), _NOUNS.index(noun) if noun in _NOUNS else len(_NOUNS)


def offered(actor: Actor, server_id: str) -> list[tuple[Action, Decision]]:
    """Every action with whether the actor may do it on the server now, and why (not). Raises NotFound."""
    with database().read() as session:
        server = find_server(session, actor, server_id)
        decisions = []
        for action in actions():
            if action.permission is Permission.SERVICE and not actor.is_staff:
                continue
            decision = may(session, actor, action.permission, server, action.lock)
            if decision.allowed:
                try:
                    check_lifecycle(server, action)
                    check_cleared(server, action, staff=actor.is_staff)
                    check_way(session, server, action)
                except (WrongState, NoWay) as error:
                    decision = Decision(False, error.message)
            decisions.append((action, decision))
        return decisions
