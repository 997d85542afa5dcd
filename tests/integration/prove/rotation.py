"""The kill table of password rotation: BMCs that say themselves what they were sent and whom they let in."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy
from sqlalchemy import select

from oobctl.administer import EndpointSpec
from oobctl.constants import JobState, Outcome, Protocol
from oobctl.drivers.credentials import only
from oobctl.lab.rack import LabServer, RackInfo, reset_users
from oobctl.store import Credential, Endpoint, Job, Server, database
from tests.guard import Guard
from tests.installation import Installation, endpoints_of, steps_of
from tests.integration.drivers.peers import Peers
from tests.integration.drivers.simulator import PASSWORD, USER, Simulator
from tests.integration.prove.killer import Point
from tests.integration.prove.table import killed, of_any_job
from tests.trees import Served, changed, endpoint_of, serve, written

ACTION = "bmc.rotate_password"
SYSTEM_PATH, MANAGER_PATH = "/redfish/v1/Systems/1", "/redfish/v1/Managers/1"
SPEAKS = {
    "redfish01": (Protocol.REDFISH,),
    "ipmi01": (Protocol.IPMI,),
    "both01": (Protocol.REDFISH, Protocol.IPMI),  # with a list of users each
    "app01": (Protocol.REDFISH, Protocol.IPMI),  # the rack's, with one list of users for both
}
ONE_LIST = "app01"
_SET_PASSWORD = "netfn=0x6 cmd=0x47"  # IPMI 2.0, section 22.30


@dataclass
class Door:
    """One protocol of a BMC. changes: how often it was sent a password so far, by its own log."""

    spec: EndpointSpec
    changes: Callable[[], int]
    lets_in: Callable[[str, str], bool]


def redfish_door(bmc: Served) -> Door:
    def lets_in(user: str, password: str) -> bool:
        with bmc.client(user=user, password=password) as client:
            return client.get(SYSTEM_PATH).is_success

    def changes() -> int:
        return sum("Password" in (request.body or {}) for request in bmc.asked("PATCH"))

    return Door(endpoint_of(bmc), changes, lets_in)


def ipmi_door(simulator: Simulator) -> Door:
    simulator.command("debug msg")  # it says what it gets
    where = {"protocol": Protocol.IPMI, "address": simulator.address, "port": simulator.port}
    spec = EndpointSpec.model_validate({**where, "user": USER, "password": PASSWORD})
    return Door(spec, lambda: simulator.count(_SET_PASSWORD), simulator.peers().lets_in)


def one_list(server: LabServer, folder: Path) -> dict[Protocol, Door]:
    """A server of the rack. It tells changes over Redfish alone, in its log."""
    log = server.chassis_log.parent / "logs" / "lclog.jsonl"

    def lets_in(user: str, password: str) -> bool:
        assert server.redfish is not None
        url = f"https://{server.redfish.address}:{server.redfish.port}{SYSTEM_PATH}"
        return httpx.get(url, auth=(user, password), verify=False, timeout=30).is_success

    ways = {spec.protocol: spec for spec in endpoints_of(server)}
    ipmi, redfish = ways[Protocol.IPMI], ways[Protocol.REDFISH]
    peers = Peers(str(ipmi.address), ipmi.port or 0, ipmi.user, ipmi.password.get_secret_value(), folder)
    return {
        Protocol.REDFISH: Door(redfish, lambda: log.read_text().count("was changed: password"), lets_in),
        Protocol.IPMI: Door(ipmi, lambda: 0, peers.lets_in),
    }


@contextmanager
def bmcs(folder: Path, guard: Guard, rack: RackInfo) -> Iterator[dict[str, dict[Protocol, Door]]]:
    """One BMC for each of SPEAKS: a Redfish service, one that speaks IPMI, and two with both for one machine."""
    with ExitStack() as stack:
        found: dict[str, dict[Protocol, Door]] = {ONE_LIST: one_list(rack.servers[ONE_LIST], folder)}
        stack.callback(reset_users, rack.home, ONE_LIST)
        for name, protocols in SPEAKS.items():
            if name in found:
                continue
            machine = uuid.uuid4()
            found[name] = {}
            if Protocol.REDFISH in protocols:
                values = {"UUID": str(machine), "SerialNumber": f"SN-{name}"}
                tree = changed(written(), SYSTEM_PATH, **values)
                tree = changed(tree, MANAGER_PATH, UUID=str(uuid.uuid4()))  # one BMC is kept once
                bmc = stack.enter_context(serve(tree))
                found[name][Protocol.REDFISH] = redfish_door(bmc)
            if Protocol.IPMI in protocols:
                (folder / name).mkdir()
                simulator = Simulator(folder / name, guid=machine, sessions=60)  # each killed worker leaves one open
                guard.end_group(simulator.pid)
                stack.callback(simulator.stop)
                found[name][Protocol.IPMI] = ipmi_door(simulator)
        yield found


@dataclass
class Kept:
    """What is kept for one protocol of a BMC: the passwords opened."""

    user: str
    password: str = field(repr=False)
    following: str | None = field(repr=False)
    parked: bool


def kept(server_id: str) -> dict[Protocol, Kept]:
    """With the site's key, as the worker reads it."""
    with database().read() as session:
        server = session.get_one(Server, server_id)
        query = select(Endpoint, Credential).join(Credential).where(Endpoint.bmc_id == server.bmc_id)
        rows = [(endpoint, credential) for endpoint, credential in session.execute(query)]
    found = {}
    for endpoint, credential in rows:
        now = only(endpoint, server.site_id, credential.sealed)
        following = credential.next_sealed and only(endpoint, server.site_id, credential.next_sealed).password
        parked = credential.parked_at is not None
        found[Protocol(endpoint.protocol)] = Kept(now.user, now.password, following or None, parked)
    return found


@dataclass
class Rotated:
    """What one rotation came to. changes: how many passwords each protocol was sent."""

    server: str
    job: Job
    changes: dict[Protocol, int]
    problems: list[str]

    def __str__(self) -> str:
        outcome = f" ({self.job.outcome})" if self.job.outcome else ""
        sent = ", ".join(f"{count} over {protocol}" for protocol, count in self.changes.items())
        said = "not let in" if any("let" in problem for problem in self.problems) else "the kept password lets us in"
        return f"{self.server:9} {self.job.state}{outcome}; passwords sent: {sent}; {said}"


class RotationTable:
    """Rounds on one installation; between two of them no worker runs."""

    def __init__(self, installation: Installation, doors: dict[str, dict[Protocol, Door]]) -> None:
        self.installation, self.doors = installation, doors
        self.rows: list[Rotated] = []
        self._secrets = {door.spec.password.get_secret_value() for ways in doors.values() for door in ways.values()}

    def round(self, point: Point) -> list[Rotated]:
        """Rotate at all BMCs, let the worker die, let a fresh one go on; each row is judged."""
        before, sent = self._kept(), self._changes()
        ended = killed(self.installation, point, ACTION, None, list(self.doors), by="technician", between=self._kept)
        after, counted = self._kept(), self._changes()
        rows = []
        for name, job in ended.items():
            changes = {protocol: counted[name][protocol] - sent[name][protocol] for protocol in sent[name]}
            problems = of_any_job(self.installation, job) + self._of_job(job)
            problems += _of_one_list(job, changes) if name == ONE_LIST else _of_changes(changes)
            for protocol in self.doors[name]:
                problems += self._of_credential(name, protocol, before[name][protocol], after[name][protocol])
            rows.append(Rotated(name, job, changes, problems))
            print(f"    {rows[-1]}")
        rows[0].problems += self.leaks(ended[rows[0].server].id)
        self.rows += rows
        return rows

    def _of_job(self, job: Job) -> list[str]:
        """Nothing here keeps a rotation from its end: whatever was interrupted is settled by asking the BMC."""
        if (job.state, job.outcome) == (JobState.SUCCEEDED, Outcome.PROVEN):
            return []
        return [f"the job is {job.state} ({job.outcome}): {job.error}; {steps_of(job)}"]

    def _of_credential(self, name: str, protocol: Protocol, old: Kept, new: Kept) -> list[str]:
        """What is kept now, and whom the BMC lets in by another client than ours."""
        door, problems = self.doors[name][protocol], []
        if not door.lets_in(new.user, new.password):
            problems.append(f"LOCKED OUT: the BMC does not let us in over {protocol} with the password that is kept")
        if new.password == old.password or door.lets_in(old.user, old.password):
            problems.append(f"the old password still lets in over {protocol}")
        if new.following is not None:
            problems.append(f"a next password is left over for {protocol}")
        if new.parked:
            problems.append(f"the credential for {protocol} is parked")
        return problems

    def leaks(self, there: str) -> list[str]:
        """Where a password stands that is or was one, or was to become one. there: a text that must be found."""
        texts = {log.name: log.read_bytes() for log in (self.installation.home / "logs").iterdir()}
        texts["the database"] = _everything_in_the_database()
        assert there.encode() in texts["the database"], "what is searched is not the database"
        found = []
        for name, text in texts.items():
            for secret in self._secrets:
                if any(form in text for form in (secret.encode(), secret.encode().hex().encode())):
                    found.append(f"a password stands in {name}")
        return found

    def _kept(self) -> dict[str, dict[Protocol, Kept]]:
        found = {name: kept(self.installation.servers[name]) for name in self.doors}
        for ways in found.values():
            for one in ways.values():
                self._secrets |= {one.password} | ({one.following} if one.following else set())
        return found

    def _changes(self) -> dict[str, dict[Protocol, int]]:
        return {name: {key: door.changes() for key, door in ways.items()} for name, ways in self.doors.items()}


def _of_changes(changes: dict[Protocol, int]) -> list[str]:
    """Each list of users needs one; whoever goes on asks what the BMC has before it sends again."""
    return [f"{count} passwords were sent over {protocol}" for protocol, count in changes.items() if count != 1]


def _of_one_list(job: Job, changes: dict[Protocol, int]) -> list[str]:
    """What was set over the first protocol is there over the second one, which is sent nothing."""
    said = next(step.detail or "" for step in job.steps if step.name == "set_password")
    again = ["a password was sent over ipmi as well"] if "set over ipmi" in said else []
    return _of_changes({Protocol.REDFISH: changes[Protocol.REDFISH]}) + again


def _everything_in_the_database() -> bytes:
    """Every value of every table, the engine's tables with them."""
    with database().read() as session:
        connection = session.connection()
        tables = sqlalchemy.inspect(connection).get_table_names()
        rows: list[Any] = [list(connection.execute(sqlalchemy.text(f'SELECT * FROM "{name}"'))) for name in tables]
    return repr(rows).encode()


def problems_of(rows: list[Rotated]) -> list[str]:
    return [f"{row.server}, job {row.job.id}: {problem}" for row in rows for problem in row.problems]
