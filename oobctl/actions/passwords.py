"""Changing the password that we log in with at a BMC: a new one is kept, set, proven; then the old one is forgotten.

The new password is in the database, sealed, before anything is sent. From then until it is proven the BMC has one of
two that we know, so that no crash can lock us out.
"""

import secrets
import string

from sqlalchemy import select

from oobctl.actions import steps
from oobctl.audit.tags import Tag
from oobctl.constants import Capability, Lock, Outcome, Permission, Protocol
from oobctl.drivers import credentials
from oobctl.drivers.trial import lets_in
from oobctl.errors import BmcAuthFailed, BmcBadAnswer, BmcError, NotSupported, OutcomeUnknown, StateNotReached
from oobctl.jobs.action import Action, Step
from oobctl.jobs.run import Run
from oobctl.store import Credential, Endpoint, Server, database

_LENGTH = 16
_SIGNS = "-_.+"  # what no BMC's parser stumbles over
_SETTLES_WITHIN = 20.0


def new_password(longest: int) -> str:
    """A random one with letters of both cases, a digit and a sign, as BMCs that check passwords want it."""
    length = min(_LENGTH, longest)
    letters = string.ascii_letters + string.digits + _SIGNS
    while True:
        found = "".join(secrets.choice(letters) for _ in range(length))
        kinds = (str.islower, str.isupper, str.isdigit, lambda one: one in _SIGNS)
        if found[0].isalpha() and found[-1].isalnum() and all(any(map(kind, found)) for kind in kinds):
            return found


def _prepare(run: Run) -> str:
    """What an earlier rotation left open is settled first; then the next password is kept."""
    for endpoint_id, _protocol in _endpoints(run):
        if _next_of(endpoint_id) is not None:
            _settle(run, endpoint_id)
    with database().read() as session:
        bmc_id = session.get_one(Server, run.acted.server_id).bmc_id
    longest = run.profile.users.longest_password
    new = [str(protocol) for endpoint_id, protocol in _endpoints(run) if _next_of(endpoint_id) is None]
    kept = credentials.begin(bmc_id, lambda: new_password(longest))
    run.evidence.setdefault("new_for", new)
    return f"A new password is kept, sealed, for {len(kept)} endpoint{'s' * (len(kept) != 1)}; nothing was sent yet"


def _set(run: Run) -> str:
    """Over each protocol; where a BMC has one list of users for both, the second one has the new password already."""
    done: list[str] = []
    ways = _endpoints(run)
    for number, (endpoint_id, protocol) in enumerate(ways):
        following = _next_of(endpoint_id)
        if following is None:
            continue  # an earlier run proved it
        if (number or run.sent_before) and _lets_in(run, protocol, following):
            done.append(f"{protocol} had it already")
            continue
        try:
            _send(run, endpoint_id, protocol, following)
        except BmcError as error:
            if _unclear(error):
                run.note(f"The answer over {protocol} was unclear, so it is tried which holds: {error.message}")
            else:
                _give_up(run, ways, number, clearly=not isinstance(error, BmcAuthFailed))
                raise
        done.append(f"set over {protocol}")
    run.outcome = Outcome.ACCEPTED
    return upper_first(", ".join(done)) or "It was set by an earlier run"


def _send(run: Run, endpoint_id: str, protocol: Protocol, following: bytes) -> None:
    with database().read() as session:
        endpoint = session.get_one(Endpoint, endpoint_id)
        secret = credentials.only(endpoint, session.get_one(Server, run.acted.server_id).site_id, following)
    try:
        run.bmc.over(protocol, Capability.USERS).set_password(secret.user, secret.password)
    finally:
        run.disconnect()  # whatever came of it: this session was opened with the password of before


def _unclear(error: BmcError) -> bool:
    """Whether the BMC may have the new password all the same: what counts then is which one lets us in."""
    if error.details.get("sent") is False or isinstance(error, BmcAuthFailed):
        return False
    return isinstance(error, OutcomeUnknown | BmcBadAnswer) or error.retryable


def _give_up(run: Run, ways: list[tuple[str, Protocol]], number: int, *, clearly: bool) -> None:
    """The BMC refused it over one protocol: what was set before is settled, what this job made is forgotten.

    What the BMC may have been sent, and come to yet, is kept: what an earlier rotation or run of this one left, and
    where it was set over another protocol (there may be one list of users for both). clearly: the BMC said no to it,
    and did not end our session over it and let nobody in.
    """
    for endpoint_id, _protocol in ways[:number]:
        _settle(run, endpoint_id)
    if number or run.sent_before or not clearly:
        return
    for endpoint_id, protocol in ways[number:]:
        following = _next_of(endpoint_id)
        if following is not None and protocol in run.evidence.get("new_for", []):
            credentials.drop(endpoint_id, following)


def _prove(run: Run) -> str:
    """A login with the new password alone, over each protocol; then the old one is forgotten."""
    proven = []
    for endpoint_id, protocol in _endpoints(run):
        if _next_of(endpoint_id) is None:
            proven.append(str(protocol))
            continue
        if not _settle(run, endpoint_id):
            raise StateNotReached(
                f"The BMC of {run.name} took the new password over {protocol}, and lets us in with the old one alone. "
                "Both are kept, so nothing is locked out whichever it comes to use. Try again.",
                wanted="the new password",
                last_read="the old password",
            )
        proven.append(str(protocol))
    run.saw("after", proven=proven)
    run.outcome = Outcome.PROVEN
    return f"Logged in with the new password over {' and '.join(proven)}; the old one is forgotten"


def _settle(run: Run, endpoint_id: str) -> bool:
    """Which of two passwords holds. True: the next one, and the old one is forgotten.

    The next one is kept where the old one holds: a BMC may come to it late, and it is tried then, and at the next
    rotation. Raises BmcAuthFailed where neither does (both are kept), BmcError where the BMC can't be asked.
    """
    with database().read() as session:
        endpoint = session.get_one(Endpoint, endpoint_id)
        row = session.scalars(select(Credential).where(Credential.endpoint_id == endpoint_id)).one()
    following, protocol = row.next_sealed, Protocol(endpoint.protocol)
    if following is None:
        return True
    if _lets_in(run, protocol, following):
        credentials.promote(endpoint_id, following)
        return True
    if _lets_in(run, protocol, row.sealed):
        return False
    raise BmcAuthFailed(
        f"The BMC of {run.name} lets us in over {protocol} with neither the old nor the new password, so somebody else "
        "has changed it, or the BMC has locked our user for a while. Both are kept: try again in some minutes."
    )


def _lets_in(run: Run, protocol: Protocol, sealed: bytes) -> bool:
    """Asked for as long as a BMC may need to take a login again. Raises the last BmcError."""
    found: list[bool] = []
    run.disconnect()

    def asked() -> bool:
        found[:] = [lets_in(run.acted.server_id, protocol, sealed, holder=run.executor)]
        return True

    if not run.until(asked, run.patience(_SETTLES_WITHIN), "for its BMC to take a login"):
        assert run.last_error is not None
        raise run.last_error
    return found[0]


def _endpoints(run: Run) -> list[tuple[str, Protocol]]:
    """Those with a password, in the order in which the profile prefers them for users."""
    with database().read() as session:
        server = session.get_one(Server, run.acted.server_id)
        query = select(Endpoint.id, Endpoint.protocol).join(Credential).where(Endpoint.bmc_id == server.bmc_id)
        found = [(row[0], Protocol(row[1])) for row in session.execute(query)]
    order = list(run.profile.transports[Capability.USERS])
    usable = [one for one in found if one[1] in order]
    if not usable:
        raise NotSupported(f"The profile {run.profile.name} knows no way to change passwords of the BMC of {run.name}.")
    return sorted(usable, key=lambda one: order.index(one[1]))


def upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]


def _next_of(endpoint_id: str) -> bytes | None:
    with database().read() as session:
        return session.scalar(select(Credential.next_sealed).where(Credential.endpoint_id == endpoint_id))


ACTIONS = (
    Action(
        name="bmc.rotate_password",
        title="Rotate the BMC's password",
        consequence="oobctl changes the password that it logs in with at the BMC of {server}. The server itself is not "
        "touched; people who used that password are locked out.",
        danger="hard",
        permission=Permission.SERVICE,
        lock=Lock.BMC,
        tag=Tag.SERVER_BMC_ROTATE_PASSWORD,
        capability=Capability.USERS,
        steps=(
            steps.IDENTITY,
            Step("prepare", "Keep a new password", _prepare),
            Step("set_password", "Set it at the BMC", _set),
            Step("prove", "Log in with it, and forget the old one", _prove),
        ),
        no_return="set_password",
    ),
)
