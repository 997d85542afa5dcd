"""What the service is told at its start, by a file that only its owner reads."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Configuration:
    """One server's Redfish service."""

    server: str
    address: str
    port: int
    firmware: str
    users: Path
    identity: dict[str, str]
    certificate: Path
    key: Path
    socket: Path
    request_log: Path
    ready: Path
    authority: Path
    vnc_port: int
    serial: tuple[str, int]
    disks: tuple[str, ...]
    ipmi_port: int | None = None
    session_limit: int = 6

    @classmethod
    def load(cls, path: Path) -> "Configuration":
        values: dict[str, Any] = json.loads(path.read_text())
        for name in ("users", "certificate", "key", "socket", "request_log", "ready", "authority"):
            values[name] = Path(values[name])
        values |= {"serial": tuple(values["serial"]), "disks": tuple(values["disks"])}
        return cls(**values)
