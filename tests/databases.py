"""Databases for tests: SQLite files, and a PostgreSQL cluster of our own on a unix socket."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from oobctl.config import settings
from oobctl.jobs import engine
from oobctl.store import Database, use
from oobctl.store.migrate import migrate
from tests.guard import Guard

KINDS = ("sqlite", "postgresql")
_START_SECONDS = 60.0
_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
    "log_min_messages": "warning",
    "autovacuum": "on",
}


class Cluster:
    """One PostgreSQL server in a folder of its own: no network, the socket beside the data."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self.folder = Path(tempfile.mkdtemp(prefix="oobctl-postgresql-"))
        guard.remove(self.folder)
        self._bin = newest_binaries()
        self._as_owner: list[str] = []
        if os.geteuid() == 0:  # initdb refuses root
            owner = pwd.getpwnam("postgres")
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
            self._as_owner = ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]
        self._process: subprocess.Popen[bytes] | None = None
        self._frozen: list[int] = []
        initdb = [str(self._bin / "initdb"), "-D", str(self.data), "-U", "oobctl", "-A", "trust", "-E", "UTF8"]
        self._run([*initdb, "--locale=C.UTF-8"])

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        options = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        command = [str(self._bin / "postgres"), "-D", str(self.data), "-k", str(self.folder), *options]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._as_owner, *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
            )
        self._guard.end_group(self._process.pid)
        until = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"PostgreSQL did not start: {(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(0.05)

    def freeze(self) -> None:
        """It takes connections and statements from now on, as its kernel does, and answers none."""
        assert self._process is not None
        self._frozen = [self._process.pid]
        os.kill(self._process.pid, signal.SIGSTOP)  # first, so that it starts no other
        self._frozen += map(
            int, Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        )
        for pid in self._frozen[1:]:
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on where it stood."""
        for pid in self._frozen:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self._frozen = []

    def stop(self) -> None:
        """End it at once, as a power cut of the database server would look to us: no connection outlives it."""
        self.thaw()
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)  # the fast shutdown of PostgreSQL: connections are cut
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://oobctl@/{name}?host={self.folder}"

    def execute(self, statement: str) -> None:
        """Run one statement outside a transaction, in the database that is always there."""
        administration = create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        try:
            with administration.connect() as connection:
                connection.execute(text(statement))
        finally:
            administration.dispose()

    def _answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except OperationalError:
            return False
        return True

    def _run(self, command: list[str]) -> None:
        done = subprocess.run([*self._as_owner, *command], cwd=self.folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{command[0]} failed: {done.stderr}{done.stdout}")


def name_of(url: str) -> str:
    """A database's own name."""
    if url.startswith("sqlite"):
        return Path(url.removeprefix("sqlite:///")).stem
    return url.rpartition("@/")[2].partition("?")[0]


def newest_binaries() -> Path:
    """Debian keeps PostgreSQL's programs out of PATH, one folder a major version."""
    found = sorted(Path("/usr/lib/postgresql").glob("[0-9]*/bin"), key=lambda folder: int(folder.parent.name))
    if not found:
        raise RuntimeError("PostgreSQL is not installed: .ci/setup test")
    return found[-1]


class Databases:
    """New databases of both kinds, empty or with this release's tables. PostgreSQL starts at its first use."""

    def __init__(self, folder: Path, guard: Guard) -> None:
        self._folder, self._guard = folder, guard
        self._cluster: Cluster | None = None
        self._templates: set[str] = set()
        self._made = 0
        self._lock = threading.Lock()

    @property
    def cluster(self) -> Cluster:
        if self._cluster is None:
            self._cluster = Cluster(self._guard)
            self._cluster.start()
        return self._cluster

    def empty(self, kind: str) -> str:
        """The URL of a new database without tables."""
        return self._new(kind, template=None)

    def migrated(self, kind: str) -> str:
        """The URL of a new database with our tables and DBOS's: a copy of one that the migrations made."""
        with self._lock:
            if kind not in self._templates:
                self._make_template(kind)
                self._templates.add(kind)
        return self._new(kind, template="template_oobctl")

    def copy_of(self, url: str) -> str:
        """The URL of a new database with another one's content. Nobody may be connected to that one."""
        return self._new("sqlite" if url.startswith("sqlite") else "postgresql", template=name_of(url))

    def drop(self, url: str) -> None:
        """Remove a database; its connections are cut."""
        if url.startswith("postgresql"):
            self.cluster.execute(f"DROP DATABASE IF EXISTS {name_of(url)} WITH (FORCE)")
        else:
            for path in self._folder.glob(f"{name_of(url)}.db*"):
                path.unlink()

    def close(self) -> None:
        if self._cluster is not None:
            self._cluster.remove()

    def _new(self, kind: str, template: str | None) -> str:
        with self._lock:
            self._made += 1
            name = f"oobctl_{self._made}"
        if kind == "postgresql":
            self.cluster.execute(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
            return self.cluster.url(name)
        path = self._folder / f"{name}.db"
        if template:
            shutil.copyfile(self._folder / f"{template}.db", path)
        return f"sqlite:///{path}"

    def _make_template(self, kind: str) -> None:
        name = "template_oobctl"
        if kind == "postgresql":
            self.cluster.execute(f"CREATE DATABASE {name}")
            url = self.cluster.url(name)
        else:
            url = f"sqlite:///{self._folder / f'{name}.db'}"
        fill_with_tables(url)


def fill_with_tables(url: str) -> None:
    """Our tables and DBOS's, as `oobctl init` makes them. Leaves no connection behind."""
    found = Database(url)
    use(found)
    try:
        migrate(found)
        engine.migrate()
        if found.is_sqlite:  # so that one file holds all of it
            with found.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        use(None)
        found.close()
        settings.cache_clear()
