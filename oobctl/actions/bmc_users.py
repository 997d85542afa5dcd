"""Temporary users of a BMC: made for some hours, at most Operator, and removed when their time is over."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Select, delete, select, update
from sqlalchemy.orm import Session

from oobctl import clock, profiles, vault
from oobctl.actions import steps
from oobctl.actions.passwords import new_password
from oobctl.audit.tags import Tag
from oobctl.config import settings
from oobctl.constants import BmcRole, Capability, Lock, Outcome, Permission
from oobctl.errors import BmcError, InvalidParameter, NotSupported, StateNotReached, WrongState
from oobctl.ids import new_id
from oobctl.jobs.action import Action, Step
from oobctl.jobs.run import Run
from oobctl.store import BmcUser, Job, JobSecret, Server, database
from oobctl.vault import Secret

_PREFIX = "tmp"
_NAME_DIGITS = 6
_READ_BACK_SECONDS = 20.0
_MOST = 3  # at once on one server: BMCs hold few


class AddParameters(BaseModel):
    """role: ReadOnly or Operator. hours: for how long."""

    model_config = ConfigDict(extra="forbid")
    role: Literal["Operator", "ReadOnly"] = Field(default="Operator", description="Operator, or ReadOnly.")
    hours: int = Field(default=8, ge=1, le=72, description="After so many hours the user is removed.")


class RemoveParameters(BaseModel):
    """name: of a temporary user; None: all of this server's."""

    model_config = ConfigDict(extra="forbid")
    name: str | None = Field(default=None, max_length=32, description="The user; empty: all temporary ones.")


# --- at the door -------------------------------------------------------------------------------------------------


def check_room(session: Session, server: Server, by_staff: bool, parameters: BaseModel) -> None:
    """Raises WrongState where the server has as many as it may."""
    there = session.scalars(_open(server.id)).all()
    if len(there) >= _MOST:
        names = ", ".join(row.name for row in there)
        raise WrongState(f"{server.name} has {len(there)} temporary BMC users already ({names}). Remove one first.")


def check_temporary(session: Session, server: Server, by_staff: bool, parameters: BaseModel) -> None:
    """Raises InvalidParameter where customers name a user that is none of the server's temporary ones."""
    assert isinstance(parameters, RemoveParameters)
    if parameters.name is not None and not by_staff:
        _check_ours(server.name, [parameters.name], [row.name for row in session.scalars(_open(server.id))])


def _check_ours(server: str, wanted: list[str], known: Iterable[str]) -> None:
    if not set(wanted) <= set(known):
        listed = ", ".join(known) or "none"
        raise InvalidParameter(f"That is no temporary user of {server}. There are: {listed}.", field="name")


def make_secret(session: Session, server: Server, job: Job) -> Secret:
    """The user's name and password: shown once, to who asked, and sealed for the worker."""
    longest = profiles.find(server.bmc.profile).users
    name = f"{_PREFIX}{new_id().replace('-', '')[-_NAME_DIGITS:]}"[: longest.longest_name]
    return Secret(name, new_password(longest.longest_password))


# --- the worker's part -------------------------------------------------------------------------------------------


def _note(run: Run) -> str:
    """Before anything is sent a row says so: whatever happens to this job, the user is found and removed."""
    assert isinstance(run.parameters, AddParameters)
    secret = _secret(run)
    expires = clock.now() + timedelta(hours=run.parameters.hours)
    with database().write() as session:
        if session.scalar(select(BmcUser.id).where(BmcUser.job_id == run.acted.job_id)) is None:
            session.add(
                BmcUser(
                    bmc_id=session.get_one(Server, run.acted.server_id).bmc_id,
                    server_id=run.acted.server_id,
                    job_id=run.acted.job_id,
                    name=secret.user,
                    role=BmcRole(run.parameters.role),
                    expires_at=expires,
                )
            )
    return f"{secret.user} is removed at {clock.rfc3339(expires)}"


def _ensure_user(run: Run) -> str:
    assert isinstance(run.parameters, AddParameters)
    secret, role = _secret(run), BmcRole(run.parameters.role)
    with database().write() as session:  # from here on somebody could log in with it
        mine = BmcUser.job_id == run.acted.job_id
        session.execute(update(BmcUser).where(mine, BmcUser.active_from.is_(None)).values(active_from=clock.now()))
        row = session.scalars(select(BmcUser).where(mine)).one()
        since, until = clock.rfc3339(row.active_from), clock.rfc3339(row.expires_at)
    try:
        _make(run, secret, role)
    except (BmcError, StateNotReached):
        with database().write() as session:  # whatever came of it is taken back
            session.execute(update(BmcUser).where(BmcUser.job_id == run.acted.job_id).values(expires_at=clock.now()))
        raise
    with database().write() as session:
        session.execute(delete(JobSecret).where(JobSecret.job_id == run.acted.job_id))
    run.saw("after", user=secret.user, role=str(role), could_act_unseen_since=since, until=until)
    run.outcome = Outcome.PROVEN
    return f"Read back: {secret.user} is {role}. What it does at the BMC itself is not in this record"


def _make(run: Run, secret: Secret, role: BmcRole) -> None:
    """An unclear answer is no end: what counts is what is read."""
    try:
        run.bmc.users.add(secret.user, secret.password, role)
    except BmcError as error:
        if not error.retryable or error.details.get("sent") is False:
            raise
        run.note(f"The answer was unclear, so it was read back: {error.message}")

    def there() -> bool:
        users = {user.name: user for user in steps.read_and_keep(run, Capability.USERS).users}
        found = users.get(secret.user)
        return found is not None and found.enabled is not False and found.role is role

    if not run.until(there, run.patience(_READ_BACK_SECONDS), "for the user to be read back"):
        raise StateNotReached(
            f"The BMC of {run.name} took the user {secret.user}, but does not show it as {role}. It is removed again.",
            wanted=str(role),
            last_read="not there",
        )


def _ensure_removed(run: Run) -> str:
    assert isinstance(run.parameters, RemoveParameters)
    with database().read() as session:
        rows = {row.name: row for row in session.scalars(_open(run.acted.server_id))}
    wanted = list(rows) if run.parameters.name is None else [run.parameters.name]
    if not run.acted.by_staff:  # what the door saw may be another by now
        _check_ours(run.name, wanted, list(rows))
    for name in wanted:
        run.bmc.users.remove(name)

    def gone() -> bool:
        users = steps.read_and_keep(run, Capability.USERS).users
        return not {user.name for user in users if user.enabled is not False} & set(wanted)

    if not run.until(gone, run.patience(_READ_BACK_SECONDS), "for the user to be gone"):
        raise StateNotReached(
            f"The BMC of {run.name} took the request, and still lists {', '.join(wanted)}. Try again.",
            wanted="gone",
            last_read="there",
        )
    now = clock.now()
    with database().write() as session:
        ids = [rows[name].id for name in wanted if name in rows]
        session.execute(update(BmcUser).where(BmcUser.id.in_(ids)).values(removed_at=now))
    run.saw("after", removed=wanted, no_longer_unseen_since=clock.rfc3339(now))
    run.outcome = Outcome.PROVEN
    return f"Read back: {', '.join(wanted)} gone" if wanted else "There is no temporary user"


def _secret(run: Run) -> Secret:
    """What the door sealed for this job. Raises NotSupported where it is gone: the job is an old one."""
    with database().read() as session:
        row = session.get(JobSecret, run.acted.job_id)
        site_id = session.get_one(Server, run.acted.server_id).site_id
    if row is None:
        raise NotSupported("The new user's password is not kept any more. Ask for a new user.")
    return vault.unseal(vault.read_key(settings().keys / f"{site_id}.key"), run.acted.job_id, "job", row.sealed)


def _open(server_id: str) -> Select[BmcUser]:
    return select(BmcUser).where(BmcUser.server_id == server_id, BmcUser.removed_at.is_(None)).order_by(BmcUser.id)


ACTIONS = (
    Action(
        name="bmc.user_add",
        title="Temporary BMC user",
        consequence="Somebody can log in at the BMC of {server} itself for some hours. What they do there is in no "
        "record here. The password is shown once.",
        danger="gentle",
        permission=Permission.REINSTALL,
        lock=Lock.BMC,
        tag=Tag.SERVER_BMC_USER_ADD,
        capability=Capability.USERS,
        parameters=AddParameters,
        check=check_room,
        secret=make_secret,
        steps=(
            steps.IDENTITY,
            Step("note_user", "Note when it ends", _note),
            Step("ensure_user", "Make the user and read back", _ensure_user),
        ),
    ),
    Action(
        name="bmc.user_remove",
        title="Remove temporary BMC users",
        consequence="Temporary users of the BMC of {server} can't log in there any more.",
        danger="gentle",
        permission=Permission.REINSTALL,
        lock=Lock.BMC,
        tag=Tag.SERVER_BMC_USER_REMOVE,
        capability=Capability.USERS,
        parameters=RemoveParameters,
        check=check_temporary,
        steps=(
            steps.IDENTITY,
            Step("ensure_removed", "Remove them and read back", _ensure_removed),
        ),
    ),
)
