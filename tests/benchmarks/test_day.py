"""What a day of 5,000 BMCs costs a monitor: minutes of fewer at their own intervals, the store included."""

import os
import threading
import time
from collections import Counter
from queue import SimpleQueue
from typing import Any

from oobctl.constants import Capability
from oobctl.lab.rack import RackInfo
from oobctl.monitor import Monitor, collect_seldom
from oobctl.monitor.polls import Poll
from oobctl.readings import Taken
from tests.benchmarks import report
from tests.benchmarks.spending import cpu
from tests.many import enrol_all, write_rows

BMCS = int(os.environ.get("OOBCTL_BENCH_DAY_BMCS", "300"))
FLEET, DAY, SECONDS = 5000, 86400, 240.0
OFTEN = {Capability.SENSORS, Capability.HEALTH, Capability.EVENT_LOG, Capability.POWER_METERING}


class Counted(SimpleQueue[Any]):
    """A queue of the monitor's, and how much of what went through it."""

    def __init__(self, counts: Counter[str]) -> None:
        super().__init__()
        self.counts = counts

    def put(self, item: Poll | Taken, block: bool = True, timeout: float | None = None) -> None:
        self.counts["power" if isinstance(item, Poll) else str(item.capability)] += 1
        super().put(item, block, timeout)


def test_a_day_of_five_thousand(many: RackInfo, sqlite: None) -> None:
    site_id, ids = write_rows(many)
    enrol_all(ids)
    report.head(f"{BMCS} light BMCs, each read as its profile says, for {SECONDS:.0f} s; {FLEET} of them for a day")
    collect_seldom()
    monitor, stop = Monitor(site_id), threading.Event()
    counts: Counter[str] = Counter()
    monitor._writing.polls, monitor._writing.taken = Counted(counts), Counted(counts)
    thread = threading.Thread(target=monitor.run, args=(stop,))
    thread.start()
    try:
        while any(counts[name] < BMCS for name in OFTEN):  # each was read once: records and logs are long
            time.sleep(1.0)
        before, spent = counts.copy(), cpu()
        time.sleep(SECONDS)
        read, spent = counts - before, cpu() - spent
    finally:
        stop.set()
        thread.join(120)
    each = spent / SECONDS / BMCS
    said = ", ".join(f"{count} {name}" for name, count in sorted(read.items()))
    print(f"in {SECONDS:.0f} s {spent:.1f} CPU seconds; read: {said}")
    print(
        f"{spent:.1f} / {SECONDS:.0f} / {BMCS} = {1e6 * each:.0f} CPU microseconds a BMC and second; x {FLEET} = "
        f"{100 * each * FLEET:.0f} % of a core; x {DAY} = {each * FLEET * DAY / 3600:.1f} CPU hours a day"
    )
