"""Pictures of screens, taken for jobs: over the one connection that all share, or one that is opened for the while."""

import asyncio

import structlog

from oobctl.consoles.recording import pictures
from oobctl.consoles.recording.pictures import Wanted
from oobctl.consoles.rfb.errors import BrokenStream
from oobctl.consoles.rfb.picture import Picture
from oobctl.consoles.screens import Screen
from oobctl.consoles.seats import Seat
from oobctl.constants import ConsoleKind
from oobctl.errors import NoPicture, StoreUnavailable
from oobctl.gateway.places import Places
from oobctl.gateway.tasks import Tasks
from oobctl.ids import new_id

log = structlog.get_logger()

_WITHIN_SECONDS = 25.0
_AT_ONCE = 4


class Pictures:
    """In one event loop."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._tasks = Tasks()

    def take(self, wanted: Wanted) -> None:
        """Begin to take it. What comes of it stands in its row."""
        self._tasks.begin(self._take(wanted))

    async def close(self) -> None:
        """The gateway ends."""
        await self._tasks.close()

    async def _take(self, wanted: Wanted) -> None:
        try:
            async with self._gate:
                screen = self._places.hold((wanted.server_id, ConsoleKind.GRAPHICAL), wanted.server_name)
                assert isinstance(screen, Screen)
                found = await picture_of(screen)
            png = await asyncio.to_thread(found.png)
            await asyncio.to_thread(pictures.keep, wanted, png, found.size)
        except (NoPicture, OSError, StoreUnavailable) as error:
            because = error.message if isinstance(error, NoPicture) else f"It could not be written: {error}."
            log.warning("no picture was taken", server=wanted.server_id, because=because)
            try:
                await asyncio.to_thread(pictures.give_up, wanted, because)
            except StoreUnavailable as away:
                log.warning("that no picture was taken is not noted", because=away.message)


async def picture_of(screen: Screen, *, within: float = _WITHIN_SECONDS) -> Picture:
    """All of it as it is now. within: seconds. Raises NoPicture."""
    seat = Seat(new_id(), "a picture", may_control=False, hidden=True)
    said = "The screen did not come in time."
    try:
        async with asyncio.timeout(within):
            with screen.raw():
                screen.record(seat)
                found: Picture | None = None
                while found is None or not found.done:
                    content = await seat.next()
                    if isinstance(content, bytes):
                        found = _drawn(found, content)
                        if not found.done:
                            screen.ask(seat, whole=True)
                    elif content is None or content.get("type") == "again":
                        raise NoPicture(seat.ended or said)
                    elif content.get("type") == "away":
                        said = str(content["because"])
                        found = None if found is None else Picture(*found.size)
                return found
    except TimeoutError:
        raise NoPicture(said) from None
    except BrokenStream as error:
        raise NoPicture("The BMC sent something that is no picture.") from error
    finally:
        screen.leave(seat)


def _drawn(found: Picture | None, content: bytes) -> Picture:
    if found is None:  # ServerInit comes first
        return Picture(int.from_bytes(content[:2], "big"), int.from_bytes(content[2:4], "big"))
    found.feed(content)
    return found
