"""Who is at a screen or a serial line: each one's queue to their browser, and which of them may type."""

import asyncio
from collections import deque
from collections.abc import Iterator
from typing import Any

from oobctl.errors import NotAllowed

Told = dict[str, Any]
"""A message about the console, as JSON; beside what the console shows, which is bytes."""


class Seat:
    """One person's place. What is shown and told waits here, in order, until their connection takes it.

    In one event loop. `waiting`: bytes shown and not taken yet; whoever shows bounds them. `ended`: why the seat is no
    more, None while it is; nothing waits then but what was told before it. hidden: nobody is told of it, a recorder's.
    """

    MOST_TOLD = 200
    """Messages that wait: who takes none of so many is gone."""

    def __init__(self, seat_id: str, name: str, *, may_control: bool, hidden: bool = False) -> None:
        self.id, self.name, self.may_control, self.hidden = seat_id, name, may_control, hidden
        self.has_control = False
        self.ended: str | None = None
        self.waiting = 0
        self.shown = 0  # bytes, all in all
        self._queue: deque[bytes | Told] = deque()
        self._told = 0  # messages among it
        self._there = asyncio.Event()
        self._over = asyncio.Event()

    def show(self, content: bytes) -> None:
        if self.ended is None:
            self.waiting += len(content)
            self.shown += len(content)
            self._queue.append(content)
            self._there.set()

    def tell(self, message: Told) -> None:
        if self.ended is None and self._told >= self.MOST_TOLD:
            self.end("Your connection is too slow for this console.")
        if self.ended is None:
            self._told += 1
            self._queue.append(message)
            self._there.set()

    def end(self, because: str) -> None:
        """For good, control too. What was shown and not taken is dropped: a slow connection keeps nobody."""
        if self.ended is None:
            self.ended = because
            self.has_control = False
            self._over.set()
            self._queue = deque(one for one in self._queue if not isinstance(one, bytes))
            self.waiting = 0
            self._there.set()

    async def next(self) -> bytes | Told | None:
        """What waits the longest; None once the seat has ended and nothing waits."""
        while not self._queue:
            if self.ended is not None:
                return None
            self._there.clear()
            await self._there.wait()
        found = self._queue.popleft()
        if isinstance(found, bytes):
            self.waiting -= len(found)
        else:
            self._told -= 1
        return found

    async def over(self) -> None:
        """Until it has ended."""
        await self._over.wait()


class Seats:
    """All who are at one console. One of them at most has control: the first who may, until another takes it over."""

    def __init__(self) -> None:
        self._seats: dict[str, Seat] = {}

    def __iter__(self) -> Iterator[Seat]:
        return iter(list(self._seats.values()))

    def __len__(self) -> int:
        return len(self._seats)

    @property
    def controller(self) -> Seat | None:
        return next((seat for seat in self._seats.values() if seat.has_control), None)

    def join(self, seat: Seat) -> None:
        self._seats[seat.id] = seat
        if self.controller is None and seat.may_control:
            seat.has_control = True
        self._tell_all()

    def leave(self, seat: Seat) -> None:
        """Control goes to nobody: who wants it takes it, and types nothing by surprise."""
        if self._seats.pop(seat.id, None) is not None:
            seat.has_control = False
            self._tell_all()

    def take_over(self, seat: Seat, message: str = "") -> None:
        """Give the seat control. Who had it is told by whom, with a word of theirs. Raises NotAllowed."""
        if not seat.may_control:
            raise NotAllowed("You look at this console without control: nothing that you type reaches it.")
        before = self.controller
        if before is seat:
            return
        if before is not None:
            before.has_control = False
            before.tell({"type": "taken_over", "by": seat.name, "message": message})
        seat.has_control = True
        self._tell_all()

    def _tell_all(self) -> None:
        seen = [seat for seat in self if not seat.hidden]
        who = [{"id": seat.id, "name": seat.name, "control": seat.has_control} for seat in seen]
        for seat in self:
            seat.tell({"type": "people", "you": seat.id, "may_control": seat.may_control, "people": who})
