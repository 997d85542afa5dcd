"""The BMC's logs over Redfish: what is written, read in pages, cleared, and kept."""

from datetime import datetime
from typing import Any

import pytest

from oobctl.lab import rack
from tests.integration.lab.lab_clients import SYSTEM, Server, wait_for_bmc_reset

SEL = f"{SYSTEM}/LogServices/Sel"
LCLOG = "/redfish/v1/Managers/1/LogServices/Lclog"


def entries(server: Server, log: str) -> list[dict[str, Any]]:
    """All entries, page by page."""
    found: list[dict[str, Any]] = []
    path: str | None = f"{log}/Entries"
    with server.redfish() as client:
        while path:
            page = client.get(path).json()
            found += page["Members"]
            path = page.get("Members@odata.nextLink")
    assert len(found) == page["Members@odata.count"]
    return found


def clear(server: Server, log: str) -> None:
    with server.redfish() as client:
        target = client.get(log).json()["Actions"]["#LogService.ClearLog"]["target"]
        assert client.post(target, json={}).status_code == 204


@pytest.mark.parametrize(
    ("fault", "severity", "origin"),
    [
        ("dimm-ecc", "Warning", f"{SYSTEM}/Memory/1"),
        ("psu-failed", "Critical", "/redfish/v1/Chassis/1/PowerSubsystem/PowerSupplies/1"),
    ],
)
def test_a_fault_is_logged_when_it_begins_and_when_it_is_over(
    db01: Server, fault: str, severity: str, origin: str
) -> None:
    clear(db01, SEL)
    rack.inject(db01.home, "db01", fault)
    rack.clear(db01.home, "db01")
    cleared, begun, over = entries(db01, SEL)
    assert cleared["MessageId"].endswith("LogCleared")
    assert (begun["EntryCode"], begun["Severity"]) == ("Assert", severity)
    assert (over["EntryCode"], over["Severity"]) == ("Deassert", "OK")
    assert begun["Links"]["OriginOfCondition"]["@odata.id"] == origin
    assert datetime.fromisoformat(begun["Created"]) <= datetime.fromisoformat(over["Created"])
    with db01.redfish() as client:
        assert client.get(origin).status_code == 200
        assert client.get(begun["@odata.id"]).json() == begun


def test_commands_and_starts_are_logged(db01: Server) -> None:
    clear(db01, SEL)
    clear(db01, LCLOG)
    db01.reset("ForceOff")
    db01.reset("On")
    assert [entry["Message"] for entry in entries(db01, LCLOG)][1:] == [
        "Asked over Redfish: power off.",
        "Asked over Redfish: power on.",
    ]
    ids = [entry["MessageId"].rpartition(".")[2] for entry in entries(db01, SEL)]
    assert ids == ["LogCleared", "SystemPoweredOff", "SystemBootInitiated"]


def test_a_long_log_comes_in_pages_of_fifty(db01: Server) -> None:
    clear(db01, LCLOG)
    for _ in range(60):
        rack.command(db01.home, "db01", "identify", led="Off")
    with db01.redfish() as client:
        first = client.get(f"{LCLOG}/Entries").json()
        assert (len(first["Members"]), first["Members@odata.count"]) == (50, 61)
        assert first["Members@odata.nextLink"].endswith("Entries?$skip=50")
        assert len(client.get(f"{LCLOG}/Entries?$skip=60&$top=5").json()["Members"]) == 1
        assert client.get(f"{LCLOG}/Entries?$skip=1000").json()["Members"] == []
        assert client.get(f"{LCLOG}/Entries?$skip=-1").status_code == 400
    assert [int(entry["Id"]) for entry in entries(db01, LCLOG)] == list(range(1, 62))


def test_the_log_outlasts_a_reset_of_the_bmc_which_is_in_it(db01: Server) -> None:
    clear(db01, LCLOG)
    wait_for_bmc_reset(db01)
    messages = [entry["Message"] for entry in entries(db01, LCLOG)]
    assert messages == ["The log was cleared.", "Asked over Redfish: bmc reset."]
