"""Servers: adding one, giving it to an account, ending its quarantine, and its end."""

from typing import Any

from sqlalchemy import Select, delete, select, update
from sqlalchemy.orm import Session

from oobctl import clock, control
from oobctl.access import Actor
from oobctl.administer import joining
from oobctl.administer.change import change, find_account, find_site
from oobctl.administer.endpoints import add_endpoint, mend_credential
from oobctl.administer.specs import ServerSpec
from oobctl.audit import record
from oobctl.audit.tags import Tag
from oobctl.constants import Lifecycle, PowerState, Protocol, SerialLog
from oobctl.errors import ServerBusy, WrongState
from oobctl.images import access
from oobctl.jobs import contact, lease
from oobctl.readings import known_users
from oobctl.store import Account, Assignment, Bmc, BmcUser, Credential, Endpoint, Grant, Job, Server


def add_server(actor: Actor, spec: ServerSpec) -> Server:
    """A server in the lifecycle enrolling, its passwords sealed to its site. Then submit server.enroll.

    Where the endpoints are those of a BMC that is known, the server joins it: how it is reached and its passwords stay
    as they are, save where one is missing or parked. Raises NotAllowed, NotFound, WrongState where the account has a
    server of that name, and what `joining.known_bmc` raises.
    """
    with change(actor, Tag.SERVER_ADD, name=spec.name, account=spec.account) as this:
        session = this.session
        site = find_site(session, spec.site)
        owner = find_account(session, spec.account) if spec.account else None
        _check_name(session, spec.name, owner)
        protocols = {endpoint.protocol for endpoint in spec.endpoints}
        # The enrolment reads who the BMC is and picks the profile; until then the generic one says how to ask.
        profile = "generic-redfish" if Protocol.REDFISH in protocols else "generic-ipmi"
        joining.lock_site(session, site)
        known = joining.known_bmc(session, site, spec)
        bmc = known or Bmc(site_id=site.id, profile=profile)
        server = Server(name=spec.name, site_id=site.id, bmc=bmc, system_path=spec.system_path)
        session.add(server)
        session.flush()
        for endpoint in spec.endpoints:
            if known is None:
                add_endpoint(session, site, bmc, endpoint)
            else:
                mend_credential(session, site, server, endpoint)
        if owner is not None:
            session.add(Assignment(server_id=server.id, account_id=owner.id))
            session.flush()
        this.note(server=server, **_about(spec), **({"joins": bmc.id} if known else {}))
        return server


def assign(actor: Actor, server: str, account: str | None) -> None:
    """Give a server to an account, or (None) take it back. What was queued on it, and grants on it, end with that.

    Raises NotAllowed, NotFound, ServerBusy while a job runs on it, WrongState where the account has that name already.
    """
    with change(actor, Tag.SERVER_ASSIGN, server, account=account) as this:
        found = this.server(server)
        if found.lifecycle is Lifecycle.RETIRED:
            raise WrongState(f"{found.name} is retired.")
        owner = find_account(this.session, account) if account else None
        if record.account_of(this.session, found.id) == (owner.id if owner else None):
            return
        if owner is not None:
            _check_name(this.session, found.name, owner, but=found.id)
        before = record.account_of(this.session, found.id)
        _hand_over(this.session, actor, found, owner, "the server changes hands")
        if found.lifecycle in {Lifecycle.READY, Lifecycle.ASSIGNED}:
            found.lifecycle = Lifecycle.ASSIGNED if owner else Lifecycle.READY
        this.note(server=found, account=owner.name if owner else None)
        if before is not None:  # who had it reads that it went, not to whom
            this.note(server=found, account_id=before, account=None)


def retire_server(actor: Actor, server: str, *, force: bool = False) -> None:
    """The end: nobody's, polled no more, its BMC's passwords deleted, its name free. Its records stay.

    force: though temporary users stay on its BMC, which nobody can remove from here afterwards; the record names them.
    Raises NotAllowed, NotFound, ServerBusy while a job runs on it, WrongState where temporary users are on its BMC.
    """
    with change(actor, Tag.SERVER_RETIRE, server) as this:
        found = this.server(server)
        account_id = record.account_of(this.session, found.id)
        left = this.session.scalars(_users_on_bmc(found)).all()
        if left and not force:
            raise WrongState(
                f"The BMC of {found.name} has temporary users ({', '.join(left)}), and could not be rid of them "
                f"without its password. Remove them first (oobctl server act {found.name} bmc.user_remove), then "
                "retire it. If its BMC is dead, use --force (force=true): the record says that they were left."
            )
        account = this.session.get_one(Account, account_id).name if account_id else None
        told: dict[str, Any] = {"users_left": list(left)} if left else {}
        this.note(server=found, account=account, **told)
        this.session.flush()  # the record is the last tenant's too
        _hand_over(this.session, actor, found, None, "the server is retired")
        found.lifecycle, found.quarantined_because, found.uncleared_since = Lifecycle.RETIRED, None, None
        if not _others_behind(this.session, found):
            theirs = select(Endpoint.id).where(Endpoint.bmc_id == found.bmc_id)
            this.session.execute(delete(Credential).where(Credential.endpoint_id.in_(theirs)))


def end_quarantine(actor: Actor, server: str) -> None:
    """Let actions through again, after somebody looked. Raises NotAllowed, NotFound, WrongState."""
    with change(actor, Tag.SERVER_QUARANTINE_END, server) as this:
        found = this.server(server)
        if found.lifecycle is not Lifecycle.QUARANTINED:
            raise WrongState(f"{found.name} is not quarantined; it is {found.lifecycle}.")
        found.lifecycle = Lifecycle.ASSIGNED if record.account_of(this.session, found.id) else Lifecycle.READY
        because, found.quarantined_because = found.quarantined_because, None
        this.note(server=found, was=because)


def acknowledge_bmc_user(actor: Actor, server: str, name: str) -> None:
    """Say that an unknown user of the BMC is right: no difference any more, with the role that it has now.

    Raises NotAllowed, NotFound, WrongState where its users were not read yet, InvalidParameter where there is none.
    """
    with change(actor, Tag.SERVER_BMC_USER_ACKNOWLEDGE, server, name=name) as this:
        found = this.server(server)
        user = known_users.acknowledge(this.session, found, name)
        this.note(server=found, user=user["name"], role=user["role"])


def doubt_bmc_user(actor: Actor, server: str, name: str) -> None:
    """Take back that a user of the BMC is right: a difference again, until somebody says that it is right.

    Raises NotAllowed, NotFound, WrongState where its users were not read yet, InvalidParameter where there is none.
    """
    with change(actor, Tag.SERVER_BMC_USER_DOUBT, server, name=name) as this:
        found = this.server(server)
        user = known_users.doubt(this.session, found, name)
        this.note(server=found, user=user["name"], role=user["role"])


def _hand_over(session: Session, actor: Actor, server: Server, owner: Account | None, reason: str) -> None:
    """End what the last owner has of it, then give it to the next one."""
    control.cancel_waiting(session, server, actor.name, reason)
    _refuse_while_busy(session, server)
    now = clock.now()
    mine = Assignment.server_id == server.id
    session.execute(update(Assignment).where(mine, Assignment.until_at.is_(None)).values(until_at=now))
    session.execute(
        update(Grant).where(Grant.server_id == server.id, Grant.revoked_at.is_(None)).values(revoked_at=now)
    )
    if owner is not None:
        session.add(Assignment(server_id=server.id, account_id=owner.id, from_at=now))
    theirs = (BmcUser.server_id == server.id) & BmcUser.removed_at.is_(None)
    session.execute(update(BmcUser).where(theirs).values(expires_at=now))  # a worker removes them at the BMC
    server.uncleared_since = now  # a worker asks for server.release
    access.close_in(session, server.id)  # its BMC fetches no image of theirs any more
    server.record_consoles, server.serial_log = None, SerialLog.OFF
    server.power_state, server.power_read_at = PowerState.UNKNOWN, None  # the last owner's; the monitor reads anew
    contact.heard(session, server, now)
    session.flush()


def _users_on_bmc(server: Server) -> Select[str]:
    """The names of the temporary users that are, or may be, on the server's BMC."""
    there = BmcUser.removed_at.is_(None) & BmcUser.active_from.is_not(None)
    return select(BmcUser.name).where(BmcUser.server_id == server.id, there).order_by(BmcUser.id)


def _refuse_while_busy(session: Session, server: Server) -> None:
    job_id = lease.holder_of(session, server.id)
    if job_id is not None:
        job = session.get_one(Job, job_id)
        raise ServerBusy(
            f"{job.action} (job {job.id}) runs on {server.name}. Wait for its end, or cancel it; then try again.",
            job=job.id,
            action=job.action,
        )


def _others_behind(session: Session, server: Server) -> bool:
    others = select(Server.id).where(Server.bmc_id == server.bmc_id, Server.id != server.id)
    return session.scalar(others.where(Server.lifecycle != Lifecycle.RETIRED).limit(1)) is not None


def _check_name(session: Session, name: str, owner: Account | None, but: str | None = None) -> None:
    if owner is not None:
        session.refresh(
            owner, with_for_update=True
        )  # two servers of one name at once: the second one waits and is told
    query = (
        select(Server.id)
        .outerjoin(Assignment, (Assignment.server_id == Server.id) & Assignment.until_at.is_(None))
        .where(Server.name == name, Server.lifecycle != Lifecycle.RETIRED, Server.id != (but or ""))
    )
    query = query.where(Assignment.account_id == owner.id if owner else Assignment.id.is_(None))
    if session.scalar(query.limit(1)) is not None:
        raise WrongState(f"There is a server {name!r} already in that account. Choose another name.")


def _about(spec: ServerSpec) -> dict[str, Any]:
    """For the record: everything but users and passwords; IPMI has no certificate."""
    secret: Any = {"user": True, "password": True, "tls": {"ca": True}}
    told = spec.model_dump(mode="json", exclude={"endpoints": {"__all__": secret}})
    for endpoint in told["endpoints"]:
        if endpoint["protocol"] != Protocol.REDFISH:
            del endpoint["tls"]
    return told
