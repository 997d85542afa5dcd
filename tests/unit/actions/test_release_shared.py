"""A BMC of several servers: what one of them leaves is cleared, and the others keep what is theirs."""

from typing import Any

import pytest

from oobctl.constants import JobState
from oobctl.lab.redfish_service.trees.load import Tree
from oobctl.store import Database, Job, MediaAccess, Server, database
from tests.carrying import carry_out
from tests.trees import Served, changed, connect_to, serve, way, with_another, without, written

FIRST, SECOND = "/redfish/v1/Systems/1", "/redfish/v1/Systems/2"
SLOTS = f"{FIRST}/VirtualMedia"
URL = "https://media.example/key/{}"


def two_systems() -> Tree:
    """Both have the controller's slots."""
    tree = with_another(written(), FIRST, "2", UUID="7b0c1d9e-0000-4000-8000-000000005002", SerialNumber="EX-2")
    tree = without(without(tree, FIRST, "VirtualMedia"), SECOND, "VirtualMedia")
    return changed(tree, "/redfish/v1/Managers/1", VirtualMedia={"@odata.id": SLOTS})


def both(bmc: Served) -> tuple[str, str]:
    """The one that is released (the second system), and the other server of its BMC."""
    mine, other = way(bmc, system_path=SECOND), way(bmc, name="other01", system_path=FIRST)
    with database().write() as session:
        session.get_one(Server, other).bmc_id = session.get_one(Server, mine).bmc_id
    return mine, other


def insert(server_id: str, image: str, job: Job, **columns: Any) -> None:
    """An image in the slot, as an action of that server put it there."""
    there = connect_to(server_id)
    there.virtual_media.insert("Cd1", URL.format(image))
    there.close()
    with database().write() as session:
        values = {"expires_at": job.created_at, **columns}
        session.add(MediaAccess(key_hash=server_id, server_id=server_id, job_id=job.id, image=image, **values))


@pytest.mark.parametrize(("whose", "left"), [("mine", None), ("other", "other.iso")])
def test_of_a_shared_slot_the_image_of_the_server_alone_is_ejected(
    sqlite: Database, whose: str, left: str | None
) -> None:
    with serve(two_systems()) as bmc:
        mine, other = both(bmc)
        earlier = carry_out("server.inspect", mine, capabilities=["health"])
        insert(mine if whose == "mine" else other, f"{whose}.iso", earlier)
        job = carry_out("server.release", mine)
        found = bmc.state.media()[f"{SLOTS}/Cd1"]
    assert job.state is JobState.SUCCEEDED, job.error
    assert (found and found.rpartition("/")[2]) == left


def test_an_image_of_nobody_knows_whom_is_left_in_a_shared_slot_and_put_to_staff(sqlite: Database) -> None:
    with serve(two_systems()) as bmc:
        mine, _other = both(bmc)
        there = connect_to(mine)
        there.virtual_media.insert("Cd1", URL.format("strange.iso"))
        there.close()
        job = carry_out("server.release", mine)
        assert bmc.state.media()[f"{SLOTS}/Cd1"] is not None
    assert (job.state, (job.error or {})["code"]) == (JobState.FAILED, "state_not_reached")


def test_of_a_shared_slot_an_eject_takes_the_image_of_its_own_server_alone(sqlite: Database) -> None:
    with serve(two_systems()) as bmc:
        mine, other = both(bmc)
        earlier = carry_out("server.inspect", mine, capabilities=["health"])
        insert(other, "other.iso", earlier)
        refused = carry_out("media.eject", mine)
        kept = bmc.state.media()[f"{SLOTS}/Cd1"]
        ejected = carry_out("media.eject", other)
        left = bmc.state.media()[f"{SLOTS}/Cd1"]
    assert (refused.state, (refused.error or {})["code"]) == (JobState.FAILED, "wrong_state")
    assert "what is in Cd1 was not put there for" in (refused.error or {})["message"]
    assert (kept and kept.rpartition("/")[2], left) == ("other.iso", None)
    assert ejected.state is JobState.SUCCEEDED, ejected.error
