"""Where a server stands: said by administrators, kept per site, and no customer's business."""

import pytest
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import select

from oobctl import administer
from oobctl.administer import RackUnit
from oobctl.audit.tags import Tag
from oobctl.errors import InvalidParameter, NotAllowed, WrongState
from oobctl.store import AuditRecord, Rack, Server, database
from tests.installation import Installation


def where(installation: Installation, name: str) -> tuple[str | None, int | None]:
    with database().read() as session:
        server = session.get_one(Server, installation.servers[name])
        rack = session.get(Rack, server.rack_id) if server.rack_id else None
        return rack.name if rack else None, server.rack_unit


def test_a_server_is_placed_moved_and_taken_out(installation: Installation) -> None:
    admin = installation.people["admin"].actor
    administer.place_server(admin, installation.servers["web01"], "R12", 7)
    administer.place_server(admin, installation.servers["db01"], "R12", None)
    assert [where(installation, name) for name in ("web01", "db01")] == [("R12", 7), ("R12", None)]
    with database().read() as session:
        assert [rack.name for rack in session.scalars(select(Rack))] == ["R12"]
    administer.place_server(admin, installation.servers["web01"], None)
    assert where(installation, "web01") == (None, None)


def test_what_makes_no_sense_is_refused(installation: Installation) -> None:
    admin = installation.people["admin"].actor
    administer.place_server(admin, installation.servers["web01"], "R12", 7)
    with pytest.raises(InvalidParameter, match="name the rack"):
        administer.place_server(admin, installation.servers["web01"], None, 7)
    with pytest.raises(WrongState, match="'R12'"):
        administer.place_server(admin, installation.servers["db01"], "r12")
    with pytest.raises(NotAllowed):
        administer.place_server(installation.people["technician"].actor, installation.servers["web01"], "R1")
    assert where(installation, "web01") == ("R12", 7)


def test_no_two_servers_stand_at_one_unit_unless_they_have_one_bmc(installation: Installation) -> None:
    admin, servers = installation.people["admin"].actor, installation.servers
    administer.place_server(admin, servers["web01"], "R12", 7)
    administer.place_server(admin, servers["web01"], "R12", 7)  # it stands there
    with pytest.raises(WrongState, match="web01 stands at unit 7"):
        administer.place_server(admin, servers["db01"], "R12", 7)
    assert where(installation, "db01") == (None, None)
    administer.place_server(admin, servers["db01"], "R13", 7)
    with database().write() as session:
        session.get_one(Server, servers["db01"]).bmc_id = session.get_one(Server, servers["web01"]).bmc_id
    administer.place_server(admin, servers["db01"], "R12", 7)
    assert where(installation, "db01") == ("R12", 7)


@pytest.mark.parametrize("unit", [True, "7", 7.0, 0, 101])
def test_a_unit_is_a_whole_number_and_nothing_that_could_be_taken_for_one(unit: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(RackUnit).validate_python(unit)


def test_the_record_is_no_tenants(installation: Installation) -> None:
    admin = installation.people["admin"].actor
    administer.place_server(admin, installation.servers["web01"], "R12", 7)
    with database().read() as session:
        record = session.scalars(select(AuditRecord).where(AuditRecord.tag == Tag.SERVER_PLACE)).one()
    assert (record.account_id, record.actor_name, record.parameters) == (None, admin.name, {"rack": "R12", "unit": 7})


def test_what_staff_were_refused_is_no_tenants_to_read_either(installation: Installation) -> None:
    with pytest.raises(NotAllowed):
        administer.place_server(installation.people["technician"].actor, installation.servers["web01"], "R1")
    with database().read() as session:
        record = session.scalars(select(AuditRecord).where(AuditRecord.tag == Tag.SERVER_PLACE)).one()
    assert (record.account_id, record.outcome, record.parameters) == (None, "refused", {"rack": "R1"})
