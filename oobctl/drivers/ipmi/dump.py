"""What a BMC answers over IPMI to the questions of a bug report, without what tells it from other BMCs."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from oobctl.drivers.ipmi.session import IpmiSession
from oobctl.errors import BmcError

_CHASSIS, _SENSOR, _APP, _STORAGE, _TRANSPORT, _GROUP = 0x00, 0x04, 0x06, 0x0A, 0x0C, 0x2C
_DCMI = 0xDC
_PIECE = 16  # bytes of one reading that every BMC can answer
_MOST_RECORDS, _MOST_EVENTS, _MOST_FRU_BYTES = 512, 64, 2048
_FULL, _COMPACT, _OEM_RECORD = 0x01, 0x02, 0xC0
_LAST = 0xFFFF
_SYSTEM_EVENT = 0x02
_GIVE_UP_AFTER = 3  # questions in a row without any answer

Question = tuple[str, int, int, bytes]
_QUESTIONS: tuple[Question, ...] = (
    ("Get Device ID", _APP, 0x01, b""),
    ("Get Self Test Results", _APP, 0x04, b""),
    ("Get BMC Global Enables", _APP, 0x2F, b""),
    *(("Get Channel Info", _APP, 0x42, bytes((channel,))) for channel in (*range(1, 9), 0x0E, 0x0F)),
    ("Get Channel Access", _APP, 0x41, bytes((0x0E, 0x80))),
    ("Get Channel Authentication Capabilities", _APP, 0x38, bytes((0x8E, 4))),
    ("Get Channel Cipher Suites", _APP, 0x54, bytes((0x0E, 0, 0x80))),
    ("Get User Access, user 1", _APP, 0x44, bytes((0x0E, 1))),
    ("Get User Access, user 2", _APP, 0x44, bytes((0x0E, 2))),
    ("Get Chassis Capabilities", _CHASSIS, 0x00, b""),
    ("Get Chassis Status", _CHASSIS, 0x01, b""),
    ("Get System Restart Cause", _CHASSIS, 0x07, b""),
    *(("Get System Boot Options", _CHASSIS, 0x09, bytes((parameter, 0, 0))) for parameter in (3, 4, 5)),
    *(("Get LAN Configuration Parameters", _TRANSPORT, 0x02, bytes((0x0E, it, 0, 0))) for it in (1, 2, 4, 22, 23, 24)),
    ("Get SEL Info", _STORAGE, 0x40, b""),
    ("Get SEL Time", _STORAGE, 0x48, b""),
    ("Get SDR Repository Info", _STORAGE, 0x20, b""),
    ("DCMI Capabilities", _GROUP, 0x01, bytes((_DCMI, 1))),
    ("DCMI Power Reading", _GROUP, 0x02, bytes((_DCMI, 1, 0, 0))),
)
"""IPMI 2.0, appendix G; DCMI 1.5. Users' names, addresses and GUIDs are not asked for."""


@dataclass(frozen=True)
class Asked:
    """A question and its answer, in hex. code None: there was none, and `problem` says why."""

    what: str
    request: str
    code: int | None
    answer: str
    problem: str | None = None


class Dump:
    """Iterate over it once. `ended`: why it stopped before all was asked."""

    def __init__(self, session: IpmiSession, seconds: float) -> None:
        self._session, self._until = session, time.monotonic() + seconds
        self._silent = 0
        self.ended: str | None = None

    def __iter__(self) -> Iterator[Asked]:
        for question in _QUESTIONS:
            yield self._ask(*question)[0]
            if self._is_over():
                return
        for part in (self._records, self._events, self._fru):
            for asked in part():
                yield asked
                if self._is_over():
                    return

    def _is_over(self) -> bool:
        if time.monotonic() > self._until:
            self.ended = "The limit of time was reached."
        elif self._silent >= _GIVE_UP_AFTER:
            self.ended = f"{self._silent} questions in a row had no answer."
        return self.ended is not None

    def _ask(self, what: str, netfn: int, command: int, data: bytes = b"") -> tuple[Asked, bytes]:
        """The question with its answer, and the answer's bytes where it is a good one."""
        request = bytes((netfn, command)) + data
        try:
            answer = self._session.exchange(netfn, command, data, what="answer for a bug report")
        except BmcError as error:
            self._silent += 1
            return Asked(what, request.hex(" "), None, "", error.message), b""
        self._silent = 0
        good = answer.data if answer.code == 0 else b""
        return Asked(what, request.hex(" "), answer.code, answer.data.hex(" ")), good

    def _records(self) -> Iterator[Asked]:
        """The sensor data records (section 33.12), and what each sensor says now (35.14); OEM records by their type."""
        record_id = 0
        asked, reservation = self._ask("Reserve SDR Repository", _STORAGE, 0x22)
        yield asked
        for _ in range(_MOST_RECORDS):
            head, data = self._ask("Get SDR, header", _STORAGE, 0x23, _sdr(reservation, record_id, 0, 5))
            yield head
            if len(data) < 7:
                return
            record = data[2:7]
            while data and len(record) < 5 + data[6] and record[3] != _OEM_RECORD:
                size = min(_PIECE, 5 + data[6] - len(record))
                asked, piece = self._ask("Get SDR", _STORAGE, 0x23, _sdr(reservation, record_id, len(record), size))
                yield asked
                if len(piece) < 3:
                    break
                record += piece[2:]
            if record[3] in {_FULL, _COMPACT} and len(record) > 7:
                yield self._ask("Get Sensor Reading", _SENSOR, 0x2D, record[7:8])[0]
            following = int.from_bytes(data[:2], "little")
            if following in {_LAST, record_id}:
                return
            record_id = following

    def _events(self) -> Iterator[Asked]:
        """The first entries of the event log (section 31.5). What an OEM writes there is left out."""
        record_id = 0
        for _ in range(_MOST_EVENTS):
            asked, data = self._ask("Get SEL Entry", _STORAGE, 0x43, _entry(record_id))
            if len(data) >= 5 and data[4] != _SYSTEM_EVENT:
                asked = Asked(asked.what, asked.request, asked.code, data[:5].hex(" "), "an OEM's entry")
            yield asked
            following = int.from_bytes(data[:2], "little") if len(data) >= 2 else _LAST
            if following in {_LAST, record_id}:
                return
            record_id = following

    def _fru(self) -> Iterator[Asked]:
        """The BMC's own FRU, serial numbers and whatever nobody can name masked."""
        asked, size = self._ask("Get FRU Inventory Area Info", _STORAGE, 0x10, b"\0")
        yield asked
        content = b""
        wanted = min(int.from_bytes(size[:2], "little"), _MOST_FRU_BYTES) if len(size) >= 2 else 0
        while len(content) < wanted:
            request = bytes((0, len(content) & 0xFF, len(content) >> 8, min(_PIECE, wanted - len(content))))
            asked, piece = self._ask("Read FRU Data", _STORAGE, 0x11, request)
            if len(piece) < 2:
                yield Asked(asked.what, asked.request, asked.code, "", asked.problem)
                break
            content += piece[1:]
        yield Asked("the FRU's content, masked", "", 0, masked(content).hex(" "))


def _sdr(reservation: bytes, record_id: int, offset: int, count: int) -> bytes:
    return reservation[:2].ljust(2, b"\0") + record_id.to_bytes(2, "little") + bytes((offset & 0xFF, count))


def _entry(record_id: int) -> bytes:
    return bytes((0, 0)) + record_id.to_bytes(2, "little") + bytes((0, 0xFF))


_AREAS = ((2, 3, frozenset({0})), (3, 6, frozenset({0, 1, 3})), (4, 3, frozenset({0, 1, 2, 3})))
"""Per area: its place in the header, where its fields begin, which of them name a product (FRU 1.0, sections 10-12)."""


def masked(content: bytes) -> bytes:
    """A FRU in which the fields that name a product alone are left; lengths and checksums stay as they were.

    Internal and multi-record areas, whose content only their makers know, become zeros.
    """
    left = bytearray(len(content))
    left[:8] = content[:8]
    for place, begin, named in _AREAS if len(content) >= 8 else ():
        start = content[place] * 8
        area = bytearray(content[start : start + content[start + 1] * 8] if 0 < start < len(content) - 1 else b"")
        if len(area) >= 8:
            _mask(area, begin, named)
            left[start : start + len(area)] = area
    return bytes(left)


def _mask(area: bytearray, begin: int, named: frozenset[int]) -> None:
    position, field = begin, 0
    while position < len(area) - 1 and area[position] != 0xC1:
        length = area[position] & 0x3F
        if field not in named:
            text = b"X" if area[position] >> 6 == 0b11 else b"\0"
            end = min(position + 1 + length, len(area) - 1)
            area[position + 1 : end] = text * (end - position - 1)
        position, field = position + 1 + length, field + 1
    rest = len(area) - 1 - position - 1
    if rest > 0:
        area[position + 1 : len(area) - 1] = bytes(rest)
    area[-1] = -sum(area[:-1]) & 0xFF
