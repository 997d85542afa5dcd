"""Each BMC is read by one monitor of its site: never by two, and by another one as soon as the first is gone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from oobctl.jobs import recovery
from oobctl.monitor import Monitor
from oobctl.monitor.share import owner
from oobctl.store import Bmc, Site, database
from tests.installation import Installation

IDS = st.sets(st.uuids().map(str), min_size=1, max_size=60)


@pytest.fixture
def site(sqlite_installation: Installation) -> str:
    with database().read() as session:
        return session.scalars(select(Site.id)).one()


def monitor(site: str) -> Monitor:
    made = Monitor(site)
    recovery.beat(made.id, "monitor", site, first=True)
    return made


def owners() -> dict[str, str | None]:
    with database().read() as session:
        return {row[0]: row[1] for row in session.execute(select(Bmc.id, Bmc.monitor))}


def settled(*monitors: Monitor) -> None:
    for _ in range(3):
        for one in monitors:
            one._look()


def test_one_monitor_has_all(site: str) -> None:
    one = monitor(site)
    one._look()
    assert set(owners().values()) == {one.id}
    assert {watch.bmc_id for watch in one._watches.values()} == set(owners())


def test_two_monitors_share_and_no_bmc_is_read_by_both(site: str) -> None:
    one, two = monitor(site), monitor(site)
    settled(one, two)
    read = [{watch.bmc_id for watch in each._watches.values()} for each in (one, two)]
    assert read[0] | read[1] == set(owners())
    assert not read[0] & read[1]


def test_a_bmc_changes_hands_only_after_its_reading_is_over(site: str) -> None:
    one = monitor(site)
    one._look()
    for watch in one._watches.values():
        watch.busy = True
    two = monitor(site)
    settled(one, two)
    assert set(owners().values()) == {one.id}
    assert not two._watches
    theirs = {bmc_id for bmc_id in owners() if owner(bmc_id, {one.id, two.id}) == two.id}
    for watch in [*one._leaving.values(), *one._watches.values()]:
        watch.busy = False
    settled(one, two)
    assert {bmc_id for bmc_id, whose in owners().items() if whose == two.id} == theirs


def test_a_bmc_changes_hands_only_after_its_sensors_are_read_too(site: str) -> None:
    one = monitor(site)
    one._look()
    one._swept = set(owners())
    two = monitor(site)
    settled(one, two)
    assert set(owners().values()) == {one.id}
    assert not two._watches


def test_two_that_looked_at_once_do_not_take_a_bmc_from_each_other(site: str) -> None:
    one, two = monitor(site), monitor(site)
    ids = sorted(owners())
    two._share._take(ids)
    one._share._take(ids)
    assert set(owners().values()) == {two.id}


def test_who_was_taken_for_dead_gives_away_nothing_that_is_another_ones_by_now(site: str) -> None:
    one, two = monitor(site), monitor(site)
    two._share._take(sorted(owners()))
    one._share.let_go(owners())
    assert set(owners().values()) == {two.id}


def test_what_a_dead_monitor_read_is_the_other_ones(site: str) -> None:
    one, two = monitor(site), monitor(site)
    settled(one, two)
    recovery.leave(two.id)
    one._look()
    assert set(owners().values()) == {one.id}


def test_who_was_taken_for_dead_reads_nothing_before_it_has_a_share_again(site: str) -> None:
    one = monitor(site)
    one._look()
    recovery.leave(one.id)
    two = monitor(site)
    two._look()
    one._beat()
    assert one._watches == {}
    settled(one, two)
    assert not {watch.bmc_id for watch in one._watches.values()} & {watch.bmc_id for watch in two._watches.values()}


@pytest.mark.parametrize(("away", "alone", "may"), [(True, True, True), (True, False, False), (False, True, False)])
def test_without_a_heartbeat_only_who_is_alone_goes_on_and_only_while_the_database_is_away(
    site: str, away: bool, alone: bool, may: bool
) -> None:
    one = monitor(site)
    one._beat()
    assert one._may_read()
    one._beaten -= 100
    one._away, one._share.alone = away, alone
    assert one._may_read() is may


@given(IDS, IDS)
def test_a_monitor_that_leaves_moves_its_own_bmcs_alone(bmcs: set[str], monitors: set[str]) -> None:
    gone = min(monitors)
    for bmc in bmcs:
        before, after = owner(bmc, monitors), owner(bmc, monitors - {gone})
        assert after == before or before == gone
