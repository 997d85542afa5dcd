"""Durable records a second, on both databases, beside a bare insert with the same durability."""

import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import select

from oobctl.access import SYSTEM, Actor
from oobctl.audit import record
from oobctl.audit.tags import Tag
from oobctl.constants import JobState, Lock
from oobctl.ids import new_id
from oobctl.jobs import engine
from oobctl.store import Bmc, Database, Job, Server, Site, database
from tests.benchmarks import report
from tests.databases import KINDS, Databases

SECONDS = 4.0
WRITERS = (1, 8)
_TABLE = "CREATE TABLE bare (id varchar(36) PRIMARY KEY, at varchar(40), words text)"


@pytest.mark.parametrize("kind", KINDS)
def test_records_per_second(kind: str, home: Path, databases: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    url = databases.migrated(kind)
    monkeypatch.setenv("OOBCTL_DATABASE_URL", url)
    server = _server(database())
    report.head(f"durable records a second, {kind}")
    print(f"the disk makes 4 KiB durable {report.fsyncs_per_second(home):.0f} times a second, one after the other")
    for writers in WRITERS:
        bare = _rate(writers, lambda: _bare_writer(url, kind))
        alone = _rate(writers, lambda: _record_alone)
        whole = _rate(writers, lambda: lambda: _intent_job_and_enqueue(server))
        print(f"{writers} writer{'s' if writers > 1 else ''}:")
        print(f"    bare insert and commit            {bare:7.0f}/s")
        print(f"    a record alone                    {alone:7.0f}/s   {alone / bare:.2f} x bare")
        print(f"    intent, job and enqueue, together {whole:7.0f}/s   {whole / bare:.2f} x bare")
    databases.drop(url)


def _rate(writers: int, make: Callable[[], Callable[[], object]]) -> float:
    """How many transactions that many threads commit in a second."""
    done = [0] * writers
    begin = threading.Barrier(writers + 1)
    end = threading.Event()

    def write(number: int) -> None:
        once = make()
        once()
        begin.wait()
        while not end.is_set():
            once()
            done[number] += 1

    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    begin.wait()
    began = time.perf_counter()
    end.wait(SECONDS)
    end.set()
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - began)


def _record_alone() -> None:
    with database().write() as session:
        record.event(session, SYSTEM, Tag.JOB_CANCEL, parameters={"number": 1}, reason="a benchmark")


def _intent_job_and_enqueue(server: Server) -> None:
    """What a click writes: all of it or nothing."""
    actor = Actor("user", new_id(), "customer", None, None, address="198.51.100.7", user_agent="benchmark")
    with database().write() as session:
        job = Job(
            action="identify.set", server_id=server.id, site_id=server.site_id, lock=Lock.NONE, parameters={},
            actor_id=actor.id, actor=actor.to_json(), reason="a benchmark", state=JobState.QUEUED,
        )  # fmt: skip
        session.add(job)
        session.flush()
        engine.enqueue(session, job)
        record.intent(session, actor, Tag.SERVER_IDENTIFY_SET, server, job)


def _bare_writer(url: str, kind: str) -> Callable[[], object]:
    """One row a transaction through the driver alone, as durable as ours."""
    if kind == "sqlite":
        lite = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None, timeout=10)
        lite.execute("PRAGMA journal_mode=WAL")
        lite.execute("PRAGMA synchronous=FULL")
        lite.execute(_TABLE.replace("TABLE", "TABLE IF NOT EXISTS"))
        return lambda: lite.execute("INSERT INTO bare VALUES (?, ?, ?)", (new_id(), "now", "x" * 500))
    server = psycopg.connect(url.replace("+psycopg", ""), autocommit=True)
    with server.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(1)")
        cursor.execute(_TABLE.replace("TABLE", "TABLE IF NOT EXISTS"))
        cursor.execute("SELECT pg_advisory_unlock(1)")
    return lambda: server.execute("INSERT INTO bare VALUES (%s, %s, %s)", (new_id(), "now", "x" * 500))


def _server(found: Database) -> Server:
    with found.write() as session:
        site = Site(name="main", public_key=b"")
        session.add(site)
        session.flush()
        server = Server(name="web01", site_id=site.id, bmc=Bmc(site_id=site.id, profile="generic-ipmi"))
        session.add(server)
    with found.read() as session:
        return session.scalars(select(Server)).one()
