"""A boot-once override is watched: its row stays open until a boot used it, or until it expired."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from oobctl import clock, worker
from oobctl.constants import JobState
from oobctl.store import BootOverride, Server, database
from tests.installation import eventually
from tests.integration.road.conftest import Road, on_sqlite

ONCE = {"source": "Pxe", "enabled": "Once"}


def last_row(road: Road, server: str) -> BootOverride:
    with database().read() as session:
        query = select(BootOverride).where(BootOverride.server_id == road.servers[server])
        return session.scalars(query.order_by(BootOverride.id.desc())).first() or pytest.fail("there is no row")


def set_once(road: Road, server: str) -> BootOverride:
    job = road.do("boot.set", server, ONCE)
    assert job.state is JobState.SUCCEEDED, job.error
    row = last_row(road, server)
    assert (row.job_id, str(row.source), row.closed_at, row.boot_seen_at) == (job.id, "Pxe", None, None)
    return row


@pytest.mark.parametrize("server", ["web01", "db01"])
def test_an_override_that_a_boot_used_is_read_as_cleared_and_its_row_closes(road: Road, server: str) -> None:
    set_once(road, server)
    assert road.do("power.cycle", server).state is JobState.SUCCEEDED
    assert last_row(road, server).boot_seen_at is not None
    eventually(lambda: last_row(road, server).closed_at is not None)
    assert last_row(road, server).closed_because == "read as cleared"
    assert cleared_at_the_bmc(road, server)


@on_sqlite
@pytest.mark.parametrize("server", ["web01", "db01"])
def test_an_override_that_no_boot_used_is_cleared_by_us_when_it_expires(
    road: Road, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = set_once(road, server)
    assert not cleared_at_the_bmc(road, server)
    with database().read() as session:
        site_id = session.get_one(Server, row.server_id).site_id
    monkeypatch.setattr(clock, "now", lambda: row.expires_at - timedelta(seconds=1))
    worker.clear_overrides(site_id)
    assert last_row(road, server).closed_at is None
    monkeypatch.setattr(clock, "now", lambda: row.expires_at)
    worker.clear_overrides(site_id)
    monkeypatch.undo()
    eventually(lambda: last_row(road, server).closed_at is not None)
    assert cleared_at_the_bmc(road, server)


@on_sqlite
def test_a_later_override_replaces_the_row_of_the_first(road: Road) -> None:
    first = set_once(road, "db01")
    road.do("boot.set", "db01", {"source": "Cd", "enabled": "Once"})
    with database().read() as session:
        row = session.get_one(BootOverride, first.id)
    assert (row.closed_because, str(last_row(road, "db01").source)) == ("replaced by a later override", "Cd")
    road.do("boot.set", "db01", {"source": "None", "enabled": "Disabled"})


@on_sqlite
def test_an_override_for_always_has_no_row_to_watch(road: Road) -> None:
    before = rows()
    job = road.do("boot.set", "db01", {"source": "Pxe", "enabled": "Continuous"})
    assert job.steps[-2].detail == "Nothing to watch: it is no override for one boot"
    assert rows() == before


def rows() -> int:
    with database().read() as session:
        return session.scalar(select(func.count()).select_from(BootOverride)) or 0


def cleared_at_the_bmc(road: Road, server: str) -> bool:
    """Whether the BMC itself says that there is no override; asked past everything of ours."""
    if server == "web01":
        return "Boot Device Selector : No override" in road.view.ipmitool(server, "chassis", "bootparam", "get", "5")
    return bool(road.view.redfish(server, "/redfish/v1/Systems/1")["Boot"]["BootSourceOverrideEnabled"] == "Disabled")
