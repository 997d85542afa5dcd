"""A machine is enrolled once, and a BMC is kept once, whatever address or protocol leads to it."""

from typing import Any

import pytest
from sqlalchemy import update

from oobctl.constants import JobState, Lifecycle
from oobctl.store import Bmc, Database, Job, Server, database
from tests.carrying import carry_out
from tests.trees import Served, changed, serve, way, with_another, written
from web.discretion import told

SYSTEM, MANAGER = "/redfish/v1/Systems/1", "/redfish/v1/Managers/1"
PORT = f"{MANAGER}/EthernetInterfaces/eth0"
UUID, GUID = "7b0c1d9e-0000-4000-8000-000000005001", "7b0c1d9e-0000-4000-8000-00000000b001"
TURNED = "9e1d0c7b-0000-0040-8000-000000005001"  # the same bytes as SMBIOS has them


def enrolled(name: str, **columns: Any) -> str:
    """Another server in use that was enrolled with these values, and nothing else."""
    bmc = {key: columns.pop(key) for key in ("guid", "mac") if key in columns}
    with serve() as other:
        server_id = way(other, name=name)
    with database().write() as session:
        server = session.get_one(Server, server_id)
        session.execute(update(Bmc).where(Bmc.id == server.bmc_id).values({"guid": None, "mac": None, **bmc}))
        for key, value in {"system_uuid": None, "serial": None, "lifecycle": Lifecycle.ASSIGNED, **columns}.items():
            setattr(server, key, value)
    return server_id


def enroll(bmc: Served) -> Job:
    server_id = way(bmc)
    with database().write() as session:
        session.execute(
            update(Server)
            .where(Server.id == server_id)
            .values(lifecycle=Lifecycle.ENROLLING, system_uuid=None, serial=None)
        )
    return carry_out("server.enroll", server_id)


def refused(job: Job) -> dict[str, Any]:
    assert (job.state, (job.error or {}).get("code")) == (JobState.FAILED, "already_enrolled"), job.error
    with database().read() as session:
        server = session.get_one(Server, job.server_id)
        assert (server.lifecycle, server.system_uuid, server.bmc.guid) == (Lifecycle.ENROLLING, None, None)
    return job.error or {}


@pytest.mark.parametrize("uuid", [UUID, TURNED])
def test_a_machine_that_is_enrolled_already_is_refused_by_its_uuid_in_any_byte_order(
    sqlite: Database, uuid: str
) -> None:
    enrolled("other01", system_uuid=uuid)
    with serve() as bmc:
        error = refused(enroll(bmc))
    assert "retire one of the two" in error["message"]


def test_the_other_server_is_named_to_staff_alone(sqlite: Database) -> None:
    other = enrolled("other01", system_uuid=UUID)
    with serve() as bmc:
        job = enroll(bmc)
    for content in (job.error, job.evidence, [step.detail for step in job.steps]):
        assert "other01" not in str(told(content, staff=False))
    assert (job.error or {})["staff"] == {"server": "other01", "id": other}
    assert "Your provider" in told(job.error, staff=False)["message"]


def test_where_a_uuid_is_a_placeholder_serial_and_manufacturer_tell_a_machine(sqlite: Database) -> None:
    tree = changed(written(), SYSTEM, UUID="03000200-0400-0500-0006-000700080009", SerialNumber="EX-1")
    enrolled("other01", serial="ex-1", manufacturer=tree[SYSTEM]["Manufacturer"])
    with serve(tree) as bmc:
        refused(enroll(bmc))


@pytest.mark.parametrize(
    "other", [{"serial": "EX-1", "manufacturer": "Another maker"}, {"serial": "EX-1", "system_uuid": GUID}]
)
def test_a_serial_alone_makes_no_two_machines_one(sqlite: Database, other: dict[str, Any]) -> None:
    tree = changed(written(), SYSTEM, SerialNumber="EX-1", **({} if "system_uuid" in other else {"UUID": None}))
    enrolled("other01", **{"manufacturer": tree[SYSTEM]["Manufacturer"], **other})
    with serve(tree) as bmc:
        job = enroll(bmc)
    assert job.state is JobState.SUCCEEDED, job.error


@pytest.mark.parametrize("known", [{"guid": GUID}, {"mac": "02:00:5e:00:53:b1"}])
def test_a_bmc_that_is_known_under_another_row_is_refused(sqlite: Database, known: dict[str, str]) -> None:
    enrolled("other01", **known)
    with serve() as bmc:
        assert "A BMC is kept once" in refused(enroll(bmc))["message"]


@pytest.mark.parametrize(("mac", "is_refused"), [("02:00:5e:00:53:b1", False), ("00:00:5e:00:53:b1", True)])
def test_a_locally_administered_mac_makes_no_two_bmcs_with_a_guid_each_one(
    sqlite: Database, mac: str, is_refused: bool
) -> None:
    enrolled("other01", guid=UUID, mac=mac)
    with serve(changed(written(), PORT, MACAddress=mac)) as bmc:
        job = enroll(bmc)
    assert (job.state is JobState.FAILED) is is_refused, job.error


def test_what_is_retired_keeps_nobody_out(sqlite: Database) -> None:
    enrolled("old01", system_uuid=UUID, guid=GUID, lifecycle=Lifecycle.RETIRED)
    with serve() as bmc:
        job = enroll(bmc)
    assert job.state is JobState.SUCCEEDED, job.error


def test_a_server_is_enrolled_again_as_itself(sqlite: Database) -> None:
    with serve() as bmc:
        job = enroll(bmc)
        again = carry_out("server.enroll", job.server_id)
    assert again.state is JobState.SUCCEEDED, again.error


def test_of_several_systems_enrolment_names_them_and_the_option_that_chooses(sqlite: Database) -> None:
    tree = with_another(written(), SYSTEM, "2", UUID=GUID)
    with serve(tree) as bmc:
        error = enroll(bmc).error or {}
    assert all(said in error["message"] for said in (SYSTEM, "/redfish/v1/Systems/2", "--system-path"))
