"""Who may come in: the passwords of the tree's accounts, and of one user of the service's own where it has no such."""

import hmac
from dataclasses import dataclass

from oobctl.lab.redfish_service.trees.resources import Resources

ADMINISTRATOR, OPERATOR = "Administrator", "Operator"


@dataclass(frozen=True)
class Who:
    """Who makes a request. account: the path of the account; None: the service's own user."""

    name: str
    account: str | None
    role: str


class Passwords:
    """Accounts of the tree have no password, so nobody comes in as them, until they are given one."""

    def __init__(self, resources: Resources, user: str | None, password: str) -> None:
        self._resources = resources
        self._by_account: dict[str, str] = {}
        self.user = user or self._first_administrator() or "admin"
        self._own: str | None = None
        path = self._account_of(self.user)
        if path is None:
            self._own = password
        else:
            self._by_account[path] = password

    def _first_administrator(self) -> str | None:
        for path in self._resources.of_kind("ManagerAccount"):
            account = self._resources.at(path)
            if account.get("UserName") and account.get("RoleId") == ADMINISTRATOR and account.get("Enabled", True):
                return str(account["UserName"])
        return None

    def _account_of(self, user: str) -> str | None:
        for path in self._resources.of_kind("ManagerAccount"):
            if self._resources.at(path).get("UserName") == user:
                return path
        return None

    def who(self, user: str | None, password: str | None) -> Who | None:
        """Whose user and password these are; None where nobody's."""
        if not user or password is None:
            return None
        path = self._account_of(user)
        if path is None:
            known = self._own if user == self.user else None
            return Who(user, None, ADMINISTRATOR) if _same(known, password) else None
        account = self._resources.at(path)
        if not _same(self._by_account.get(path), password) or not account.get("Enabled", True):
            return None
        return Who(user, path, str(account.get("RoleId")))

    def set(self, account: str, password: str) -> None:
        self._by_account[account] = password

    def forget(self, account: str) -> None:
        self._by_account.pop(account, None)


def _same(known: str | None, given: str) -> bool:
    return known is not None and hmac.compare_digest(known.encode(), given.encode())
