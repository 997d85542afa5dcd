"""A bad line in front of a BMC: UDP packets are lost, late, sent twice, and overtake each other, alike in each run."""

import heapq
import itertools
import random
import socket
import threading
import time
from collections.abc import Callable


class Relay:
    """Both ways. loss, twice: parts of the packets. delay, jitter: seconds; what is late by more is overtaken."""

    def __init__(
        self,
        address: str,
        port: int,
        *,
        loss: float = 0.0,
        twice: float = 0.0,
        delay: float = 0.0,
        jitter: float = 0.0,
        seed: int = 11,
    ) -> None:
        self._front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._front.bind(("127.0.0.1", 0))
        self._back = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._back.connect((address, port))
        self.port: int = self._front.getsockname()[1]
        self.loss, self.twice, self.delay, self.jitter = loss, twice, delay, jitter
        self.lost = self.doubled = self.passed = 0
        self._dice = random.Random(seed)
        self._client: tuple[str, int] | None = None
        self._stopped = False
        self._waiting: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers, self._news = itertools.count(), threading.Condition()
        self._threads = [threading.Thread(target=run) for run in (self._forth, self._return, self._deliver)]
        for sock in (self._front, self._back):
            sock.settimeout(0.2)
        for thread in self._threads:
            thread.start()

    def _pass(self, send: Callable[[], object]) -> None:
        """Send it after its delay, maybe twice, or lose it."""
        with self._news:
            if self._dice.random() < self.loss:
                self.lost += 1
                return
            copies = 2 if self._dice.random() < self.twice else 1
            self.doubled += copies - 1
            self.passed += 1
            for _ in range(copies):
                at = time.monotonic() + self.delay + self._dice.uniform(0, self.jitter)
                heapq.heappush(self._waiting, (at, next(self._numbers), send))
            self._news.notify()

    def _deliver(self) -> None:
        with self._news:
            while not self._stopped:
                left = self._waiting[0][0] - time.monotonic() if self._waiting else 0.2
                if left > 0:
                    self._news.wait(min(left, 0.2))
                    continue
                send = heapq.heappop(self._waiting)[2]
                try:
                    send()
                except OSError:
                    continue  # the BMC's port is closed: that packet is lost too

    def _forth(self) -> None:
        while not self._stopped:
            try:
                data, self._client = self._front.recvfrom(4096)
            except OSError:
                continue
            self.forth(data)

    def forth(self, data: bytes) -> None:
        """A packet to the BMC."""
        self._pass(lambda: self._back.send(data))

    def _return(self) -> None:
        while not self._stopped:
            try:
                data = self._back.recv(4096)
            except OSError:
                continue
            if self._client is not None:
                self.back(data, self._client)

    def back(self, data: bytes, client: tuple[str, int]) -> None:
        """A packet from the BMC."""
        self._pass(lambda: self._front.sendto(data, client))

    def stop(self) -> None:
        self._stopped = True
        for thread in self._threads:
            thread.join()
        self._front.close()
        self._back.close()
