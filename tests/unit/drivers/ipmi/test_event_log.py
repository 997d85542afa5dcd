"""The event log of BMCs that wrap, keep no dates, lose answers or break off: what no simulator at hand does."""

import itertools
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from oobctl.drivers.ipmi import codes
from oobctl.drivers.ipmi.event_log import IpmiEventLog
from oobctl.drivers.ipmi.lan import Answer
from oobctl.drivers.ipmi.repository import forget
from oobctl.drivers.ipmi.session import IpmiSession
from oobctl.errors import BmcBadAnswer, BmcBusy, NotSupported, StateNotReached

INFO, RESERVE, GET, CLEAR = 0x40, 0x42, 0x43, 0x47
EVENT = bytes.fromhex("200004086f01ffff") + b"\xff"


class Log:
    """The event log of a BMC. size: how many entries it holds; more push out the oldest, and their ids come again."""

    def __init__(self, size: int = 0xFFF0) -> None:
        self.size, self.reserves = size, True
        self.entries: list[bytes] = []
        self.erased = 0
        self.stamps = True  # whether a clear changes the time of the last one
        self.deaf = False  # it takes a clear and does nothing
        self.polls = 0  # so often it says that it is still erasing
        self.cleared_note: bytes | None = None
        self.asked: list[int] = []
        self._reservation, self._valid = 0, False
        self._serial = 0

    def add(self, count: int = 1) -> None:
        for _ in range(count):
            self._serial += 1
            number = (self._serial - 1) % self.size + 1
            when = 0x60000000 + self._serial
            self._append(number.to_bytes(2, "little") + b"\x02" + when.to_bytes(4, "little") + EVENT)

    def _append(self, record: bytes) -> None:
        self.entries = [*self.entries, record[:16]][-self.size :]
        self._valid = False

    def connect(self) -> IpmiEventLog:
        endpoint = SimpleNamespace(address="192.0.2.2", port=623)
        session = SimpleNamespace(
            login=SimpleNamespace(endpoint=endpoint), known={}, exchange=self.exchange, write=self.write
        )
        return IpmiEventLog(cast(IpmiSession, session), lambda _seconds: None)

    def exchange(self, netfn: int, command: int, data: bytes = b"", **more: Any) -> Answer:
        self.asked.append(command)
        if command == INFO:
            support = 0x0A if self.reserves else 0x08
            count, erased = len(self.entries), self.erased if self.stamps else 0xFFFFFFFF
            stamps = bytes(4) + erased.to_bytes(4, "little")
            return Answer(0, b"\x51" + count.to_bytes(2, "little") + bytes(2) + stamps + bytes((support,)))
        if command == RESERVE:
            self._reservation, self._valid = self._reservation + 1, True
            return Answer(0, self._reservation.to_bytes(2, "little"))
        if command == GET:
            return self._get(int.from_bytes(data[2:4], "little"))
        if command == CLEAR:
            return self._clear(data)
        return Answer(0xC1, b"")

    def write(self, netfn: int, command: int, data: bytes, _fence: Any, *, what: str) -> bytes:
        return codes.check(self.exchange(netfn, command, data), what)

    def _get(self, number: int) -> Answer:
        ids = [int.from_bytes(record[:2], "little") for record in self.entries]
        if number == 0 and ids:
            number = ids[0]
        if number not in ids:
            return Answer(0xCB, b"")
        place = ids.index(number)
        after = ids[place + 1] if place + 1 < len(ids) else 0xFFFF
        return Answer(0, after.to_bytes(2, "little") + self.entries[place])

    def _clear(self, data: bytes) -> Answer:
        if data[5] == 0xAA:
            if not self._valid or int.from_bytes(data[:2], "little") != self._reservation:
                return Answer(0xC5, b"")
            if not self.deaf:
                self.entries, self.erased = [], self.erased + 1
                if self.cleared_note:
                    self._append(self.cleared_note)
        self.polls -= 1
        return Answer(0, b"\x00" if self.polls > 0 else b"\x01")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    forget()
    yield
    forget()


def ids(report: Any) -> list[str]:
    return [entry.entry_id for entry in report.entries]


def test_only_what_is_newer_than_the_marker_is_read() -> None:
    bmc = Log()
    bmc.add(3)
    first = bmc.connect().read()
    assert (ids(first), first.whole) == (["1", "2", "3"], ("SEL",))
    bmc.asked.clear()
    again = bmc.connect().read(first.markers)
    assert (again.entries, again.whole, again.markers) == ((), (), first.markers)
    assert bmc.asked == [INFO, GET]
    bmc.add(2)
    more = bmc.connect().read(again.markers)
    assert (ids(more), more.whole) == (["4", "5"], ())
    assert bmc.connect().read(more.markers).entries == ()


@pytest.mark.parametrize("stamps", [True, False])
def test_a_log_that_was_cleared_since_is_read_whole(stamps: bool) -> None:
    bmc = Log()
    bmc.stamps = stamps
    bmc.add(3)
    first = bmc.connect().read()
    bmc.entries, bmc.erased = [], 5
    bmc.add(4)
    found = bmc.connect().read(first.markers)
    assert (ids(found), found.whole) == (["4", "5", "6", "7"], ("SEL",))


def test_the_same_record_numbers_after_a_clear_are_not_taken_for_the_old_entries() -> None:
    bmc = Log()
    bmc.stamps = False
    bmc.add(3)
    first = bmc.connect().read()
    bmc.entries, bmc._serial = [], 0
    bmc._append(b"\x01\x00\x02" + bytes(13))
    bmc._append(b"\x02\x00\x02" + bytes(13))
    bmc._append(b"\x03\x00\x02" + bytes(13))
    found = bmc.connect().read(first.markers)
    assert (ids(found), found.whole) == (["1", "2", "3"], ("SEL",))


def test_a_log_that_wrapped_past_the_marker_is_read_whole() -> None:
    bmc = Log(size=8)
    bmc.add(6)
    first = bmc.connect().read()
    bmc.add(4)  # entries 9 and 10 push out 1 and 2
    found = bmc.connect().read(first.markers)
    assert (ids(found), found.whole) == (["7", "8", "1", "2"], ())
    bmc.add(20)  # and these the marker's: its number is another entry's now
    found = bmc.connect().read(found.markers)
    assert (len(found.entries), found.whole) == (8, ("SEL",))


def test_a_marker_of_an_empty_log_leads_to_the_first_entry() -> None:
    bmc = Log()
    first = bmc.connect().read()
    assert (first.entries, first.whole) == ((), ("SEL",))
    assert bmc.connect().read(first.markers).whole == ()
    bmc.add(2)
    found = bmc.connect().read(first.markers)
    assert (ids(found), found.whole) == (["1", "2"], ())


def test_a_log_that_was_empty_and_was_cleared_since_is_read_whole() -> None:
    bmc = Log()
    first = bmc.connect().read()
    bmc.add(2)
    bmc.entries, bmc.erased = [], 5
    bmc.add(1)
    found = bmc.connect().read(first.markers)
    assert (ids(found), found.whole) == (["3"], ("SEL",))


@pytest.mark.parametrize(
    "marker", ["", "x", "0003", "zz 11 22", "- - -", "-001 0123456789abcdef 00000000", "0003 aa 00000000 more"]
)
def test_a_marker_that_is_not_ours_leads_to_all(marker: str) -> None:
    bmc = Log()
    bmc.add(2)
    assert bmc.connect().read({"SEL": marker}).whole == ("SEL",)


def test_a_damaged_entry_is_named_and_the_others_are_read() -> None:
    bmc = Log()
    bmc.add(3)
    bmc.entries[1] = bmc.entries[1][:9]
    found = bmc.connect().read()
    assert ids(found) == ["1", "3"]
    assert any("entry 2 has 9 bytes, and must have 16" in problem for problem in found.problems)


def test_a_log_that_was_not_read_to_its_end_is_not_called_whole() -> None:
    class Broken(Log):
        def _get(self, number: int) -> Answer:
            return Answer(0xCB, b"") if number == 3 else super()._get(number)

    bmc = Broken()
    bmc.add(4)
    found = bmc.connect().read()
    assert (ids(found), found.whole) == (["1", "2"], ())
    assert any("entry 3 can't be read" in problem for problem in found.problems)


def test_a_log_that_runs_in_a_circle_ends() -> None:
    class Circle(Log):
        def _get(self, number: int) -> Answer:
            answer = super()._get(number)
            return Answer(0, b"\x02\x00" + answer.data[2:]) if number == 3 else answer

    bmc = Circle()
    bmc.add(3)
    found = bmc.connect().read()
    assert (ids(found), found.whole) == (["1", "2", "3"], ())
    assert any("circle" in problem for problem in found.problems)


def test_a_bmc_that_answers_too_slowly_is_read_on_the_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    bmc = Log()
    bmc.add(20)
    clock = itertools.count(0, 100)  # seconds from one look to the next
    monkeypatch.setattr("oobctl.drivers.ipmi.event_log.time", SimpleNamespace(monotonic=lambda: float(next(clock))))
    first = bmc.connect().read()
    assert (len(first.entries), first.whole) == (6, ())
    assert any("from 7 on wait for the next reading" in problem for problem in first.problems)
    more = bmc.connect().read(first.markers)
    assert ids(first) + ids(more) == [str(number) for number in range(1, 13)]


# --- clear


@pytest.mark.parametrize("polls", [0, 1, 5])
def test_a_log_of_which_a_copy_is_kept_is_cleared_and_read_back(polls: int) -> None:
    bmc = Log()
    bmc.add(3)
    markers = bmc.connect().read().markers
    bmc.polls = polls
    assert bmc.connect().clear(markers) == ("SEL",)
    assert bmc.entries == []


def test_a_bmc_that_writes_an_entry_about_the_clear_has_cleared() -> None:
    bmc = Log()
    bmc.add(3)
    markers = bmc.connect().read().markers
    bmc.cleared_note = b"\x01\x00\x02" + bytes(13)
    assert bmc.connect().clear(markers) == ("SEL",)


def test_a_clear_that_is_repeated_after_its_answer_was_lost_counts_as_done() -> None:
    class Twice(Log):
        def write(self, netfn: int, command: int, data: bytes, fence: Any, *, what: str) -> bytes:
            self.exchange(netfn, command, data)
            return super().write(netfn, command, data, fence, what=what)

        def _clear(self, data: bytes) -> Answer:
            answer = super()._clear(data)
            self._valid = False  # the clear itself cancels the reservation
            return answer

    bmc = Twice()
    bmc.add(3)
    assert bmc.connect().clear(bmc.connect().read().markers) == ("SEL",)
    assert bmc.entries == []


def test_a_log_without_marker_is_not_cleared() -> None:
    bmc = Log()
    bmc.add(1)
    with pytest.raises(BmcBusy):
        bmc.connect().clear({})
    assert len(bmc.entries) == 1


def test_a_bmc_that_can_not_reserve_is_not_cleared() -> None:
    bmc = Log()
    bmc.add(1)
    bmc.reserves = False
    with pytest.raises(NotSupported):
        bmc.connect().clear(bmc.connect().read().markers)
    assert len(bmc.entries) == 1


@pytest.mark.parametrize("reservation", [b"", b"\x01", b"\0\0"])
def test_a_bmc_that_gives_no_reservation_is_not_cleared(reservation: bytes) -> None:
    class Without(Log):
        def exchange(self, netfn: int, command: int, data: bytes = b"", **more: Any) -> Answer:
            return Answer(0, reservation) if command == RESERVE else super().exchange(netfn, command, data, **more)

    bmc = Without()
    bmc.add(1)
    with pytest.raises(BmcBadAnswer, match="nothing was cleared"):
        bmc.connect().clear(bmc.connect().read().markers)
    assert (len(bmc.entries), CLEAR in bmc.asked) == (1, False)


def test_a_clear_that_the_bmc_took_and_did_not_carry_out_is_no_clear() -> None:
    bmc = Log()
    bmc.add(1)
    bmc.deaf = True
    with pytest.raises(StateNotReached):
        bmc.connect().clear(bmc.connect().read().markers)
