"""A log of the BMC: numbered entries in a file, which outlast the BMC's processes and the rack."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Entry = dict[str, Any]


class EventLog:
    """Entries oldest first. When it is full the oldest ones go; a cleared log numbers from 1 again."""

    def __init__(self, path: Path, *, capacity: int = 1000) -> None:
        self._path = path
        self._capacity = capacity
        self._entries, damaged = _read(path)
        if damaged:
            self._rewrite()

    def add(self, message_id: str, message: str, **more: Any) -> None:
        """Append an entry, dated now. `more`: severity, code, origin, sensor_type, sensor_number, arguments."""
        number = self._entries[-1]["id"] + 1 if self._entries else 1
        created = datetime.now(UTC).isoformat(timespec="milliseconds")
        entry = {"id": number, "created": created, "message_id": message_id, "message": message, **more}
        self._entries.append(entry)
        if len(self._entries) > self._capacity:
            del self._entries[0]
            self._rewrite()
            return
        with self._path.open("a") as file:
            file.write(json.dumps(entry) + "\n")

    def clear(self) -> None:
        """Forget everything; the first entry after it tells that it was cleared."""
        self._entries = []
        self._rewrite()
        self.add("LogCleared", "The log was cleared.", severity="OK")

    def page(self, skip: int, top: int) -> dict[str, Any]:
        """`total`, and `entries` from `skip` on, at most `top` of them."""
        return {"total": len(self._entries), "entries": self._entries[skip : skip + top]}

    def find(self, number: int) -> Entry | None:
        return next((entry for entry in self._entries if entry["id"] == number), None)

    def _rewrite(self) -> None:
        fresh = self._path.with_suffix(".new")
        fresh.write_text("".join(json.dumps(entry) + "\n" for entry in self._entries))
        os.replace(fresh, self._path)


def _read(path: Path) -> tuple[list[Entry], bool]:
    """What is in the file, and whether it is damaged: a line that was cut by a kill -9 is left out."""
    entries: list[Entry] = []
    if not path.exists():
        return entries, False
    text = path.read_text()
    for line in text.splitlines():
        try:
            entries.append(json.loads(line))
        except ValueError:
            return entries, True
    return entries, not text.endswith("\n") and bool(text)
