"""May a job that was asked for earlier still be carried out, now that its turn has come?"""

from sqlalchemy.orm import Session

from oobctl import clock, profiles
from oobctl.access import Actor, may, renew
from oobctl.constants import Capability, Lifecycle, Protocol
from oobctl.errors import ConfigurationError, NotAllowed, NoWay, WrongState
from oobctl.jobs import schedule
from oobctl.jobs.action import Action
from oobctl.readings.take import words
from oobctl.store import Job, Server

_PROTOCOLS = {Protocol.IPMI: "IPMI", Protocol.REDFISH: "Redfish", Protocol.VNC: "VNC"}
_CLEARED = frozenset({Capability.BOOT, Capability.VIRTUAL_MEDIA, Capability.BIOS})
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


def check_cleared(server: Server, action: Action, *, staff: bool) -> None:
    """Raises WrongState for a customer while what the last tenant set may still be at the BMC (server.release).

    What they set now could be taken for the last tenant's, or mixed with it. Power is not kept from anybody.
    """
    since = server.uncleared_since
    if staff or since is None or action.capability not in _CLEARED:
        return
    raise WrongState(
        f"{server.name} is being cleared after it changed hands, since {clock.rfc3339(since)}: its boot override, "
        "virtual media and BIOS settings can be set once that is done, usually in a few seconds. Its power can be "
        "switched meanwhile, while no job has it. Nothing was sent."
    )


def check_way(session: Session, server: Server, action: Action) -> None:
    """Raises NoWay where nothing that the server's BMC speaks carries what the action needs, or else something lacks.

    A profile that is missing or wrong refuses nothing here: the worker says so.
    """
    try:
        profile = profiles.find(server.bmc.profile)
    except ConfigurationError:
        return
    if action.lacks is not None and (why := action.lacks(session, server)) is not None:
        raise NoWay(f"{why} Nothing was sent.")
    if action.capability is None:
        return
    spoken = [endpoint.protocol for endpoint in server.bmc.endpoints]
    if profile.way_to(action.capability, spoken) is not None:
        return
    over = " and ".join(_PROTOCOLS[protocol] for protocol in spoken) or "nothing"
    takes = " or ".join(_PROTOCOLS[protocol] for protocol in profile.transports.get(action.capability, ()))
    needs = f"needs {takes} for it" if takes else "has no way to it at all"
    raise NoWay(
        f"The BMC of {server.name} has no way to {words(action.capability)}: it is reached over {over} alone, and its "
        f"profile {profile.name} {needs}. Nothing was sent."
    )


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
    check_cleared(job.server, action, staff=actor.is_staff)
