"""The one table that gives roles their permissions."""

from oobctl.constants import Permission, Role

_CUSTOMER = frozenset({Permission.VIEW, Permission.POWER, Permission.CONSOLE})

ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.OWNER: _CUSTOMER | {Permission.BIOS, Permission.REINSTALL},
    Role.OPERATOR: _CUSTOMER,
    Role.VIEWER: frozenset({Permission.VIEW}),
    Role.TECHNICIAN: _CUSTOMER | {Permission.BIOS, Permission.REINSTALL, Permission.SERVICE},
    Role.ADMINISTRATOR: frozenset(Permission),
    Role.AUDITOR: frozenset({Permission.VIEW, Permission.AUDIT}),
}


def lesser(one: Role, other: Role) -> tuple[Role, frozenset[Permission] | None]:
    """The role that has no more than the other; else `other`, limited to what both have."""
    mine, yours = ROLE_PERMISSIONS[one], ROLE_PERMISSIONS[other]
    if mine <= yours:
        return one, None
    return other, None if yours <= mine else mine & yours
