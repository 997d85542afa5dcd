"""What a screen and a console of the BMC's own have in common as they are opened: a slot, and whose server it is."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from oobctl.constants import SessionPurpose
from oobctl.drivers.connect import connect
from oobctl.drivers.slots import Slot
from oobctl.errors import StoreUnavailable

T = TypeVar("T")


async def open_checked(
    slot: Slot, server_id: str, holder: str, opening: Callable[[], Awaitable[T]], close: Callable[[T], Awaitable[None]]
) -> T:
    """Open it in the slot, while the BMC is asked who it is: neither tells of the other. The slot is given back where
    it comes to nothing.

    Raises what claiming and `opening` raise, WrongServer, and BmcError's other subclasses.
    """
    await _claim(slot)
    asking = asyncio.create_task(asyncio.to_thread(_ask_who, server_id, holder))
    try:
        opened = await opening()
        try:
            await asking
        except BaseException:
            await close(opened)
            raise
        return opened
    except BaseException:
        asking.add_done_callback(lambda asked: asked.cancelled() or asked.exception())  # nobody waits for it any more
        with suppress(StoreUnavailable):
            await asyncio.shield(asyncio.to_thread(slot.release))
        raise


async def _claim(slot: Slot) -> None:
    """A slot that is given to who does not wait any more is given back."""
    claiming: asyncio.Future[object] = asyncio.ensure_future(asyncio.to_thread(slot.claim))
    try:
        await asyncio.shield(claiming)
    except asyncio.CancelledError:
        slot.retire()

        def give_back(claimed: "asyncio.Future[object]") -> None:
            if not claimed.cancelled() and claimed.exception() is None:
                asyncio.get_running_loop().run_in_executor(None, slot.give_back)

        claiming.add_done_callback(give_back)
        raise


def _ask_who(server_id: str, holder: str) -> None:
    bmc = connect(server_id, purpose=SessionPurpose.SCREEN, holder=holder, fence=_never_write)
    try:
        bmc.identify()
    finally:
        bmc.close()


def _never_write(_seconds: float) -> None:
    raise AssertionError("who looks at a screen writes nothing to the BMC")
