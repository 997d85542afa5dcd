"""Accounts: adding one, suspending it, letting it act again."""

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from oobctl import clock
from oobctl.access import Actor
from oobctl.administer.change import change, find_account
from oobctl.administer.names import checked_title
from oobctl.audit.tags import Tag
from oobctl.errors import WrongState
from oobctl.store import Account, Assignment, BmcUser, Job


def add_account(actor: Actor, name: str, *, kind: str = "customer") -> Account:
    """A new account. Raises NotAllowed, InvalidParameter, WrongState where the name is taken."""
    checked_title(name)
    with change(actor, Tag.ACCOUNT_ADD, name=name) as this:
        account = Account(name=name, kind=kind)
        this.insert(
            account, f"There is an account {name!r} already, or one that differs in upper and lower case alone."
        )
        this.note(name=name)
        return account


def suspend_account(actor: Actor, account: str) -> None:
    """Its users may look from now on, and do nothing; the temporary users of BMCs that they have are removed.

    Raises NotAllowed, NotFound, WrongState for the provider's.
    """
    with change(actor, Tag.ACCOUNT_SUSPEND, account=account) as this:
        found = find_account(this.session, account)
        if found.kind == "provider":
            raise WrongState("The provider's own account is not suspended; disable its users instead.")
        found.suspended_at = found.suspended_at or clock.now()
        _expire_bmc_users(this.session, found)
        this.note(name=found.name)


def resume_account(actor: Actor, account: str) -> None:
    """End a suspension. Raises NotAllowed, NotFound."""
    with change(actor, Tag.ACCOUNT_RESUME, account=account) as this:
        found = find_account(this.session, account)
        found.suspended_at = None
        this.note(name=found.name)


def _expire_bmc_users(session: Session, account: Account) -> None:
    """A worker removes them at the BMCs: those of its servers, and those its people got on others' by a grant."""
    now = clock.now()
    servers = select(Assignment.server_id).where(Assignment.account_id == account.id, Assignment.until_at.is_(None))
    jobs = select(Job.id).where(
        Job.action == "bmc.user_add",
        or_(Job.account_id == account.id, Job.actor["account_id"].as_string() == account.id),
    )
    theirs = BmcUser.server_id.in_(servers) | BmcUser.job_id.in_(jobs)
    still = BmcUser.removed_at.is_(None) & (BmcUser.expires_at > now)
    session.execute(update(BmcUser).where(theirs, still).values(expires_at=now))
