"""Ending what is left of our sessions at a BMC: of dead processes, failed logouts, and logins that came to nothing."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from oobctl import clock
from oobctl.drivers.login import Login
from oobctl.drivers.redfish import dates
from oobctl.drivers.redfish.answers import Reply, link
from oobctl.drivers.redfish.entry import ROOT, SESSIONS
from oobctl.drivers.shared_session import ends_with
from oobctl.drivers.slots import Leftover, forget, others
from oobctl.errors import BmcError, BmcTimeout
from oobctl.profiles.model import Profile

_log = logging.getLogger(__name__)
_ENDED_BY_ITSELF = timedelta(hours=1)  # the longest that BMCs keep an idle session, as far as is known
_SLACK = timedelta(seconds=3)  # of the two clocks, and of times told in whole seconds

Ask = Callable[[str, str], Reply]
"""method, path: one request of somebody who may end sessions."""


def end(login: Login, left: list[Leftover], ask: Ask) -> None:
    """End each of them that nobody uses; a BMC that is in no mood for it is asked again at the next login."""
    for one in left:
        if one.kept and clock.now() - one.began <= _ENDED_BY_ITSELF:
            continue
        if not ends_with(one.id):
            continue
        if _settled(login, one, ask) or clock.now() - one.began > _ENDED_BY_ITSELF:
            forget(one.id)


def _settled(login: Login, left: Leftover, ask: Ask) -> bool:
    if left.native_id is not None:
        return _known(login, left, left.native_id, ask)
    return not left.shared or _half(login, left, ask)  # unshared and nameless: the BMC has no sessions


def _known(login: Login, left: Leftover, path: str, ask: Ask) -> bool:
    """End a session that we have the name of. A BMC that restarted may have given the name to somebody else's."""
    if "#" in path:  # a name of ours, of a log-in that the service does not list: it ends there by itself
        return True
    try:
        reply = ask("GET", path)
        session = reply.resource() if reply.ok else {}
    except BmcError:
        return False
    if reply.status == 401:  # it does not take what we ask with: no second try, which might lock our user out
        return False
    if reply.status in {404, 410}:
        return True
    made = _made(session, reply, login.profile)
    theirs = session.get("UserName") not in {None, login.secret.user}
    return theirs or (made is not None and made > _window(login, left)[1]) or delete(ask, path)


def delete(ask: Ask, path: str, *, own: bool = False) -> bool:
    """End a session by its path. True where it is gone, also where it had been. own: asked with its own token."""
    for last in (False, True):
        try:
            reply = ask("DELETE", path)
        except BmcError as error:
            _log.info("The session %s could not be ended: %s", path, error.message)
            if last or isinstance(error, BmcTimeout):
                return False
        else:
            return reply.ok or reply.status in {404, 410} or (own and reply.status == 401)
    return False


def _half(login: Login, left: Leftover, ask: Ask) -> bool:
    """A login that came to nothing after it was asked for: what it left at the BMC has no name in our rows.

    It is told by our user, by the moment it was made, and by there being no more like it than logins of ours that came
    to nothing. Returns whether that is settled.
    """
    try:
        found = _like(login, left, ask)
    except BmcError as error:
        _log.info("The sessions at %s could not be looked through: %s", login.endpoint.address, error.message)
        return False
    rest = others(login.endpoint, left.id)
    if found is None or rest.busy:  # what is under way may be one of them
        return False
    unknown = [path for path in found if path not in rest.names]
    if len(unknown) > 1 + rest.half:
        _log.warning("Sessions at %s can't be told apart and end by themselves: %s", login.endpoint.address, unknown)
        return True
    ended = [delete(ask, path) for path in unknown]
    return all(ended)


def _like(login: Login, left: Leftover, ask: Ask) -> list[str] | None:
    """Sessions that the login may have made. None where they are not listed."""
    root = ask("GET", ROOT)
    listed = ask("GET", link(root.resource(), "Links", "Sessions") or SESSIONS) if root.ok else root
    if not listed.ok:
        return None
    members = [link(member, "@odata.id") for member in listed.resource().get("Members") or []]
    earliest, latest = _window(login, left)
    found = []
    for member in filter(None, members):
        reply = ask("GET", member)
        session = reply.resource() if reply.ok else {}
        made = _made(session, reply, login.profile)
        if session.get("UserName") == login.secret.user and made is not None and earliest <= made <= latest:
            found.append(member)
    return found


def _window(login: Login, left: Leftover) -> tuple[datetime, datetime]:
    return left.began - _SLACK, left.began + timedelta(seconds=2 * login.profile.timeouts.connect) + _SLACK


def _made(session: dict[str, object], reply: Reply, profile: Profile) -> datetime | None:
    """When it was made, by our clock: the BMC's own clock is in the Date header of what it answers."""
    said = dates.moment(session.get("CreatedTime"), profile)
    try:
        there = parsedate_to_datetime(reply.headers["date"]).astimezone(UTC)
    except (KeyError, ValueError):
        return None
    return clock.now() - (there - said) if said is not None else None
