"""kill -9 of one of two monitors, at any moment: the other one reads its BMCs, nobody reads one twice, none is lost."""

import itertools
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from oobctl import clock
from oobctl.constants import Capability
from oobctl.store import Bmc, EventLogEntry, Reading, Sample, Server, database
from tests.databases import Databases
from tests.guard import Guard
from tests.installation import Installation, eventually
from tests.integration.monitor.site import INLET, RealSite, real_site
from tests.integration.monitor.watched import entries, numbers, said, sensor, server, since
from tests.integration.prove.conftest import PROVE, SEED
from tests.processes import OwnProcess

KILLS = 25 if PROVE else 1


@pytest.fixture
def site(
    database_kind: str,
    databases: Databases,
    guard: Guard,
    new_installation: Callable[..., Installation],
    tmp_path: Path,
) -> Iterator[RealSite]:
    road = new_installation(databases.migrated(database_kind))
    with real_site(road, guard, tmp_path, redfish=3, ipmi=3, often={"polling.sensors": 2}) as found:
        yield found


class Kept:
    """What the store was seen to have: none of it may be older, or gone, when it is looked at again."""

    def __init__(self) -> None:
        self._moments: dict[object, object] = {}
        self._rows: set[object] = set()

    def look(self) -> list[str]:
        """What does not hold."""
        with database().read() as session:
            moments: dict[object, object] = {
                **{("power", row[0]): row[1] for row in session.execute(select(Server.id, Server.power_read_at))},
                **{
                    (row[0], row[1]): row[2]
                    for row in session.execute(select(Reading.server_id, Reading.capability, Reading.read_at))
                },
            }
            rows = {tuple(row) for row in session.execute(select(Sample.server_id, Sample.step, Sample.at))}
            rows |= {(row,) for row in session.scalars(select(EventLogEntry.id))}
        problems = [
            f"{key} was {before} and is {moments.get(key)}"
            for key, before in self._moments.items()
            if before is not None and (moments.get(key) is None or moments[key] < before)  # type: ignore[operator]
        ]
        problems += [f"{row} is gone" for row in self._rows - rows]
        self._moments, self._rows = moments, self._rows | rows
        return problems


def disagreeing(site: RealSite, dead: str) -> list[str]:
    """Servers of a dead monitor whose latest numbers are not in their history: both are written at once."""
    with database().read() as session:
        query = select(Server.name, Reading.read_at).join(Server.bmc).join(Reading, Reading.server_id == Server.id)
        rows = session.execute(query.where(Bmc.monitor == dead, Reading.capability == Capability.SENSORS)).all()
    found = []
    for name, read_at in rows:
        if read_at is not None:
            minute = read_at.replace(second=0, microsecond=0)
            noted = numbers(since(site.servers[name], minute), INLET, "Cel").get(minute)
            if noted != sensor(site.servers[name], INLET)["reading"]:
                found.append(f"{name}: {noted} in its history, {sensor(site.servers[name], INLET)['reading']} latest")
    return found


class Kills:
    """Two monitors of which one is killed again and again, and the moments at which there were others than before."""

    def __init__(self, site: RealSite) -> None:
        self._site, self._chance, self._kept = site, random.Random(SEED), Kept()
        self.moments = [0.0]
        self.slowest, self._celsius = 0.0, 20

    def start(self) -> None:
        self.moments.append(time.monotonic())
        self._site.start()

    def round(self) -> None:
        """Work goes on for a while; a monitor dies; the other has all; another one comes."""
        self._site.happen()
        end = time.monotonic() + self._chance.uniform(0.0, 4.0)
        while True:
            self._celsius = 20 + (self._celsius - 19) % 60
            self._site.heat(self._celsius)
            assert self._kept.look() == []
            if time.monotonic() >= end:
                break
            time.sleep(0.1)
        victim = self._chance.choice(self._site.monitors)
        dead = victim.output.partition("monitor=")[2].split()[0].strip("'")
        assert dead in self._site.living()
        self.moments.append(time.monotonic())
        victim.kill()
        self._site.monitors.remove(victim)
        self._site.witness.forget()
        assert self._kept.look() == []
        assert disagreeing(self._site, dead) == []
        [other] = self._site.monitors
        self._wait_taken_over(other, dead)
        assert self._kept.look() == []
        self.start()

    def _wait_taken_over(self, other: OwnProcess, dead: str) -> None:
        """Until the other one asks every BMC, and the dead one has no slot any more."""
        killed = self.moments[-1]

        def read(name: str) -> bool:
            at, asker = self._site.witness.last(name)
            return at > killed and asker == other.pid

        eventually(lambda: all(read(name) for name in self._site.servers))
        self.slowest = max(self.slowest, time.monotonic() - killed)
        eventually(lambda: dead not in self._site.living() | self._site.holders())

    def doubly_read(self) -> list[str]:
        """Between two moments at which a monitor came or went, a BMC goes from one to the other once at most."""
        moments = [*self.moments, float("inf")]
        return [
            f"{name}: {changes} times"
            for name in self._site.servers
            for begin, end in itertools.pairwise(moments)
            if (changes := self._site.witness.changes(name, begin, end)) > 1
        ]


@pytest.mark.prove
def test_a_killed_monitor_loses_nothing_and_its_bmcs_are_read_by_the_other_one_alone(
    site: RealSite, database_kind: str
) -> None:
    began, kills = clock.now(), Kills(site)
    kills.start()
    kills.start()
    eventually(lambda: all(server(one).power_read_at is not None for one in site.servers.values()))
    for _ in range(KILLS):
        kills.round()
    eventually(lambda: all(len(entries(one)) >= site.noted[name] for name, one in site.servers.items()))
    assert kills.doubly_read() == []
    for name, one in site.servers.items():
        news = [entry for entry in entries(one) if entry.seen_at >= began]
        raws = [entry.raw for entry in news]
        assert len(raws) == len(set(raws)), f"{name} has an entry twice"
        assert {f"Event {number}." for number in range(1, site.noted[name] + 1)} <= {
            entry.message for entry in news
        } or name not in site.trees
    for monitor in site.monitors:
        monitor.terminate()
        assert monitor.wait_ended() == 0, monitor.output[-3000:]
    assert site.living() | site.holders() == set()
    assert {name: len(served.state.sessions) for name, served in site.trees.items() if served.state.sessions} == {}
    asked = sum(map(len, site.witness.seen.values()))
    said(
        "kill -9 of a monitor",
        f"{KILLS} of one of two, at any moment ({database_kind}, 6 BMCs)",
        f"all read by the other one within {kills.slowest:.1f} s at most; {asked} requests, none by both; "
        "nothing lost; no slot and no session left",
    )
