"""One person's way to a BMC's own console: what passes through it, and how it ends."""

import asyncio
import hmac
import secrets
import time
from typing import Any

from oobctl.access.identify import digest
from oobctl.config import settings
from oobctl.consoles.ending import Used
from oobctl.consoles.launch.rewriting import Rewriter
from oobctl.consoles.tokens import Ticket
from oobctl.drivers.launch import Launched

COOKIE = "__Host-oobctl-console"
"""The authority: it came with a key that was used once, and goes to no other name."""
_LEFT_AFTER_SECONDS = 60.0
_MOST_AT_ONCE = 64


class Session:
    """origin: the label's, as the browser has it."""

    acts = True  # who is idle for too long is let go

    def __init__(self, ticket: Ticket, launched: Launched, origin: str, address: str) -> None:
        self.ticket, self.launched, self.origin, self._address = ticket, launched, origin, address
        endpoint = launched.endpoint
        self.rewriter = Rewriter(endpoint.address, endpoint.port, origin, launched.hidden)
        self.cookie = secrets.token_urlsafe(32)
        self._proof = digest(self.cookie)
        self.ended: str | None = None
        self.elsewhere = False
        self.began = self.input_at = self._asked_at = time.monotonic()
        self.touched_at = 0.0
        self.shown = self.messages = 0
        self._at_work: set[asyncio.Task[Any]] = set()
        self._over, self.closed = asyncio.Event(), asyncio.Event()

    def opens_for(self, cookie: str | None, address: str) -> bool:
        """address: the browser's, which counts where the site binds consoles to it."""
        if settings().console_bind_address and address != self._address:
            return False
        return cookie is not None and cookie.isascii() and hmac.compare_digest(digest(cookie), self._proof)

    def asked(self) -> bool:
        """A request begins; it ends with the session. False where too many are under way."""
        task = asyncio.current_task()
        assert task is not None  # a request is served by one
        if len(self._at_work) >= _MOST_AT_ONCE:
            return False
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)
        self.input_at = self._asked_at = time.monotonic()
        return True

    def answered(self) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._at_work.discard(task)
        self._asked_at = time.monotonic()

    def typed(self) -> None:
        """The page sent something over a websocket: that a person does not sit there is not to be told from it."""
        self.messages += 1
        self.input_at = time.monotonic()

    @property
    def busy(self) -> bool:
        """Whether a request is under way, or a websocket open."""
        return bool(self._at_work)

    @property
    def left(self) -> bool:
        """Whether its page is closed, as far as can be told."""
        return not self.busy and time.monotonic() - self._asked_at > _LEFT_AFTER_SECONDS

    def end(self, because: str, *, elsewhere: bool = False) -> None:
        """For good: what is under way is cut off."""
        if self.ended is None:
            self.ended, self.elsewhere = because, elsewhere
            for task in self._at_work:
                task.cancel()
            self._over.set()

    async def over(self) -> None:
        await self._over.wait()

    def used(self) -> Used:
        """What a page sends by itself is nobody's key."""
        return Used(time.monotonic() - self.began, self.shown)
