"""Reading one log: all of it the first time, what is newer than a marker from then on; in bounded time and size."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from oobctl.drivers.redfish.log_decode import created_text
from oobctl.drivers.redfish.log_marker import Marker, Order, by_age, digest_of, newest_of, order_of
from oobctl.drivers.redfish.log_pages import Listed, Page, pages
from oobctl.drivers.redfish.tree import Tree
from oobctl.errors import BmcBadAnswer, BmcRefused, NotSupported
from oobctl.profiles.model import Profile
from oobctl.profiles.quirks import Quirk

MOST_ENTRIES = 10_000  # of one log in one reading
_OLDEST_LEFT_OUT = "its oldest entries were left out"
_GOES_ON = "the rest of it is left to the next reading"


@dataclass
class Found:
    """What one log holds that is new, the oldest first, none of it decoded yet.

    whole: these are all of its entries. known: the marker's entry is still in it. marker None: how far it was read is
    as it was before.
    """

    entries: list[Listed] = field(default_factory=list)
    marker: Marker | None = None
    whole: bool = False
    known: bool = False
    problems: list[str] = field(default_factory=list)


class LogReading:
    """One reading of one log. deadline: by time.monotonic, when it ends as far as it came."""

    def __init__(self, tree: Tree, path: str, profile: Profile, deadline: float) -> None:
        self._tree, self._path, self._profile, self._deadline = tree, path, profile, deadline
        self._problems: list[str] = []
        self._asked: dict[str, Listed] = {}  # by path: entries that did not stand in their collection
        self._failed = False  # a page could not be read
        self._late = False  # the time was over
        self._left_out = False  # there were too many, so the oldest are missing

    def read(self, marker: Marker | None) -> Found:
        """Raises BmcError's subclasses where the log can't be read at all."""
        if marker is not None and marker.order is Order.OLDEST_FIRST and marker.place:
            rest = self._rest(marker, marker.place)
            if rest is not None:
                return rest
            self._problems.clear()
            self._failed = self._late = False
        return self._all(marker)

    # --- what comes after a marker, where the oldest come first

    def _rest(self, marker: Marker, place: int) -> Found | None:
        """Begin at the marker's place. None where its entry is not there any more, or the service can't begin there."""
        entries: list[Listed] = []
        try:
            for page in self._pages(place):
                if not entries and self._place_of(marker, page.entries[:1], 0) is None:
                    return None
                entries += page.entries
                if len(entries) > MOST_ENTRIES:
                    self._late = True
                    break
        except (BmcRefused, BmcBadAnswer, NotSupported):
            return None
        if not entries or order_of(entries, self._profile) not in {Order.OLDEST_FIRST, None}:
            return None
        last = entries[-1] = self._looked_at(entries[-1])
        now = Marker(last.entry_id, last.created, Order.OLDEST_FIRST, place + len(entries) - 1)
        if self._late:
            self._problems.append(_GOES_ON)
        return Found(entries[1:], now, known=True, problems=self._problems)

    # --- all of it, or down to the marker where the newest come first

    def _all(self, marker: Marker | None) -> Found:
        entries: list[Listed] = []
        so_far: Order | None = None
        at: int | None = None
        first = last_page = 0
        for page in self._from_the_newest():
            first = page.first if not entries else first
            so_far = _both(so_far, order_of([*entries[-1:], *page.entries], self._profile))
            if marker is not None and at is None:
                at = self._place_of(marker, page.entries, len(entries))
            entries += page.entries
            last_page = page.first
            if so_far is Order.NEWEST_FIRST and self._enough(entries, at, marker):
                self._left_out = at is None and page.count != len(entries)
                break
            over = len(entries) - MOST_ENTRIES
            if over > 0 and so_far is not Order.NEWEST_FIRST:
                del entries[:over]
                first, at, self._left_out = first + over, None if at is None or at < over else at - over, True
        return self._found(entries, at, marker, first, paged=last_page > 0)

    def _found(self, entries: list[Listed], at: int | None, marker: Marker | None, first: int, paged: bool) -> Found:
        order = order_of(entries, self._profile) or (Order.MIXED if len(entries) > 1 else Order.OLDEST_FIRST)
        new = self._new(entries, order, at, marker)
        complete = not (self._failed or self._late or self._left_out)
        still_empty = marker is not None and marker.entry_id is None and not entries
        reached = None if self._failed else self._marker(entries, order, first if paged else None)
        found = Found(
            entries=[self._asked.get(entry.path or "", entry) for entry in self._in_order(new, order)],
            marker=reached,
            whole=complete and len(new) == len(entries) and not still_empty,
            known=at is not None or still_empty,
            problems=self._problems,
        )
        if self._left_out or (self._late and order is Order.NEWEST_FIRST and at is None):
            found.problems.append(_OLDEST_LEFT_OUT)
        elif self._late and order is not Order.NEWEST_FIRST:
            found.problems.append(_GOES_ON)
        return found

    def _from_the_newest(self) -> Iterator[Page]:
        """All pages; of a log with too many entries, the oldest first, those alone that are wanted."""
        for page in self._pages(0):
            too_many = page.count is not None and page.count > MOST_ENTRIES and page.first == 0
            if too_many and order_of(page.entries, self._profile) is Order.OLDEST_FIRST:
                later = self._begun(page.count - MOST_ENTRIES if page.count else 0, page)
                if later is not None:
                    self._left_out = True
                    yield from later
                    return
            yield page

    def _begun(self, start: int, first: Page) -> Iterator[Page] | None:
        """The pages from there on; None where the service gives its first page all the same, or refuses."""
        later = self._pages(start)
        try:
            page = next(later, None)
        except (BmcRefused, BmcBadAnswer, NotSupported):
            return None
        if page is None or not page.entries or page.entries[0] == first.entries[0]:
            return None
        return _with(page, later)

    def _pages(self, start: int) -> Iterator[Page]:
        """Page by page until the time is over; what went wrong is noted, and that it did."""
        for page in pages(self._tree, self._path, start, self._profile.has(Quirk.BARE_STRING_MEMBERS)):
            if page.problem is not None:
                self._problems.append(page.problem)
                self._failed = self._failed or page.broken
            yield page
            if time.monotonic() > self._deadline:
                self._late = True
                return

    # --- parts of these

    @staticmethod
    def _enough(entries: Sequence[Listed], at: int | None, marker: Marker | None) -> bool:
        """Whether nothing that is asked for can come any more, the newest coming first."""
        return (at is not None and marker is not None and marker.order is Order.NEWEST_FIRST) or (
            len(entries) >= MOST_ENTRIES
        )

    def _place_of(self, marker: Marker, entries: Sequence[Listed], before: int) -> int | None:
        """Where the marker's entry is. One that is listed by its path alone is asked for: its id may be used again."""
        for place, entry in enumerate(entries):
            if entry.entry_id == marker.entry_id and marker.is_at(self._looked_at(entry), self._profile):
                return before + place
        return None

    def _looked_at(self, entry: Listed) -> Listed:
        """The entry with what it says, where that did not stand in its collection and can be read."""
        if entry.resource is not None or entry.path is None:
            return entry
        if entry.path not in self._asked:
            member = self._tree.member(entry.path, "give a log entry")
            if member.problem is not None:
                return entry
            created = created_text(member.resource)
            self._asked[entry.path] = Listed(entry.entry_id, created, entry.path, member.resource)
        return self._asked[entry.path]

    @staticmethod
    def _new(entries: Sequence[Listed], order: Order, at: int | None, marker: Marker | None) -> Sequence[Listed]:
        """Those that came after the marker; all of them where that can't be told."""
        if order is Order.MIXED:
            same = marker is not None and marker.digest is not None and marker.digest == digest_of(entries)
            return [] if same else entries
        if at is None:
            return entries
        return entries[:at] if order is Order.NEWEST_FIRST else entries[at + 1 :]

    def _in_order(self, entries: Sequence[Listed], order: Order) -> list[Listed]:
        if order is Order.MIXED:
            return by_age(entries, self._profile)
        return list(reversed(entries)) if order is Order.NEWEST_FIRST else list(entries)

    def _marker(self, entries: list[Listed], order: Order, first: int | None) -> Marker:
        if not entries:
            return Marker(None)
        if order is Order.MIXED:
            newest = self._looked_at(newest_of(entries, self._profile))
            return Marker(newest.entry_id, newest.created, order, digest=digest_of(entries))
        newest = self._looked_at(entries[0] if order is Order.NEWEST_FIRST else entries[-1])
        place = first + len(entries) - 1 if first is not None and order is Order.OLDEST_FIRST else None
        return Marker(newest.entry_id, newest.created, order, place)


def _both(one: Order | None, other: Order | None) -> Order | None:
    """The order of two parts together."""
    if one is None or other is None or one is other:
        return one or other
    return Order.MIXED


def _with(page: Page, rest: Iterator[Page]) -> Iterator[Page]:
    yield page
    yield from rest
