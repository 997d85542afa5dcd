"""A small installation to look at: accounts, users, servers in several states, jobs that ended in several ways."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select, update

from oobctl import administer, clock, control, readings, vault
from oobctl.access import SYSTEM, Actor
from oobctl.administer import ServerSpec
from oobctl.constants import (
    Capability,
    Ending,
    Health,
    JobState,
    Lifecycle,
    Outcome,
    Permission,
    PowerState,
    Role,
    StepState,
)
from oobctl.drivers.readings import HealthReport, SensorReport
from oobctl.errors import BmcTimeout, BmcUnreachable, NotSupported, OobctlError, OutcomeUnknown
from oobctl.jobs import engine, lease, progress
from oobctl.panel_secret import create_secret
from oobctl.store import Account, Assignment, Database, Figures, Job, Reading, Server, Site, database
from oobctl.store.migrate import migrate
from tests.furnished import over_redfish_too
from tests.unit.readings import samples

PASSWORD = "correct horse battery"
BMC_PASSWORD = "canary-4f1e"


@dataclass
class Seed:
    """What was made: user names are labels, and all have PASSWORD; `tokens` are secrets."""

    actors: dict[str, Actor] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    servers: dict[str, str] = field(default_factory=dict)
    made_at: datetime = field(default_factory=clock.now)
    jobs: dict[str, str] = field(default_factory=dict)


def install(home: Path) -> Database:
    """What `oobctl init` makes: the tables, the secret key of the panel, one site."""
    create_secret(home)
    found = database()
    migrate(found)
    engine.migrate()
    with found.write() as session:
        session.add(Site(name="main", public_key=vault.make_key(home / "keys" / "main.key")))
    return found


def people(seed: Seed) -> None:
    """An owner, an operator and a viewer of `shop`, an owner of `other`, three staff."""
    administer.add_account(SYSTEM, "provider", kind="provider")
    for account in ("shop", "other"):
        administer.add_account(SYSTEM, account)
    for name, account, role in (
        ("owner", "shop", Role.OWNER),
        ("operator", "shop", Role.OPERATOR),
        ("viewer", "shop", Role.VIEWER),
        ("stranger", "other", Role.OWNER),
        ("technician", "provider", Role.TECHNICIAN),
        ("admin", "provider", Role.ADMINISTRATOR),
        ("auditor", "provider", Role.AUDITOR),
    ):
        user = administer.add_user(SYSTEM, name, PASSWORD, account, role)
        token, seed.tokens[name] = administer.add_token(SYSTEM, f"{name}-token", account, role, user=name)
        seed.actors[name] = Actor("user", user.id, name, token.account_id, role, address="198.51.100.7")


def server(seed: Seed, name: str, account: str | None, state: PowerState, *, age: float = 12, **columns: Any) -> None:
    """A server as its enrolment and the monitor would leave it."""
    endpoint = {"protocol": "ipmi", "address": f"127.0.9.{len(seed.servers) + 1}", "user": "admin"}
    spec = ServerSpec.model_validate(
        {"name": name, "account": account, "endpoints": [{**endpoint, "password": BMC_PASSWORD}]}
    )
    added = administer.add_server(SYSTEM, spec)
    seed.servers[name] = added.id
    defaults = {
        "lifecycle": Lifecycle.ASSIGNED if account else Lifecycle.READY,
        "power_state": state,
        "power_read_at": clock.now() - timedelta(seconds=age),
        "manufacturer": "QEMU",
        "model": "Standard PC (Q35 + ICH9, 2009)",
        "serial": f"OOB-{1000 + len(seed.servers)}",
    }
    with database().write() as session:
        since = clock.now() - timedelta(days=30)
        session.execute(update(Assignment).where(Assignment.server_id == added.id).values(from_at=since))
        row = session.get_one(Server, added.id)
        for column, value in {**defaults, **columns}.items():
            setattr(row, column, value)


def read(seed: Seed, name: str, capability: Capability, found: readings.Report | OobctlError, *, age: float) -> None:
    """What the monitor read of a server, so many seconds ago."""
    with database().write() as session:
        readings.keep(session, seed.servers[name], capability, found, clock.now() - timedelta(seconds=age))


def everything_read(seed: Seed, name: str) -> None:
    """All that a BMC can tell, and one thing that this one lacks."""
    noted = [clock.now() - timedelta(minutes=10 - number) for number in range(1, 6)]
    log = samples.log(*(samples.entry(number, created=at) for number, at in enumerate(noted, 1)), whole=("SEL",))
    found: dict[Capability, readings.Report | OobctlError] = {
        Capability.HEALTH: samples.HEALTH,
        Capability.SENSORS: samples.SENSORS,
        Capability.EVENT_LOG: log,
        Capability.INVENTORY: samples.INVENTORY,
        Capability.BIOS: samples.BIOS,
        Capability.VIRTUAL_MEDIA: samples.MEDIA,
        Capability.POWER_METERING: NotSupported("This BMC does not measure what the server draws."),
        Capability.USERS: samples.USERS,
        Capability.SECURITY: samples.security(cipher_zero=True, null_user=False, host_interface=None),
    }
    for capability, report in found.items():
        read(seed, name, capability, report, age=20)


def read_lately(seed: Seed) -> None:
    """What was read is as old as when it was seeded, however long ago that is: pages go by the age of a reading."""
    passed = clock.now() - seed.made_at
    with database().write() as session:
        for server in session.scalars(select(Server).where(Server.power_read_at.is_not(None))):
            assert server.power_read_at is not None
            server.power_read_at += passed
        for row in session.scalars(select(Reading)):
            row.tried_at += passed
            row.read_at = None if row.read_at is None else row.read_at + passed
        for figures in session.scalars(select(Figures)):
            figures.sensors_read_at = figures.sensors_read_at and figures.sensors_read_at + passed
            figures.watts_read_at = figures.watts_read_at and figures.watts_read_at + passed


def begin(
    job_id: str, *, done: int, details: list[str], seconds: list[float], ago: float, waits_for: str | None = None
) -> None:
    """Bring a job as far as a worker would have: `done` steps ended, the next one running since."""
    assert progress.take_over(job_id, "worker-1")
    at = clock.now() - timedelta(seconds=ago)
    with database().write() as session:
        job = session.get_one(Job, job_id)
        job.created_at = at - timedelta(seconds=0.2)
        job.started_at, job.waits_for = at, waits_for
        for step, detail, length in zip(job.steps[: done + 1], [*details, ""], [*seconds, 0.0], strict=False):
            step.started_at = at
            step.state = StepState.RUNNING
            if step.position < done:
                at += timedelta(seconds=length)
                step.state, step.detail, step.finished_at = StepState.SUCCEEDED, detail, at


def end(
    seed: Seed,
    job_id: str,
    state: JobState,
    *,
    outcome: Outcome | None = None,
    error: OobctlError | None = None,
    evidence: dict[str, Any] | None = None,
    at: datetime | None = None,
) -> None:
    how = outcome or {JobState.FAILED: Ending.FAILED, JobState.NEEDS_ATTENTION: Ending.NEEDS_ATTENTION}[state]
    with database().write() as session:
        job = session.get_one(Job, job_id)
        tag = control.find(job.action).tag
        progress.end(session, job, state, tag=tag, how=how, outcome=outcome, error=error, evidence=evidence)
        if error is not None:
            failed = next(step for step in job.steps if step.state is StepState.FAILED)
            failed.detail = error.message
        job.finished_at = at or job.finished_at
        for step in job.steps:
            if step.state is StepState.FAILED:
                step.finished_at = job.finished_at
        lease.give_back(session, job.id)


def reading(state: str, ago: float) -> dict[str, str | None]:
    return {"PowerState": state, "read_at": clock.rfc3339(clock.now() - timedelta(seconds=ago))}


def a_whole_rack(seed: Seed) -> None:
    """Servers and jobs in every state that a page has to show."""
    owner, admin = seed.actors["owner"], seed.actors["admin"]
    server(seed, "web01", "shop", PowerState.ON)
    server(seed, "db01", "shop", PowerState.ON, age=41)
    silent = clock.now() - timedelta(minutes=17)
    unanswered = "No answer from the BMC at 127.0.9.3, UDP port 623, within 5 s, 17 times in a row."
    server(seed, "app01", "shop", PowerState.ON, age=1043, silent_since=silent, silent_because=unanswered,
           silent_code=BmcTimeout.code)  # fmt: skip
    server(seed, "build01", "shop", PowerState.OFF, age=5)
    because = "another server answers at 127.0.9.5 (system UUID 6f2c, enrolled was 91ab)."
    server(
        seed, "mail01", "shop", PowerState.ON, age=7200, lifecycle=Lifecycle.QUARANTINED, quarantined_because=because
    )
    server(seed, "spare01", None, PowerState.OFF, age=33)
    server(seed, "crm01", "other", PowerState.ON, age=8)
    over_redfish_too(seed.servers["web01"])
    everything_read(seed, "web01")
    read(seed, "db01", Capability.HEALTH, HealthReport(Health.OK, (), known=9, unknown=0), age=41)
    warm = samples.temperature("Inlet", 44.0, context="Intake", caution=38.0, critical=42.0)
    read(seed, "db01", Capability.SENSORS, SensorReport((warm,)), age=41)
    read(seed, "db01", Capability.POWER_METERING, samples.METERING, age=41)
    read(seed, "crm01", Capability.SENSORS, samples.SENSORS, age=8)
    _proven(seed, owner)
    _failed(seed, owner)
    _unclear(seed, admin)
    _pending(seed, owner)
    running = control.submit(owner, "power.cycle", "web01").id
    said = ["The right server: system UUID 4c4c4544-0042", "Read: On", "Read back: Off"]
    begin(running, done=3, details=said, seconds=[0.4, 0.1, 3.6], ago=9, waits_for="10 s with the power off")
    seed.jobs["running"] = running


def _proven(seed: Seed, actor: Actor) -> None:
    job = seed.jobs["proven"] = control.submit(actor, "power.cycle", "db01").id
    said = ["The right server: serial OOB-1002", "Read: On", "Read back: Off", "Stayed off for 10 s", "Read back: On"]
    begin(job, done=5, details=said, seconds=[0.3, 0.1, 2.9, 10.0, 4.2], ago=4000)
    evidence = {
        "before": reading("On", 3999),
        "read_back": [reading("Off", 3996), reading("On", 3982)],
        "after": reading("On", 3982),
    }
    end(seed, job, JobState.SUCCEEDED, outcome=Outcome.PROVEN, evidence=evidence,
        at=clock.now() - timedelta(seconds=3982))  # fmt: skip


def _failed(seed: Seed, actor: Actor) -> None:
    job = seed.jobs["failed"] = control.submit(actor, "power.shutdown", "app01").id
    begin(job, done=0, details=[], seconds=[], ago=900)
    error = BmcUnreachable(
        "Nothing answers at the BMC of app01 (127.0.9.3, port 623) after 3 tries in 15 s. Nothing was sent to "
        "the server. Check the BMC's network, then try again.",
        staff={"found": "serial FOREIGN-77"},
    )
    end(seed, job, JobState.FAILED, error=error, at=clock.now() - timedelta(seconds=885))


def _unclear(seed: Seed, actor: Actor) -> None:
    job = seed.jobs["needs_attention"] = control.submit(actor, "power.reset", "build01").id
    said = ["The right server: serial OOB-1004", "Read: On"]
    begin(job, done=2, details=said, seconds=[0.3, 0.1], ago=600)
    error = OutcomeUnknown(
        "The reset was sent to build01 and the BMC did not answer whether it took it. It was not sent again. Last "
        "read: On. Look at the server's screen, then say what you found.",
        last_read="On",
    )
    end(seed, job, JobState.NEEDS_ATTENTION, error=error, evidence={"before": reading("On", 600)},
        at=clock.now() - timedelta(seconds=590))  # fmt: skip


def _pending(seed: Seed, actor: Actor) -> None:
    parameters = {"source": "Pxe", "enabled": "Once"}
    job = seed.jobs["pending"] = control.submit(actor, "boot.set", "build01", parameters).id
    said = ["The right server: serial OOB-1004", "Read: no override", "Read back: Pxe Once. It waits for the next boot"]
    begin(job, done=4, details=[*said, "Watched until it is used"], seconds=[0.3, 0.1, 0.4, 0.1], ago=300)
    at = clock.rfc3339(clock.now() - timedelta(seconds=299))
    after = {"BootSourceOverrideTarget": "Pxe", "BootSourceOverrideEnabled": "Once", "read_at": at}
    evidence = {"before": {"BootSourceOverrideTarget": "None", "read_at": at}, "after": after,
                "not_confirmed": ["Legacy or UEFI: not confirmed by the BMC"]}  # fmt: skip
    end(seed, job, JobState.SUCCEEDED, outcome=Outcome.PENDING, evidence=evidence,
        at=clock.now() - timedelta(seconds=299))  # fmt: skip


def grant_to_stranger(seed: Seed) -> None:
    """A power permission on web01 for somebody of another account."""
    administer.add_grant(SYSTEM, "web01", "stranger", Permission.POWER, None)


def account_id(name: str) -> str:
    with database().read() as session:
        return session.query(Account).filter_by(name=name).one().id
