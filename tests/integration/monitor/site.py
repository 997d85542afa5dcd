"""A site of real BMC stacks, Redfish and IPMI, behind a witness; real monitors read it."""

import contextlib
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import UUID

from sqlalchemy import select

from oobctl.constants import Protocol
from oobctl.drivers.ipmi.repository import forget
from oobctl.lab.rack import Endpoint, RackInfo
from oobctl.lab.redfish_service.trees import logs
from oobctl.store import BmcSession, Process, database
from tests import sdr_records as r
from tests import trees
from tests.guard import Guard
from tests.installation import Installation
from tests.integration.drivers.rows import Rows
from tests.integration.drivers.simulator import PASSWORD, USER, Simulator
from tests.integration.monitor.watched import OFTEN
from tests.integration.monitor.witness import Witness
from tests.processes import OwnProcess
from tests.profiles import write_profiles
from tests.trees import Served

THERMAL = "/redfish/v1/Chassis/1/Thermal"
SEL = "/redfish/v1/Systems/1/LogServices/Sel"
INLET = "Inlet Temp"
_BOTH = "000101010010101"
RECORDS = (r.full(1, INLET, number=1, entity=(55, 1)),)
COMMANDS = (
    "sensor_add 0x20 0 1 1 1",
    "sensor_set_value 0x20 0 1 20 0",
    f"sensor_set_event_support 0x20 0 1 enable scanning per-state {_BOTH} {_BOTH} {_BOTH} {_BOTH}",
)


@dataclass
class RealSite:
    """Servers by name, their BMCs, and the monitors. Names of Redfish ones begin with r, of IPMI ones with i."""

    road: Installation
    witness: Witness
    servers: dict[str, str] = field(default_factory=dict)
    trees: dict[str, Served] = field(default_factory=dict)
    simulators: dict[str, Simulator] = field(default_factory=dict)
    monitors: list[OwnProcess] = field(default_factory=list)
    noted: dict[str, int] = field(default_factory=dict)
    new: Callable[[], OwnProcess] | None = None  # how a monitor is started; None: as an operator does

    def start(self) -> OwnProcess:
        """A monitor more; returns when it reads."""
        monitor = (self.new or self.road.start_monitor)()
        self.monitors.append(monitor)
        monitor.wait_said("the monitor is ready")
        return monitor

    def living(self) -> set[str]:
        """The monitors that have a row."""
        with database().read() as session:
            return set(session.scalars(select(Process.id).where(Process.kind == "monitor")))

    def holders(self) -> set[str]:
        """Who has a slot at a BMC, as the store has it."""
        with database().read() as session:
            return set(session.scalars(select(BmcSession.holder)))

    def heat(self, celsius: int) -> None:
        """All inlets are that warm now."""
        for served in self.trees.values():
            with served.state.lock:
                served.state.resources.at(THERMAL)["Temperatures"][0]["ReadingCelsius"] = celsius
        for simulator in self.simulators.values():
            simulator.command(f"sensor_set_value 0x20 0 1 {celsius} 0")

    def happen(self) -> None:
        """Each BMC notes another event; no two are alike."""
        for name in self.servers:
            number = self.noted[name] = self.noted.get(name, 0) + 1
            if name in self.trees:
                logs.add(self.trees[name].state, SEL, Created="2026-01-01T00:00:00Z", Message=f"Event {number}.")
            else:
                low, high = number & 0xFF, number >> 8
                self.simulators[name].command(f"sel_add 0x20 2 0 0 0 0x61 0x20 0 4 0x08 20 0x6f 1 {low} {high}")


@contextmanager
def real_site(
    road: Installation, guard: Guard, folder: Path, *, redfish: int, ipmi: int, often: dict[str, object] | None = None
) -> Iterator[RealSite]:
    """No monitor runs yet. All of it is ended at the end, in order."""
    road.variables["OOBCTL_HWPROFILES"] = str(write_profiles(folder / "hwprofiles", {**OFTEN, **(often or {})}))
    found = RealSite(road, Witness(lambda: [one.pid for one in found.monitors if one.running]))
    with road, contextlib.ExitStack() as stack:
        stack.callback(found.witness.stop)
        labs = {}
        for number in range(ipmi):
            found.simulators[f"i{number}"] = simulator = _simulator(folder / f"i{number}", guard, number)
            stack.callback(simulator.stop)
            port = found.witness.tap(f"i{number}", simulator.address, simulator.port)
            labs[f"i{number}"] = replace(simulator.as_server(), ipmi=Endpoint("127.0.0.1", port, USER, PASSWORD))
        rows = Rows(RackInfo(Path(), labs, None, {}))
        found.servers = {name: rows.enrol(name, protocols=(Protocol.IPMI,)) for name in labs}
        for number in range(redfish):
            found.trees[f"r{number}"] = served = stack.enter_context(trees.serve())
            found.witness.watch(f"r{number}", served)
            found.servers[f"r{number}"] = trees.way(served, name=f"r{number}")
        forget()
        stack.callback(road.stop_all)
        yield found


def _simulator(folder: Path, guard: Guard, number: int) -> Simulator:
    folder.mkdir(parents=True)
    found = Simulator(folder, records=RECORDS, commands=COMMANDS, guid=UUID(int=random.Random(number).getrandbits(128)))
    guard.end_group(found.pid)
    return found
