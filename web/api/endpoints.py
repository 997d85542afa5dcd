"""Whose a server is, where it stands, and how its BMC is reached, for administrators."""

from oobctl import administer
from web.api.blueprint import ADMINISTRATION, blueprint
from web.api.requests import (
    AssignmentBody,
    BootMacsBody,
    CertificateBody,
    CredentialBody,
    KnownUserBody,
    KnownUserPath,
    PlaceBody,
    ProtocolPath,
    ServerPath,
)
from web.identity import current_actor


@blueprint.put("/servers/<server>/assignment", tags=[ADMINISTRATION], summary="Assign a server", responses={204: None})
def assign(path: ServerPath, body: AssignmentBody) -> tuple[str, int]:
    """From now on. The next tenant sees nothing of the last one's records."""
    administer.assign(current_actor(), path.server, body.account)
    return "", 204


@blueprint.put(
    "/servers/<server>/place", tags=[ADMINISTRATION], summary="Say where a server stands", responses={204: None}
)
def place_server(path: ServerPath, body: PlaceBody) -> tuple[str, int]:
    """In which rack of its site, and where in it. A rack that nobody named before is made."""
    administer.place_server(current_actor(), path.server, body.rack, body.unit)
    return "", 204


@blueprint.put(
    "/servers/<server>/boot-macs", tags=[ADMINISTRATION], summary="Say from which network cards a server starts",
    responses={204: None},
)  # fmt: skip
def set_boot_macs(path: ServerPath, body: BootMacsBody) -> tuple[str, int]:
    """DHCP gives an installer to these alone, while a reinstall waits for them. What the BMC tells is known besides."""
    administer.set_boot_macs(current_actor(), path.server, body.macs)
    return "", 204


@blueprint.put(
    "/servers/<server>/certificate", tags=[ADMINISTRATION], summary="Confirm a certificate", responses={204: None}
)
def confirm_certificate(path: ServerPath, body: CertificateBody) -> tuple[str, int]:
    """The Redfish certificate of that fingerprint is the right one from now on."""
    administer.confirm_certificate(current_actor(), path.server, body.fingerprint)
    return "", 204


@blueprint.put(
    "/servers/<server>/credentials/<protocol>", tags=[ADMINISTRATION], summary="Set a credential", responses={204: None}
)
def set_credential(path: ProtocolPath, body: CredentialBody) -> tuple[str, int]:
    """Sealed at once: nobody but the workers of the server's site can read it. A parked one is tried again."""
    password = body.password.get_secret_value()
    administer.set_credential(current_actor(), path.server, path.protocol, body.user, password)
    return "", 204


@blueprint.delete(
    "/servers/<server>/quarantine", tags=[ADMINISTRATION], summary="End a quarantine", responses={204: None}
)
def end_quarantine(path: ServerPath) -> tuple[str, int]:
    """After somebody looked which server really stands there."""
    administer.end_quarantine(current_actor(), path.server)
    return "", 204


@blueprint.post(
    "/servers/<server>/known-users",
    tags=[ADMINISTRATION],
    summary="Acknowledge a user of the BMC",
    responses={204: None},
)
def acknowledge_bmc_user(path: ServerPath, body: KnownUserBody) -> tuple[str, int]:
    """A user there that nobody knew is right: it is no difference any more, as long as it may do no more than now."""
    administer.acknowledge_bmc_user(current_actor(), path.server, body.name)
    return "", 204


@blueprint.delete(
    "/servers/<server>/known-users/<path:name>",
    tags=[ADMINISTRATION],
    summary="Doubt a user of the BMC",
    responses={204: None},
)
def doubt_bmc_user(path: KnownUserPath) -> tuple[str, int]:
    """A known user there is not right after all, whoever said so: it is a difference again."""
    administer.doubt_bmc_user(current_actor(), path.server, path.name)
    return "", 204
