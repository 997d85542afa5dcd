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
from oobctl.store import Reading


@dataclass(frozen=True)
class KnownDisk:
    """size: bytes, None where the BMC does not tell."""

    serial: str
    size: int | None
    name: str


@dataclass(frozen=True)
class Hardware:
    """disks: in the order of the BMC, those alone that have a serial. memory: bytes; None: not told.

    firmware: as what the server starts; None: not known.
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
        disks=_disks(present),
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


def _disks(present: Iterable[dict[str, Any]]) -> tuple[KnownDisk, ...]:
    return tuple(
        KnownDisk(part["serial"].strip(), part.get("capacity_bytes"), part["name"])
        for part in present
        if part["kind"] == PartKind.DRIVE and (part.get("serial") or "").strip()
    )


def _macs(present: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    cards = [part for part in present if part["kind"] == PartKind.NETWORK_INTERFACE]  # a BMC has a MAC address too
    found = [normalise_mac(mac) for card in cards for mac in card.get("mac_addresses") or ()]
    return tuple(mac for mac in found if mac)
