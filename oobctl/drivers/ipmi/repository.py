"""The sensor data repository of a BMC, read in small pieces and kept in this process until the BMC changes it."""

import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from oobctl.drivers.ipmi import codes, sdr
from oobctl.drivers.ipmi.asking import APP, LACKED, LOST_RESERVATION, NO_DATA, NOT_THERE, SENSOR, STORAGE, TOO_LONG, ask
from oobctl.drivers.ipmi.conversion import Factors
from oobctl.drivers.ipmi.lan import Answer
from oobctl.drivers.ipmi.sdr import FruLocator, SensorRecord
from oobctl.drivers.ipmi.session import IpmiSession
from oobctl.drivers.readings import Thresholds
from oobctl.errors import BmcBusy

_WHAT = "list its sensors"
_DEVICE_ID, _DEVICE_GUID = 0x01, 0x08
_LAST = 0xFFFF
_WHOLE = 0xFF
_SIZES = (32, 16, 8)  # bytes of one piece, the next size where the BMC refuses one
_RESERVATIONS = 8  # so often a record is begun again because the reservation was lost
_MOST_RECORDS = 4096
_LONGEST_SECONDS = 300.0  # for one reading of all records, however slowly the BMC answers
_HAS_DEVICE_SDRS, _HAS_REPOSITORY = 0x80, 0x02
_UNSURE_SECONDS = 600.0  # for how long a repository holds that was not read without fault, or tells no changes


@dataclass(frozen=True)
class _Commands:
    """Where the records are: in the repository (section 33), or in the BMC as a sensor device (section 35)."""

    netfn: int
    info: int
    reserve: int
    get: int


_REPOSITORY = _Commands(STORAGE, 0x20, 0x22, 0x23)
_DEVICE = _Commands(SENSOR, 0x20, 0x22, 0x21)


@dataclass
class Memory:
    """What was asked about sensors and changes seldom: thresholds with when they were read, factors per raw byte."""

    thresholds: dict[tuple[int, int, int], tuple[float, Thresholds]] = field(default_factory=dict)
    factors: dict[tuple[int, int, int, int], Factors] = field(default_factory=dict)


@dataclass(frozen=True)
class Repository:
    """What a BMC's records say, and what was left out of it."""

    sensors: tuple[SensorRecord, ...]
    frus: tuple[FruLocator, ...]
    problems: tuple[str, ...] = ()
    memory: Memory = field(default_factory=Memory, compare=False)


@dataclass(frozen=True)
class _Kept:
    version: bytes
    repository: Repository
    until: float  # time.monotonic


class _Unreadable(Exception):
    """The BMC does not give a record; the completion code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class _ReservationLost(Exception):
    pass


_kept: dict[tuple[str, int], _Kept] = {}
_lock = threading.Lock()


def repository(session: IpmiSession) -> Repository:
    """The BMC's sensors and FRU locators. One question where it has not changed since the last time.

    Raises BmcError's subclasses; NotSupported where the BMC has no records.
    """
    endpoint = session.login.endpoint
    where = (endpoint.address, endpoint.port)
    commands, version = _version(session)
    with _lock:
        kept = _kept.get(where)
    if kept is not None and kept.version == version and time.monotonic() < kept.until:
        return kept.repository
    reader = RecordReader(session, commands)
    records = list(reader.records())
    found = gather(records, reader.problems)
    sure = not found.problems and _version(session) == (commands, version)
    until = float("inf") if sure else time.monotonic() + _UNSURE_SECONDS
    with _lock:
        _kept[where] = _Kept(version, found, until)
    return found


def forget() -> None:
    """Read every repository anew: for tests."""
    with _lock:
        _kept.clear()


def gather(records: Iterable[bytes], problems: Iterable[str] = ()) -> Repository:
    """A repository of its records' bytes; a damaged one is left out and named. Pure."""
    sensors: list[SensorRecord] = []
    frus: list[FruLocator] = []
    said = list(problems)
    for record in records:
        try:
            decoded = sdr.decode(record)
        except sdr.Damaged as damage:
            number = int.from_bytes(record[:2], "little")
            said.append(f"The sensor data record {number} {damage}, and was left out.")
            continue
        sensors += [item for item in decoded if isinstance(item, SensorRecord)]
        frus += [item for item in decoded if isinstance(item, FruLocator)]
    return Repository(tuple(sensors), tuple(frus), tuple(said))


def _version(session: IpmiSession) -> tuple[_Commands, bytes]:
    """Where this BMC's records are, and what changes when they do: the BMC, the number of records, two timestamps."""
    device = remembered(session, "device", _DEVICE_ID, "say what it is")
    own = len(device) >= 6 and device[1] & _HAS_DEVICE_SDRS and not device[5] & _HAS_REPOSITORY
    commands = _DEVICE if own else _REPOSITORY
    answer = ask(session, commands.netfn, commands.info, what="say which sensors it has")
    info = b"" if answer.code in LACKED else codes.check(answer, "say which sensors it has")
    guid = remembered(session, "guid", _DEVICE_GUID, "say its GUID")
    return commands, guid + device + info


def remembered(session: IpmiSession, key: str, command: int, what: str) -> bytes:
    """The answer to a question about the BMC itself, asked once a login; empty where the BMC refuses it."""
    if key not in session.known:
        answer = ask(session, APP, command, what=what)
        session.known[key] = answer.data if answer.code == 0 else b""
    return session.known[key]


class RecordReader:
    """Reads record after record; `problems` names those that the BMC does not give."""

    def __init__(self, session: IpmiSession, commands: _Commands = _REPOSITORY) -> None:
        self._session, self._commands = session, commands
        self._whole = True
        self._sizes = list(_SIZES)
        self._reservation = b"\0\0"
        self.problems: list[str] = []

    def records(self) -> Iterator[bytes]:
        """The bytes of each record, the header included. Raises BmcError's subclasses."""
        self._reserve()
        until = time.monotonic() + _LONGEST_SECONDS
        number, seen = 0, set[int]()
        while number != _LAST and number not in seen and len(seen) < _MOST_RECORDS:
            seen.add(number)
            try:
                record, following = self._record(number)
            except _Unreadable as failure:
                self._end(number, failure.code, first=len(seen) == 1)
                return
            yield record
            number = following
            if number != _LAST and time.monotonic() > until:
                self.problems.append(
                    f"The sensor data records from {number} on were not read: the BMC took more than "
                    f"{_LONGEST_SECONDS:.0f} s for those before."
                )
                return
        if number != _LAST:
            self.problems.append(f"The sensor data records run in a circle at record {number}; the rest was not read.")

    def _end(self, number: int, code: int, *, first: bool) -> None:
        """The record that tells which one follows can't be read; where that is the very first, there may be none."""
        if first and code == NOT_THERE:
            return
        if first:
            codes.check(Answer(code, b""), _WHAT)
        self.problems.append(
            f"The sensor data record {number} and those behind it were not read: the BMC answered 0x{code:02X}, "
            f"{codes.words(code)}."
        )

    def _reserve(self) -> None:
        answer = ask(self._session, self._commands.netfn, self._commands.reserve, what=_WHAT)
        if answer.code in LACKED:  # then none is needed
            return
        self._reservation = codes.check(answer, _WHAT)[:2].ljust(2, b"\0")

    def _record(self, number: int) -> tuple[bytes, int]:
        """A record and the number of the next one; begun again where the reservation was lost meanwhile."""
        for _ in range(_RESERVATIONS):
            try:
                return self._at_once(number) or self._in_pieces(number)
            except _ReservationLost:
                self._reserve()
        raise BmcBusy("The BMC's sensor data changed again and again while it was read. Try again in a minute.")

    def _at_once(self, number: int) -> tuple[bytes, int] | None:
        """One command for the whole record; None where the BMC does not do that, or gives less than the record has."""
        if not self._whole:
            return None
        try:
            data = self._piece(number, 0, _WHOLE)
        except _Unreadable:
            self._whole = False
            return None
        record = data[2:]
        self._whole = len(record) >= sdr.HEADER and len(record) >= sdr.HEADER + record[4]
        return (record[: sdr.HEADER + record[4]], _number(data)) if self._whole else None

    def _in_pieces(self, number: int) -> tuple[bytes, int]:
        head = self._piece(number, 0, sdr.HEADER)
        record, following = head[2 : 2 + sdr.HEADER], _number(head)
        whole = sdr.HEADER + record[4] if len(record) == sdr.HEADER else 0
        while len(record) < whole:
            piece = self._some(number, len(record), whole - len(record))
            if not piece:
                break
            record += piece
        return record[:whole] if whole else record, following

    def _some(self, number: int, offset: int, left: int) -> bytes:
        """The next bytes, as many as the BMC gives at once."""
        while True:
            size = min(self._sizes[0], left)
            try:
                return self._piece(number, offset, size)[2 : 2 + size]
            except _Unreadable as failure:
                if failure.code not in TOO_LONG or len(self._sizes) == 1:
                    self.problems.append(
                        f"The BMC gave only the first {offset} bytes of the sensor data record {number} "
                        f"(0x{failure.code:02X}: {codes.words(failure.code)})."
                    )
                    return b""
                del self._sizes[0]

    def _piece(self, number: int, offset: int, size: int) -> bytes:
        request = self._reservation + number.to_bytes(2, "little") + bytes((offset, size))
        answer = ask(self._session, self._commands.netfn, self._commands.get, request, what=_WHAT)
        if answer.code == LOST_RESERVATION:
            raise _ReservationLost
        if answer.code:
            raise _Unreadable(answer.code)
        if len(answer.data) < 2:
            raise _Unreadable(NO_DATA)
        return answer.data


def _number(data: bytes) -> int:
    """The number of the record that follows."""
    return int.from_bytes(data[:2], "little")
