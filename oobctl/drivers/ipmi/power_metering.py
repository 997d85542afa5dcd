"""What the server draws: DCMI's power reading (DCMI 1.5, sections 6.6.1 and 6.6.2), else a sensor in watts."""

import re
from collections.abc import Sequence

from oobctl.drivers.interfaces import Fence
from oobctl.drivers.ipmi import codes
from oobctl.drivers.ipmi.asking import BUSY, GROUP, ask
from oobctl.drivers.ipmi.lan import Answer
from oobctl.drivers.ipmi.sensors import sweep
from oobctl.drivers.ipmi.session import IpmiSession
from oobctl.drivers.readings import PowerMeter, PowerMeteringReport, Sensor
from oobctl.errors import NotSupported

_DCMI = 0xDC
_READING, _LIMIT = 0x02, 0x03
_STATISTICS = bytes((_DCMI, 0x01, 0, 0))  # system power statistics
_MEASURING = 0x40
_WHAT = "say what the server draws"
# Which sensor in watts is the whole server's: by its name, the best first.
_WHOLE = tuple(
    re.compile(words, re.IGNORECASE)
    for words in (
        r"(sys(tem)?|total|chassis|node)[ _.-]*(input[ _.-]*)?(p(o)?we?r|watt)",
        r"p(o)?we?r[ _.-]*(consumption|meter|usage)",
        r"(input|total)[ _.-]*(p(o)?we?r|watt)",
        r"hsc.*(input|p(o)?we?r)",
    )
)
_ONE_SUPPLY = re.compile(r"\bps[u]?[ _.-]*\d|power supply", re.IGNORECASE)


class IpmiPowerMetering:
    """interfaces.PowerMetering over one session."""

    def __init__(self, session: IpmiSession, _fence: Fence) -> None:
        self._session = session

    def read(self) -> PowerMeteringReport:
        """DCMI's statistics, with the limit where one is active; else the sensor of the whole server.

        Raises NotSupported where the BMC has neither.
        """
        meter = dcmi_meter(ask(self._session, GROUP, _READING, _STATISTICS, what=_WHAT))
        if meter is not None:
            return PowerMeteringReport((self._with_limit(meter),))
        return self._of_a_sensor()

    def _with_limit(self, meter: PowerMeter) -> PowerMeter:
        answer = ask(self._session, GROUP, _LIMIT, bytes((_DCMI, 0, 0)), what="say its power limit")
        if answer.code or len(answer.data) < 6 or answer.data[0] != _DCMI:
            return meter
        watts = int.from_bytes(answer.data[4:6], "little")
        return PowerMeter(**{**vars(meter), "limit_watts": float(watts) if watts else None})

    def _of_a_sensor(self) -> PowerMeteringReport:
        found = sweep(self._session)
        sensor = whole_server([sensor for _, sensor in found.items])
        if sensor is None:
            raise NotSupported(
                "The BMC has no power reading over IPMI: it does not know DCMI's, and none of its sensors measures "
                "what the whole server draws."
            )
        return PowerMeteringReport((PowerMeter(sensor.name, sensor.reading),), found.problems)


def dcmi_meter(answer: Answer) -> PowerMeter | None:
    """The answer to DCMI's Get Power Reading; None where the BMC does not measure. Pure but for BmcBusy."""
    if answer.code == BUSY:
        codes.check(answer, _WHAT)
    data = answer.data
    if answer.code or len(data) < 18 or data[0] != _DCMI or not data[17] & _MEASURING:
        return None
    now, lowest, highest, average = (int.from_bytes(data[at : at + 2], "little") for at in (1, 3, 5, 7))
    milliseconds = int.from_bytes(data[13:17], "little")
    return PowerMeter(
        "System",
        float(now),
        average_watts=float(average),
        minimum_watts=float(lowest),
        maximum_watts=float(highest),
        interval_seconds=milliseconds / 1000 or None,
    )


def whole_server(sensors: Sequence[Sensor]) -> Sensor | None:
    """The sensor of what the whole server draws; None where none is surely that one. Pure."""
    watts = [sensor for sensor in sensors if sensor.units == "W" and not _ONE_SUPPLY.search(sensor.name)]
    for pattern in _WHOLE:
        fitting = [sensor for sensor in watts if pattern.search(sensor.name)]
        if fitting:
            return fitting[0]
    return None
