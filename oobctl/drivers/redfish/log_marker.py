"""How far a log was read: a marker that is kept, and what it says about the log when it is read again."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any

from oobctl.drivers.redfish.dates import moment
from oobctl.drivers.redfish.log_pages import Listed
from oobctl.profiles.model import Profile


class Order(StrEnum):
    """In which order a service lists the entries of a log."""

    NEWEST_FIRST = "newest_first"
    OLDEST_FIRST = "oldest_first"
    MIXED = "mixed"  # neither: sorted as texts, or a ring that began anew


@dataclass(frozen=True)
class Marker:
    """The newest entry that was read; entry_id None: the log was empty.

    place: its number in the collection where the oldest is the first, so that the next reading can begin there.
    digest: of all entries' ids and dates, where their order does not tell what is new.
    """

    entry_id: str | None
    created: str | None = None
    order: Order = Order.MIXED
    place: int | None = None
    digest: str | None = None

    def text(self) -> str:
        """To be kept, and given to the next reading."""
        return json.dumps({key: value for key, value in asdict(self).items() if value is not None})

    def is_at(self, entry: Listed, profile: Profile) -> bool:
        """Whether it is of this entry. BMCs use an id again after a clear, and write a date in another zone later."""
        if entry.entry_id != self.entry_id:
            return False
        if entry.created is None or self.created is None or entry.created == self.created:
            return True
        date = moment(entry.created, profile)
        return date is not None and date == moment(self.created, profile)

    @classmethod
    def of(cls, text: str | None) -> "Marker | None":
        """The marker of a text; None where it is none of ours: then the log is read as if for the first time."""
        try:
            content = json.loads(text or "")
            order = Order(content.get("order", Order.MIXED))
        except (ValueError, AttributeError, RecursionError):
            return None
        place = content.get("place")
        words = {key: value for key in ("entry_id", "created", "digest") if isinstance(value := content.get(key), str)}
        return cls(
            words.get("entry_id"),
            words.get("created"),
            order,
            place if isinstance(place, int) and not isinstance(place, bool) and place >= 0 else None,
            words.get("digest"),
        )


def order_of(entries: Sequence[Listed], profile: Profile) -> Order | None:
    """By their numbers, else by their dates; None where fewer than two differ, so that nobody can tell."""
    numbers = [_number(entry.entry_id) for entry in entries]
    dates = [moment(entry.created, profile) for entry in entries]
    by_date = _direction([date.timestamp() for date in dates if date is not None])
    if None in numbers:
        return by_date if None not in dates else (None if len(entries) < 2 else Order.MIXED)
    by_number = _direction([number for number in numbers if number is not None])
    ends = _direction([date.timestamp() for date in (dates[:1] + dates[-1:]) if date is not None])
    contradict = {by_number, ends} == {Order.NEWEST_FIRST, Order.OLDEST_FIRST}
    return Order.MIXED if contradict else by_number


def _number(entry_id: str) -> int | None:
    return int(entry_id) if entry_id.isascii() and entry_id.isdigit() and len(entry_id) < 19 else None


def _direction(values: Sequence[float]) -> Order | None:
    """None where all are equal."""
    pairs = list(pairwise(values))
    rises, falls = any(one < other for one, other in pairs), any(one > other for one, other in pairs)
    if rises and falls:
        return Order.MIXED
    return Order.OLDEST_FIRST if rises else Order.NEWEST_FIRST if falls else None


def digest_of(entries: Sequence[Listed]) -> str:
    """The same for the same entries in whatever order."""
    lines = sorted(f"{entry.entry_id}\t{entry.created or ''}" for entry in entries)
    return hashlib.sha256("\n".join(lines).encode(errors="replace")).hexdigest()


def newest_of(entries: Sequence[Listed], profile: Profile) -> Listed:
    """The newest of entries in no order: by their dates and numbers."""

    def key(entry: Listed) -> tuple[Any, ...]:
        date = moment(entry.created, profile)
        return (date is not None, date.timestamp() if date else 0.0, _number(entry.entry_id) or 0, entry.entry_id)

    return max(entries, key=key)


def by_age(entries: Sequence[Listed], profile: Profile) -> list[Listed]:
    """Entries whose numbers are in no order, the oldest first. By their dates; one without stays behind the one before.

    Where all dates are in order already the list is: a ring whose numbers began anew.
    """
    listed = _direction([date.timestamp() for one in entries if (date := moment(one.created, profile)) is not None])
    if listed in {Order.OLDEST_FIRST, Order.NEWEST_FIRST}:
        return list(entries) if listed is Order.OLDEST_FIRST else list(reversed(entries))
    keyed, latest = [], 0.0
    for entry in entries:
        date = moment(entry.created, profile)
        latest = date.timestamp() if date is not None else latest
        keyed.append((latest, _number(entry.entry_id) or 0, entry))
    return [entry for _date, _number_, entry in sorted(keyed, key=lambda item: item[:2])]
