"""Bodies of requests: read within a limit of size and of time, whole or not at all."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from web import bodies
from web.security import MOST_BODY_BYTES

END = {"type": "http.disconnect"}


def part(content: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": content, "more_body": more}


def read(messages: Iterator[dict[str, Any]], length: int | None = None, pause: float = 0.0) -> tuple[int | None, bytes]:
    """Why the body is refused (None: it is not), and what the application gets of it."""

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(pause)
        return next(messages)

    async def run() -> tuple[int | None, bytes]:
        headers = [] if length is None else [(b"content-length", str(length).encode())]
        scope, held = await bodies.with_body({"type": "http", "headers": headers}, receive)
        message = await held()
        assert not message["more_body"]
        return bodies.refusal({"asgi.scope": scope}), message["body"]

    return asyncio.run(run())


def test_a_body_in_parts_is_given_whole() -> None:
    assert read(iter([part(b"one ", more=True), part(b"two", more=True), part(b"", more=False)])) == (None, b"one two")


def test_a_body_of_the_largest_size_is_taken_and_one_byte_more_is_not() -> None:
    most = b"x" * MOST_BODY_BYTES
    assert read(iter([part(most, more=False)]), MOST_BODY_BYTES) == (None, most)
    assert read(iter([part(most, more=True), part(b"x", more=True)])) == (413, b"")


def test_a_body_that_is_announced_as_too_large_is_not_waited_for() -> None:
    assert read(iter([]), MOST_BODY_BYTES + 1) == (413, b"")


def test_a_body_that_trickles_for_ever_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.2)
    endless = iter(lambda: part(b"x", more=True), None)
    assert read(endless, 1000, pause=0.01) == (408, b"")


def test_half_a_body_is_no_body() -> None:
    assert read(iter([part(b"half", more=True), END]), 1000) == (408, b"")
