"""The fleet, on both databases: each server counts once, nothing old is told as now, the worst stands first."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from oobctl import administer, clock, readings
from oobctl.access import SYSTEM
from oobctl.constants import Capability, Health, Lifecycle, PartKind, PowerState, State
from oobctl.drivers.readings import HealthReport, PartHealth, PowerMeter, PowerMeteringReport, SensorReport
from oobctl.errors import BmcTimeout, NotAllowed, NotFound, NotSupported, OobctlError
from oobctl.readings import Report, fleet, fleet_rows
from oobctl.readings.fleet import Fleet, Known
from oobctl.readings.fleet_rows import ServerRow
from oobctl.store import Server, database
from tests.installation import Installation
from tests.unit.readings.samples import temperature


def a_row(site: str, rack: str | None, **columns: Any) -> ServerRow:
    values: dict[str, Any] = dict.fromkeys(ServerRow._fields)
    values |= {"id": "1", "name": "a", "site": site, "rack": rack} | columns
    return ServerRow(**values)


KNOWN = st.builds(
    Known,
    st.builds(a_row, st.sampled_from("AB"), st.sampled_from(("1", "2", None)), silent_since=st.sampled_from((None, 1))),
    st.sampled_from(Health),
    st.none() | st.integers(0, 5000).map(float),
    st.booleans(),
)


@given(st.lists(KNOWN))
def test_every_server_counts_once_in_the_total_its_site_and_its_rack(known: list[Known]) -> None:
    total, sites, racks = fleet.tallies(known)
    for level in ([total], sites, racks):
        assert sum(tally.servers for tally in level) == len(known)
        assert sum(tally.telling for tally in level) == sum(one.watts is not None for one in known)
        assert sum(tally.watts for tally in level) == sum(one.watts or 0.0 for one in known)
        for tally in level:
            counts = (tally.ok, tally.warning, tally.critical, tally.unknown, tally.silent)
            assert sum(counts) == tally.servers
    assert total.silent == sum(one.row.silent_since is not None for one in known)


def seen(installation: Installation, by: str = "technician", **where: str) -> Fleet:
    with database().read() as session:
        return fleet.fleet(session, installation.people[by].actor, **where)


def keep(
    installation: Installation, name: str, capability: Capability, found: Report | OobctlError, seconds: float = 5
) -> None:
    with database().write() as session:
        at = clock.now() - timedelta(seconds=seconds)
        readings.keep(session, installation.servers[name], capability, found, at)


def change(installation: Installation, name: str, **columns: Any) -> None:
    with database().write() as session:
        session.execute(update(Server).where(Server.id == installation.servers[name]).values(**columns))


def healthy(health: Health = Health.OK) -> HealthReport:
    return HealthReport(health, (), known=9, unknown=0)


def metered(watts: float) -> PowerMeteringReport:
    return PowerMeteringReport((PowerMeter("All", watts),))


def hot(celsius: float) -> SensorReport:
    return SensorReport((temperature("Inlet", celsius, context="Intake", caution=38.0, critical=42.0),))


def test_a_silent_server_counts_as_silent_alone_with_its_last_known_state(installation: Installation) -> None:
    since = clock.now() - timedelta(minutes=9)
    for name in ("web01", "db01"):
        keep(installation, name, Capability.HEALTH, healthy(Health.CRITICAL))
        keep(installation, name, Capability.POWER_METERING, metered(200.0))
        keep(installation, name, Capability.SENSORS, hot(44.0))
    change(installation, "web01", silent_since=since, silent_because="No answer.", power_state=PowerState.ON)
    found = seen(installation)
    total = found.total
    assert (total.servers, total.silent, total.critical, total.unknown) == (4, 1, 1, 2)
    assert (total.watts, total.telling) == (200.0, 1)
    [silent] = found.silent
    assert (silent.name, silent.silent_because, silent.power_state) == ("web01", "No answer.", PowerState.ON)
    assert [inlet.row.name for inlet in found.inlets] == ["db01"]
    assert {(one.row.name, one.current) for one in found.too_hot} == {("web01", False), ("db01", True)}


def test_a_server_is_not_well_because_of_parts_that_are_not(installation: Installation) -> None:
    bad = PartHealth(PartKind.FAN, "Fan 1", Health.CRITICAL, State.ENABLED, because="It reads 0 rpm.")
    off = PartHealth(PartKind.MEMORY, "DIMM B2", Health.UNKNOWN, State.DISABLED, because="It is switched off.")
    keep(installation, "web01", Capability.HEALTH, HealthReport(Health.CRITICAL, (off, bad), known=9, unknown=1))
    assert [one.parts for one in seen(installation).unwell] == [["Fan 1: It reads 0 rpm."]]


def test_what_was_read_long_ago_is_not_told_as_now(installation: Installation) -> None:
    keep(installation, "web01", Capability.HEALTH, healthy(), seconds=3600)
    keep(installation, "web01", Capability.POWER_METERING, metered(200.0), seconds=3600)
    keep(installation, "web01", Capability.SENSORS, hot(44.0), seconds=3600)
    found = seen(installation)
    assert (found.total.unknown, found.total.telling, found.inlet_count) == (4, 0, 0)
    assert [one.current for one in found.too_hot] == [False]


def test_a_server_that_is_not_polled_is_not_told_as_now(installation: Installation) -> None:
    keep(installation, "web01", Capability.HEALTH, healthy())
    change(installation, "web01", lifecycle=Lifecycle.QUARANTINED)
    assert seen(installation).total.unknown == 4
    change(installation, "web01", lifecycle=Lifecycle.RETIRED)
    assert seen(installation).total.servers == 3


def test_the_hottest_and_the_worst_stand_first_with_their_margin(installation: Installation) -> None:
    for name, celsius in (("web01", 30.0), ("db01", 44.0), ("other01", 39.5)):
        keep(installation, name, Capability.SENSORS, hot(celsius))
    found = seen(installation)
    inlets = [(one.row.name, one.celsius, one.limit, one.margin) for one in found.inlets]
    assert inlets == [("db01", 44.0, 38.0, -6.0), ("other01", 39.5, 38.0, -1.5), ("web01", 30.0, 38.0, 8.0)]
    assert [(one.row.name, one.health, one.limit) for one in found.too_hot] == [
        ("db01", Health.CRITICAL, 42.0),
        ("other01", Health.WARNING, 38.0),
    ]


def test_the_oldest_is_told_in_its_own_rounds_and_why(installation: Installation) -> None:
    keep(installation, "web01", Capability.HEALTH, healthy(), seconds=600)  # of 60 s
    keep(installation, "web01", Capability.HEALTH, BmcTimeout("No answer within 5 s."), seconds=1)
    keep(installation, "db01", Capability.SENSORS, hot(20.0), seconds=700)  # of 120 s
    keep(installation, "other01", Capability.INVENTORY, NotSupported("It has none."), seconds=9)
    change(installation, "spare01", power_read_at=clock.now() - timedelta(days=2))
    keep(installation, "spare01", Capability.USERS, BmcTimeout("Never."), seconds=9)
    change(installation, "spare01", created_at=clock.now() - timedelta(hours=2))
    found = seen(installation).oldest
    told = [(one.row.name, one.capability, round(one.rounds), one.problem) for one in found]
    assert (told[0][:2], told[0][3]) == (("spare01", Capability.POWER), "Never.")  # of what was tried last
    assert told[1:] == [
        ("web01", Capability.HEALTH, 10, "No answer within 5 s."),
        ("db01", Capability.SENSORS, 6, None),
        ("spare01", Capability.USERS, 2, "Never."),
    ]
    assert found[-1].read_at is None
    change(installation, "web01", silent_since=clock.now())
    assert "web01" not in {one.row.name for one in seen(installation).oldest}


def test_racks_are_looked_at_alone_and_those_with_trouble_come_first(installation: Installation) -> None:
    for name, rack in (("web01", "R10"), ("db01", "R2"), ("other01", "R3")):
        administer.place_server(SYSTEM, installation.servers[name], rack)
        keep(installation, name, Capability.HEALTH, healthy(Health.CRITICAL if rack == "R3" else Health.OK))
    found = seen(installation)
    assert [rack.rack for rack in found.racks] == ["R3", None, "R2", "R10"]
    assert [one.row.name for one in found.unwell] == ["other01"]
    assert seen(installation, rack="R2").total.servers == 1
    none = seen(installation, site="main", rack=fleet_rows.NO_RACK)
    assert [(rack.rack, rack.servers) for rack in none.racks] == [(None, 1)]
    for wrong in ({"site": "nowhere"}, {"rack": "R99"}):
        with pytest.raises(NotFound, match="There is no"):
            seen(installation, **wrong)


@pytest.mark.parametrize("by", ["customer", "viewer", "stranger"])
def test_no_customer_sees_the_fleet(installation: Installation, by: str) -> None:
    with pytest.raises(NotAllowed, match="Only staff"):
        seen(installation, by)
