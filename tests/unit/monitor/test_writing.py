"""What waits while the database is away: the newest of each reading, and numbers for the history in bounded space."""

from datetime import timedelta

from oobctl import clock
from oobctl.constants import Capability
from oobctl.drivers.readings import SensorReport
from oobctl.errors import BmcTimeout
from oobctl.monitor import writing
from oobctl.readings import Taken
from oobctl.readings.take import Report
from tests.unit.readings import samples


def test_of_a_long_absence_the_newest_of_each_and_so_many_numbers_wait_in_their_order() -> None:
    began, waiting, kinds = clock.now(), list[Taken](), (Capability.SENSORS, Capability.HEALTH, Capability.EVENT_LOG)
    reports: dict[Capability, Report] = {Capability.SENSORS: SensorReport(()), Capability.HEALTH: samples.HEALTH}
    for number in range(5 * writing._MOST_WAITING):
        kind = kinds[number % 3]
        at = began + timedelta(seconds=number)
        waiting.append(Taken(f"server-{number % 7}", kind, at, reports.get(kind, samples.log(samples.entry(1)))))
        if number % 100 == 0:
            waiting = writing._bounded(waiting)
            assert len(waiting) <= writing._MOST_WAITING + 7 * 3
    waiting = writing._bounded(waiting)
    newest = {(one.server_id, one.capability) for one in waiting}
    assert len(newest) == 21
    for kind in (Capability.HEALTH, Capability.EVENT_LOG):
        assert sum(one.capability is kind for one in waiting) == 7
    numbers = [one.at for one in waiting if one.capability is Capability.SENSORS and one.server_id == "server-0"]
    assert numbers == sorted(numbers)
    assert len(numbers) > 500


def test_what_failed_while_the_database_was_away_takes_no_report_that_waits() -> None:
    began = clock.now()
    waiting = [Taken(f"server-{number}", Capability.HEALTH, began, samples.HEALTH) for number in range(100)]
    later = began + timedelta(seconds=1)
    waiting += [Taken(one.server_id, one.capability, later, BmcTimeout("No answer.")) for one in waiting for _ in "ab"]
    kept = writing._bounded(waiting)
    assert len(kept) == 200
    assert sum(one.found is samples.HEALTH for one in kept) == 100
