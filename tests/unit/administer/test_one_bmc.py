"""One BMC is one row, however many servers are behind it, and whoever adds them."""

from typing import Any

import pytest
from sqlalchemy import func, select, update

from oobctl import administer, clock, control
from oobctl.access import SYSTEM
from oobctl.audit.tags import Tag
from oobctl.constants import Lifecycle, Protocol
from oobctl.errors import InvalidParameter, NotAllowed, OobctlError, ServerBusy, WrongState
from oobctl.store import AuditRecord, Bmc, BmcUser, Credential, Endpoint, Server, database
from tests.furnished import OTHER_CUSTOMER
from tests.installation import CUSTOMER, Installation

ADDRESS = "127.0.9.50"
FIRST, SECOND = "/redfish/v1/Systems/1", "/redfish/v1/Systems/2"
PRINT = "ab" * 32


def spec(name: str, system_path: str | None, account: str = CUSTOMER, **endpoint: Any) -> administer.ServerSpec:
    there = {"protocol": "redfish", "address": ADDRESS, "user": "admin", "password": f"canary-{name}"}
    return administer.ServerSpec.model_validate(
        {"name": name, "account": account, "system_path": system_path, "endpoints": [{**there, **endpoint}]}
    )


def first(**endpoint: Any) -> str:
    """The server that has the BMC, enrolled."""
    added = administer.add_server(SYSTEM, spec("blade1", FIRST, **{"tls": {"fingerprint": PRINT}, **endpoint}))
    ready(added.id)
    return added.id


def ready(server_id: str) -> None:
    with database().write() as session:
        server = session.get_one(Server, server_id)
        server.lifecycle, server.bmc.profile = Lifecycle.ASSIGNED, "generic-redfish"


def rows() -> int:
    with database().read() as session:
        return session.scalar(select(func.count()).select_from(Bmc)) or 0


def test_two_servers_at_one_endpoint_are_behind_one_bmc(installation: Installation) -> None:
    one = first()
    before = rows()
    two = administer.add_server(SYSTEM, spec("blade2", SECOND, OTHER_CUSTOMER)).id
    assert rows() == before
    with database().read() as session:
        assert session.get_one(Server, one).bmc_id == session.get_one(Server, two).bmc_id
        found = session.scalars(select(Endpoint).where(Endpoint.address == ADDRESS)).one()
        assert found.tls_fingerprint == PRINT
        added = session.scalars(select(AuditRecord).where(AuditRecord.server_id == two)).one()
        assert added.parameters["joins"] == found.bmc_id


def test_a_customer_gets_no_user_of_a_bmc_that_another_ones_server_shares(sqlite_installation: Installation) -> None:
    one = first()
    administer.add_server(SYSTEM, spec("blade2", SECOND, OTHER_CUSTOMER))
    with pytest.raises(NotAllowed, match="serves several servers"):
        control.submit(sqlite_installation.actor("customer"), "bmc.user_add", one, {})


@pytest.mark.parametrize("parked", [False, True])
def test_the_password_given_for_a_known_bmc_is_sealed_only_where_the_kept_one_is_parked(
    sqlite_installation: Installation, parked: bool
) -> None:
    first()
    mine = select(Credential).join(Endpoint).where(Endpoint.address == ADDRESS)
    with database().write() as session:
        kept = session.scalars(mine).one().sealed
        if parked:
            session.execute(update(Credential).values(parked_at=clock.now()))
    administer.add_server(SYSTEM, spec("blade2", SECOND))
    with database().read() as session:
        now = session.scalars(mine).one()
    assert (now.sealed != kept, now.parked_at) == (parked, None)


def test_an_ipv4_address_in_ipv6_clothes_is_the_same_bmc(sqlite_installation: Installation) -> None:
    first()
    before = rows()
    administer.add_server(SYSTEM, spec("blade2", SECOND, address=f"::ffff:{ADDRESS}"))
    assert rows() == before


@pytest.mark.parametrize(
    ("path", "endpoint", "error", "says"),
    [
        (None, {}, InvalidParameter, "--system-path"),
        (FIRST, {}, WrongState, "is blade1 already"),
        (SECOND, {"tls": {"fingerprint": "cd" * 32}}, InvalidParameter, "checked in another way"),
    ],
)
def test_what_can_not_join_a_known_bmc_is_refused_with_what_to_do(
    sqlite_installation: Installation, path: str | None, endpoint: Any, error: type[OobctlError], says: str
) -> None:
    first()
    before = rows()
    with pytest.raises(error, match=says):
        administer.add_server(SYSTEM, spec("blade2", path, **endpoint))
    assert rows() == before


def test_endpoints_of_which_one_alone_is_known_are_refused(sqlite_installation: Installation) -> None:
    first()
    both = spec("blade2", SECOND)
    ipmi = administer.EndpointSpec.model_validate(
        {"protocol": "ipmi", "address": ADDRESS, "user": "admin", "password": "canary"}
    )
    both.endpoints.append(ipmi)
    with pytest.raises(WrongState, match="One BMC is kept once"):
        administer.add_server(SYSTEM, both)


def test_an_endpoint_is_not_moved_to_where_another_bmc_is_known(sqlite_installation: Installation) -> None:
    first()
    wanted = administer.EndpointChange.model_validate({"address": ADDRESS, "user": "admin", "password": "canary"})
    with pytest.raises(WrongState, match="That is the BMC of blade1"):
        administer.set_endpoint(SYSTEM, "web01", Protocol.REDFISH, wanted)


def test_a_bmc_with_a_temporary_user_is_joined_by_nobody(sqlite_installation: Installation) -> None:
    one = first()
    job = control.submit(SYSTEM, "power.on", one)
    control.cancel(SYSTEM, job.id)
    with database().write() as session:
        bmc_id = session.get_one(Server, one).bmc_id
        session.add(
            BmcUser(bmc_id=bmc_id, server_id=one, job_id=job.id, name="tmp1", role="Operator", expires_at=clock.now())
        )
    with pytest.raises(WrongState, match="temporary users"):
        administer.add_server(SYSTEM, spec("blade2", SECOND))


def test_a_bmc_that_a_job_has_is_joined_and_changed_by_nobody(sqlite_installation: Installation) -> None:
    one = first()
    two = administer.add_server(SYSTEM, spec("blade2", SECOND)).id
    control.submit(SYSTEM, "power.on", one)
    with pytest.raises(ServerBusy):
        administer.add_server(SYSTEM, spec("blade3", "/redfish/v1/Systems/3"))
    with pytest.raises(ServerBusy):
        administer.set_endpoint(SYSTEM, two, Protocol.REDFISH, administer.EndpointChange(port=444))


def test_the_bmc_of_a_retired_server_is_taken_up_anew(sqlite_installation: Installation) -> None:
    administer.retire_server(SYSTEM, first())
    before = rows()
    administer.add_server(SYSTEM, spec("blade9", None))
    assert rows() == before + 1


# --- which system of its BMC a server is


def test_which_system_a_server_is_can_be_said_later_and_it_is_enrolled_again(sqlite_installation: Installation) -> None:
    one = first()
    assert administer.set_endpoint(SYSTEM, one, Protocol.REDFISH, administer.EndpointChange(system_path=SECOND)) is True
    sqlite_installation.servers["blade1"] = one
    assert sqlite_installation.server("blade1").system_path == SECOND
    assert sqlite_installation.server("blade1").lifecycle is Lifecycle.ENROLLING
    with database().read() as session:
        record = session.scalars(select(AuditRecord).where(AuditRecord.tag == Tag.SERVER_ENDPOINT_SET)).one()
    assert record.parameters["system_path"] == SECOND


def test_two_servers_are_not_one_system_of_a_bmc(sqlite_installation: Installation) -> None:
    first()
    two = administer.add_server(SYSTEM, spec("blade2", SECOND)).id
    with pytest.raises(WrongState, match="is blade1 already"):
        administer.set_endpoint(SYSTEM, two, Protocol.REDFISH, administer.EndpointChange(system_path=FIRST))
