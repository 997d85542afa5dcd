"""Enrolling chooses the profile by what the BMC says now, says why, and chooses anew when it says something else."""

from typing import Any

from oobctl import profiles
from oobctl.actions import find
from oobctl.actions.server import EnrollParameters
from oobctl.jobs.run import Acted, Run
from oobctl.store import Bmc, Database, database
from tests.trees import Served, changed, serve, way, written
from web.discretion import told

ROOT, SYSTEM, MANAGER = "/redfish/v1", "/redfish/v1/Systems/1", "/redfish/v1/Managers/1"
DELL = {"Vendor": "Dell", "Oem": {"Dell": {}}}


def calling_itself(model: str, firmware: str) -> Any:
    """A whole server whose BMC says that it is such an iDRAC."""
    tree = changed(written(), ROOT, **DELL)
    tree = changed(tree, SYSTEM, Manufacturer="Dell Inc.", Model="PowerEdge R999")
    return changed(tree, MANAGER, Manufacturer=None, Model=model, FirmwareVersion=firmware)


def enroll(bmc: Served, server_id: str) -> tuple[str, dict[str, Any]]:
    """Keep who answers. Returns the sentence and the evidence."""
    action = find("server.enroll")
    acted = Acted("job", server_id, "web01")
    run = Run(acted, action, EnrollParameters(), profiles.find("generic-redfish"), "worker-test")
    try:
        return action.steps[action.position_of("keep_identity")].run(run), run.evidence
    finally:
        run.disconnect()


def kept() -> tuple[str, str | None]:
    with database().read() as session:
        row = session.query(Bmc).one()
        return row.profile, row.firmware


def test_a_bmc_gets_the_profile_of_its_kind_with_the_reason_and_what_came_near(sqlite: Database) -> None:
    with serve(calling_itself("16G Monolithic", "7.10.50.00")) as bmc:
        said, evidence = enroll(bmc, way(bmc))
    assert kept() == ("dell-idrac9", "7.10.50.00")
    assert said == "Kept. Profile dell-idrac9."
    assert evidence["after"]["profile"] == "dell-idrac9"
    assert evidence["staff"]["because"] == "The BMC says OEM part Dell, BMC model 16G Monolithic."
    nearest = "dell-idrac8: it asks for BMC model like ^1[23]G, and the BMC says 16G Monolithic"
    assert nearest in evidence["staff"]["rejected"][:2]


def test_an_unknown_bmc_gets_a_generic_profile_and_that_is_said(sqlite: Database) -> None:
    with serve("plain") as bmc:
        said, evidence = enroll(bmc, way(bmc))
    assert kept()[0] == "generic-redfish"
    known = "No profile knows Examplia, EX-200, EX-BMC 3, 3.14.1, so it has a generic one: generic-redfish"
    assert known in evidence["staff"]["because"]
    assert said == "Kept. Profile generic-redfish."
    assert said.removeprefix("Kept. ") in evidence["notes"]


def test_customers_are_told_the_profile_and_staff_why_as_well(sqlite: Database) -> None:
    with serve(calling_itself("16G Monolithic", "7.10.50.00")) as bmc:
        said, evidence = enroll(bmc, way(bmc))
    customer, staff = told([said, evidence], staff=False), told([said, evidence], staff=True)
    assert "dell-idrac9" in str(customer)
    assert not any(why in str(customer) for why in ("it asks for", "dell-idrac8", "OEM part"))
    assert "dell-idrac8: it asks for BMC model like ^1[23]G" in str(staff)


def test_when_the_firmware_changed_the_profile_is_chosen_anew_and_that_is_said(sqlite: Database) -> None:
    with serve(calling_itself("", "7.10.50.00")) as bmc:
        server = way(bmc)
        enroll(bmc, server)
        assert kept() == ("dell-idrac9", "7.10.50.00")
        said, _ = enroll(bmc, server)
        assert "Until now" not in said
        bmc.state.resources.at(MANAGER)["FirmwareVersion"] = "2.86.86.86"
        said, _ = enroll(bmc, server)
    assert kept() == ("dell-idrac8", "2.86.86.86")
    assert said.endswith("Until now it was dell-idrac9, with the firmware 7.10.50.00.")
