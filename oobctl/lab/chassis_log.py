"""The log of every command that reached a server's chassis: JSON lines, the truth that tests count by."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

Source = Literal["ipmi", "redfish", "lab", "guest"]


class ChassisLog:
    """Appends one line per command; each line has time (RFC 3339, UTC), source, command and its parameters."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, source: Source, command: str, **parameters: Any) -> None:
        entry = {"time": datetime.now(UTC).isoformat(), "source": source, "command": command, **parameters}
        with self._path.open("a") as file:
            file.write(json.dumps(entry) + "\n")


def read_chassis_log(path: Path) -> list[dict[str, Any]]:
    """All entries, oldest first; an absent log is an empty one."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]
