"""Changing one resource: with its ETag where the BMC asks for one, and again where it is busy with the start."""

from collections.abc import Callable
from typing import Any

from oobctl.drivers.interfaces import Fence
from oobctl.drivers.redfish.answers import Reply, text
from oobctl.drivers.redfish.session import RedfishSession
from oobctl.drivers.redfish.waiting import tries
from oobctl.errors import BmcBadAnswer, BmcBusy, BmcError, BmcRefused, NotSupported
from oobctl.profiles.quirks import Quirk

_PRECONDITION = frozenset({412, 428})
_BUSY = frozenset({400, 409, 423, 503})
_STARTING = ("systempost", "during post", "self-test", "resourceinuse", "busy", "temporarilyunavailable", "sys518")
_JOB_WAITS = ("lc068", "rac0679", "sys011", "already committed")


def patch(
    session: RedfishSession, path: str, body: Any, fence: Fence, *, what: str, secrets: tuple[str, ...] = ()
) -> Reply:
    """Returns the reply, good or not. Raises what `RedfishSession.write` raises.

    Where the BMC asks for an ETag and tells none, any state of the resource will do (RFC 9110, section 13.1.1: `*`).
    """
    reply = session.write("PATCH", path, body, fence, what=what, etag=_etag(session, path, what), secrets=secrets)
    if reply.status in _PRECONDITION and session.login.profile.has(Quirk.ETAG_REQUIRED):
        etag = _etag(session, path, what) or "*"
        reply = session.write("PATCH", path, body, fence, what=what, etag=etag, secrets=secrets)
    return reply


def patiently(session: RedfishSession, send: Callable[[], Reply], what: str) -> Reply:
    """Send; where the BMC refuses because the firmware starts, again, as long as its profile says (bios.busy_limit).

    Returns the reply, good or not. Raises BmcBusy where the firmware was still starting then.
    """
    profile = session.login.profile
    if not profile.has(Quirk.POST_BUSY_400):
        return send()
    for _ in tries(profile.bios.busy_limit, first=1.0, longest=30.0):
        reply = send()
        if reply.status not in _BUSY or not reply.says(*_STARTING):
            return reply
    raise BmcBusy(f"{reply.error(what).message} It said so for {profile.bios.busy_limit:.0f} s: try again later.")


def refusal(session: RedfishSession, reply: Reply, what: str) -> BmcError:
    """A refused change as an error: BmcBusy where a job of the BMC's that waits is why (job-pending-refused)."""
    error = reply.error(what)
    if session.login.profile.has(Quirk.JOB_PENDING_REFUSED) and reply.says(*_JOB_WAITS):
        return BmcBusy(
            f"{error.message} A configuration job waits there or is under way, most likely until the server's next "
            "boot. Ask again after it, or take the job out of the BMC's job queue.",
            sent=False,  # it was refused as a whole
        )
    return error


def _etag(session: RedfishSession, path: str, what: str) -> str | None:
    """The ETag of a resource now; None where nobody asks for it, or it can't be read."""
    if not session.login.profile.has(Quirk.ETAG_REQUIRED):
        return None
    try:
        reply = session.get(path, what=what)
        return reply.etag or text(reply.resource(), "@odata.etag")
    except (BmcRefused, BmcBadAnswer, NotSupported):
        return None
