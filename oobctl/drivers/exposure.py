"""How far a BMC is open by its users: the facts that follow from who they are, alike over both protocols."""

from collections.abc import Iterable
from dataclasses import replace

from oobctl.constants import BmcRole
from oobctl.drivers.readings import BmcUser, SecurityFact

DEFAULT_NAMES = frozenset(
    {"admin", "administrator", "root", "sysadmin", "superuser", "user", "userid", "guest", "ubnt"}
)
"""The names that makers give to the user of a new BMC, in lower case."""
_MOST_NAMED = 8


def of_users(users: Iterable[BmcUser]) -> tuple[SecurityFact, ...]:
    """null_user, default_user, administrators and other_users. A user that does not say so counts as enabled."""
    enabled = [user for user in users if user.enabled is not False]
    default = [user.name for user in enabled if user.name.casefold() in DEFAULT_NAMES]
    return (
        SecurityFact("null_user", any(not user.name for user in enabled)),
        SecurityFact("default_user", bool(default), _named(default)),
        _administrators(enabled),
        others(enabled),
    )


def may_log_in(users: Iterable[BmcUser]) -> tuple[BmcUser, ...]:
    """Those that a BMC may let in, each with a name of its own: a second one of a name is not the one that we know."""
    found: list[BmcUser] = []
    for user in users:
        if user.enabled is False or user.role is BmcRole.NO_ACCESS:
            continue
        if not user.name:
            user = replace(user, name=f"no name (user {user.user_id})")
        elif any(user.name == other.name for other in found):
            user = replace(user, name=f"{user.name} (user {user.user_id})", ours=False)
        found.append(user)
    return tuple(found)


def others(users: Iterable[BmcUser]) -> SecurityFact:
    """other_users: all that are not the one we log in as."""
    found = [user.name or "(no name)" for user in users if not user.ours]
    return SecurityFact("other_users", len(found), _named(found))


def unread(reason: str) -> tuple[SecurityFact, ...]:
    """The same facts where the users can't be read."""
    names = ("null_user", "default_user", "administrators", "other_users")
    return tuple(SecurityFact(name, None, reason) for name in names)


def _administrators(enabled: list[BmcUser]) -> SecurityFact:
    unclear = [user.name for user in enabled if user.role is BmcRole.OTHER]
    if unclear:
        return SecurityFact("administrators", None, f"What these may do is not known: {_named(unclear)}.")
    found = [user.name or "(no name)" for user in enabled if user.role is BmcRole.ADMINISTRATOR]
    return SecurityFact("administrators", len(found), _named(found))


def _named(names: list[str]) -> str | None:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more if names else None
