"""Who may install: a key is exchanged once, by the machine that it is for, after the start that its job caused."""

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from oobctl import clock
from oobctl.drivers.identity import clean, normalise_uuid, orders, same_uuid
from oobctl.errors import InvalidParameter, NotAllowed, NotFound, WrongState
from oobctl.images.installs import keys, waiting
from oobctl.images.installs.orders import Orders, WantedDisk
from oobctl.images.installs.phases import Phase
from oobctl.store import Install, Server, database

_MOST_DISKS, _LONGEST = 64, 128
_SIZE_TOLD_WITHIN = 0.05  # RAID controllers keep some of a disk for themselves, and makers count in their own way
_MEMORY_SEEN = 0.8  # of what is built in, at least: firmware, graphics and the kernel keep some


@dataclass(frozen=True)
class Disk:
    """A disk as the installer sees it. size: bytes."""

    serial: str
    size: int
    model: str = ""


@dataclass(frozen=True)
class Claimant:
    """Who an installer says it runs on; address: where it asks from."""

    address: str
    system_uuid: str
    macs: tuple[str, ...]
    firmware: str
    memory_mb: int
    disks: tuple[Disk, ...]
    serial: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "address": self.address,
            "system_uuid": self.system_uuid,
            "macs": list(self.macs),
            "firmware": self.firmware,
            "memory_mb": self.memory_mb,
            "serial": self.serial,
            "disks": [{"serial": disk.serial, "size": disk.size, "model": disk.model} for disk in self.disks],
        }


def claim(key: str, token: str, claimant: Claimant) -> Install:
    """Give the install of this key to the installer with this token. Again with the same token is the same answer.

    Raises NotFound for a key that opens nothing now, InvalidParameter for a token that is none, NotAllowed where
    another installer has it (the job is stopped by that), or it is another machine, or before its job has started it.
    """
    if not keys.is_token(token):
        raise InvalidParameter("The token must be 32 bytes in hex.", field="token")
    with database().write() as session:
        install = session.scalar(select(Install).where(Install.key_hash == keys.hashed(key)).with_for_update())
        if install is None or install.closed_at is not None:
            raise NotFound("This installer's job is over, or was never there.")
        refusal = _refusal(session, install, keys.hashed(token), claimant)
        if install.claimed_at is None:
            install.reason = refusal
        if refusal is None:
            install.token_hash = keys.hashed(token)
            install.claimed_at = install.claimed_at or clock.now()
            install.claimed_by = claimant.as_json()
            install.heard_at = clock.now()
    if refusal is not None:
        raise NotAllowed(refusal)
    return install


def _refusal(session: Session, install: Install, token_hash: str, claimant: Claimant) -> str | None:
    """Why this claimant does not get it; what must stop the job is kept in the row."""
    if install.alarm is not None:
        return "This job was stopped: its key was presented twice."
    if install.configured_at is not None and install.token_hash != token_hash:
        return "This job's installer has done its work: the new system is on the disk."
    if install.token_hash is not None and install.token_hash != token_hash:
        install.alarm = (
            f"The key of this reinstall was presented a second time, from {claimant.address} by a machine with the "
            f"UUID {normalise_uuid(claimant.system_uuid) or 'unknown'} and the MAC "
            f"{', '.join(claimant.macs) or 'none'}; the first was {(install.claimed_by or {}).get('address')}."
        )
        return "Another installer has this job already. The job is stopped."
    if install.may_claim_at is None:
        return "This job has not started its server yet."
    other = _other_machine(install, claimant) or _known_as_another(session, install, claimant)
    if other is not None or install.token_hash is not None:  # the orders stay as they were told first
        return other
    return _unfit(install, claimant)


def _other_machine(install: Install, claimant: Claimant) -> str | None:
    """What of the two can be compared must agree: a UUID that is a placeholder says nothing."""
    wanted, said = waiting.expected_uuid(install), normalise_uuid(claimant.system_uuid)
    if wanted and said and not same_uuid(wanted, said):
        return f"This job is for another machine: its UUID is not {said}."
    macs = waiting.expected_macs(install)
    if macs and not set(macs).intersection(claimant.macs):
        return f"This job is for another machine: none of its network cards is {', '.join(claimant.macs) or 'known'}."
    if wanted and not said:
        return "This job is for a machine with a UUID, and this one tells none."
    return None


def _known_as_another(session: Session, install: Install, claimant: Claimant) -> str | None:
    """A machine whose UUID is another server's is that one, whatever cards it has: where ours has none that counts."""
    said = normalise_uuid(claimant.system_uuid)
    if said is None or waiting.expected_uuid(install):
        return None
    others = select(Server.name).where(Server.id != install.server_id, Server.system_uuid.in_(orders(UUID(said))))
    if session.scalar(others.limit(1)) is None:
        return None
    return f"This job is for another machine: the one with the UUID {said} is another server here."


def _unfit(install: Install, claimant: Claimant) -> str | None:
    """Why it cannot be installed there; else the orders name its disks as they are. The right machine says no: the end.

    Where none was named because none was known, the only ones are taken: one, or the two of a mirror.
    """
    given = Orders.from_json(install.orders or {})
    if claimant.firmware not in given.firmwares:
        return _refused(install, f"the server started in {claimant.firmware} mode, which the image cannot")
    if (lacks := _lacks(given, claimant)) is not None:
        return _refused(install, lacks)
    wanted = given.disks
    if not wanted and len(claimant.disks) == given.disk_count:
        wanted = tuple(WantedDisk(disk.serial, disk.size) for disk in claimant.disks)
    if not wanted:
        listed = ", ".join(f"{disk.serial or 'without a serial'} ({disk.size} bytes)" for disk in claimant.disks)
        why = f"no disk was named, and the server has {len(claimant.disks)}: {listed or 'none'}"
        return _refused(install, why)
    why_not = next((said for disk in wanted if (said := _no_such(disk, given, claimant))), None)
    if why_not is not None:
        return _refused(install, why_not)
    sizes = {disk.serial: disk.size for disk in claimant.disks}
    found = tuple(WantedDisk(disk.serial, sizes[disk.serial]) for disk in wanted)
    install.orders = replace(given, firmware=claimant.firmware, disks=found).as_json()
    return None


def _lacks(given: Orders, claimant: Claimant) -> str | None:
    """What the new system needs and the machine has not. An operating system never sees all of the memory."""
    memory = claimant.memory_mb << 20
    if 0 < memory < given.least_memory_bytes * _MEMORY_SEEN:
        return f"the server has {claimant.memory_mb} MB of memory, and the image needs {given.least_memory_bytes >> 20}"
    missing = [card for card in given.cards if card not in claimant.macs]
    if missing:
        listed = ", ".join(claimant.macs) or "none"
        return f"the network was to be set up on the card {missing[0]}, and the server has: {listed}"
    return None


def _no_such(wanted: WantedDisk, given: Orders, claimant: Claimant) -> str | None:
    """Why the machine's disks are not what was ordered. BMCs tell a size roughly, and a serial number exactly."""
    there = [disk for disk in claimant.disks if disk.serial == wanted.serial]
    if len(there) != 1:
        listed = ", ".join(disk.serial or "one without a serial" for disk in claimant.disks) or "none"
        return f"the server has {len(there)} disks {wanted.serial}; it has: {listed}"
    size = there[0].size
    if wanted.size and abs(size - wanted.size) > wanted.size * _SIZE_TOLD_WITHIN:
        return f"the disk {wanted.serial} has {size} bytes, and {wanted.size} were inspected"
    if size < (needs := max(given.content_size, given.least_disk_bytes)):
        return f"the disk {wanted.serial} has {size} bytes, and the image needs {needs}"
    return None


def _refused(install: Install, why: str) -> str:
    install.phase = Phase.REFUSED
    return f"Nothing was written: {why}."


def of_token(session: Session, token: str, *, lock: bool = True) -> Install:
    """The install that this installer has, locked to be changed. One that has set its system up has it after its job.

    Raises NotFound where it has none, WrongState where the job is over or stopped.
    """
    mine = select(Install).where(Install.token_hash == keys.hashed(token))
    found = session.scalar(mine.with_for_update() if lock else mine)
    if found is None:
        raise NotFound("No job is this installer's.")
    over = found.closed_at is not None and found.configured_at is None
    if over or found.alarm is not None:
        raise WrongState("This installer's job is over.")
    return found


def close(job_id: str) -> Install:
    """Nothing of the install opens anything any more; its secrets are gone. Returns the row as it then is."""
    with database().write() as session:
        install = session.get_one(Install, job_id, with_for_update=True)
        install.closed_at = install.closed_at or clock.now()
        install.sealed = None
        return install


def close_unwritten(job_id: str) -> bool:
    """Close it where the installer was not told to begin yet. Returns whether it was so: nothing was written then."""
    with database().write() as session:
        closed = session.execute(
            update(Install)
            .where(Install.job_id == job_id, Install.first_write_at.is_(None))
            .values(closed_at=clock.now(), sealed=None)
            .returning(Install.job_id)
        )
        return closed.first() is not None


def disks_of(text: str) -> tuple[Disk, ...]:
    """The installer's lines, a disk each: name, size, serial, model, more; parted by tabs. Others are passed over."""
    found = []
    for line in text.splitlines()[:_MOST_DISKS]:
        parts = [clean(part, _LONGEST) or "" for part in line.split("\t")]
        if len(parts) >= 3 and parts[1].isascii() and parts[1].isdigit() and len(parts[1]) <= 18:
            found.append(Disk(serial=parts[2], size=int(parts[1]), model=parts[3] if len(parts) > 3 else ""))
    return tuple(found)
