"""As what a server starts, BIOS or UEFI: told by the BIOS attribute that its profile names, as that was last read."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from oobctl import clock, profiles
from oobctl.constants import ENDED_STATES, Capability, Firmware, JobState
from oobctl.errors import ConfigurationError, InvalidParameter
from oobctl.images.systems import SystemImage
from oobctl.profiles.model import BootModeAttribute
from oobctl.readings import tell
from oobctl.store import Job, Reading, Server


@dataclass(frozen=True)
class KnownFirmware:
    """As what the server starts the next time. pending: its attribute's value is another until then."""

    starts_as: Firmware
    attribute: str
    value: str
    pending: bool
    read_at: datetime
    boot_mode: BootModeAttribute


def known(session: Session, server_id: str) -> KnownFirmware | None:
    """None where its profile names no attribute, nothing was read, or what was read may not hold any more."""
    server = session.get(Server, server_id)
    reading = session.get(Reading, (server_id, Capability.BIOS))
    boot_mode = None if server is None else _attribute(server)
    if boot_mode is None or reading is None or reading.content is None or reading.read_at is None:
        return None
    if _may_have_changed(session, server_id, reading.read_at):
        return None
    return _told(boot_mode, reading.content, reading.read_at)


def check(image: SystemImage, found: KnownFirmware | None) -> None:
    """The image starts as the server does, as far as that is known. Raises InvalidParameter, with what to do."""
    if found is None or found.starts_as in image.firmware:
        return
    wanted = " or ".join(value for one in image.firmware for value in found.boot_mode.values[one])
    value = f"will be {found.value} from its next boot on" if found.pending else f"is {found.value}"
    raise InvalidParameter(
        f"{image.name} starts as {' and '.join(image.firmware)} alone, and the server as {found.starts_as}: its BIOS "
        f"attribute {found.attribute} {value} (read at {clock.rfc3339(found.read_at)}). Choose an image that starts as "
        f"{found.starts_as}, or set {found.attribute} to {wanted} first (bios.set). If it was changed since, at the "
        "screen for example, have the server read again (server.inspect).",
        field="image",
    )


def _attribute(server: Server) -> BootModeAttribute | None:
    try:
        return profiles.find(server.bmc.profile).bios.boot_mode
    except ConfigurationError:  # a profile that is missing or wrong refuses nothing here: the worker says so
        return None


def _told(boot_mode: BootModeAttribute, content: dict[str, Any], read_at: datetime) -> KnownFirmware | None:
    """A reinstall switches the server off and on: what is pending holds by then."""
    coming = content["values"] | content["pending"]
    told = boot_mode.told(coming)
    if told is None:
        return None
    name, starts_as = told
    return KnownFirmware(starts_as, name, coming[name], name in content["pending"], read_at, boot_mode)


def _may_have_changed(session: Session, server_id: str, read_at: datetime) -> bool:
    """Whether the server came to somebody else since, or a job of ours may have changed its BIOS, or is about to.

    Actions on the BIOS that read it afterwards have kept a newer reading.
    """
    since = tell.handed_over(session, [server_id]).get(server_id)
    if since is not None and read_at < since:
        return True
    under_way = Job.state.not_in([*ENDED_STATES, JobState.SCHEDULED])
    query = select(Job.id).where(Job.server_id == server_id, Job.action.startswith("bios."))
    return session.scalar(query.where(or_(Job.started_at >= read_at, under_way)).limit(1)) is not None
