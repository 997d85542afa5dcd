"""The system event log over IPMI (IPMI 2.0, section 31): what is new since a marker, and a clear that loses nothing."""

import hashlib
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass

from oobctl.drivers.interfaces import Fence
from oobctl.drivers.ipmi import codes, sel
from oobctl.drivers.ipmi.asking import LOST_RESERVATION, NO_DATA, NOT_THERE, STORAGE, ask
from oobctl.drivers.ipmi.repository import Repository, repository
from oobctl.drivers.ipmi.sdr import Damaged, SensorRecord
from oobctl.drivers.ipmi.sel import LOG
from oobctl.drivers.ipmi.sensors import SensorReader
from oobctl.drivers.ipmi.session import IpmiSession
from oobctl.drivers.readings import EventLogEntry, EventLogReport
from oobctl.errors import BmcBadAnswer, BmcBusy, BmcError, BmcRefused, NotSupported, StateNotReached

_INFO, _RESERVE, _GET, _CLEAR = 0x40, 0x42, 0x43, 0x47
_FIRST, _LAST = 0x0000, 0xFFFF
_WHOLE = 0xFF
_CAN_RESERVE = 0x02
_OVERFLOW = 0x80
_START, _ASK = 0xAA, 0x00
_ERASED = 0x01
_ERASE_SECONDS, _ERASE_PAUSE = 60.0, 0.2
_MOST_ENTRIES = 0x10000
_LONGEST_SECONDS = 600.0  # for one reading, however slowly the BMC answers; the next one goes on from there
_WHAT = "read its event log"
_EMPTY = "-"
_NO_RESERVATION = bytes(2)  # a BMC takes it for a client that does not care
_MARKER = re.compile(r"([0-9a-f]{4}|-) ([0-9a-f]{16}|-) ([0-9a-f]{8})")


@dataclass(frozen=True)
class Info:
    """Get SEL Info: how many entries there are, and what changes when the log does."""

    entries: int
    erased: int
    can_reserve: bool
    overflow: bool


@dataclass(frozen=True)
class Marker:
    """Up to where the log was read: the last record's id and digest (None: it was empty), and when it was erased."""

    record_id: int | None
    digest: str
    erased: int

    def __str__(self) -> str:
        last = _EMPTY if self.record_id is None else f"{self.record_id:04x}"
        return f"{last} {self.digest or _EMPTY} {self.erased:08x}"

    @classmethod
    def parse(cls, text: str) -> "Marker | None":
        """None where it is no marker of ours: then all is read."""
        found = _MARKER.fullmatch(text)
        if found is None:
            return None
        last, digest, erased = found.groups()
        return cls(None if last == _EMPTY else int(last, 16), digest if digest != _EMPTY else "", int(erased, 16))


class IpmiEventLog:
    """interfaces.EventLog over one session. IPMI has one log."""

    def __init__(self, session: IpmiSession, fence: Fence) -> None:
        self._session, self._fence = session, fence

    def read(self, after: Mapping[str, str] | None = None) -> EventLogReport:
        """Two questions where nothing is new. An entry that is damaged is left out and named."""
        return _Reader(self._session).report(Marker.parse((after or {}).get(LOG, "")))

    def clear(self, markers: Mapping[str, str]) -> tuple[str, ...]:
        """Empty the log, if the marker's entry is still its last one.

        The BMC itself refuses the clear where an entry came after we looked (section 31.4: it cancels the reservation).
        Raises BmcBusy then, and StateNotReached where it said yes and the entries are still there.
        """
        info = _info(self._session)
        if not info.entries:
            return ()
        if not info.can_reserve:
            raise NotSupported(
                "This BMC can't promise that no entry comes between our copy and the clear, so its log is not emptied. "
                "Empty it in the BMC's own interface."
            )
        reservation = self._reserve()
        marker = Marker.parse(markers.get(LOG, ""))
        if marker is None or self._following(marker) != _LAST:
            raise _newer()
        self._erase(reservation, marker)
        return (LOG,)

    def _reserve(self) -> bytes:
        what = "reserve its event log"
        reservation = codes.check(ask(self._session, STORAGE, _RESERVE, what=what), what)[:2]
        if len(reservation) < 2 or reservation == _NO_RESERVATION:
            raise BmcBadAnswer(f"The BMC was asked to {what} and gave no reservation, so nothing was cleared.")
        return reservation

    def _following(self, marker: Marker) -> int | None:
        return _after(self._session, marker, _info(self._session))

    def _erase(self, reservation: bytes, marker: Marker) -> None:
        def last_look(seconds: float) -> None:
            """Not every BMC cancels the reservation: look once more, as late as can be."""
            self._fence(seconds)
            if self._following(marker) != _LAST:
                raise _newer()

        request = reservation + b"CLR" + bytes((_START,))
        try:
            data = self._session.write(STORAGE, _CLEAR, request, last_look, what="empty its event log")
        except BmcError as error:
            if error.details.get("completion_code") != LOST_RESERVATION:
                raise
            if self._following(marker) is not None:  # else an answer was lost, and this was the repeat
                raise _newer() from error
            return
        if not data or data[0] & 0x0F != _ERASED:
            self._wait_until_erased(reservation)
        if self._following(marker) is not None:
            raise StateNotReached(
                "The BMC took the command to empty its event log, and its entries are still there. Try again later."
            )

    def _wait_until_erased(self, reservation: bytes) -> None:
        """Ask how far the BMC is until it is done; one that has forgotten the reservation is asked with a new one."""
        end = time.monotonic() + _ERASE_SECONDS
        while time.monotonic() < end:
            request = reservation + b"CLR" + bytes((_ASK,))
            answer = ask(self._session, STORAGE, _CLEAR, request, what="say whether its log is empty")
            if answer.code == LOST_RESERVATION:
                reservation = self._reserve()
            elif answer.code or (answer.data and answer.data[0] & 0x0F == _ERASED):
                return  # the log itself is read next
            time.sleep(_ERASE_PAUSE)


class _Reader:
    """One reading of the log, and what is wrong with it."""

    def __init__(self, session: IpmiSession) -> None:
        self._session = session
        self._problems: list[str] = []

    def report(self, marker: Marker | None) -> EventLogReport:
        info = _info(self._session)
        following = _after(self._session, marker, info) if marker else None
        records, all_of_them = self._records(_FIRST if following is None else following, info)
        if info.overflow:
            self._problems.append("The event log was full and lost entries. Clear it, so that it takes new ones.")
        new = marker if marker is not None and following is not None else Marker(None, "", info.erased)
        if records:
            new = Marker(_id(records[-1]), _digest(records[-1]), info.erased)
        entries = self._in_words(records)
        whole = (LOG,) if following is None and all_of_them else ()
        return EventLogReport(entries, {LOG: str(new)}, whole, tuple(self._problems))

    def _records(self, first: int, info: Info) -> tuple[list[bytes], bool]:
        """The records from `first` on, oldest first, and whether these are all."""
        found: list[bytes] = []
        until = time.monotonic() + _LONGEST_SECONDS
        number, seen = (first if info.entries else _LAST), set[int]()
        while number != _LAST and len(found) < _MOST_ENTRIES:
            if time.monotonic() > until:
                self._problems.append(
                    f"The event log's entries from {number} on wait for the next reading: the BMC took more than "
                    f"{_LONGEST_SECONDS:.0f} s for those before."
                )
                break
            answer = _get(self._session, number)
            if answer is None:
                if number != _FIRST:  # else it was emptied a moment ago
                    self._problems.append(f"The event log's entry {number} can't be read; those behind it wait.")
                return found, number == _FIRST
            if _id(answer[1]) in seen:
                self._problems.append(f"The event log's entries run in a circle at {number}; the rest was not read.")
                return found, False
            number, record = answer
            seen.add(_id(record))
            found.append(record)
        return found, number == _LAST

    def _in_words(self, records: list[bytes]) -> tuple[EventLogEntry, ...]:
        if not records:
            return ()
        known = self._sensors()
        named = sel.names(known.sensors)
        reader = SensorReader(self._session, known.memory)

        def convert(sensor: SensorRecord, raw: int) -> float | None:
            return reader.value(sensor, sensor.analog, raw) if sensor.analog else None

        entries = []
        for record in records:
            try:
                entries.append(sel.decode(record, named, convert))
            except Damaged as damage:
                self._problems.append(
                    f"The event log's entry {_id(record)} {damage}; it was left out: {record.hex() or 'nothing'}."
                )
        self._problems += reader.problems
        return tuple(entries)

    def _sensors(self) -> Repository:
        """What the entries' sensors are called; without names where the BMC does not tell."""
        try:
            return repository(self._session)
        except (BmcBusy, BmcRefused, NotSupported) as error:
            self._problems.append(f"The entries' sensors have no names: {error.message}")
            return Repository((), ())


def _info(session: IpmiSession) -> Info:
    data = codes.check(ask(session, STORAGE, _INFO, what=_WHAT), _WHAT)
    if len(data) < 14:
        raise BmcBadAnswer(f"The BMC was asked about its event log and answered {len(data)} of 14 bytes.")
    return Info(
        entries=int.from_bytes(data[1:3], "little"),
        erased=int.from_bytes(data[9:13], "little"),
        can_reserve=bool(data[13] & _CAN_RESERVE),
        overflow=bool(data[13] & _OVERFLOW),
    )


def _after(session: IpmiSession, marker: Marker, info: Info) -> int | None:
    """The id of the first record behind the marker; None where the log is another one now: cleared, or wrapped."""
    if marker.erased != info.erased:
        return None
    if marker.record_id is None:
        return _FIRST if info.entries else _LAST
    answer = _get(session, marker.record_id)
    if answer is None or _digest(answer[1]) != marker.digest:
        return None
    return answer[0]


def _get(session: IpmiSession, number: int) -> tuple[int, bytes] | None:
    """The id of the next record, and this one's bytes; None where there is no such record."""
    request = bytes(2) + number.to_bytes(2, "little") + bytes((0, _WHOLE))
    answer = ask(session, STORAGE, _GET, request, what=_WHAT)
    if answer.code in (NOT_THERE, NO_DATA):
        return None
    data = codes.check(answer, _WHAT)
    return (int.from_bytes(data[:2], "little"), data[2 : 2 + sel.SIZE]) if len(data) >= 2 else None


def _newer() -> BmcBusy:
    return BmcBusy(
        "An entry came into the BMC's event log after the last one that we have a copy of, so nothing was cleared. "
        "Read the log and try again."
    )


def _id(record: bytes) -> int:
    return int.from_bytes(record[:2], "little")


def _digest(record: bytes) -> str:
    return hashlib.sha256(record).hexdigest()[:16]
