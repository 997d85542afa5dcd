"""Who is recorded, who may watch it, and that neither the next tenant nor a changed file goes unseen."""

from collections.abc import Callable

import pytest
from sqlalchemy import select, update

from oobctl import administer, control
from oobctl.access.identify import digest
from oobctl.access.sign_in import sign_in
from oobctl.config import settings
from oobctl.consoles.recording import kept, sealed, watching
from oobctl.consoles.recording.kept import Closed, Subject
from oobctl.consoles.recording.policy import rules_of
from oobctl.consoles.recording.sealed import Chunk
from oobctl.consoles.recording.watching import View
from oobctl.constants import ConsoleKind, RecordConsoles, RecordingPurpose, SerialLog
from oobctl.errors import NotAllowed, NotFound, WrongState
from oobctl.gateway.watching import Film
from oobctl.jobs import recovery
from oobctl.store import AuditRecord, PanelSession, Recording, Server, database
from oobctl.vault import read_key
from tests.installation import Installation

GATEWAY = "gateway-1"


@pytest.fixture
def site(installation: Installation) -> Installation:
    recovery.beat(GATEWAY, "gateway", site_of(installation), first=True, url="http://127.0.0.1:9")
    return installation


def site_of(installation: Installation) -> str:
    with database().read() as session:
        return session.get_one(Server, installation.servers["web01"]).site_id


def recorded(site: Installation, *contents: bytes) -> str:
    """A recording of web01's screen in the time of whose it is now."""
    rule = rules_of([site.servers["web01"]])[site.servers["web01"]]
    begun = kept.begin(Subject(site.servers["web01"], "web01", rule.account_id, ConsoleKind.GRAPHICAL), GATEWAY)
    assert begun is not None
    recording_id, writer = begun
    for at, content in enumerate(contents or (b"a picture",)):
        writer.write(Chunk(content, at, at))
    kept.close(Closed(recording_id, "Over.", writer.close(len(contents)), writer.size, ()))
    return recording_id


def records(tag: str) -> list[tuple[str, str]]:
    with database().read() as session:
        rows = session.scalars(select(AuditRecord).where(AuditRecord.tag == tag).order_by(AuditRecord.id))
        return [(row.actor_name, row.kind) for row in rows]


def listed(site: Installation, who: str) -> list[str]:
    with database().read() as session:
        return [row.id for row in control.recordings(session, site.actor(who), "web01")[0]]


def opened(site: Installation, token: str) -> View:
    known = {"cookie": None, "same_name": True, "address": "198.51.100.9"}
    return watching.redeem(token, site_id=site_of(site), **known)  # type: ignore[arg-type]


def watched(site: Installation, recording_id: str, who: str = "operator") -> Film:
    view = opened(site, control.watch(site.actor(who), recording_id).token)
    return Film(view, read_key(settings().keys / f"{site_of(site)}.key"))


def test_who_is_recorded_is_said_by_the_server_else_its_account_else_the_site(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = site.servers["web01"]
    admin = site.actor("admin")
    assert rules_of([server])[server].record is RecordConsoles.OFF
    monkeypatch.setattr(settings(), "record_consoles", RecordConsoles.ON)
    assert rules_of([server])[server].record is RecordConsoles.ON
    administer.record_account(admin, "Example Customer", RecordConsoles.OFF)
    assert rules_of([server])[server].record is RecordConsoles.OFF
    administer.record_server(admin, "web01", RecordConsoles.STAFF)
    rule = rules_of([server])[server]
    assert rule.record is RecordConsoles.STAFF
    assert (rule.holds_for(of_staff=True), rule.holds_for(of_staff=False)) == (True, False)
    administer.record_server(admin, "web01", None)
    assert rules_of([server])[server].record is RecordConsoles.OFF
    assert records("account:account:record_consoles") == [("admin", "event")]


def test_only_administrators_choose_who_is_recorded_and_a_refusal_is_on_record(site: Installation) -> None:
    for who in ("customer", "technician"):
        with pytest.raises(NotAllowed):
            administer.record_server(site.actor(who), "web01", RecordConsoles.OFF)
    assert records("server:console:set") == [("customer", "refusal"), ("technician", "refusal")]


def test_what_was_chosen_for_a_server_ends_with_its_tenant(site: Installation) -> None:
    administer.record_server(site.actor("admin"), "web01", RecordConsoles.ON)
    control.set_serial_log(site.actor("customer"), "web01", SerialLog.ALWAYS)
    administer.assign(site.actor("admin"), "web01", "Other Customer")
    with database().read() as session:
        server = session.get_one(Server, site.servers["web01"])
        assert (server.record_consoles, server.serial_log) == (None, SerialLog.OFF)


def test_watching_is_on_record_and_so_is_who_may_not(site: Installation) -> None:
    recording = recorded(site)
    assert watched(site, recording).answer({"type": "index"})["kind"] == "graphical"  # type: ignore[call-overload]
    with pytest.raises(NotAllowed, match="no permission console"):
        control.watch(site.actor("viewer"), recording)
    with pytest.raises(NotFound):
        control.watch(site.actor("stranger"), recording)
    assert records("server:console:watch") == [("operator", "event"), ("viewer", "refusal")]


def test_the_next_tenant_sees_nothing_of_the_last_ones_recordings(site: Installation) -> None:
    recording = recorded(site)
    film = watched(site, recording)
    film.answer({"type": "index"})
    administer.assign(site.actor("admin"), "web01", "Other Customer")
    assert listed(site, "stranger") == []
    with pytest.raises(NotFound):
        control.watch(site.actor("stranger"), recording)
    with pytest.raises(NotFound):  # and who watched it sees no more of it
        film.answer({"type": "chunk", "number": 0})
    assert listed(site, "technician") == [recording]


@pytest.mark.parametrize("how", ["signed out", "role"])
def test_who_may_not_any_more_is_shown_no_further_chunk(site: Installation, how: str) -> None:
    recording = recorded(site)
    person = site.people["operator"]
    session_hash = digest(sign_in(person.name, person.password, address="127.0.0.1", user_agent="tests"))
    token = control.watch(site.actor("operator"), recording, panel_session=session_hash).token
    view = watching.redeem(token, cookie=None, same_name=False, address="127.0.0.1", site_id=site_of(site))
    film = Film(view, read_key(settings().keys / f"{site_of(site)}.key"))
    film.answer({"type": "index"})
    assert film.answer({"type": "chunk", "number": 0}) == b"a picture"
    if how == "role":
        administer.end_membership(site.actor("admin"), "operator", "Example Customer")
    else:
        with database().write() as session:
            session.execute(update(PanelSession).values(ended_at=PanelSession.seen_at))
    with pytest.raises(NotAllowed):
        film.answer({"type": "chunk", "number": 0})


def test_a_key_opens_once_and_only_at_its_site(site: Installation) -> None:
    token = control.watch(site.actor("operator"), recorded(site)).token
    opened(site, token)
    with pytest.raises(NotAllowed, match="used already"):
        opened(site, token)
    other = control.watch(site.actor("operator"), recorded(site)).token
    with pytest.raises(NotAllowed):
        watching.redeem(other, cookie=None, same_name=True, address="", site_id="another site")
    assert [kind for _, kind in records("server:console:watch")].count("refusal") >= 1


def test_a_changed_file_shows(site: Installation) -> None:
    recording = recorded(site, b"one", b"two")
    path = kept.path_of(recording)
    path.write_bytes(path.read_bytes()[:-20])
    index = watched(site, recording).answer({"type": "index"})
    assert "SHA-256 is another" in index["changed"]  # type: ignore[call-overload]


def test_what_is_asked_wrongly_is_answered_kindly(site: Installation) -> None:
    film = watched(site, recorded(site))
    asked: tuple[dict[str, object], ...] = (
        {}, {"type": "chunk"}, {"type": "chunk", "number": 10**9}, {"type": "chunk", "number": -1}, {"type": ["x"]}
    )  # fmt: skip
    for one in asked:
        assert film.answer(one)["type"] == "wrong"  # type: ignore[call-overload]


def test_old_recordings_go_and_too_many_do_the_oldest_first(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = (recorded(site, bytes(range(256)) * 4000 + bytes([which])) for which in range(3))
    with database().write() as session:
        row = session.get_one(Recording, first)
        row.ended_at = row.began_at.replace(year=2020)
    assert kept.prune() == 1
    assert not kept.path_of(first).exists()
    monkeypatch.setattr(kept, "_room", lambda _taken: kept.path_of(third).stat().st_size)
    assert kept.prune() == 1
    assert (kept.path_of(second).exists(), kept.path_of(third).exists()) == (False, True)
    with pytest.raises(WrongState, match="the oldest went first"):
        control.watch(site.actor("operator"), second)
    assert records("server:recording:removed") == [("oobctl", "event")] * 2


def test_serial_logs_push_no_recording_out(site: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (recorded(site, bytes(range(256)) * 400) for _ in "12")
    with database().write() as session:
        session.get_one(Recording, second).purpose = RecordingPurpose.LOG
    monkeypatch.setattr(kept, "_room", lambda _taken: kept.path_of(first).stat().st_size)
    assert kept.prune() == 0
    assert (kept.path_of(first).exists(), kept.path_of(second).exists()) == (True, True)


def test_a_file_that_cannot_be_begun_is_not_left(site: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_self: object, _content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sealed.Writer, "_put", full)
    with pytest.raises(OSError, match="No space"):
        recorded(site)
    assert list(settings().recordings.glob("*")) == []
    with database().read() as session:
        assert session.scalars(select(Recording)).all() == []


def test_the_disks_last_is_left_to_others(site: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    settings().recordings.mkdir(parents=True, exist_ok=True)
    usage = kept.shutil.disk_usage  # type: ignore[attr-defined]
    space: Callable[[object], object] = lambda path: usage(path)._replace(free=kept._LEFT_FREE - 1000)  # noqa: E731
    monkeypatch.setattr(kept.shutil, "disk_usage", space)  # type: ignore[attr-defined]
    assert kept._room(5000) == 4000


def test_a_sha256_that_another_computer_could_not_know_is_found_here(site: Installation) -> None:
    recording = recorded(site)
    with database().write() as session:
        row = session.get_one(Recording, recording)
        known, row.sha256 = row.sha256, None
    kept.prune()
    with database().read() as session:
        assert session.get_one(Recording, recording).sha256 == known
