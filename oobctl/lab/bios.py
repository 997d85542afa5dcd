"""A server's BIOS settings: what holds, what waits for the next boot, and the attributes that there are."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from oobctl.lab.credentials import write_secret
from oobctl.lab.plan import Firmware

BOOT_MODE, ASSET_TAG = "BootMode", "AssetTag"
_FIRMWARE: Mapping[str, Firmware] = {"Uefi": "uefi", "Bios": "bios"}


@cache
def attributes() -> dict[str, dict[str, Any]]:
    """The attributes by name, as a Redfish attribute registry describes them (DSP8013), in the menus' order."""
    listed = json.loads(files("oobctl.lab").joinpath("bios_attributes.json").read_text())
    return {attribute["AttributeName"]: {"ReadOnly": False, "Hidden": False, **attribute} for attribute in listed}


def names_of_type(kind: str) -> set[str]:
    return {name for name, attribute in attributes().items() if attribute["Type"] == kind}


class BiosSettings:
    """Kept in a file. Passwords are not kept: it is known of each whether it is set."""

    def __init__(self, path: Path, facts: Mapping[str, Any]) -> None:
        self._path = path
        kept = _read(path)
        defaults = {name: attribute["DefaultValue"] for name, attribute in attributes().items()}
        known: dict[str, Any] = {name: value for name, value in kept.get("current", {}).items() if name in defaults}
        self._current: dict[str, Any] = {**defaults, **known, **facts}
        self._pending: dict[str, Any] = {name: v for name, v in kept.get("pending", {}).items() if name in defaults}
        self._applied_at: str | None = kept.get("applied_at")

    def view(self) -> dict[str, Any]:
        """current, pending (a password that waits is None there), and when something was applied last."""
        hidden = names_of_type("Password")
        pending = {name: None if name in hidden else value for name, value in self._pending.items()}
        return {"current": self._current, "pending": pending, "applied_at": self._applied_at}

    @property
    def next_firmware(self) -> Firmware:
        """What the next boot starts, unless a boot override says otherwise."""
        return _FIRMWARE[self._pending.get(BOOT_MODE, self._current[BOOT_MODE])]

    def set(self, values: Mapping[str, Any]) -> None:
        """Let checked values wait for the next boot, beside those that wait already."""
        secret = names_of_type("Password")
        for name, value in values.items():
            if name in secret:
                self._pending[name] = bool(value)
            elif self._current[name] == value:
                self._pending.pop(name, None)
            else:
                self._pending[name] = value
        self._write()

    def reset(self) -> None:
        """Let the defaults wait for the next boot, in place of everything that waits. Passwords stay."""
        self._pending = {
            name: attribute["DefaultValue"]
            for name, attribute in attributes().items()
            if not attribute["ReadOnly"]
            and attribute["Type"] != "Password"
            and self._current[name] != attribute["DefaultValue"]
        }
        self._write()

    def boot(self) -> list[str]:
        """The firmware starts: what waited holds from now on. Returns its names."""
        applied = sorted(self._pending)
        for name, value in self._pending.items():
            if name in names_of_type("Password"):
                self._current[f"{name}Status"] = "Set" if value else "Unset"
            else:
                self._current[name] = value
        self._pending = {}
        if applied:
            self._applied_at = datetime.now(UTC).isoformat()
            self._write()
        return applied

    def _write(self) -> None:
        content = {"current": self._current, "pending": self._pending, "applied_at": self._applied_at}
        write_secret(self._path, json.dumps(content, indent=1))


def _read(path: Path) -> dict[str, Any]:
    try:
        kept = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}
