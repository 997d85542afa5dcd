"""Which network cards a server starts from: what its BMC does not tell, and DHCP has to know."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, Field
from sqlalchemy import select

from oobctl.access import Actor
from oobctl.administer.change import change
from oobctl.audit import record
from oobctl.audit.tags import Tag
from oobctl.constants import Lifecycle
from oobctl.drivers.identity import normalise_mac
from oobctl.errors import WrongState
from oobctl.store import Server


def _mac(value: str) -> str:
    found = normalise_mac(value)
    if found is None or int(found[:2], 16) & 1:
        raise ValueError(f"{value[:32]!r} is no MAC address of one network card; write it as 52:54:00:12:34:56")
    return found


BootMac = Annotated[str, AfterValidator(_mac)]
BootMacs = Annotated[list[BootMac], Field(max_length=16)]


def set_boot_macs(actor: Actor, server: str, macs: Sequence[str]) -> None:
    """The MAC addresses of the cards from which a server starts over its network, instead of those known before.

    Raises NotAllowed, NotFound, WrongState where another server has one of them.
    """
    found = list(dict.fromkeys(macs))
    with change(actor, Tag.SERVER_BOOT_MACS, server, for_staff=True, boot_macs=found) as this:
        row = this.server(server)
        others = select(Server).where(
            Server.id != row.id, Server.site_id == row.site_id, Server.lifecycle != Lifecycle.RETIRED
        )
        for other in this.session.scalars(others):
            if taken := set(found).intersection(other.boot_macs):
                raise WrongState(f"{other.name} has the MAC {min(taken)} already. Take it from there first.")
        row.boot_macs = found
        record.insert(  # how it is wired is for staff: the record is no account's
            this.session, actor, "event", Tag.SERVER_BOOT_MACS, server_id=row.id, account_id=None,
            parameters={"boot_macs": found}, reason=this.reason, outcome="done", evidence=None,
        )  # fmt: skip
