"""Is a machine, or a BMC, that is being enrolled one that we have already under another row?"""

import uuid

from sqlalchemy import Select, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from oobctl.constants import Lifecycle
from oobctl.drivers.identity import normalise_mac, normalise_serial, normalise_uuid, orders
from oobctl.drivers.interfaces import Identity
from oobctl.errors import AlreadyEnrolled
from oobctl.store import Bmc, Server, Site


def refuse_known(session: Session, server: Server, found: Identity) -> None:
    """Raises AlreadyEnrolled where another server in use is this machine, or another BMC's row is this BMC.

    Two enrolments at once follow each other: the second one sees what the first one kept. The other server's name
    stands in the details for staff alone.
    """
    session.scalars(select(Site).order_by(Site.id).with_for_update(key_share=True)).all()
    other = _same_machine(session, server, found)
    if other is not None:
        raise AlreadyEnrolled(
            "This machine is enrolled already, as another server, so nothing was kept. A machine is one server: retire "
            "one of the two, then enroll the other.",
            staff=_said(other),
        )
    other = _same_bmc(session, server, found)
    if other is not None:
        raise AlreadyEnrolled(
            "This BMC is known already, at another address or over another protocol, so nothing was kept. A BMC is "
            "kept once: retire this server and add it again with the endpoints of that one, and its system_path if the "
            "BMC has several systems.",
            staff=_said(other),
        )


def _same_machine(session: Session, server: Server, found: Identity) -> Server | None:
    """By the system's UUID; where one of the two has none, by serial and manufacturer."""
    others = _in_use().where(Server.id != server.id)
    system_uuid, serial = normalise_uuid(found.system_uuid), normalise_serial(found.serial)
    same = _of_uuid(session, others, Server.system_uuid, system_uuid)
    if same is not None or serial is None:
        return same
    alike = others.where(func.lower(Server.serial) == serial.lower())
    for one in session.scalars(alike):
        unknown = system_uuid is None or normalise_uuid(one.system_uuid) is None
        if unknown and (one.manufacturer or "").casefold() == (found.manufacturer or "").casefold():
            return one
    return None


def _same_bmc(session: Session, server: Server, found: Identity) -> Server | None:
    """By its GUID or its MAC: over another protocol a BMC may tell one of the two alone, or of another port.

    A locally administered MAC counts only where a GUID is missing: makers give one to the USB port of each BMC alike.
    """
    others = _in_use().join(Bmc).where(Bmc.id != server.bmc_id)
    guid, mac = normalise_uuid(found.bmc_guid), normalise_mac(found.bmc_mac)
    same = _of_uuid(session, others, Bmc.guid, guid)
    if same is not None or mac is None:
        return same
    local = bool(int(mac[:2], 16) & 0x02)  # IEEE 802, section 8.2
    alike = session.scalars(others.where(Bmc.mac == mac))
    return next((one for one in alike if not local or guid is None or normalise_uuid(one.bmc.guid) is None), None)


def _of_uuid(
    session: Session, others: Select[Server], column: InstrumentedAttribute[str | None], known_as: str | None
) -> Server | None:
    """The first of the others with that UUID, in either order of its bytes."""
    return None if known_as is None else session.scalar(others.where(column.in_(orders(uuid.UUID(known_as)))).limit(1))


def _in_use() -> Select[Server]:
    return select(Server).where(Server.lifecycle != Lifecycle.RETIRED).order_by(Server.id)


def _said(server: Server) -> dict[str, str]:
    return {"server": server.name, "id": server.id}
