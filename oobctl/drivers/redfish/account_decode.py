"""Accounts and roles of a Redfish service as users (DSP2046, ManagerAccount and Role)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from oobctl.constants import BmcRole
from oobctl.drivers.identity import clean
from oobctl.drivers.readings import BmcUser
from oobctl.drivers.redfish.answers import text

_NO_ACCESS = frozenset({"none", "noaccess"})
_PREDEFINED = {str(role).casefold(): role for role in (BmcRole.ADMINISTRATOR, BmcRole.OPERATOR, BmcRole.READ_ONLY)}


@dataclass(frozen=True)
class Account:
    """One account. slot: its number where its Id is one. name "": it is empty, nobody's."""

    path: str
    account_id: str
    name: str
    role_id: str | None
    enabled: bool | None
    locked: bool | None

    @property
    def slot(self) -> int | None:
        return int(self.account_id) if self.account_id.isascii() and self.account_id.isdigit() else None

    @property
    def empty(self) -> bool:
        return not self.name and self.enabled is not True


def account(resource: Mapping[str, Any], path: str) -> Account | None:
    """None where it has no id, or its user name is no text."""
    account_id = clean(text(resource, "Id")) or clean(path.rstrip("/").rpartition("/")[2])
    name = resource.get("UserName")
    if account_id is None or not (name is None or isinstance(name, str)):
        return None
    return Account(
        path=path,
        account_id=account_id,
        name=clean(name) or "",
        role_id=clean(text(resource, "RoleId")),
        enabled=_truth(resource.get("Enabled")),
        locked=_truth(resource.get("Locked")),
    )


def _truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def predefined(role_id: str | None) -> BmcRole | None:
    """The role of that id where Redfish knows it by its name; None where what it may do has to be asked."""
    folded = (role_id or "").casefold()
    return BmcRole.NO_ACCESS if folded in _NO_ACCESS else _PREDEFINED.get(folded)


def by_privileges(role: Mapping[str, Any]) -> BmcRole:
    """What a role of the BMC's own comes to, by its AssignedPrivileges (DSP0266, section 13.2.9)."""
    listed = role.get("AssignedPrivileges")
    if not isinstance(listed, list):
        return BmcRole.OTHER
    has = {item for item in listed if isinstance(item, str)}
    if has & {"ConfigureManager", "ConfigureUsers"}:
        return BmcRole.ADMINISTRATOR
    if "ConfigureComponents" in has:
        return BmcRole.OPERATOR
    return BmcRole.READ_ONLY if "Login" in has else BmcRole.NO_ACCESS


def user(found: Account, role: BmcRole, ours: str) -> BmcUser:
    return BmcUser(
        user_id=found.account_id,
        name=found.name,
        role=role,
        enabled=found.enabled,
        locked=found.locked,
        ours=found.name == ours,
        source=found.path,
    )
