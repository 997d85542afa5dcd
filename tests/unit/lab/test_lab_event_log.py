"""The BMC's log file: numbered, bounded, cleared, and read again after a cut."""

from pathlib import Path

from oobctl.lab.event_log import EventLog


def _ids(log: EventLog) -> list[int]:
    return [entry["id"] for entry in log.page(0, 1000)["entries"]]


def test_a_full_log_drops_its_oldest_entries_and_keeps_counting(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "sel.jsonl", capacity=3)
    for _ in range(5):
        log.add("Thing", "It happened.")
    assert _ids(log) == [3, 4, 5]
    assert _ids(EventLog(tmp_path / "sel.jsonl", capacity=3)) == [3, 4, 5]


def test_a_cleared_log_says_so_and_counts_anew(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "sel.jsonl")
    log.add("Thing", "It happened.")
    log.add("Thing", "It happened.")
    log.clear()
    again = EventLog(tmp_path / "sel.jsonl")
    assert [(entry["id"], entry["message_id"]) for entry in again.page(0, 9)["entries"]] == [(1, "LogCleared")]


def test_a_line_that_was_cut_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "sel.jsonl"
    EventLog(path).add("Thing", "It happened.")
    with path.open("a") as file:
        file.write('{"id": 2, "message')
    log = EventLog(path)
    assert _ids(log) == [1]
    log.add("Thing", "It happened again.")
    assert _ids(EventLog(path)) == [1, 2]
