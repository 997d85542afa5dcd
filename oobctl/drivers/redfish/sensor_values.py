"""Sensors out of Redfish resources: the newer Sensor and its excerpts, the older entries of Thermal and Power. Pure."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from oobctl.constants import Health, ReadingType, State
from oobctl.drivers import plausible
from oobctl.drivers.identity import clean
from oobctl.drivers.readings import Sensor, Thresholds
from oobctl.drivers.redfish.answers import link
from oobctl.drivers.redfish.fields import (
    Resource,
    health_of,
    inner,
    name_of,
    number,
    oem,
    rows,
    state_of,
    words,
)


class Quantity(NamedTuple):
    """What a number measures, in which unit, and its name in a sentence."""

    type: ReadingType
    units: str | None
    words: str


TEMPERATURE = Quantity(ReadingType.TEMPERATURE, "Cel", "temperature")
VOLTAGE = Quantity(ReadingType.VOLTAGE, "V", "voltage")
SPEED = Quantity(ReadingType.ROTATIONAL, "RPM", "speed")
DUTY = Quantity(ReadingType.PERCENT, "%", "speed in percent")
POWER = Quantity(ReadingType.POWER, "W", "power")
INPUT_VOLTAGE = Quantity(ReadingType.VOLTAGE, "V", "input voltage")
INPUT_POWER = Quantity(ReadingType.POWER, "W", "input power")
OUTPUT_POWER = Quantity(ReadingType.POWER, "W", "output power")
AVERAGE_OUTPUT = Quantity(ReadingType.POWER, "W", "output power, averaged")
_UNTOLD = Quantity(ReadingType.OTHER, None, "speed")

EXCERPTS = {
    "TemperatureCelsius": TEMPERATURE,
    "DewPointCelsius": Quantity(ReadingType.TEMPERATURE, "Cel", "dew point"),
    "HumidityPercent": Quantity(ReadingType.HUMIDITY, "%", "humidity"),
    "PowerWatts": POWER,
    "PowerLoadPercent": Quantity(ReadingType.PERCENT, "%", "power load"),
    "EnergykWh": Quantity(ReadingType.ENERGY_KWH, "kW.h", "energy"),
    "EnergyJoules": Quantity(ReadingType.OTHER, "J", "energy"),
    "CurrentAmps": Quantity(ReadingType.CURRENT, "A", "current"),
    "Voltage": VOLTAGE,
    "InputVoltage": INPUT_VOLTAGE,
    "InputCurrentAmps": Quantity(ReadingType.CURRENT, "A", "input current"),
    "InputPowerWatts": INPUT_POWER,
    "OutputPowerWatts": OUTPUT_POWER,
    "FrequencyHz": Quantity(ReadingType.FREQUENCY, "Hz", "frequency"),
    "RailVoltage": Quantity(ReadingType.VOLTAGE, "V", "rail voltage"),
    "RailCurrentAmps": Quantity(ReadingType.CURRENT, "A", "rail current"),
    "RailPowerWatts": Quantity(ReadingType.POWER, "W", "rail power"),
    "TemperatureReadingsCelsius": TEMPERATURE,
}
"""The excerpts of ThermalMetrics, PowerSupplyMetrics and EnvironmentMetrics (DSP2046), one or a list of them."""

FAN_EXCERPTS = ("SpeedPercent", "FanSpeedPercent", "FanSpeedsPercent")

_TYPES = {str(kind): kind for kind in ReadingType} | {
    "Barometric": ReadingType.PRESSURE,
    "PressurePa": ReadingType.PRESSURE,
    "PressurekPa": ReadingType.PRESSURE,
}
_BY_UNITS = {
    "Cel": ReadingType.TEMPERATURE,
    "RPM": ReadingType.ROTATIONAL,
    "V": ReadingType.VOLTAGE,
    "A": ReadingType.CURRENT,
    "W": ReadingType.POWER,
    "Hz": ReadingType.FREQUENCY,
    "%": ReadingType.PERCENT,
}
_UNREAD = frozenset({State.ABSENT, State.DISABLED, State.STARTING})


def sensor(resource: Resource, path: str) -> Sensor:
    """A Sensor (DSP2046, Sensor). One that has no number at all, and no type, tells a state: Discrete."""
    units = words(resource, "ReadingUnits")
    said = resource.get("ReadingType")
    if said is None and units is None and "Reading" not in resource:
        return _discrete(resource, path)
    kind = _TYPES.get(said, ReadingType.OTHER) if isinstance(said, str) else _BY_UNITS.get(units or "")
    thresholds = {key: _limit(inner(resource, "Thresholds", name)) for key, name in _NEWER.items()}
    return made(
        name_of(resource, path),
        Quantity(kind or ReadingType.OTHER, units, ""),
        resource.get("Reading"),
        resource,
        path,
        thresholds,
        words(resource, "PhysicalContext"),
    )


def _limit(threshold: Resource) -> float | None:
    """One that is switched off is none (DSP2046, Threshold, Activation)."""
    return None if threshold.get("Activation") == "Disabled" else number(threshold.get("Reading"))


def _discrete(resource: Resource, path: str) -> Sensor:
    said = oem(resource, "SensorValue")
    told = clean(said) if isinstance(said, str) else None
    state = state_of(resource)
    return Sensor(
        name=name_of(resource, path),
        reading_type=ReadingType.DISCRETE,
        reading=None,
        units=None,
        health=Health.UNKNOWN if state in _UNREAD else health_of(resource),
        state=state,
        source=path,
        states=(told,) if told and state not in _UNREAD else (),
        context=words(resource, "PhysicalContext"),
    )


def made(
    name: str,
    quantity: Quantity,
    value: Any,
    status: Resource,
    source: str,
    thresholds: dict[str, float | None] | None = None,
    context: str | None = None,
) -> Sensor:
    """One sensor. `status`: the resource whose Status is the sensor's.

    Without a number that can be, nothing is OK: Unknown then, or what the BMC complains of (`plausible` notes why).
    A part that is absent, switched off or starting has no reading, whatever number stands there (0, the last one).
    """
    state, health = state_of(status), health_of(status)
    unread = state in _UNREAD
    reading = None if unread else number(value)
    if unread or (reading is None and health is Health.OK):
        health = Health.UNKNOWN
    limits = thresholds or {}
    if unread or not any(limits.values()):  # all zeros: none was set
        limits = {}
    found = Sensor(
        name, quantity.type, reading, quantity.units, health, state, source, Thresholds(**limits), (), context
    )
    return plausible.checked(found, value)


_NEWER = {
    "lower_fatal": "LowerFatal",
    "lower_critical": "LowerCritical",
    "lower_caution": "LowerCaution",
    "upper_caution": "UpperCaution",
    "upper_critical": "UpperCritical",
    "upper_fatal": "UpperFatal",
}
_OLDER = {
    "lower_fatal": "LowerThresholdFatal",
    "lower_critical": "LowerThresholdCritical",
    "lower_caution": "LowerThresholdNonCritical",
    "upper_caution": "UpperThresholdNonCritical",
    "upper_critical": "UpperThresholdCritical",
    "upper_fatal": "UpperThresholdFatal",
}


def _older(entry: Resource, quantity: Quantity, keys: tuple[str, ...], source: str) -> Sensor:
    value = next((entry[key] for key in keys if entry.get(key) is not None), None)
    name = words(entry, "Name", "FanName") or name_of(entry, source)
    thresholds = {key: number(entry.get(said)) for key, said in _OLDER.items()}
    return made(name, quantity, value, entry, source, thresholds, words(entry, "PhysicalContext"))


def temperature(entry: Resource, source: str) -> Sensor:
    """An entry of Thermal.Temperatures (DSP2046, Thermal)."""
    return _older(entry, TEMPERATURE, ("ReadingCelsius",), source)


def voltage(entry: Resource, source: str) -> Sensor:
    """An entry of Power.Voltages (DSP2046, Power)."""
    return _older(entry, VOLTAGE, ("ReadingVolts",), source)


def fan(entry: Resource, source: str) -> Sensor:
    """An entry of Thermal.Fans. In percent or RPM as it says; where it does not say, the number has no unit."""
    said = (words(entry, "ReadingUnits", "Units") or "").casefold()
    if said in {"percent", "%"}:
        return _older(entry, DUTY, ("Reading", "CurrentReading"), source)
    if said == "rpm" or (not said and entry.get("ReadingRPM") is not None):
        return _older(entry, SPEED, ("Reading", "ReadingRPM", "CurrentReading"), source)
    return _older(entry, _UNTOLD, ("Reading", "CurrentReading"), source)


def supply(entry: Resource) -> Iterator[tuple[str, Quantity, Any]]:
    """What an entry of Power.PowerSupplies measures: its input, and its output (now, else as an average).

    Property, quantity, value.
    """
    if number(entry.get("PowerOutputWatts")) is None and "LastPowerOutputWatts" in entry:
        output = ("LastPowerOutputWatts", AVERAGE_OUTPUT)
    else:
        output = ("PowerOutputWatts", OUTPUT_POWER)
    for key, quantity in (("LineInputVoltage", INPUT_VOLTAGE), ("PowerInputWatts", INPUT_POWER), output):
        if key in entry:
            yield key, quantity, entry[key]


def consumed(control: Resource, on: bool) -> float | None:
    """PowerConsumedWatts of Power.PowerControl. 0 W of a server that is on is no reading: nothing there measures it."""
    watts = number(control.get("PowerConsumedWatts"))
    return None if watts is None or watts < 0 or (on and not watts) else watts


class Excerpt(NamedTuple):
    """A reading taken over from a Sensor. pointer: where it stands in its resource. source: that Sensor's path.

    paired: a fan's excerpt that has both RPM and percent; its source has one of them alone.
    """

    pointer: str
    quantity: Quantity
    value: Any
    source: str | None
    device: str | None
    paired: bool = False


def excerpts(resource: Resource) -> Iterator[Excerpt]:
    """The excerpts of a metrics resource or a Fan (DSP2046, SensorExcerpt). A fan's has percent, RPM or both."""
    for key, quantity in EXCERPTS.items():
        if key == "EnergykWh" and number(inner(resource, "EnergyJoules").get("Reading")) is not None:
            continue  # the same energy in another unit
        for pointer, fields in _one_or_many(resource, key):
            yield from _excerpt(pointer, fields, "Reading", quantity)
    for key in FAN_EXCERPTS:
        for pointer, fields in _one_or_many(resource, key):
            paired = "Reading" in fields and "SpeedRPM" in fields
            for name, quantity in (("Reading", DUTY), ("SpeedRPM", SPEED)):
                for excerpt in _excerpt(f"{pointer}/{name}", fields, name, quantity):
                    yield excerpt._replace(paired=paired)


def summary(resource: Resource) -> Iterator[Excerpt]:
    """TemperatureSummaryCelsius of ThermalMetrics: a few temperatures by place."""
    whole = inner(resource, "TemperatureSummaryCelsius")
    for key in ("Intake", "Ambient", "Internal", "Exhaust"):
        quantity = TEMPERATURE._replace(words=f"{key.lower()} temperature")
        yield from _excerpt(f"TemperatureSummaryCelsius/{key}", inner(whole, key), "Reading", quantity)


def _excerpt(pointer: str, fields: Resource, key: str, quantity: Quantity) -> Iterator[Excerpt]:
    if key in fields:
        yield Excerpt(pointer, quantity, fields[key], link(fields, "DataSourceUri"), words(fields, "DeviceName"))


def _one_or_many(resource: Resource, key: str) -> list[tuple[str, Resource]]:
    one = inner(resource, key)
    return [(key, one)] if one else [(f"{key}/{place}", item) for place, item in enumerate(rows(resource, key))]
