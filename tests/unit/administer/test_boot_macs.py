"""Which network cards a server starts from: said by an administrator, checked, recorded for staff."""

import pytest
from pydantic import TypeAdapter, ValidationError

from oobctl import administer
from oobctl.access import SYSTEM
from oobctl.administer import BootMacs
from oobctl.audit.tags import Tag
from oobctl.errors import NotAllowed, WrongState
from oobctl.store import AuditRecord, Server, database
from tests.installation import Installation

MAC, OTHER = "52:54:00:aa:bb:01", "52:54:00:aa:bb:02"


def macs_of(server: str) -> list[str]:
    with database().read() as session:
        return session.get_one(Server, server).boot_macs


def test_the_cards_are_kept_and_recorded_for_staff(sqlite_installation: Installation) -> None:
    server = sqlite_installation.servers["web01"]
    administer.set_boot_macs(SYSTEM, server, [MAC, OTHER, MAC])
    assert macs_of(server) == [MAC, OTHER]
    with database().read() as session:
        row = session.query(AuditRecord).filter_by(tag=Tag.SERVER_BOOT_MACS).one()
    assert (row.account_id, row.parameters) == (None, {"boot_macs": [MAC, OTHER]})
    administer.set_boot_macs(SYSTEM, server, [])
    assert macs_of(server) == []


def test_one_card_is_one_servers(sqlite_installation: Installation) -> None:
    administer.set_boot_macs(SYSTEM, sqlite_installation.servers["web01"], [MAC])
    with pytest.raises(WrongState, match="web01 has the MAC"):
        administer.set_boot_macs(SYSTEM, sqlite_installation.servers["db01"], [MAC])


def test_an_administrator_alone_says_it(sqlite_installation: Installation) -> None:
    with pytest.raises(NotAllowed):
        administer.set_boot_macs(
            sqlite_installation.people["technician"].actor, sqlite_installation.servers["web01"], [MAC]
        )


@pytest.mark.parametrize("said", ["52-54-00-AA-BB-01", "5254.00aa.bb01", "525400aabb01"])
def test_a_mac_address_is_taken_as_people_write_it(said: str) -> None:
    assert TypeAdapter(BootMacs).validate_python([said]) == [MAC]


@pytest.mark.parametrize("said", ["", "52:54:00:aa:bb", "01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff", "x\n"])
def test_what_is_no_mac_address_of_one_card_is_refused(said: str) -> None:
    with pytest.raises(ValidationError, match="no MAC address"):
        TypeAdapter(BootMacs).validate_python([said])
