"""The sensors over IPMI: the records say how to read them, Get Sensor Reading what they read (section 35)."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from oobctl.constants import State
from oobctl.drivers import plausible
from oobctl.drivers.interfaces import Fence
from oobctl.drivers.ipmi import codes, sensor_reading
from oobctl.drivers.ipmi.asking import NOT_THERE, SENSOR, ask
from oobctl.drivers.ipmi.conversion import NON_LINEAR, Factors, factors_of
from oobctl.drivers.ipmi.lan import Answer
from oobctl.drivers.ipmi.repository import Memory, repository
from oobctl.drivers.ipmi.sdr import BMC_ADDRESS, Analog, Damaged, SensorRecord
from oobctl.drivers.ipmi.sensor_reading import Reading
from oobctl.drivers.ipmi.session import IpmiSession
from oobctl.drivers.readings import Sensor, SensorReport, Thresholds

_FACTORS, _THRESHOLDS, _READING = 0x23, 0x27, 0x2D
_THRESHOLDS_SECONDS = 600.0  # for how long thresholds that were read hold: somebody may set others
_NO_ANSWER = Thresholds()


@dataclass(frozen=True)
class Sweep:
    """Each sensor that can be read, with its record; and what was wrong."""

    items: tuple[tuple[SensorRecord, Sensor], ...]
    problems: tuple[str, ...]


class IpmiSensors:
    """interfaces.Sensors over one session."""

    def __init__(self, session: IpmiSession, _fence: Fence) -> None:
        self._session = session

    def read(self) -> SensorReport:
        """Thresholds may be ten minutes old, and records as old as the BMC says; readings are of now."""
        found = sweep(self._session)
        return SensorReport(tuple(sensor for _, sensor in found.items), found.problems)


def sweep(session: IpmiSession) -> Sweep:
    """Read all sensors. Raises BmcError's subclasses where the BMC gives none of them."""
    records = repository(session)
    reader = SensorReader(session, records.memory)
    asked = [record for record in records.sensors if not record.event_only]
    sensors, doubts = plausible.settled(plausible.checked(reader.sensor(record)) for record in asked)
    reader.raise_if_refused()
    return Sweep(tuple(zip(asked, sensors, strict=True)), (*records.problems, *reader.problems, *doubts))


class SensorReader:
    """Reads sensors one by one, and notes what is wrong."""

    def __init__(self, session: IpmiSession, memory: Memory) -> None:
        self._session, self._memory = session, memory
        self._refused: Answer | None = None
        self._answered = False
        self._others: set[int] = set()
        self._said: list[str] = []

    @property
    def problems(self) -> Iterator[str]:
        yield from self._said
        for owner in sorted(self._others):
            yield (
                f"The sensors of the controller 0x{owner:02X} were not read: it is another one than the BMC, and only "
                "the BMC is asked."
            )

    def raise_if_refused(self) -> None:
        """Where the BMC gave no sensor at all, its last refusal as an error."""
        if self._refused is not None and not self._answered:
            codes.check(self._refused, "read its sensors")

    def sensor(self, record: SensorRecord) -> Sensor:
        """A sensor as it is now."""
        reading = self._reading(record)
        thresholds, value = _NO_ANSWER, None
        if record.analog is not None and reading.state in (State.ENABLED, State.DISABLED, State.UNAVAILABLE_OFFLINE):
            thresholds = self._thresholds(record, record.analog)
            if reading.raw is not None:
                value = self.value(record, record.analog, reading.raw)
        return sensor_reading.sensor(record, reading, value, thresholds)

    def value(self, record: SensorRecord, analog: Analog, raw: int) -> float | None:
        """A raw byte of the sensor in its unit; the factors of one that is not linear are asked for."""
        if analog.linearization < NON_LINEAR:
            return sensor_reading.value_of(analog, raw)
        factors = self._factors(record, raw)
        return sensor_reading.value_of(analog, raw, factors) if factors else None

    def _reading(self, record: SensorRecord) -> Reading:
        if record.owner != BMC_ADDRESS:
            self._others.add(record.owner)
            return sensor_reading.NOT_KNOWN
        answer = self._ask(record, _READING)
        if answer.code == NOT_THERE:
            return sensor_reading.NOT_THERE
        if answer.code:
            self._refused = answer
            self._say(record, f"can't be read: the BMC answered 0x{answer.code:02X}, {codes.words(answer.code)}")
            return sensor_reading.NOT_KNOWN
        self._answered = True
        try:
            return sensor_reading.decode(answer.data)
        except Damaged as damage:
            self._say(record, str(damage))
            return sensor_reading.NOT_KNOWN

    def _thresholds(self, record: SensorRecord, analog: Analog) -> Thresholds:
        """As they are set now, or were a few minutes ago; the record's where the BMC does not say."""
        key = (record.owner, record.lun, record.number)
        read_at, held = self._memory.thresholds.get(key, (0.0, _NO_ANSWER))
        if read_at and time.monotonic() - read_at < _THRESHOLDS_SECONDS:
            return held
        raw = self._raw_thresholds(record) if record.readable else None
        held = Thresholds(
            *(None if byte is None else self.value(record, analog, byte) for byte in raw or analog.thresholds)
        )
        self._memory.thresholds[key] = (time.monotonic(), held)
        return held

    def _raw_thresholds(self, record: SensorRecord) -> tuple[int | None, ...] | None:
        answer = self._ask(record, _THRESHOLDS)
        if answer.code:
            return None
        try:
            return sensor_reading.raw_thresholds(answer.data)
        except Damaged as damage:
            self._say(record, str(damage))
            return None

    def _factors(self, record: SensorRecord, raw: int) -> Factors | None:
        key = (record.owner, record.lun, record.number, raw)
        if key not in self._memory.factors:
            answer = self._ask(record, _FACTORS, bytes((raw,)))
            if answer.code or len(answer.data) < 7:
                self._say(record, f"is not linear, and the BMC does not say how 0x{raw:02X} is converted")
                return None
            self._memory.factors[key] = factors_of(answer.data[1:7])
        return self._memory.factors[key]

    def _ask(self, record: SensorRecord, command: int, more: bytes = b"") -> Answer:
        data = bytes((record.number,)) + more
        return ask(self._session, SENSOR, command, data, what=f"read the {record.source}", lun=record.lun)

    def _say(self, record: SensorRecord, what: str) -> None:
        self._said.append(f"{record.name} ({record.source}) {what}.")
