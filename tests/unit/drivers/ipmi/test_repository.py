"""The sensor data repository is read from BMCs that refuse long reads, lose reservations, and give damaged records."""

import itertools
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from oobctl.drivers.ipmi import repository as module
from oobctl.drivers.ipmi.lan import Answer
from oobctl.drivers.ipmi.repository import forget, repository
from oobctl.drivers.ipmi.session import IpmiSession
from oobctl.errors import BmcBusy, BmcRefused, NotSupported
from tests import sdr_records as r

RECORDS = (
    r.full(1, "CPU1 Temp", number=1),
    r.compact(7, "PSU1 Status", number=5),
    r.fru(3, "PSU1 FRU", number=9),
    r.full(2, "A name of 16 ltrs", number=12),
)
NAMES = ["CPU1 Temp", "PSU1 Status", "A name of 16 ltrs"]
INFO, RESERVE, GET, DEVICE_ID, GUID = 0x20, 0x22, 0x23, 0x01, 0x08


class Records:
    """The storage of a BMC. longest: of the bytes that it gives at once, and what it answers to a longer read."""

    def __init__(self, records: tuple[bytes, ...] = RECORDS, longest: int = 255, refusal: int = 0xCA) -> None:
        self.records, self.longest, self.refusal = records, longest, refusal
        self.lose = 0  # so many reservations are lost, each at the second read after it was made
        self.codes: dict[int, int] = {}  # what a command is refused with
        self.gone: set[int] = set()  # records that it does not give
        self.following: dict[int, int] = {}  # where it names another record as the next one
        self.changed = 0
        self.asked: list[tuple[int, bytes]] = []
        self._reservation, self._reads = 0, 0

    def session(self, address: str = "192.0.2.1") -> IpmiSession:
        endpoint = SimpleNamespace(address=address, port=623)
        found = SimpleNamespace(login=SimpleNamespace(endpoint=endpoint), known={}, exchange=self.exchange)
        return cast(IpmiSession, found)

    def exchange(self, netfn: int, command: int, data: bytes = b"", **more: Any) -> Answer:
        self.asked.append((command, data))
        if command in self.codes:
            return Answer(self.codes[command], b"")
        return {INFO: self._info, RESERVE: self._reserve, GET: self._get}.get(command, self._other)(data)

    def _other(self, _data: bytes) -> Answer:
        return Answer(0, bytes((0x20, 1, 2, 0x10, 2, 0x9F, 0, 0, 0, 1, 0)))

    def _info(self, _data: bytes) -> Answer:
        stamps = self.changed.to_bytes(4, "little")
        return Answer(0, bytes((0x51,)) + len(self.records).to_bytes(2, "little") + b"\0\x10" + stamps * 2 + b"\x02")

    def _reserve(self, _data: bytes) -> Answer:
        self._reservation += 1
        self._reads = 0
        return Answer(0, self._reservation.to_bytes(2, "little"))

    def _get(self, data: bytes) -> Answer:
        reservation, number = (int.from_bytes(data[at : at + 2], "little") for at in (0, 2))
        offset, size = data[4], data[5]
        self._reads += 1
        if self.lose and self._reads > 1:
            self.lose -= 1
            self._reservation += 1
        if offset and reservation != self._reservation:
            return Answer(0xC5, b"")
        numbers = [int.from_bytes(record[:2], "little") for record in self.records]
        place = 0 if number == 0 else numbers.index(number)
        if numbers[place] in self.gone:
            return Answer(0xCB, b"")
        after = numbers[place + 1] if place + 1 < len(numbers) else 0xFFFF
        after = self.following.get(numbers[place], after)
        left = self.records[place][offset:]
        if min(size, len(left)) > self.longest or (size == 255 and self.longest < 255):
            return Answer(self.refusal, b"")
        return Answer(0, after.to_bytes(2, "little") + left[:size])

    def count(self, command: int) -> int:
        return sum(asked == command for asked, _ in self.asked)


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    forget()
    yield
    forget()


def names(bmc: Records) -> list[str]:
    return [sensor.name for sensor in repository(bmc.session()).sensors]


def test_a_bmc_that_gives_whole_records_is_asked_once_for_each() -> None:
    bmc = Records()
    assert names(bmc) == NAMES
    assert bmc.count(GET) == len(RECORDS)


@pytest.mark.parametrize("refusal", [0xC7, 0xC8, 0xC9, 0xCA, 0xCC, 0xFF])
@pytest.mark.parametrize("longest", [32, 20, 16, 10, 8])
def test_records_are_read_in_pieces_that_the_bmc_can_give(longest: int, refusal: int) -> None:
    bmc = Records(longest=longest, refusal=refusal)
    found = repository(bmc.session())
    assert [sensor.name for sensor in found.sensors] == NAMES
    assert [fru.name for fru in found.frus] == ["PSU1 FRU"]
    assert found.problems == ()


def test_what_the_bmc_refused_once_is_not_tried_for_each_record() -> None:
    bmc = Records(longest=8)
    names(bmc)
    refused = sum(data[5] > 8 for command, data in bmc.asked if command == GET)
    assert refused == 3  # the whole record, 32 and 16 bytes


@pytest.mark.parametrize("lose", [1, 3, 7])
def test_a_reservation_that_is_lost_begins_the_record_again_and_nothing_is_mixed(lose: int) -> None:
    bmc = Records(longest=16)
    bmc.lose = lose
    assert names(bmc) == NAMES


def test_a_bmc_whose_records_change_again_and_again_is_busy() -> None:
    bmc = Records(longest=16)
    bmc.lose = 1000
    with pytest.raises(BmcBusy, match="changed again and again"):
        repository(bmc.session())


def test_a_bmc_that_gives_less_than_a_whole_record_at_once_is_read_in_pieces() -> None:
    class Short(Records):
        def _get(self, data: bytes) -> Answer:
            answer = super()._get(data)
            return Answer(0, answer.data[:22]) if data[5] == 255 else answer

    assert names(Short()) == NAMES


def test_the_second_reading_asks_only_whether_anything_changed() -> None:
    bmc = Records()
    session = bmc.session()
    first = repository(session)
    bmc.asked.clear()
    assert repository(session) is first
    assert [command for command, _ in bmc.asked] == [INFO]


def test_a_new_login_asks_who_answers_and_reads_no_record_again() -> None:
    bmc = Records()
    first = repository(bmc.session())
    bmc.asked.clear()
    assert repository(bmc.session()) is first
    assert [command for command, _ in bmc.asked] == [DEVICE_ID, INFO, GUID]


def test_a_changed_repository_and_another_bmc_behind_the_address_are_read_anew() -> None:
    bmc = Records()
    repository(bmc.session())
    bmc.changed = 99
    bmc.asked.clear()
    repository(bmc.session())
    assert bmc.count(GET) == len(RECORDS)
    other = Records((r.full(1, "Another", number=1), *RECORDS[1:]))
    other.changed = 99
    other.codes = {GUID: 0xC1}  # all else is alike
    assert names(other)[0] == "Another"


def test_a_repository_that_was_read_with_a_fault_is_read_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    bmc = Records((RECORDS[0], RECORDS[1][:-2], RECORDS[3]))
    session = bmc.session()
    first = repository(session)
    assert [sensor.name for sensor in first.sensors] == ["CPU1 Temp", "A name of 16 ltrs"]
    assert len(first.problems) == 1
    assert repository(session) is first
    later = time.monotonic() + module._UNSURE_SECONDS + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert repository(session) is not first


def test_a_record_that_the_bmc_does_not_give_ends_the_list_and_says_so() -> None:
    bmc = Records()
    bmc.gone = {5}
    found = repository(bmc.session())
    assert [sensor.name for sensor in found.sensors] == ["CPU1 Temp"]
    assert found.problems == (
        "The sensor data record 5 and those behind it were not read: the BMC answered 0xCB, what was asked for is "
        "not there.",
    )


def test_records_that_run_in_a_circle_end() -> None:
    bmc = Records()
    bmc.following = {9: 5}
    found = repository(bmc.session())
    assert len(found.problems) == 1
    assert "circle" in found.problems[0]
    assert [sensor.name for sensor in found.sensors] == NAMES[:2]


def test_a_bmc_that_answers_too_slowly_is_not_read_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    bmc = Records()
    clock = itertools.count(0, 200)
    slow = SimpleNamespace(monotonic=lambda: float(next(clock)))
    monkeypatch.setattr("oobctl.drivers.ipmi.repository.time", slow)
    found = repository(bmc.session())
    assert [sensor.name for sensor in found.sensors] == NAMES[:2]
    assert "the BMC took more than 300 s" in found.problems[0]


def test_a_bmc_without_records_says_so_and_a_busy_one_too() -> None:
    bmc = Records()
    bmc.codes = {INFO: 0xC1, RESERVE: 0xC1, GET: 0xC1}
    with pytest.raises(NotSupported):
        repository(bmc.session())
    bmc.codes = {INFO: 0xD0}
    with pytest.raises(BmcBusy):
        repository(bmc.session())
    bmc.codes = {GET: 0xD4}
    with pytest.raises(BmcRefused):
        repository(bmc.session())


def test_a_bmc_that_is_busy_for_a_moment_is_asked_again() -> None:
    class Busy(Records):
        left = 2

        def exchange(self, netfn: int, command: int, data: bytes = b"", **more: Any) -> Answer:
            if command == GET and self.left:
                self.left -= 1
                return Answer(0xC0, b"")
            return super().exchange(netfn, command, data, **more)

    assert names(Busy()) == NAMES


def test_the_sensors_of_a_bmc_without_repository_come_from_its_device_records() -> None:
    class Device(Records):
        def _other(self, _data: bytes) -> Answer:
            return Answer(0, bytes((0x20, 0x81, 2, 0x10, 2, 0x9D, 0, 0, 0, 1, 0)))

        def exchange(self, netfn: int, command: int, data: bytes = b"", **more: Any) -> Answer:
            if netfn != 0x06 and netfn != 0x04:
                return Answer(0xC1, b"")
            return super().exchange(netfn, {0x21: GET}.get(command, command), data, **more)

    assert names(Device()) == NAMES
