"""Who is it, and what may they do: the one place that answers both, with the reason."""

from oobctl.access.actor import SYSTEM, Actor
from oobctl.access.decide import Decision, find_server, holds, is_staff, is_suspended, may, visible_servers
from oobctl.access.identify import Presented, identify
from oobctl.access.read import may_read, readable_jobs, readable_records, sees_every_account, sees_every_server
from oobctl.access.renew import renew
from oobctl.access.roles import ROLE_PERMISSIONS
from oobctl.access.sign_in import known_address, refuse_sign_in, sign_in, sign_out
from oobctl.access.tokens import create_token

__all__ = [
    "ROLE_PERMISSIONS",
    "SYSTEM",
    "Actor",
    "Decision",
    "Presented",
    "create_token",
    "find_server",
    "holds",
    "identify",
    "is_staff",
    "is_suspended",
    "known_address",
    "may",
    "may_read",
    "readable_jobs",
    "readable_records",
    "refuse_sign_in",
    "renew",
    "sees_every_account",
    "sees_every_server",
    "sign_in",
    "sign_out",
    "visible_servers",
]
