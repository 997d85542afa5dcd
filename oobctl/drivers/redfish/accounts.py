"""The accounts of a Redfish service, read: for the users and for how far the BMC is open."""

from dataclasses import dataclass

from oobctl.constants import BmcRole
from oobctl.drivers.readings import BmcUser
from oobctl.drivers.redfish import account_decode
from oobctl.drivers.redfish.account_decode import Account
from oobctl.drivers.redfish.answers import link
from oobctl.drivers.redfish.session import RedfishSession
from oobctl.drivers.redfish.tree import Tree
from oobctl.drivers.redfish.walk import Walk
from oobctl.errors import NotSupported
from oobctl.profiles.quirks import Quirk

_MOST = 256


@dataclass(frozen=True)
class Accounts:
    """All accounts, the empty ones among them. collection: where new ones are made."""

    collection: str
    all: tuple[Account, ...]
    users: tuple[BmcUser, ...]
    problems: tuple[str, ...]

    def named(self, name: str) -> Account | None:
        return next((account for account in self.all if account.name == name), None)


def read(session: RedfishSession, tree: Tree) -> Accounts:
    """Raises NotSupported where the service has no accounts, and BmcError's subclasses where it lists none of them."""
    walk = Walk(session, tree)
    service = link(session.open(), "AccountService")
    collection = link(walk.resource(service, "describe its accounts"), "Accounts") if service else None
    if collection is None:
        raise NotSupported("This BMC's Redfish service has no accounts.")
    found: list[Account] = []
    users: list[BmcUser] = []
    for member in walk.each(collection, "list its accounts"):
        account = account_decode.account(member.resource, member.path) if member.problem is None else None
        if account is None:
            walk.problems.append(member.problem or f"{member.path or collection}: an account has no id or no name.")
            continue
        found.append(account)
        if not account.empty:
            users.append(account_decode.user(account, _role(walk, account, member.resource), session.login.secret.user))
        if len(found) >= _MOST:
            walk.problems.append(f"The BMC has more than {_MOST} accounts; the rest was left out.")
            break
    return Accounts(collection, tuple(found), tuple(users), tuple(walk.problems))


def _role(walk: Walk, account: Account, resource: dict[str, object]) -> BmcRole:
    role = account_decode.predefined(account.role_id)
    path = link(resource, "Links", "Role")
    if role is not None or path is None:
        return role or BmcRole.OTHER
    member = walk.member(path, "describe a role")
    if member.problem is not None:
        walk.problems.append(member.problem)
    return account_decode.by_privileges(member.resource)


def roles(session: RedfishSession, tree: Tree) -> list[str] | None:
    """The ids of the roles that the service lists; None where it lists none."""
    service = link(session.open(), "AccountService")
    collection = link(session.resource(service, what="describe its accounts"), "Roles") if service else None
    if collection is None:
        return None
    paths = tree.paths(collection, "list its roles")
    return [path.rstrip("/").rpartition("/")[2] for path in paths] or None


def fixed(session: RedfishSession) -> bool:
    """Whether there are so many accounts as there are, and users are written into empty ones."""
    return session.login.profile.has(Quirk.ACCOUNT_SLOTS_FIXED)
