"""Enrolling a server: reading who it is, so that later nothing is ever sent to another one."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select

from oobctl import profiles, readings
from oobctl.actions.inspection import read_and_keep
from oobctl.audit import record
from oobctl.audit.tags import Tag
from oobctl.constants import Capability, Lifecycle, Lock, Outcome, Permission, Protocol, TlsMode
from oobctl.drivers.interfaces import Identity
from oobctl.drivers.known import refuse_known
from oobctl.drivers.redfish.tls import presented_fingerprint
from oobctl.errors import BmcBadAnswer, BmcIdentityChanged, NotSupported, OobctlError
from oobctl.jobs.action import Action, Step
from oobctl.jobs.run import Run
from oobctl.readings.tell import drift_of
from oobctl.store import Bmc, Endpoint, Server, database


class EnrollParameters(BaseModel):
    """replace_identity: administrators only; another mainboard or BMC is there now, and that is known."""

    model_config = ConfigDict(extra="forbid")
    replace_identity: bool = Field(
        default=False, description="Administrators: another mainboard or BMC is there now, and that is known."
    )


def _read_certificate(run: Run) -> str:
    """A Redfish endpoint needs a certificate that somebody confirmed: its fingerprint is shown, not trusted."""
    with database().read() as session:
        bmc = session.get_one(Server, run.acted.server_id).bmc
        endpoint = next((found for found in bmc.endpoints if found.protocol is Protocol.REDFISH), None)
    if endpoint is None:
        return "No Redfish endpoint, so there is no certificate"
    if endpoint.tls_mode is TlsMode.CA:
        return "The certificate is checked by its authority"
    if endpoint.tls_fingerprint is None:
        presented = presented_fingerprint(endpoint.address, endpoint.port, run.profile.timeouts.connect)
        run.saw("before", presented_fingerprint=presented)
        raise BmcIdentityChanged(
            f"The BMC at {endpoint.address} presents a certificate with the SHA-256 fingerprint {presented}, which "
            f"nobody has confirmed yet. No password was sent. Compare it with what the BMC itself shows, then run: "
            f"oobctl server confirm {run.name} {presented}",
            expected=None,
            presented=presented,
        )
    return "The certificate's fingerprint was confirmed"


def _read(run: Run) -> str:
    found = run.read_identity()
    if not any((found.system_uuid, found.serial, found.bmc_guid, found.bmc_mac)):
        raise BmcBadAnswer(
            f"The BMC of {run.name} tells neither a UUID nor a serial nor a MAC address, so it could not be told from "
            "another one later. Set the asset data of the server in its BMC, then enroll again."
        )
    said = {name: ", ".join(value) if isinstance(value, tuple) else value for name, value in vars(found).items()}
    run.saw("after", **{name: value for name, value in said.items() if value})
    return f"Read: {_said(found)}"


def _keep(run: Run) -> str:
    found = run.read_identity()
    with database().write() as session:
        server = session.get_one(Server, run.acted.server_id)
        refuse_known(session, server, found)
        bmc = server.bmc
        protocols = session.scalars(select(Endpoint.protocol).where(Endpoint.bmc_id == bmc.id)).all()
        chosen = profiles.match(found, tuple(protocols))
        changed = _changed(bmc, chosen)
        run.saw("before", system_uuid=server.system_uuid, serial=server.serial, bmc_guid=bmc.guid, bmc_mac=bmc.mac)
        server.system_uuid, server.serial = found.system_uuid, found.serial
        server.manufacturer, server.model = found.manufacturer, found.model
        bmc.guid, bmc.mac = found.bmc_guid, found.bmc_mac
        bmc.firmware, bmc.profile = found.bmc_firmware, chosen.profile.name
        bmc.manufacturer, bmc.model = found.manufacturer, found.bmc_model
        replaced = bool(getattr(run.parameters, "replace_identity", False))
        readings.forget(session, server.id)
        if server.lifecycle is Lifecycle.ENROLLING or (server.lifecycle is Lifecycle.QUARANTINED and replaced):
            server.lifecycle = Lifecycle.READY if record.account_of(session, server.id) is None else Lifecycle.ASSIGNED
            server.quarantined_because = None
    run.saw("after", profile=chosen.profile.name)
    _tell_staff(run, because=chosen.reason, rejected=[f"{one.profile}: {one.because}" for one in chosen.rejected])
    run.note(f"Profile {chosen.profile.name}.{changed}")
    return f"Kept. Profile {chosen.profile.name}.{changed}"


def _tell_staff(run: Run, **facts: Any) -> None:
    """Add to what customers are not told: by which signs a profile was chosen helps who writes profiles alone."""
    run.evidence["staff"] = {**run.evidence.get("staff", {}), **facts}


def _changed(bmc: Bmc, chosen: profiles.Match) -> str:
    """What is said where a BMC that was enrolled before, often with another firmware, now gets another profile."""
    if bmc.firmware is None or bmc.profile == chosen.profile.name:
        return ""
    return f" Until now it was {bmc.profile}, with the firmware {bmc.firmware}."


def _read_power(run: Run) -> str:
    state = run.read_power("after")
    run.outcome = Outcome.PROVEN
    return f"Read: {state}"


def _read_security(run: Run) -> str:
    """How far the BMC is open, by the profile that was chosen. That it can't be read now ends no enrolment."""
    run.disconnect()
    found = read_and_keep(run, Capability.SECURITY)
    if isinstance(found, NotSupported):
        return "This BMC does not tell how far it is open"
    if isinstance(found, OobctlError):
        return f"Not read, and tried again by the monitor: {found.message.rstrip('.')}"
    with database().read() as session:
        _tell_staff(run, drift=drift_of(session, run.acted.server_id))
    return "Read, and compared with what the profile asks for"


def _said(found: Identity) -> str:
    known = (found.manufacturer, found.model, f"serial {found.serial}" if found.serial else None, found.system_uuid)
    return ", ".join(part for part in known if part) or f"BMC {found.bmc_guid or found.bmc_mac}"


ACTIONS = (
    Action(
        name="server.enroll",
        title="Enroll",
        consequence="oobctl reads who {server} is and keeps that. Nothing on the server changes.",
        danger="gentle",
        permission=Permission.SERVICE,
        lock=Lock.SERVER,
        tag=Tag.SERVER_ENROLL,
        parameters=EnrollParameters,
        steps=(
            Step("read_certificate", "Read the certificate", _read_certificate),
            Step("read_identity", "Read who answers", _read),
            Step("keep_identity", "Keep it and choose the profile", _keep),
            Step("read_power", "Read the power state", _read_power),
            Step("read_security", "Read how far the BMC is open", _read_security),
        ),
        on_unassigned=True,
    ),
)
