"""While a server is cleared after its last tenant, customers set nothing that could be mixed with what is cleared."""

from typing import Any

import pytest

from oobctl import clock, control
from oobctl.access import SYSTEM
from oobctl.errors import ServerBusy, WrongState
from oobctl.store import Server, database
from tests.furnished import over_redfish_too
from tests.installation import Installation

SET = [
    ("boot.set", {"source": "Pxe"}),
    ("media.insert", {"image": "rescue.iso"}),
    ("media.eject", {}),
    ("bios.set", {"values": {"BootMode": "Uefi"}}),
    ("bios.setup", {}),
    ("bios.reset", {}),
]


@pytest.fixture
def handed_over(installation: Installation) -> Installation:
    """web01 has another tenant, and what the last one set is not cleared yet."""
    over_redfish_too(installation.servers["web01"])
    uncleared(installation, True)
    return installation


def uncleared(installation: Installation, still: bool) -> None:
    with database().write() as session:
        row = session.get_one(Server, installation.servers["web01"])
        row.uncleared_since = clock.now() if still else None


def refusals(installation: Installation, by: str) -> set[str]:
    offers = control.offered(installation.people[by].actor, installation.servers["web01"])
    return {action.name for action, decision in offers if "is being cleared" in decision.reason}


@pytest.mark.parametrize(("action", "parameters"), SET)
def test_a_customer_is_told_since_when_it_is_cleared(
    handed_over: Installation, action: str, parameters: dict[str, Any]
) -> None:
    with pytest.raises(WrongState, match=r"web01 is being cleared after it changed hands, since 20\d\d-"):
        handed_over.submit(action, "web01", parameters, by="customer")


def test_a_customer_is_not_told_to_cancel_what_clears_their_server_and_staff_are(handed_over: Installation) -> None:
    control.submit(SYSTEM, "server.release", handed_over.servers["web01"])
    for by, words in (("customer", "Wait for its end."), ("technician", "Wait for its end, or cancel it.")):
        with pytest.raises(ServerBusy) as caught:
            handed_over.submit("power.on", "web01", by=by)
        assert caught.value.message.endswith(words)


def test_staff_do_all_and_a_customer_switches_it_until_it_is_cleared(
    handed_over: Installation,
) -> None:
    assert refusals(handed_over, "customer") == {name for name, _ in SET} | {"os.reinstall", "boot.script"}
    assert refusals(handed_over, "technician") == set()
    job = handed_over.submit("power.cycle", "web01", by="customer")
    control.cancel(handed_over.people["customer"].actor, job.id)
    uncleared(handed_over, False)
    assert refusals(handed_over, "customer") == set()
    assert handed_over.submit("media.eject", "web01", by="customer").action == "media.eject"
