"""The same sensor stands in several places of a service: gathered here once, the newer place before the older. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from oobctl.constants import ReadingType
from oobctl.drivers.readings import Sensor


@dataclass(eq=False)
class _Entry:
    sensor: Sensor
    chassis: str
    names: set[str] = field(default_factory=set)
    loose: set[str] = field(default_factory=set)  # the same without blanks and signs
    taken: bool = False  # an older entry was found to be this one
    part: str | None = None  # the fan or supply whose excerpt this is

    def name(self, names: Iterable[str | None]) -> None:
        """Give it more names. A bare number is none: it counts members."""
        more = {name.casefold().strip() for name in names if name and not name.strip().isdigit()}
        self.names |= more
        self.loose |= {re.sub(r"[\W_]+", "", name) for name in more} - {""}


class SensorSet:
    """Add the Sensors of all chassis first, then the excerpts, then what stands in Thermal and Power."""

    def __init__(self) -> None:
        self._newer: list[_Entry] = []
        self._older: list[_Entry] = []
        self._by_path: dict[str, _Entry] = {}
        self._by_kind: dict[tuple[str, ReadingType], list[_Entry]] = {}

    def all(self) -> tuple[Sensor, ...]:
        """Every sensor once. To be asked when all are added."""
        for loose in (False, True):  # equal names first: they take what is theirs
            self._older = [entry for entry in self._older if not self._is_in_newer(entry, loose)]
        return tuple(entry.sensor for entry in [*self._newer, *self._older])

    def knows(self, path: str) -> bool:
        """Whether the Sensor of this path is in."""
        return _key(path) in self._by_path

    def kind_at(self, path: str) -> ReadingType | None:
        """What the Sensor of this path measures; None where it is not in."""
        entry = self._by_path.get(_key(path))
        return entry.sensor.reading_type if entry is not None else None

    def add(self, sensor: Sensor, chassis: str, names: Iterable[str | None]) -> None:
        """A Sensor resource; one that is in already is left alone."""
        if not self.knows(sensor.source):
            self._keep(_Entry(sensor, chassis), names, sensor.source)

    def add_excerpt(
        self, sensor: Sensor, chassis: str, names: Iterable[str | None], source: str | None, part: str | None = None
    ) -> None:
        """An excerpt: only where neither its source (DataSourceUri) is in, nor one of its kind by one of its names.

        What is in then gets its names too. part: the fan or power supply that it is of; a name that two of them share
        (a wrong label) makes them no one.
        """
        entry = _Entry(sensor, chassis, part=part)
        entry.name(names)
        known = self._by_path.get(_key(source)) if source else None
        known = known or self._alike(entry, loose=True)
        if known is not None:
            known.name(entry.names)
            known.part = known.part or part
        else:
            self._keep(entry, (), source)

    def add_older(self, sensor: Sensor, chassis: str, names: Iterable[str | None]) -> None:
        """An entry of Thermal or Power: kept only where the newer places have none left of its kind and name."""
        known = self._by_path.get(_key(sensor.source))
        if known is not None:  # an excerpt named this entry as its source, which has thresholds too
            known.sensor = sensor
            return
        entry = _Entry(sensor, chassis)
        entry.name(names)
        self._older.append(entry)

    def _keep(self, entry: _Entry, names: Iterable[str | None], path: str | None) -> None:
        entry.name(names)
        self._newer.append(entry)
        self._by_kind.setdefault((entry.chassis, entry.sensor.reading_type), []).append(entry)
        if path:
            self._by_path.setdefault(_key(path), entry)

    def _is_in_newer(self, older: _Entry, loose: bool) -> bool:
        found = self._alike(older, loose=loose, free=True)
        if found is not None:
            found.taken = True
        return found is not None

    def _alike(self, wanted: _Entry, *, loose: bool, free: bool = False) -> _Entry | None:
        for entry in self._by_kind.get((wanted.chassis, wanted.sensor.reading_type), ()):
            others = wanted.part is not None and entry.part not in {None, wanted.part}
            alike = entry.names & wanted.names or (loose and entry.loose & wanted.loose)
            if alike and not others and not (free and entry.taken):
                return entry
        return None


def _key(path: str) -> str:
    """One spelling for `/Thermal#/Fans/0` and `/Thermal#Fans/0`, with a slash at the end or without."""
    return path.replace("#/", "#").rstrip("/")
