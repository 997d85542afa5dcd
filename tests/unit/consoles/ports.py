"""A serial port without a BMC, which does what a test says."""

import threading
from collections.abc import Callable

from oobctl.errors import OobctlError


class FakePort:
    """typed: what was written, and None for a break. takes: whether what is written is taken at once.

    closed: it is being closed. closes: it takes until then.
    """

    breaks = True

    def __init__(self, heard: Callable[[bytes], None], ended: Callable[[OobctlError | None], None]) -> None:
        self.heard, self.ended = heard, ended
        self.typed: list[bytes | None] = []
        self.closed, self.closes = threading.Event(), threading.Event()
        self.closes.set()
        self.waiting = 0
        self.takes = True

    def write(self, data: bytes) -> None:
        self.typed.append(data)
        if not self.takes:
            self.waiting += len(data)

    def send_break(self) -> None:
        self.typed.append(None)

    def close(self) -> None:
        self.closed.set()
        self.closes.wait()

    @property
    def text(self) -> bytes:
        return b"".join(data for data in self.typed if data is not None)


class Opener:
    """lines.OpenPort. answers: what each opening raises, None where it works; the last one from then on."""

    def __init__(self, *answers: OobctlError | None) -> None:
        self.answers = list(answers) or [None]
        self.ports: list[FakePort] = []
        self.forced: list[bool] = []
        self.asked = 0
        self.gate = threading.Event()
        self.gate.set()

    def __call__(
        self,
        *,
        heard: Callable[[bytes], None],
        ended: Callable[[OobctlError | None], None],
        deactivate_others: bool = False,
    ) -> FakePort:
        self.asked += 1
        self.gate.wait()
        self.forced.append(deactivate_others)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is not None:
            raise answer
        self.ports.append(FakePort(heard, ended))
        return self.ports[-1]
