"""May a job that was asked for earlier still be carried out, now that its turn has come?"""

from sqlalchemy.orm import Session

from oobctl.access import Actor, may, renew
from oobctl.constants import Lifecycle
from oobctl.errors import NotAllowed, WrongState
from oobctl.jobs import schedule
from oobctl.jobs.action import Action
from oobctl.store import Job, Server

_TAKES_ACTIONS = frozenset({Lifecycle.READY, Lifecycle.ASSIGNED, Lifecycle.SUSPENDED})


def check_lifecycle(server: Server, action: Action) -> None:
    """Raises WrongState, with what to do, where the server can't take the action in its lifecycle."""
    if server.lifecycle in _TAKES_ACTIONS:
        return
    if action.on_unassigned and server.lifecycle is not Lifecycle.RETIRED:
        return
    why = {
        Lifecycle.QUARANTINED: f"is quarantined: {server.quarantined_because} Staff have to look at it first",
        Lifecycle.ENROLLING: "is not enrolled yet: staff have to run server.enroll first",
    }.get(server.lifecycle, f"is {server.lifecycle}")
    raise WrongState(f"{server.name} {why}. Nothing was sent.")


def check_again(session: Session, job: Job, action: Action) -> None:
    """Between the asking and the doing a role, a token, an assignment or a lifecycle may have changed, or the day.

    Raises Expired, NotAllowed, WrongState.
    """
    schedule.check_age(job)
    asked = Actor.from_json(job.actor)
    actor = renew(session, asked)
    if actor is None:
        raise NotAllowed(f"When its turn came, {asked.name} could not sign in any more. Nothing was sent.")
    decision = may(session, actor, action.permission, job.server, action.lock)
    if not decision.allowed:
        raise NotAllowed(
            f"When its turn came, {asked.name} might not do it any more: {decision.reason}. Nothing was sent."
        )
    check_lifecycle(job.server, action)
