"""Where a server stands: its rack, and the unit in it."""

from typing import Annotated

from pydantic import Field, StringConstraints
from sqlalchemy import select
from sqlalchemy.orm import Session

from oobctl.access import Actor
from oobctl.administer.change import change
from oobctl.audit import record
from oobctl.audit.tags import Tag
from oobctl.constants import Lifecycle
from oobctl.errors import InvalidParameter, WrongState
from oobctl.store import Rack, Server, Site

RackName = Annotated[
    str, StringConstraints(strip_whitespace=True, pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._/-]*$", max_length=64)
]
RackUnit = Annotated[int, Field(strict=True, ge=1, le=100)]


def place_server(actor: Actor, server: str, rack: RackName | None, unit: RackUnit | None = None) -> None:
    """Say in which rack of its site a server stands, and its lowest unit there; None: in none, or not known.

    A rack that nobody named before is made. Raises NotAllowed, NotFound, InvalidParameter for a unit without a rack,
    WrongState where a server of another BMC begins at that unit.
    """
    with change(actor, Tag.SERVER_PLACE, server, for_staff=True, rack=rack, unit=unit) as this:
        found = this.server(server)
        if rack is None and unit is not None:
            raise InvalidParameter("A unit is one of a rack: name the rack as well.", field="unit")
        found.rack_id = None if rack is None else _rack(this.session, found, rack).id
        if found.rack_id is not None and unit is not None:
            _check_free(this.session, found, unit)
        found.rack_unit = unit
        record.insert(  # where it stands is for staff: the record is no account's
            this.session, actor, "event", Tag.SERVER_PLACE, server_id=found.id, account_id=None,
            parameters={"rack": rack, "unit": unit}, reason=this.reason, outcome="done", evidence=None,
        )  # fmt: skip


def _rack(session: Session, server: Server, name: str) -> Rack:
    session.scalars(select(Site).where(Site.id == server.site_id).with_for_update()).one()  # two makers of one rack
    mine = Rack.site_id == server.site_id
    for rack in session.scalars(select(Rack).where(mine)):
        if rack.name == name:
            return rack
        if rack.name.casefold() == name.casefold():
            raise WrongState(f"There is a rack {rack.name!r} at that site. Did you mean it?")
    made = Rack(site_id=server.site_id, name=name)
    session.add(made)
    session.flush()
    return made


def _check_free(session: Session, server: Server, unit: int) -> None:
    """Servers of one BMC stand in one enclosure; no other begins where one does. Raises WrongState."""
    there = (Server.rack_id == server.rack_id, Server.rack_unit == unit, Server.lifecycle != Lifecycle.RETIRED)
    with session.no_autoflush:
        others = select(Server.name).where(*there, Server.id != server.id, Server.bmc_id != server.bmc_id)
        name = session.scalars(others.order_by(Server.name).limit(1)).first()
    if name is not None:
        raise WrongState(f"{name} stands at unit {unit} of that rack. Say first where that one stands.")
