"""A recorder at a screen and at a serial line: unseen, in nobody's way, and its file is what was shown."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import select

from oobctl.consoles.recording import kept, recorder
from oobctl.consoles.recording.kept import Subject
from oobctl.consoles.recording.recorder import Recorder
from oobctl.consoles.recording.sealed import Chunk, Flag, Reader, sha256_of
from oobctl.constants import ConsoleKind, RecordingPurpose
from oobctl.jobs import recovery
from oobctl.store import AuditRecord, Recording, Server, database
from oobctl.vault import read_key
from tests.installation import Installation
from tests.unit.consoles.recording.test_fbs import blocks
from tests.unit.consoles.shared_line import bench
from tests.unit.consoles.stage import MORE, WHOLE, Stage, picture, until

GATEWAY = "gateway-1"


@pytest.fixture
def site(sqlite_installation: Installation, monkeypatch: pytest.MonkeyPatch) -> Installation:
    monkeypatch.setattr(recorder, "_WRITE_SECONDS", 0.05)
    monkeypatch.setattr(recorder, "_AGAIN_SECONDS", 0.05)
    return sqlite_installation


def subject(site: Installation, kind: ConsoleKind = ConsoleKind.GRAPHICAL, **more: object) -> Subject:
    return Subject(site.servers["web01"], "web01", None, kind, **more)  # type: ignore[arg-type]


def row() -> Recording:
    with database().read() as session:
        return session.scalars(select(Recording)).one()


def key(site: Installation) -> Path:
    with database().read() as session:
        return site.home / "keys" / f"{session.get_one(Server, site.servers['web01']).site_id}.key"


def content(site: Installation) -> list[tuple[Flag, bytes]]:
    with Reader(kept.path_of(row().id), read_key(key(site))) as reader:
        return [(entry.flags & ~Flag.DEFLATED, reader.read(entry)) for entry in reader.entries()]


def pictures(site: Installation) -> list[bytes]:
    """The updates that a player shows."""
    stream = b"".join(found for flags, found in content(site) if not flags & (Flag.EVENTS | Flag.LAST))
    return [said for said, _ in blocks(stream[12:])[2:] if said[:1] == b"\x00" and len(said) > 16]


def test_what_is_shown_is_recorded_and_the_recorder_is_in_no_list(site: Installation) -> None:
    async def story(stage: Stage) -> None:
        made = Recorder(stage.screen, subject(site), GATEWAY)
        made.consoles.add("console-1")
        running = asyncio.create_task(made.run())
        ann = await stage.look("Ann")
        await stage.hears(WHOLE)
        await stage.shows(picture(b"a"))
        await stage.hears(MORE)  # asked for by the recorder alone
        await stage.shows(picture(b"b"))
        await until(lambda: row().gateway == GATEWAY)
        await asyncio.sleep(0.2)
        ann.seen()
        names = [[one["name"] for one in told["people"]] for told in ann.told if told["type"] == "people"]  # type: ignore[attr-defined]
        assert names[-1] == ["Ann"]
        assert ann.seat.has_control
        made.stop("Nobody who is recorded was there any more.")
        await running

    asyncio.run(Stage().play(story))
    found = row()
    assert pictures(site) == [picture(b"a"), picture(b"b")]
    assert [flags for flags, _ in content(site)].count(Flag.WHOLE) == 1
    assert (found.whole, found.consoles, found.sha256) == (True, ["console-1"], sha256_of(kept.path_of(found.id)))
    with database().read() as session:
        said = session.scalars(select(AuditRecord).where(AuditRecord.tag == "server:console:recorded")).one()
        assert said.evidence is not None
        assert (said.evidence["sha256"], said.evidence["consoles"]) == (found.sha256, ["console-1"])


def test_a_recording_of_which_nothing_was_shown_is_not_kept(site: Installation) -> None:
    async def story(stage: Stage) -> None:
        made = Recorder(stage.screen, subject(site), GATEWAY)
        made.stop("Over at once.")
        await made.run()

    asyncio.run(Stage().play(story))
    assert row().removed_because == kept.NOTHING_SHOWN
    assert not kept.path_of(row().id).exists()


def test_a_screen_that_breaks_off_in_a_picture_goes_on_in_the_same_recording(site: Installation) -> None:
    async def story(stage: Stage) -> None:
        made = Recorder(stage.screen, subject(site), GATEWAY)
        running = asyncio.create_task(made.run())
        await stage.hears(WHOLE)
        await stage.shows(picture(b"a"))
        await stage.shows(picture(b"b")[:12])
        await asyncio.sleep(0.1)
        assert stage.bmc is not None
        stage.bmc.close()
        stage.heard.clear()
        await stage.hears(WHOLE)
        await stage.shows(picture(b"c"))
        await asyncio.sleep(0.1)
        made.stop("Over.")
        await running

    asyncio.run(Stage().play(story))
    assert pictures(site) == [picture(b"a"), picture(b"c")]
    events = b"".join(found for flags, found in content(site) if flags & Flag.EVENTS)
    assert b'"type": "away"' in events


def test_a_disk_that_is_full_is_said_and_the_console_goes_on(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    async def story(stage: Stage) -> None:
        made = Recorder(stage.screen, subject(site), GATEWAY)
        running = asyncio.create_task(made.run())
        ann = await stage.look("Ann")
        await until(lambda: made.recorded)
        monkeypatch.setattr(recorder, "_put", full)
        await stage.hears(WHOLE)
        await stage.shows(picture(b"a"))
        await running
        assert made.failed == "The gateway could not write it: No space left on device."
        assert ann.seat.ended is None
        ann.sends(WHOLE)
        await stage.shows(picture(b"z"))
        await until(lambda: picture(b"z") in ann.seen())

    asyncio.run(Stage().play(story))
    assert (row().whole, row().ended_because) == (False, "The gateway could not write it: No space left on device.")


def test_a_serial_line_is_recorded_with_what_it_showed_before(site: Installation) -> None:
    async def story() -> None:
        async with bench(grace=0.01) as made:
            ann = made.sit("Ann")
            port = await made.port()
            await asyncio.sleep(0.05)
            port.heard(b"before\r\n")
            await asyncio.sleep(0.05)
            found = Recorder(made.line, subject(site, ConsoleKind.SERIAL), GATEWAY)
            running = asyncio.create_task(found.run())
            port.heard(b"after\r\n")
            await asyncio.sleep(0.2)
            found.stop("Over.")
            await running
            assert ann.ended is None

    asyncio.run(story())
    text = b"".join(found for flags, found in content(site) if not flags & (Flag.EVENTS | Flag.LAST))
    assert b"before\\r\\n" in text
    assert b"after\\r\\n" in text


def test_what_a_killed_gateway_left_is_closed_by_the_next_one_and_good_up_to_its_last_second(
    site: Installation,
) -> None:
    begun = kept.begin(subject(site), GATEWAY)
    assert begun is not None
    recording_id, writer = begun
    writer.write(Chunk(b"one", 0, 1))
    writer.abandon()  # as a process does that is killed
    kept.close_left_by([GATEWAY])
    found = row()
    assert (found.id, found.whole, found.gateway) == (recording_id, False, None)
    assert found.sha256 == sha256_of(kept.path_of(recording_id))
    assert content(site) == [(Flag.PLAIN, b"one")]
    kept.close_left_by([GATEWAY])
    with database().read() as session:
        assert len(session.scalars(select(AuditRecord).where(AuditRecord.tag == "server:console:recorded")).all()) == 1


def test_of_one_server_one_gateway_keeps_the_serial_log(site: Installation) -> None:
    log = subject(site, ConsoleKind.SERIAL, purpose=RecordingPurpose.LOG)
    assert kept.begin(log, GATEWAY) is not None
    assert kept.begin(log, "gateway-2") is None
    kept.close_left_by([GATEWAY])
    assert kept.begin(log, "gateway-2") is not None


def test_what_nobody_closed_is_closed_once_its_gateway_is_gone(site: Installation) -> None:
    """The database was away when it was to be."""
    begun = kept.begin(subject(site), GATEWAY)
    assert begun is not None
    begun[1].abandon()
    with database().read() as session:
        site_id = session.get_one(Server, site.servers["web01"]).site_id
    recovery.beat(GATEWAY, "gateway", site_id, first=True, url="http://127.0.0.1:9")
    kept.prune()
    assert row().ended_at is None
    recovery.leave(GATEWAY)
    kept.prune()
    assert row().ended_at is not None
