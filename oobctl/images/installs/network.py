"""Starting an installer from the network: who may, and what the script says that it is given (docs/network-boot.md).

A server that nothing is to be installed on is told to start from its disk, whoever asks and whatever for.
"""

from dataclasses import dataclass

from sqlalchemy import Select, select

from oobctl import clock
from oobctl.constants import BootPath, NetworkBoot
from oobctl.drivers.identity import normalise_uuid, same_uuid
from oobctl.images.installs import keys, waiting
from oobctl.store import Install, Server, Site, database


@dataclass(frozen=True)
class Asker:
    """Who a firmware says it runs on. address: where it asks from; macs: of the card that it starts from."""

    address: str
    macs: tuple[str, ...]
    system_uuid: str | None


@dataclass(frozen=True)
class Armed:
    """A server that may start from the network now."""

    job_id: str
    macs: tuple[str, ...]


def tell(site_id: str, way: NetworkBoot | None) -> None:
    """How the site's servers find its boot service in their network; None: not at all."""
    with database().write() as session:
        session.get_one(Site, site_id).network_boot = way


def armed(site_id: str) -> tuple[Armed, ...]:
    """The site's servers that may start from the network now, by the cards that they are known to have.

    They stay armed while their installer runs and until their new system has reported itself: both may ask for an
    address.
    """
    with database().read() as session:
        found = session.scalars(_armed(site_id))
        return tuple(Armed(install.job_id, waiting.expected_macs(install)) for install in found)


def _armed(site_id: str) -> Select[Install]:
    return select(Install).where(
        Install.server_id.in_(select(Server.id).where(Server.site_id == site_id)),
        Install.boot_path.in_([path for path in BootPath if path.from_network]),
        Install.armed_at.is_not(None),
        Install.closed_at.is_(None),
    )


@dataclass(frozen=True)
class Ticket:
    """What fetches a job's files, from the address alone that it went to, until an installer has the job."""

    job_id: str
    word: str


@dataclass(frozen=True)
class OwnScript:
    """A script that somebody brought for this machine. sealed: to the site's boot services."""

    job_id: str
    sealed: bytes


def ticket_for(asker: Asker, site_id: str, secret: bytes) -> Ticket | OwnScript | None:
    """For the machine of the site that is to be installed now; None: that machine starts from its disk.

    secret: of the site's boot services; keys are made of it, so that they lie nowhere, and a firmware that asks twice
    before its installer has called gets the same. Who asks after that stops the job: it is a second machine, or the
    first one has fallen back to its start.
    """
    with database().read() as session:  # whoever asks costs no more than this, save a machine that is to be installed
        mine = [install.job_id for install in session.scalars(_armed(site_id)) if _is_for(install, asker)]
    for job_id in mine:
        with database().write() as session:
            install = session.scalar(_armed(site_id).where(Install.job_id == job_id).with_for_update())
            if install is not None and _is_it(install, asker):
                return _ticket(install, asker, secret)
    return None


def _ticket(install: Install, asker: Asker, secret: bytes) -> Ticket | OwnScript | None:
    if install.may_claim_at is None or install.alarm is not None:
        return None
    if install.orders is None:
        return _own_script(install, asker)
    if install.claimed_at is not None:
        if install.configured_at is None:
            install.alarm = _again(install, asker)
        return None
    key = keys.network_key(secret, install.job_id)
    install.key_hash = keys.hashed(keys.claim_key(key))
    install.script_at = install.script_at or clock.now()
    install.script_to = asker.address
    return Ticket(install.job_id, keys.ticket(key))


def _own_script(install: Install, asker: Asker) -> OwnScript | None:
    """Given to one address: again while its job has not seen it, for an answer can be lost."""
    if install.sealed is None or install.script_to not in {None, asker.address}:
        return None
    install.script_at = install.script_at or clock.now()
    install.script_to = asker.address
    return OwnScript(install.job_id, install.sealed)


def job_key(ticket: Ticket, address: str, site_id: str, secret: bytes) -> str | None:
    """The key that the job's files carry on; None where the ticket does not open them, there or now."""
    key = keys.network_key(secret, ticket.job_id)
    if not keys.is_ticket(ticket.word, key):
        return None
    with database().read() as session:
        found = session.scalar(_armed(site_id).where(Install.job_id == ticket.job_id))
        if found is None or found.script_to != address or found.claimed_at is not None or found.alarm is not None:
            return None
        return key


def _is_it(install: Install, asker: Asker) -> bool:
    """Whether it is the job's machine, and no other one with its MAC, by its UUID where that is known.

    Of another one the job keeps that it was there, as long as no installer has it.
    """
    wanted, said = waiting.expected_uuid(install), normalise_uuid(asker.system_uuid)
    if not wanted or (said and same_uuid(wanted, said)):
        return True
    if install.claimed_at is None:
        install.reason = (
            f"Another machine with its MAC {', '.join(asker.macs)}, at {asker.address} with the UUID "
            f"{said or 'unknown'}, wanted to start the installer, and was sent to its disk."
        )
    return False


def _is_for(install: Install, asker: Asker) -> bool:
    """By its card; by its UUID where no card of it is known."""
    macs = waiting.expected_macs(install)
    if macs:
        return bool(set(macs).intersection(asker.macs))
    wanted, said = waiting.expected_uuid(install), normalise_uuid(asker.system_uuid)
    return bool(wanted and said and same_uuid(wanted, said))


def _again(install: Install, asker: Asker) -> str:
    return (
        f"The installer of this reinstall was asked for again, from {asker.address} by a machine with the MAC "
        f"{', '.join(asker.macs) or 'none'}, while the first runs at {(install.claimed_by or {}).get('address')}: it "
        "is another machine with the same MAC, or the server has started anew in the middle."
    )
