"""The numbers of a reading that are worth a history: what sensors read, and what the server draws."""

from collections import Counter

from oobctl.constants import ReadingType
from oobctl.drivers.readings import PowerMeteringReport, SensorReport
from oobctl.history import METERS, Numbers, What
from oobctl.readings import storable
from oobctl.readings.take import Taken


def numbers_of(one: Taken) -> Numbers | None:
    """None where it has none: of all but sensors and meters only the newest is kept, and of failures nothing."""
    match one.found:
        case SensorReport():
            return Numbers(one.server_id, one.at, _sensors(one.found))
        case PowerMeteringReport():
            return Numbers(one.server_id, one.at, _meters(one.found))
    return None


def _sensors(report: SensorReport) -> dict[What, float | None]:
    """Where two sensors have one name, where they are found tells them apart."""
    names = Counter(sensor.name for sensor in report.sensors)
    return {
        What(
            storable.text(sensor.name, 128),
            storable.text(sensor.units or "", 16),
            sensor.reading_type,
            storable.text(sensor.source, 256) if names[sensor.name] > 1 else "",
            storable.text_or_none(sensor.context, 64),
            storable.text(sensor.source, 256),
        ): sensor.reading
        for sensor in report.sensors
        if sensor.reading_type is not ReadingType.DISCRETE
    }


def _meters(report: PowerMeteringReport) -> dict[What, float | None]:
    return {
        What(storable.text(meter.name, 128), "W", ReadingType.POWER, METERS): meter.consumed_watts
        for meter in report.meters
    }
