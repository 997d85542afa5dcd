"""A whole installation for a test: a home, a database, users, the rack's servers, and real processes."""

import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from sqlalchemy import select

from oobctl import administer, control
from oobctl.access import SYSTEM, Actor
from oobctl.cli.init import prepare
from oobctl.config import settings
from oobctl.constants import JobState, Protocol, Role, TlsMode
from oobctl.installation import PROVIDER
from oobctl.lab.rack import LabServer, RackInfo
from oobctl.store import AuditRecord, BmcSession, Job, Server, database, use
from tests.guard import Guard
from tests.processes import PATIENCE, OwnProcess

CUSTOMER = "Example Customer"
PASSWORD = "correct horse battery"
PEOPLE = {
    "customer": (CUSTOMER, Role.OWNER),
    "operator": (CUSTOMER, Role.OPERATOR),
    "viewer": (CUSTOMER, Role.VIEWER),
    "stranger": ("Other Customer", Role.OWNER),
    "technician": (PROVIDER, Role.TECHNICIAN),
    "admin": (PROVIDER, Role.ADMINISTRATOR),
    "auditor": (PROVIDER, Role.AUDITOR),
}


@dataclass(frozen=True)
class Person:
    """A user: how they sign in, and as whom they act. `token` is the secret of one that acts for them."""

    name: str
    password: str
    token: str
    actor: Actor


class Installation:
    """One installation. While it is active, this process works on its home and database as well.

    `variables` are more settings, as OOBCTL_* has them without the prefix: {"hwprofiles": ...}.
    """

    def __init__(self, guard: Guard, home: Path, database_url: str, variables: Mapping[str, str] | None = None) -> None:
        self.guard, self.home, self.database_url = guard, home, database_url
        self.port = free_port()
        wanted = {"log_level": "INFO", **(variables or {})}
        self.variables = {f"OOBCTL_{name.upper()}": value for name, value in wanted.items()} | {
            "OOBCTL_HOME": str(home),
            "OOBCTL_DATABASE_URL": database_url,
            "OOBCTL_LISTEN": f"127.0.0.1:{self.port}",
            "OOBCTL_MEDIA_LISTEN": f"127.0.0.1:{free_port()}",
            "OOBCTL_INSTALL_LISTEN": f"127.0.0.1:{free_port()}",
            "OOBCTL_GATEWAY_LISTEN": f"127.0.0.1:{free_port()}",
        }
        self.people: dict[str, Person] = {}
        self.servers: dict[str, str] = {}  # name: id
        self.processes: list[OwnProcess] = []
        self._before: dict[str, str] | None = None

    # --- this process --------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._before = dict(os.environ)
        os.environ.update(self.variables)
        settings.cache_clear()
        use(None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop_all()
        database().close()
        use(None)
        assert self._before is not None
        for name in set(os.environ) - set(self._before):
            del os.environ[name]
        os.environ.update(self._before)
        settings.cache_clear()

    @property
    def environment(self) -> dict[str, str]:
        """The environment of its processes."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OOBCTL_")}
        return {**kept, **self.variables}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    # --- what is in it -------------------------------------------------------------------------------------------

    def initialise(self) -> Self:
        """What `oobctl init` makes: tables, the site `main` and its key, the panel's secret."""
        prepare(settings().site, say=lambda _sentence: None)
        return self

    def add_people(self) -> Self:
        """One user of each kind in PEOPLE, each with a token."""
        for account in dict.fromkeys(account for account, _role in PEOPLE.values()):
            if account != PROVIDER:
                administer.add_account(SYSTEM, account)
        for name, (account, role) in PEOPLE.items():
            user = administer.add_user(SYSTEM, name, PASSWORD, account, role)
            token, secret = administer.add_token(SYSTEM, f"{name}'s token", account, role, user=name)
            actor = Actor("user", user.id, name, token.account_id, role, address="198.51.100.7", user_agent="tests")
            self.people[name] = Person(name, PASSWORD, secret, actor)
        return self

    def add_servers(self, rack: RackInfo, *names: str, account: str | None = CUSTOMER) -> Self:
        """Add servers of a running rack (all, where none is named). They are not enrolled yet."""
        for name in names or rack.servers:
            self.servers[name] = self.add_server(name, endpoints_of(rack.servers[name]), account=account)
        return self

    def add_server(self, name: str, endpoints: list[administer.EndpointSpec], *, account: str | None = CUSTOMER) -> str:
        """Add one server; returns its id."""
        spec = administer.ServerSpec(name=name, account=account, endpoints=endpoints)
        self.servers[name] = administer.add_server(SYSTEM, spec).id
        return self.servers[name]

    def enroll(self, *names: str) -> Self:
        """Enroll servers (all, where none is named) through the door; a worker has to run."""
        jobs = [control.submit(SYSTEM, "server.enroll", self.servers[name]) for name in names or self.servers]
        for job in jobs:
            ended = self.wait(job.id)
            assert ended.state is JobState.SUCCEEDED, ended.error
        return self

    # --- its processes -------------------------------------------------------------------------------------------

    def start_worker(self, *, wait: bool = True) -> OwnProcess:
        """A real `oobctl worker`; returns when it takes jobs."""
        worker = self.run("worker")
        if wait:
            worker.wait_said("the worker is ready")
        return worker

    def start_monitor(self) -> OwnProcess:
        return self.run("monitor")

    def start_gateway(self) -> OwnProcess:
        """A real `oobctl gateway`; returns when browsers can come."""
        gateway = self.run("gateway")
        gateway.wait_said("the gateway is ready")
        return gateway

    def start_panel(self) -> OwnProcess:
        """A real `oobctl panel` (gunicorn); returns when /healthz answers."""
        panel = self.run("panel")

        def healthy() -> bool:
            assert panel.running, panel.output[-3000:]
            try:
                return httpx.get(f"{self.url}/healthz", timeout=5, trust_env=False).is_success
            except httpx.HTTPError:
                return False

        eventually(healthy)
        return panel

    def run(self, *arguments: str) -> OwnProcess:
        """Start `oobctl ARGUMENTS`."""
        return self.run_python(["-m", "oobctl.cli.main", *arguments], name="-".join(arguments))

    def run_python(self, arguments: list[str], *, name: str, **variables: str) -> OwnProcess:
        """Start another Python program in this installation's environment."""
        log = self.home / "logs" / f"{len(self.processes)}-{name}.log"
        process = OwnProcess(self.guard, arguments, {**self.environment, **variables}, log)
        self.processes.append(process)
        return process

    def stop_all(self) -> None:
        for process in reversed(self.processes):
            process.stop()

    # --- the road ------------------------------------------------------------------------------------------------

    def actor(self, label: str) -> Actor:
        return self.people[label].actor

    def token(self, label: str) -> str:
        """The secret of the person's token."""
        return self.people[label].token

    def client(self, label: str) -> httpx.Client:
        """An HTTP client of the API, signed in with the person's token."""
        headers = {"Authorization": f"Bearer {self.token(label)}"}
        return httpx.Client(base_url=f"{self.url}/api/v1", headers=headers, timeout=30, trust_env=False)

    def submit(
        self,
        action: str,
        server: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        by: str = "customer",
        idempotency_key: str | None = None,
    ) -> Job:
        """Ask for an action on a server by its name, as one of the people."""
        return control.submit(self.actor(by), action, self.servers[server], parameters, idempotency_key=idempotency_key)

    def do(self, action: str, server: str, parameters: Mapping[str, Any] | None = None, *, by: str = "customer") -> Job:
        """Submit and wait for the end."""
        return self.wait(self.submit(action, server, parameters, by=by).id)

    def job(self, job_id: str) -> Job:
        """The job as it is now, its steps with it."""
        with database().read() as session:
            found = session.get_one(Job, job_id)
            _ = found.steps, found.server
        return found

    def wait(self, job_id: str, patience: float = PATIENCE) -> Job:
        """Wait for a job's end."""
        until = time.monotonic() + patience
        while not (found := self.job(job_id)).state.ended:
            assert time.monotonic() < until, f"{found.action} is {found.state}: {found.waits_for}; {steps_of(found)}"
            time.sleep(0.05)
        return found

    def records(self, job_id: str) -> list[AuditRecord]:
        """What was recorded for a job, oldest first."""
        with database().read() as session:
            query = select(AuditRecord).where(AuditRecord.job_id == job_id).order_by(AuditRecord.id)
            return list(session.scalars(query))

    def sessions(self) -> list[BmcSession]:
        """Our sessions at BMCs."""
        with database().read() as session:
            return list(session.scalars(select(BmcSession)))

    def server(self, name: str) -> Server:
        with database().read() as session:
            return session.get_one(Server, self.servers[name])


def steps_of(job: Job) -> list[tuple[str, str, str | None]]:
    """A job's steps in short: name, state, detail."""
    return [(step.name, str(step.state), step.detail) for step in job.steps]


def endpoints_of(server: LabServer) -> list[administer.EndpointSpec]:
    """What an administrator would enter for a server of the rack."""
    found = []
    for protocol, endpoint in ((Protocol.IPMI, server.ipmi), (Protocol.REDFISH, server.redfish)):
        if endpoint is not None:
            content: dict[str, Any] = {**endpoint.as_dict(), "protocol": protocol}
            if protocol is Protocol.REDFISH:
                content["tls"] = trust_of(server)
            found.append(administer.EndpointSpec.model_validate(content))
    return found


def screen_of(server: LabServer) -> administer.EndpointSpec:
    """Where a server of the rack shows its screen."""
    return administer.EndpointSpec.model_validate({**server.vnc.as_dict(), "protocol": Protocol.VNC})


def trust_of(server: LabServer) -> dict[str, Any]:
    """How the certificate of a server of the rack is checked."""
    assert server.tls is not None
    if server.tls["mode"] == TlsMode.CA:
        return {"mode": TlsMode.CA, "ca": Path(server.tls["ca_file"]).read_text()}
    return {"mode": TlsMode.PIN, "fingerprint": server.tls["fingerprint"]}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(check: Callable[[], object], patience: float = PATIENCE) -> None:
    """Wait until `check` is true; the patience is for a loaded computer."""
    until = time.monotonic() + patience
    while not check():
        assert time.monotonic() < until, f"not within {patience:.0f} s"
        time.sleep(0.05)
