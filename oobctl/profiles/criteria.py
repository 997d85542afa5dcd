"""What a BMC must say about itself for a profile to fit it, and how it is compared with what the BMC says."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol as Interface

_NAME, _MAKER, _VERSION = 3, 2, 1  # the name of a product tells more than its maker, and that more than a version

WEIGHTS: Mapping[str, int] = {
    "model": _NAME,
    "board": _NAME,
    "bmc_model": _NAME,
    "root_product": _NAME,
    "ipmi_product": _NAME,
    "manufacturer": _MAKER,
    "root_vendor": _MAKER,
    "oem": _MAKER,
    "ipmi_manufacturer": _MAKER,
    "bmc_firmware": _VERSION,
    "bios_version": _VERSION,
}
"""What can be asked for, and how much each tells. ipmi_*: numbers; all others regular expressions."""

WORDS: Mapping[str, str] = {
    "model": "model",
    "board": "board",
    "bmc_model": "BMC model",
    "root_product": "Redfish product",
    "ipmi_product": "IPMI product",
    "manufacturer": "manufacturer",
    "root_vendor": "Redfish vendor",
    "oem": "OEM part",
    "ipmi_manufacturer": "IPMI manufacturer",
    "bmc_firmware": "BMC firmware",
    "bios_version": "BIOS version",
}
"""The same for people."""

Wanted = str | tuple[int, ...]
Said = str | int | tuple[str, ...] | None


class Described(Interface):
    """What a BMC says that it is; drivers.interfaces.Identity has it."""

    @property
    def manufacturer(self) -> str | None: ...
    @property
    def model(self) -> str | None: ...
    @property
    def board(self) -> str | None: ...
    @property
    def bmc_model(self) -> str | None: ...
    @property
    def bmc_firmware(self) -> str | None: ...
    @property
    def root_vendor(self) -> str | None: ...
    @property
    def root_product(self) -> str | None: ...
    @property
    def oem(self) -> tuple[str, ...]: ...
    @property
    def bios_version(self) -> str | None: ...
    @property
    def ipmi_manufacturer(self) -> int | None: ...
    @property
    def ipmi_product(self) -> int | None: ...


@dataclass(frozen=True)
class Criterion:
    """One thing asked for, and what was said instead, or as wanted."""

    name: str
    wanted: Wanted
    said: Said
    met: bool

    @property
    def weight(self) -> int:
        return WEIGHTS[self.name]

    @property
    def words(self) -> str:
        """As it was said: "BMC model 15G Monolithic"."""
        return f"{WORDS[self.name]} {_words(self.said)}"

    @property
    def refusal(self) -> str:
        """What was asked for and not said, to go on with "it asks for"."""
        wanted = f"like {self.wanted}" if isinstance(self.wanted, str) else " or ".join(map(str, self.wanted))
        return f"{WORDS[self.name]} {wanted}, and the BMC says {_words(self.said)}"


@dataclass(frozen=True)
class Criteria:
    """An alternative of a profile: it fits where all that it wants is said. `wanted`: by the names of WEIGHTS."""

    wanted: Mapping[str, Wanted]

    @property
    def weight(self) -> int:
        """How much it asks for."""
        return sum(WEIGHTS[name] for name in self.wanted)

    def judged(self, described: Described) -> tuple[Criterion, ...]:
        """Each of its criteria against what the BMC says."""
        return tuple(_judged(name, wanted, getattr(described, name)) for name, wanted in self.wanted.items())


def _judged(name: str, wanted: Wanted, said: Said) -> Criterion:
    if isinstance(wanted, tuple):
        return Criterion(name, wanted, said, met=said in wanted)
    parts = said if isinstance(said, tuple) else (said,)
    found = [part for part in parts if isinstance(part, str) and re.search(wanted, part, re.IGNORECASE)]
    if isinstance(said, tuple) and found:
        said = tuple(found)
    return Criterion(name, wanted, said, met=bool(found))


def _words(said: Said) -> str:
    if isinstance(said, tuple):
        return ", ".join(said) or "none"
    return "none" if said is None else str(said)
