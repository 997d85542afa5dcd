"""Is somebody still who they were when they asked: for what is carried out later than it was asked for."""

from dataclasses import replace

from sqlalchemy.orm import Session

from oobctl.access.actor import Actor
from oobctl.access.identify import actor_of, current_membership
from oobctl.store import Token


def renew(session: Session, actor: Actor) -> Actor | None:
    """The actor with what they may do now; None where the user, the membership or the token has ended."""
    if actor.kind == "system":
        return actor
    if actor.kind == "user":
        membership = current_membership(session, actor.id, actor.account_id)
        return None if membership is None else replace(actor, role=membership.role)
    token = session.get(Token, actor.id)
    now = None if token is None else actor_of(session, token)
    return now and replace(now, address=actor.address, user_agent=actor.user_agent)
