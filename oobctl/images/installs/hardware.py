"""What was inspected of a server that an installation must fit: its disks, its memory, its network cards."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from oobctl.constants import Capability, PartKind
from oobctl.drivers.identity import normalise_mac
from oobctl.store import Reading


@dataclass(frozen=True)
class KnownDisk:
    """size: bytes, None where the BMC does not tell."""

    serial: str
    size: int | None
    name: str


@dataclass(frozen=True)
class Hardware:
    """disks: in the order of the BMC, those alone that have a serial. memory: bytes; None: not told."""

    disks: tuple[KnownDisk, ...] = ()
    memory: int | None = None
    macs: tuple[str, ...] = ()


def inspected(session: Session, server_id: str) -> Hardware:
    """As the inventory was last read; nothing where it never was."""
    query = select(Reading).where(Reading.server_id == server_id, Reading.capability == Capability.INVENTORY)
    row = session.scalar(query)
    parts = (row.content or {}).get("parts", []) if row is not None else []
    present = [part for part in parts if part.get("state") != "Absent"]
    memory = sum(part.get("capacity_bytes") or 0 for part in present if part["kind"] == PartKind.MEMORY)
    cards = [part for part in present if part["kind"] == PartKind.NETWORK_INTERFACE]  # a BMC has a MAC address too
    found = [normalise_mac(mac) for card in cards for mac in card.get("mac_addresses") or ()]
    return Hardware(
        disks=tuple(
            KnownDisk(part["serial"].strip(), part.get("capacity_bytes"), part["name"])
            for part in present
            if part["kind"] == PartKind.DRIVE and (part.get("serial") or "").strip()
        ),
        memory=memory or None,
        macs=tuple(mac for mac in found if mac),
    )
