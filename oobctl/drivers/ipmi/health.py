"""Is anything broken? Over IPMI the sensors' states tell, and the chassis status (IPMI 2.0, section 28.2)."""

from oobctl.constants import Health, PartKind, State
from oobctl.drivers.interfaces import Fence
from oobctl.drivers.ipmi import codes, entities, words
from oobctl.drivers.ipmi.asking import CHASSIS, ask
from oobctl.drivers.ipmi.sdr import SensorRecord
from oobctl.drivers.ipmi.sensors import Sweep, sweep
from oobctl.drivers.ipmi.session import IpmiSession
from oobctl.drivers.readings import HealthReport, PartHealth, Sensor
from oobctl.errors import BmcBusy, BmcError, BmcRefused, NotSupported
from oobctl.units import unit

_STATUS = 0x01
_WHAT = "say whether its chassis is in order"
# Byte of Get Chassis Status, bit, how bad, in words.
_FAULTS = (
    (0, 0x02, Health.CRITICAL, "a power overload"),
    (0, 0x08, Health.CRITICAL, "a power fault"),
    (0, 0x10, Health.CRITICAL, "a power control fault: it can't bring the power to the state that was asked for"),
    (2, 0x01, Health.WARNING, "an open chassis"),
    (2, 0x04, Health.CRITICAL, "a drive fault"),
    (2, 0x08, Health.CRITICAL, "a cooling fault"),
)
_BAD = frozenset({Health.WARNING, Health.CRITICAL})


class IpmiHealth:
    """interfaces.HealthStatus over one session. Each sensor counts as a part, and so does the chassis."""

    def __init__(self, session: IpmiSession, _fence: Fence) -> None:
        self._session = session

    def read(self) -> HealthReport:
        """Raises BmcError's subclasses where neither sensors nor the chassis say anything."""
        refused: BmcError | None = None
        try:
            found = sweep(self._session)
        except (BmcBusy, BmcRefused, NotSupported) as error:
            refused, found = error, Sweep((), (f"The sensors say nothing: {error.message}",))
        status = ask(self._session, CHASSIS, _STATUS, what=_WHAT)
        if refused is not None and (status.code or len(status.data) < 3):
            raise refused
        problems = list(found.problems)
        if status.code or len(status.data) < 3:
            problems.append(f"The BMC does not say whether its chassis is in order: {codes.words(status.code)}.")
            return roll_up(found, None, problems)
        return roll_up(found, status.data, problems)


def roll_up(found: Sweep, status: bytes | None, problems: list[str]) -> HealthReport:
    """The worst of all that is there. What is absent does not count; what is not known is counted as such. Pure."""
    present = [(record, sensor) for record, sensor in found.items if sensor.state is not State.ABSENT]
    known: list[Health] = [sensor.health for _, sensor in present if sensor.health is not Health.UNKNOWN]
    unknown = len(present) - len(known)
    parts = [_part(record, sensor) for record, sensor in present if sensor.health in _BAD]
    if status is None:
        unknown += 1
    else:
        faults = _chassis(status)
        known.append(words.worst([fault.health for fault in faults]))
        parts += faults
    parts += [_part(record, sensor) for record, sensor in present if _should_tell(record, sensor)]
    return HealthReport(
        words.worst(known) if known else Health.UNKNOWN, tuple(parts), len(known), unknown, tuple(problems)
    )


def _chassis(status: bytes) -> list[PartHealth]:
    return [
        PartHealth(PartKind.CHASSIS, "Chassis", health, State.ENABLED, because=f"The BMC reports {fault}.")
        for byte, bit, health, fault in _FAULTS
        if status[byte] & bit
    ]


def _should_tell(record: SensorRecord, sensor: Sensor) -> bool:
    """It is not known how this sensor is, and the standard would let it tell."""
    return sensor.health is Health.UNKNOWN and words.knows(record.event_type, record.sensor_type)


def _part(record: SensorRecord, sensor: Sensor) -> PartHealth:
    return PartHealth(
        kind=entities.kind_of(record.entity),
        name=sensor.name,
        health=sensor.health,
        state=sensor.state,
        location=sensor.context,
        because=_because(sensor),
    )


def _because(sensor: Sensor) -> str:
    if sensor.states:
        return f"It says: {', '.join(sensor.states)}."
    if sensor.health is Health.UNKNOWN:
        return "It is switched off." if sensor.state is State.DISABLED else "It can't be read now."
    if sensor.reading is None:
        return "The BMC says so."
    units = f" {unit(sensor.units)}" if sensor.units else ""
    limit = _limit(sensor)
    return f"It reads {sensor.reading:g}{units}{limit}."


def _limit(sensor: Sensor) -> str:
    """The worst limit that the value is over, in words; nothing where the value is back within them."""
    held, value = sensor.thresholds, sensor.reading
    assert value is not None  # the caller looked
    for over, under, word in (
        (held.upper_fatal, held.lower_fatal, "fatal"),
        (held.upper_critical, held.lower_critical, "critical"),
        (held.upper_caution, held.lower_caution, "caution"),
    ):
        if over is not None and value >= over:
            return f", and its upper {word} limit is {over:g}"
        if under is not None and value <= under:
            return f", and its lower {word} limit is {under:g}"
    return ""
