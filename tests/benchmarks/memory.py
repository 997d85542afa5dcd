"""What real processes hold in memory, their children with them; pages that several share are counted by share (PSS)."""

import contextlib
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

_EVERY_SECONDS = 1.0


def held(group: int) -> int:
    """Bytes, of all processes of a process group."""
    return sum(_proportional(pid) for pid in members(group))


def members(group: int) -> list[int]:
    """The processes of a process group."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended while we looked
            if int((entry / "stat").read_text().rpartition(")")[2].split()[2]) == group:
                found.append(int(entry.name))
    return found


def _proportional(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


class Watch:
    """Looks each second while it is entered. `first`, `most`: bytes at its beginning, and the most together."""

    def __init__(self, groups: Mapping[str, int]) -> None:
        self._groups = groups
        self.first = self._look()
        self.most = dict(self.first)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def grown(self) -> int:
        """Bytes by which all together were more than at the beginning, at the worst moment."""
        return sum(self.most.values()) - sum(self.first.values())

    def _run(self) -> None:
        while not self._over.wait(_EVERY_SECONDS):
            now = self._look()
            if sum(now.values()) > sum(self.most.values()):
                self.most = now

    def _look(self) -> dict[str, int]:
        return {name: held(group) for name, group in self._groups.items()}
