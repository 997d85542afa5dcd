"""What ipmitool and FreeIPMI say about the sensors and the event log of a BMC, to compare our readings with."""

import csv
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from oobctl.constants import Health

_UNITS = {"degrees C": "Cel", "C": "Cel", "Volts": "V", "Amps": "A", "Watts": "W", "percent": "%", "CFM": "[cfm]"}
_HEALTH = {"Nominal": Health.OK, "Warning": Health.WARNING, "Critical": Health.CRITICAL}
_STATUS = {"ok": Health.OK, "nc": Health.WARNING, "cr": Health.CRITICAL, "nr": Health.CRITICAL}
# Both name the states of the standard, and not by the same words: what differs in more than case.
_SAME_STATES = {
    "power supply failure detected": "failure detected",
    "processor presence detected": "presence detected",
    "drive presence": "drive present",
    "correctable memory error": "correctable ecc",
    "uncorrectable memory error": "uncorrectable ecc",
    "memory presence detected": "presence detected",
    "ok": "",
}


@dataclass(frozen=True)
class PeerSensor:
    """A sensor of a peer: as far as it tells. limits: lower fatal to upper fatal."""

    reading: float | None
    units: str | None
    health: Health | None
    limits: tuple[float | None, ...] = (None,) * 6
    states: tuple[str, ...] | None = None


@dataclass(frozen=True)
class PeerEvent:
    """An entry of a peer. values: reading and threshold, where it tells them."""

    sensor: str
    words: str
    asserted: bool | None
    values: tuple[float, ...] = ()
    health: Health | None = None


class Peers:
    """Both clients for one BMC. `folder`: for FreeIPMI's cache of the records."""

    def __init__(self, address: str, port: int, user: str, password: str, folder: Path) -> None:
        self._where = ["-H", address, "-p", str(port), "-U", user, "-E"]
        self._host = ["-h", f"{address}:{port}", "-u", user, "-p", password, "-D", "LAN_2_0"]
        self._password, self._folder = password, folder

    def ipmitool(self, *arguments: str) -> str:
        """What ipmitool prints."""
        return _run(["ipmitool", "-I", "lanplus", "-C", "3", *self._where, *arguments], IPMI_PASSWORD=self._password)

    def lets_in(self, user: str, password: str, *, privilege: str = "USER", suite: int = 3) -> bool:
        """Whether the BMC takes that user and password."""
        command = ["ipmitool", "-I", "lanplus", "-C", str(suite), *self._where[:4], "-U", user, "-E", "-L", privilege]
        return bool(_run([*command, "-R", "1", "-N", "1", "mc", "info"], IPMI_PASSWORD=password))

    def freeipmi(self, tool: str, *arguments: str) -> str:
        """What a tool of FreeIPMI prints as rows with commas."""
        cache = ["--sdr-cache-recreate", "--quiet-cache", "--sdr-cache-directory", str(self._folder)]
        options = ["--comma-separated-output", "--no-header-output", *cache]
        return _run([tool, *self._host, "-W", "opensesspriv", "-I", "3", *options, *arguments])

    def ipmitool_sensors(self) -> dict[str, PeerSensor]:
        """`sensor`, and the states of `sdr elist`."""
        found = {row[0]: _ipmitool_sensor(row) for row in csv.reader(self.ipmitool("-c", "sensor").splitlines())}
        listed = self.ipmitool("sdr", "elist", "full") + self.ipmitool("sdr", "elist", "compact")
        for line in filter(None, listed.splitlines()):
            name, _number, _status, _entity, text = (part.strip() for part in line.split("|", 4))
            if name in found and found[name].units is None:
                held = found[name]
                found[name] = PeerSensor(None, None, held.health, held.limits, _states(text.split(", ")))
        return found

    def freeipmi_sensors(self) -> dict[str, PeerSensor]:
        """`ipmi-sensors`, shared ones one by one."""
        options = ["--output-sensor-state", "--output-sensor-thresholds", "--shared-sensors"]
        lines = self.freeipmi("ipmi-sensors", *options).splitlines()
        return {row[1]: _freeipmi_sensor(row) for row in csv.reader(lines)}

    def ipmitool_events(self) -> dict[int, PeerEvent]:
        """`sel elist`, by record id."""
        rows = csv.reader(self.ipmitool("-c", "sel", "elist").splitlines())
        return {int(row[0], 16): _ipmitool_event(row) for row in rows if row}

    def freeipmi_events(self) -> dict[int, PeerEvent]:
        """`ipmi-sel`, by record id."""
        rows = csv.reader(self.freeipmi("ipmi-sel", "--output-event-state", "-v").splitlines())
        return {int(row[0]): _freeipmi_event(row) for row in rows if row}


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _unit(text: str) -> str | None:
    return None if text in ("", "N/A", "discrete") else _UNITS.get(text, text)


def _states(words: list[str]) -> tuple[str, ...]:
    named = (word.strip(" '").casefold() for word in words)
    return tuple(state for word in named if (state := _SAME_STATES.get(word, word)))


def _ipmitool_sensor(row: list[str]) -> PeerSensor:
    discrete = row[2] == "discrete"
    reading = None if discrete else _number(row[1])
    return PeerSensor(reading, _unit(row[2]), _STATUS.get(row[3]), tuple(map(_number, row[4:10])))


def _freeipmi_sensor(row: list[str]) -> PeerSensor:
    states = _states(re.findall(r"'([^']*)'", row[12])) if row[5] == "N/A" else None
    return PeerSensor(_number(row[4]), _unit(row[5]), _HEALTH.get(row[3]), tuple(map(_number, row[6:12])), states)


def _values(text: str, pattern: str) -> tuple[float, ...]:
    found = re.search(pattern, text)
    return tuple(map(float, found.groups())) if found else ()


def _ipmitool_event(row: list[str]) -> PeerEvent:
    if len(row) < 6 or row[5] not in ("Asserted", "Deasserted"):
        return PeerEvent("", " ".join(row[3:]).strip().casefold(), None)
    values = _values(",".join(row[6:]), r"Reading (\S+) [<>] Threshold (\S+)")
    return PeerEvent(row[3], row[4].strip().casefold(), row[5] == "Asserted", values)


def _freeipmi_event(row: list[str]) -> PeerEvent:
    said, *more = row[7].split(" ; ")
    words = said.casefold().replace(" - ", " ")
    values = tuple(float(part.split(" = ")[1].split()[0]) for part in more if " = " in part)
    asserted = {"Assertion Event": True, "Deassertion Event": False}.get(row[6])
    return PeerEvent(row[3], _SAME_STATES.get(words, words), asserted, values, _HEALTH.get(row[5]))


def _run(command: list[str], **variables: str) -> str:
    environment = {**os.environ, **variables}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=environment)
    return done.stdout
