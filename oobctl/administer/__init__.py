"""What administrators change: accounts, users, tokens, grants, servers, their endpoints and whose they are."""

from oobctl.administer.accounts import add_account, resume_account, suspend_account
from oobctl.administer.boot_macs import BootMac, BootMacs, set_boot_macs
from oobctl.administer.endpoints import (
    confirm_certificate,
    remove_endpoint,
    set_credential,
    set_endpoint,
)
from oobctl.administer.places import RackName, RackUnit, place_server
from oobctl.administer.recording import record_account, record_server
from oobctl.administer.servers import (
    acknowledge_bmc_user,
    add_server,
    assign,
    doubt_bmc_user,
    end_quarantine,
    retire_server,
)
from oobctl.administer.specs import EndpointChange, EndpointSpec, ServerSpec, TlsSpec
from oobctl.administer.tokens import add_grant, add_token, revoke_grant, revoke_token
from oobctl.administer.users import (
    LEAST_PASSWORD,
    add_user,
    disable_user,
    enable_user,
    end_membership,
    set_password,
)

__all__ = [
    "LEAST_PASSWORD",
    "BootMac",
    "BootMacs",
    "EndpointChange",
    "EndpointSpec",
    "RackName",
    "RackUnit",
    "ServerSpec",
    "TlsSpec",
    "acknowledge_bmc_user",
    "add_account",
    "add_grant",
    "add_server",
    "add_token",
    "add_user",
    "assign",
    "confirm_certificate",
    "disable_user",
    "doubt_bmc_user",
    "enable_user",
    "end_membership",
    "end_quarantine",
    "place_server",
    "record_account",
    "record_server",
    "remove_endpoint",
    "resume_account",
    "retire_server",
    "revoke_grant",
    "revoke_token",
    "set_boot_macs",
    "set_credential",
    "set_endpoint",
    "set_password",
    "suspend_account",
]
