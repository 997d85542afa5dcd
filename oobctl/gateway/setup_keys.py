"""Presses the key of a firmware's setup while a server starts, over the connection to its screen that all share."""

import asyncio
import time

import structlog

from oobctl import clock
from oobctl.consoles.screens import Screen
from oobctl.consoles.seats import Seat
from oobctl.consoles.setup_keys import WantedKey
from oobctl.constants import ConsoleKind
from oobctl.gateway.places import Places
from oobctl.gateway.tasks import Tasks
from oobctl.ids import new_id

log = structlog.get_logger()


class SetupKeys:
    """In one event loop."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._tasks = Tasks()

    def press(self, wanted: WantedKey) -> None:
        """Begin to press it: until its time is over, or somebody types at the screen."""
        self._tasks.begin(self._press(wanted))

    async def close(self) -> None:
        """The gateway ends."""
        await self._tasks.close()

    async def _press(self, wanted: WantedKey) -> None:
        screen = self._places.hold((wanted.server_id, ConsoleKind.GRAPHICAL), wanted.server_name)
        assert isinstance(screen, Screen)
        seat = Seat(new_id(), "the setup key", may_control=False, hidden=True)
        screen.record(seat)
        looking = asyncio.create_task(_look_away(seat))
        try:
            pressed = await press(screen, seat, wanted)
            log.info("the key of the setup was pressed", server=wanted.server_name, times=pressed)
        finally:
            looking.cancel()
            screen.leave(seat)


async def press(screen: Screen, seat: Seat, wanted: WantedKey) -> int:
    """How often it was pressed. Who types at the screen is there, and presses it: then it is left to them."""
    began, pressed = time.monotonic(), 0
    while clock.now() < wanted.until and screen.typed_at < began and seat.ended is None and not screen.over:
        pressed += screen.press(wanted.keysym)
        await asyncio.sleep(wanted.every)
    return pressed


async def _look_away(seat: Seat) -> None:
    while await seat.next() is not None:
        pass
