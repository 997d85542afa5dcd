"""The next passwords of a BMC with two protocols: one for both, for it may have one list of users."""

import itertools

from sqlalchemy import select

from oobctl import administer
from oobctl.access import SYSTEM
from oobctl.administer.endpoints import add_endpoint
from oobctl.administer.specs import EndpointChange
from oobctl.constants import MANAGEMENT, Protocol
from oobctl.drivers import credentials
from oobctl.store import Bmc, Credential, Endpoint, Server, Site, database
from oobctl.vault import Secret
from tests.furnished import endpoint
from tests.installation import Installation


def two_protocols(there: Installation) -> str:
    """web01's BMC, which speaks Redfish as well, with a user of another name. Returns its id."""
    wanted = {"address": "127.0.9.1", "user": "root", "password": "another", "tls": {"fingerprint": "ab" * 32}}
    administer.set_endpoint(SYSTEM, "web01", Protocol.REDFISH, EndpointChange.model_validate(wanted))
    with database().read() as session:
        return session.get_one(Server, there.servers["web01"]).bmc_id


def following(there: Installation, bmc_id: str) -> dict[Protocol, Secret]:
    """The next secrets, opened."""
    with database().read() as session:
        site_id = session.get_one(Server, there.servers["web01"]).site_id
        rows = session.execute(
            select(Endpoint, Credential.next_sealed).join(Credential).where(Endpoint.bmc_id == bmc_id)
        ).all()
    return {row[0].protocol: credentials.only(row[0], site_id, row[1]) for row in rows if row[1] is not None}


def test_both_protocols_of_a_bmc_get_the_same_next_password_each_for_its_own_user(
    sqlite_installation: Installation,
) -> None:
    bmc_id, numbers = two_protocols(sqlite_installation), itertools.count()
    assert len(credentials.begin(bmc_id, lambda: f"next-{next(numbers)}")) == 2
    found = following(sqlite_installation, bmc_id)
    assert {secret.password for secret in found.values()} == {"next-0"}
    assert found[Protocol.REDFISH].user == "root" != found[Protocol.IPMI].user


def test_where_one_protocol_has_a_next_password_still_the_other_one_gets_that(
    sqlite_installation: Installation,
) -> None:
    bmc_id, numbers = two_protocols(sqlite_installation), itertools.count()
    credentials.begin(bmc_id, lambda: f"next-{next(numbers)}")
    with database().write() as session:
        for row in session.scalars(select(Credential).join(Endpoint).where(Endpoint.protocol == Protocol.REDFISH)):
            row.next_sealed = None
    credentials.begin(bmc_id, lambda: f"next-{next(numbers)}")
    found = following(sqlite_installation, bmc_id)
    assert {protocol: secret.password for protocol, secret in found.items()} == dict.fromkeys(MANAGEMENT, "next-0")


def test_the_password_of_a_screen_is_not_rotated_with_the_users(sqlite_installation: Installation) -> None:
    bmc_id = two_protocols(sqlite_installation)
    with database().write() as session:
        bmc = session.get_one(Bmc, bmc_id)
        spec = endpoint(bmc.endpoints[0].address, Protocol.VNC)
        screen = add_endpoint(session, session.get_one(Site, bmc.site_id), bmc, spec).id
    assert screen not in credentials.begin(bmc_id, lambda: "next")
    with database().read() as session:
        row = session.scalars(select(Credential).where(Credential.endpoint_id == screen)).one()
        assert row.next_sealed is None
