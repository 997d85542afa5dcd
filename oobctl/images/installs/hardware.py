"""What was inspected of a server that an installation must fit: disks, memory, network cards, as what it starts."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from oobctl.constants import Capability, PartKind
from oobctl.drivers.identity import normalise_mac
from oobctl.images.installs import firmware
from oobctl.images.installs.firmware import KnownFirmware
from oobctl.store import Install, Reading


@dataclass(frozen=True)
class KnownDisk:
    """size: bytes, None where the BMC does not tell."""

    serial: str
    size: int | None
    name: str


@dataclass(frozen=True)
class Hardware:
    """disks: those alone that have a serial; the boot disk first where it is known, else in the order of the BMC.

    memory: bytes; None: not told. firmware: as what the server starts; None: not known.
    """

    disks: tuple[KnownDisk, ...] = ()
    memory: int | None = None
    macs: tuple[str, ...] = ()
    firmware: KnownFirmware | None = None


def inspected(session: Session, server_id: str) -> Hardware:
    """As inventory and BIOS were last read; nothing where they never were."""
    present = _present(session, server_id)
    memory = sum(part.get("capacity_bytes") or 0 for part in present if part["kind"] == PartKind.MEMORY)
    return Hardware(
        disks=_boot_disk_first(session, server_id, _disks(present)),
        memory=memory or None,
        macs=_macs(present),
        firmware=firmware.known(session, server_id),
    )


def macs(session: Session, server_id: str) -> tuple[str, ...]:
    """Of its network cards alone."""
    return _macs(_present(session, server_id))


def _present(session: Session, server_id: str) -> list[dict[str, Any]]:
    """The parts that the inventory has."""
    query = select(Reading).where(Reading.server_id == server_id, Reading.capability == Capability.INVENTORY)
    row = session.scalar(query)
    parts = (row.content or {}).get("parts", []) if row is not None else []
    return [part for part in parts if part.get("state") != "Absent"]


def _disks(present: Iterable[dict[str, Any]]) -> list[KnownDisk]:
    return [
        KnownDisk(part["serial"].strip(), part.get("capacity_bytes"), part["name"])
        for part in present
        if part["kind"] == PartKind.DRIVE and (part.get("serial") or "").strip()
    ]


def _macs(present: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    cards = [part for part in present if part["kind"] == PartKind.NETWORK_INTERFACE]  # a BMC has a MAC address too
    found = [normalise_mac(mac) for card in cards for mac in card.get("mac_addresses") or ()]
    return tuple(mac for mac in found if mac)


def _boot_disk_first(session: Session, server_id: str, disks: list[KnownDisk]) -> tuple[KnownDisk, ...]:
    """BMCs tell of no disk for sure that the server boots from it (docs/decisions/0019). But the last new system that
    reported itself had started from the disks that it was written to, whoever had the server then.
    """
    query = select(Install.orders).where(Install.server_id == server_id, Install.first_boot_at.is_not(None))
    orders = session.scalar(query.order_by(Install.first_boot_at.desc()).limit(1))
    written = [disk["serial"].strip() for disk in (orders or {}).get("disks", ())]
    place = {serial: position for position, serial in enumerate(written)}
    return tuple(sorted(disks, key=lambda disk: place.get(disk.serial, len(place))))
