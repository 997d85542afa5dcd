"""The table of roles: who may what, spelled out, so that a change of it is a change here."""

import pytest

from oobctl.access import ROLE_PERMISSIONS
from oobctl.constants import Role

MAY = {
    "owner": "view power console bios reinstall",
    "operator": "view power console",
    "viewer": "view",
    "technician": "view power console bios reinstall service",
    "administrator": "view power console bios reinstall service administer audit",
    "auditor": "view audit",
}


@pytest.mark.parametrize("role", Role)
def test_a_role_may_do_this_and_nothing_else(role: Role) -> None:
    assert ROLE_PERMISSIONS[role] == set(MAY[role].split())
