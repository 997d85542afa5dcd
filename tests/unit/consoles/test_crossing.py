"""From a thread into the event loop: in order, and bounded while the event loop stands still."""

import asyncio
import threading
import time

from oobctl.consoles.crossing import MOST_BYTES, Crossing


def told(chunks: list[bytes]) -> list[object]:
    """What the event loop is told of these, when it could not run before all of them came, and then the end."""

    async def run() -> list[object]:
        found: list[object] = []
        over = asyncio.Event()

        def end(why: object) -> None:
            found.append(why)
            over.set()

        crossing = Crossing(found.append, found.append, end)

        def hear() -> None:
            for chunk in chunks:
                crossing.put(chunk)
            crossing.end(None)

        thread = threading.Thread(target=hear)
        thread.start()
        while thread.is_alive():
            time.sleep(0.001)  # the event loop stands still
        await over.wait()
        return found

    return asyncio.run(run())


def test_all_that_came_is_handed_over_in_order_before_the_end() -> None:
    assert told([b"a", b"b", b"c"]) == [b"abc", None]


def test_what_has_no_room_is_counted_and_dropped() -> None:
    assert told([b"x" * MOST_BYTES, b"yy", b"zz"]) == [b"x" * MOST_BYTES, 4, None]
