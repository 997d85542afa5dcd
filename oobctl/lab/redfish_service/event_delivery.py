"""What an EventService does whatever stands around it: open streams, and events sent to destinations by a thread."""

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

import httpx

RETRY_ATTEMPTS, RETRY_SECONDS = 3, 1
MOST_STREAMS = 2
_SEND_SECONDS = 3.0
_KEEP_ALIVE_SECONDS = 2.0  # a comment shows a stream that its client has gone


@dataclass(frozen=True)
class Destination:
    """Where an event goes, and what the subscriber wants to find in it."""

    url: str
    context: str


@dataclass(frozen=True)
class _Sending:
    destination: Destination
    event: dict[str, Any]


class EventStream:
    """The pieces of one open stream; `close` is for whoever sends them."""

    def __init__(self, closed: "Callable[[EventStream], None]") -> None:
        self._closed = closed
        self._pieces: SimpleQueue[bytes | None] = SimpleQueue()
        self._pieces.put(b": stream open\r\n\r\n")

    def put(self, piece: bytes | None) -> None:
        self._pieces.put(piece)

    def __iter__(self) -> "EventStream":
        return self

    def __next__(self) -> bytes:
        try:
            piece = self._pieces.get(timeout=_KEEP_ALIVE_SECONDS)
        except Empty:
            return b": still here\r\n\r\n"
        if piece is None:
            raise StopIteration
        return piece

    def close(self) -> None:
        self._closed(self)


class EventDelivery:
    """Streams and the thread of deliveries; it starts with the first one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._streams: list[EventStream] = []
        self._queue: SimpleQueue[_Sending | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._number = 0

    @property
    def streams(self) -> int:
        """How many are open."""
        return len(self._streams)

    def tell(self, destinations: Sequence[Destination], message_id: str, origin: str, message: str = "") -> None:
        """Something happened: to all open streams, and to these destinations. Returns at once."""
        with self._lock:
            self._number += 1
            event = _event(self._number, message_id, origin, message)
            for stream in self._streams:
                stream.put(f"id: {self._number}\r\ndata: {json.dumps(event)}\r\n\r\n".encode())
            if destinations and self._thread is None:
                self._thread = threading.Thread(target=self._send_all, name="events", daemon=True)
                self._thread.start()
        for destination in destinations:
            self._queue.put(_Sending(destination, {**event, "Context": destination.context}))

    def stream(self) -> EventStream | None:
        """A new stream; None where there are as many as there can be."""
        with self._lock:
            if len(self._streams) >= MOST_STREAMS:
                return None
            self._streams.append(EventStream(self._forget))
            return self._streams[-1]

    def _forget(self, stream: EventStream) -> None:
        with self._lock:
            if stream in self._streams:
                self._streams.remove(stream)

    def end_streams(self) -> None:
        """As a restart of the BMC does."""
        with self._lock:
            streams, self._streams = self._streams, []
        for stream in streams:
            stream.put(None)

    def close(self) -> None:
        self.end_streams()
        self._queue.put(None)

    def _send_all(self) -> None:
        while (sending := self._queue.get()) is not None:
            for attempt in range(RETRY_ATTEMPTS):
                if _sent(sending):
                    break
                if attempt + 1 < RETRY_ATTEMPTS:
                    time.sleep(RETRY_SECONDS / 10)  # a tenth of what is told: nobody is to wait for a lab


def _sent(sending: _Sending) -> bool:
    """Certificates of destinations are not checked, as BMCs are shipped."""
    try:
        with httpx.Client(verify=False, trust_env=False, timeout=_SEND_SECONDS) as client:  # noqa: S501
            return client.post(sending.destination.url, json=sending.event).status_code < 400
    except (httpx.HTTPError, httpx.InvalidURL):
        return False


def _event(number: int, message_id: str, origin: str, message: str) -> dict[str, Any]:
    record = {
        "EventId": str(number),
        "EventType": "Alert",
        "MemberId": "0",
        "MessageId": f"OOBLab.1.0.{message_id}",
        "Message": message or message_id,
        "OriginOfCondition": {"@odata.id": origin},
    }
    return {"@odata.type": "#Event.v1_7_0.Event", "Id": str(number), "Name": "Event", "Events": [record]}
