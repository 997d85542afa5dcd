"""A job's stream: at once, on each change, and its end; for those alone who may see the job."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from oobctl import administer
from oobctl.access import SYSTEM
from oobctl.constants import JobState, Outcome
from oobctl.jobs import progress
from oobctl.store import Job, Token, database
from tests.unit.web import seed as seeding
from tests.unit.web.seed import Seed
from web.streams import hub as hubs
from web.streams import jobs as streams

WAIT_SECONDS = 20


class Reader:
    """One open stream, read event by event."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
        self.gone = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        self._text = ""
        self.blocked = asyncio.Event()
        self.blocked.set()

    async def receive(self) -> MutableMapping[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        await self.blocked.wait()
        self.messages.put_nowait(message)

    async def start(self) -> MutableMapping[str, Any]:
        return await asyncio.wait_for(self.messages.get(), WAIT_SECONDS)

    async def event(self) -> dict[str, str]:
        """The next event or comment. An empty one is the end of the stream."""
        while "\n\n" not in self._text:
            message = await asyncio.wait_for(self.messages.get(), WAIT_SECONDS)
            if not message.get("more_body"):
                return {}
            self._text += message["body"].decode()
        block, self._text = self._text.split("\n\n", 1)
        pairs = (line.split(": ", 1) for line in block.splitlines())
        return {name or "comment": value for name, value in pairs}


@asynccontextmanager
async def stream(job: str, token: str, **headers: str) -> AsyncIterator[Reader]:
    from web.asgi import app as application  # at its import it needs the home folder that the fixtures make

    reader = Reader()
    given = {"host": "localhost", "authorization": f"Bearer {token}", **headers}
    scope = {
        "type": "http", "method": "GET", "path": f"/api/v1/jobs/{job}/events", "query_string": b"",
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in given.items()],
        "client": ("127.0.0.1", 1), "scheme": "http", "http_version": "1.1",
    }  # fmt: skip
    reader.task = asyncio.create_task(application(scope, reader.receive, reader.send))
    try:
        yield reader
    finally:
        reader.gone.set()
        await asyncio.wait_for(reader.task, WAIT_SECONDS)


def finish(job: str) -> None:
    seeding.end(Seed(), job, JobState.SUCCEEDED, outcome=Outcome.PROVEN)


def test_the_job_comes_at_once_then_each_change_then_the_end(seed: Seed) -> None:
    async def run() -> None:
        job = seed.jobs["running"]
        async with stream(job, seed.tokens["owner"]) as reader:
            start = await reader.start()
            assert start["status"] == 200
            assert (b"content-type", b"text/event-stream; charset=utf-8") in start["headers"]
            assert "retry" in await reader.event()
            first = await reader.event()
            assert first["event"] == "job"
            assert json.loads(first["data"])["state"] == "running"
            assert first["id"] == str(json.loads(first["data"])["revision"])
            await asyncio.to_thread(progress.waits_for, job, "worker-1", "for web01 to be On")
            second = await reader.event()
            assert json.loads(second["data"])["waits_for"] == "for web01 to be On"
            assert int(second["id"]) > int(first["id"])
            await asyncio.to_thread(finish, job)
            third, last, nothing = [await reader.event() for _ in range(3)]
            assert (third["event"], json.loads(third["data"])["outcome"]) == ("job", "proven")
            assert (last["event"], json.loads(last["data"])["state"], nothing) == ("end", "succeeded", {})

    asyncio.run(run())


def test_a_reader_that_comes_back_gets_what_it_has_not_seen(seed: Seed) -> None:
    async def run() -> None:
        async with stream(seed.jobs["proven"], seed.tokens["owner"]) as reader:
            await reader.start()
            events = [await reader.event() for _ in range(4)]
            assert [event.get("event") for event in events] == [None, "job", "end", None]
        async with stream(seed.jobs["proven"], seed.tokens["owner"], last_event_id=events[2]["id"]) as reader:
            await reader.start()
            assert [(await reader.event()).get("event") for _ in range(3)] == [None, "end", None]

    asyncio.run(run())


def test_a_foreign_job_is_404_like_an_unknown_one(seed: Seed) -> None:
    async def run() -> list[str]:
        texts = []
        for job in (seed.jobs["running"], "00000000-0000-7000-8000-000000000000"):
            async with stream(job, seed.tokens["stranger"]) as reader:
                assert (await reader.start())["status"] == 404
                texts.append((await reader.start())["body"].decode().replace(job, "ID"))
        return texts

    foreign, unknown = asyncio.run(run())
    assert foreign == unknown


def revoke_token(seed: Seed) -> None:
    with database().read() as session:
        token = session.query(Token).filter_by(name="owner-token").one().id
    administer.revoke_token(SYSTEM, token)


def give_the_server_away(seed: Seed) -> None:
    administer.assign(SYSTEM, seed.servers["web01"], "other")


@pytest.mark.parametrize("end_access", [revoke_token, give_the_server_away])
def test_the_stream_ends_when_the_access_does(
    seed: Seed, monkeypatch: pytest.MonkeyPatch, end_access: Callable[[Seed], None]
) -> None:
    monkeypatch.setattr(streams, "ACCESS_CHECKED_EVERY_SECONDS", 0.1)

    async def run() -> None:
        job = await asyncio.to_thread(submitted_by_operator)
        async with stream(job, seed.tokens["owner"]) as reader:
            await reader.start()
            assert [(await reader.event()).get("event") for _ in range(2)] == [None, "job"]
            await asyncio.to_thread(end_access, seed)
            events = []
            while event := await reader.event():
                events.append(event.get("event"))
            # What waited is cancelled with the giving away, which is the last that its old owner is told.
            assert events in ([], ["job", "end"])

    def submitted_by_operator() -> str:
        return seed.jobs["running"] if end_access is revoke_token else operators_job(seed)

    asyncio.run(run())


def operators_job(seed: Seed) -> str:
    """A job on web01 that the owner sees because the account has the server, not because they asked for it."""
    from oobctl import control

    finish(seed.jobs["running"])
    return control.submit(seed.actors["operator"], "power.on", "web01").id


def test_a_quiet_stream_has_a_heartbeat(seed: Seed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.1)

    async def run() -> None:
        async with stream(seed.jobs["running"], seed.tokens["owner"]) as reader:
            await reader.start()
            events = [await reader.event() for _ in range(3)]
            assert "comment" in events[2]

    asyncio.run(run())


def test_a_reader_that_does_not_read_is_dropped(seed: Seed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_SEND_WITHIN_SECONDS", 0.2)

    async def run() -> None:
        async with stream(seed.jobs["running"], seed.tokens["owner"]) as reader:
            await reader.start()
            reader.blocked.clear()
            assert reader.task is not None
            await asyncio.wait_for(reader.task, WAIT_SECONDS)
            reader.blocked.set()
        assert hubs.hub.count == 0

    asyncio.run(run())


def test_many_watchers_cost_one_look(seed: Seed, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []

    def counted(known: dict[str, int]) -> dict[str, hubs.Change]:
        looks.append(len(known))
        return real(known)

    real = hubs.changed
    monkeypatch.setattr(hubs, "changed", counted)

    async def run() -> None:
        hub = hubs.Hub()
        job = seed.jobs["running"]
        watchers = [hub.watch(job) for _ in range(50)]
        changes = [await asyncio.wait_for(watcher.changes.get(), WAIT_SECONDS) for watcher in watchers]
        assert len({change.revision for change in changes}) == 1
        assert looks == [1]
        for watcher in watchers:
            hub.leave(watcher)
        assert hub.count == 0

    asyncio.run(run())


def test_a_watcher_that_lags_is_given_up_and_the_others_are_not(seed: Seed) -> None:
    slow, quick = hubs.Watcher("x"), hubs.Watcher("x")
    for number in range(20):
        change = hubs.Change(number, "{}", "{}", False)
        slow.offer(change)
        quick.offer(change)
        quick.changes.get_nowait()
    assert (slow.lagging, quick.lagging) == (True, False)


def test_a_look_that_fails_does_not_end_the_looking(
    seed: Seed, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real, looks = hubs.changed, []

    def broken_once(known: dict[str, int]) -> dict[str, hubs.Change]:
        looks.append(len(known))
        if len(looks) == 1:
            raise RuntimeError("nobody foresaw this")
        return real(known)

    monkeypatch.setattr(hubs, "changed", broken_once)
    monkeypatch.setattr(hubs, "_LOOK_AGAIN_AFTER_SECONDS", 0.01)

    async def run() -> None:
        hub = hubs.Hub()
        watcher = hub.watch(seed.jobs["running"])
        await asyncio.wait_for(watcher.changes.get(), WAIT_SECONDS)
        hub.leave(watcher)

    asyncio.run(run())
    assert "nobody foresaw this" in caplog.text


def test_a_job_that_cannot_be_shown_does_not_hide_the_others(seed: Seed, monkeypatch: pytest.MonkeyPatch) -> None:
    real, wrong, right = hubs.change_of, seed.jobs["proven"], seed.jobs["running"]

    def broken(row: Job) -> hubs.Change:
        if row.id == wrong:
            raise RuntimeError("a shape that nobody foresaw")
        return real(row)

    monkeypatch.setattr(hubs, "change_of", broken)
    assert set(hubs.changed({wrong: -1, right: -1})) == {right}
