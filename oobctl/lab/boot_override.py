"""The boot override of a server: which device comes first, once or always, and in which firmware."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from oobctl.lab.errors import LabRefused
from oobctl.lab.plan import Firmware

Target = Literal["None", "Pxe", "Cd", "Hdd", "BiosSetup"]
Enabled = Literal["Disabled", "Once", "Continuous"]

TARGETS: tuple[Target, ...] = ("None", "Pxe", "Cd", "Hdd", "BiosSetup")
ENABLED: tuple[Enabled, ...] = ("Disabled", "Once", "Continuous")
MODES: Mapping[str, Firmware] = {"UEFI": "uefi", "Legacy": "bios"}
MODE_OF: Mapping[Firmware, str] = {"uefi": "UEFI", "bios": "Legacy"}

_DEVICES = {"Hdd": "disk0", "Pxe": "nic0", "Cd": "cd0"}
_DEFAULT_ORDER = ("Hdd", "Pxe", "Cd")


@dataclass(frozen=True)
class Override:
    """What the next boot does instead of the usual; words as in Redfish's ComputerSystem.Boot."""

    target: Target = "None"
    enabled: Enabled = "Disabled"
    mode: str = "UEFI"

    def as_dict(self) -> dict[str, str]:
        return {"target": self.target, "enabled": self.enabled, "mode": self.mode}

    @property
    def holds(self) -> bool:
        """Whether the next boot is another than the usual one."""
        return self.enabled != "Disabled"

    def changed(self, changes: Mapping[str, Any]) -> "Override":
        """This override with some of target, enabled, mode changed. Raises LabRefused for words that mean nothing."""
        for key, words in (("target", TARGETS), ("enabled", ENABLED), ("mode", tuple(MODES))):
            if key in changes and changes[key] not in words:
                raise LabRefused(f"A boot override has no {key} {changes[key]!r}; it takes {', '.join(words)}.")
        target: Target = changes.get("target", self.target)
        enabled: Enabled = changes.get("enabled", self.enabled)
        if target == "None":
            enabled = "Disabled"
        elif "target" in changes and "enabled" not in changes and enabled == "Disabled":
            enabled = "Once"
        if enabled == "Disabled":
            target = "None"
        return Override(target, enabled, changes.get("mode", self.mode))

    def after_boot(self, mode: str) -> "Override":
        """What is left when a boot has used it: nothing of a one-shot, all of a persistent one."""
        return Override(mode=mode) if self.enabled == "Once" else self


def device_order(override: Override) -> list[str]:
    """QEMU's device ids in the order in which the firmware tries them."""
    first = [override.target] if override.holds and override.target in _DEVICES else []
    sources = [*first, *(source for source in _DEFAULT_ORDER if source not in first)]
    return [_DEVICES[source] for source in sources]
