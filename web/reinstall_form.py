"""The form of a reinstall: what was typed, as the door takes it, and at which input stands what the door refused."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from werkzeug.datastructures import MultiDict

from oobctl.constants import BootPath
from oobctl.control import Choices
from oobctl.errors import InvalidParameter, OobctlError
from oobctl.images.configuring.options import Layout, host_name_for
from oobctl.images.ssh_keys import to_show_again
from oobctl.store import SshKey
from web.discretion import told_error

TEXTS = (
    "image", "host_name", "ssh_keys", "root_password", "layout", "serials", "replace", "keep", "time_zone", "locale",
    "packages", "user_data", "post_install", "network", "cards", "addresses", "gateways", "name_servers", "vlan",
    "bond_mode", "boot_path",
)  # fmt: skip
LISTS = ("saved_keys", "disks")
LAYOUTS = {
    Layout.WHOLE_DISK: "One disk, all of it",
    Layout.RAID1: "Two disks that mirror each other (RAID 1)",
    Layout.LVM: "One disk, in volumes (LVM)",
    Layout.KEEP: "One partition of a disk; its others are kept",
}
BOOT_PATHS = {
    BootPath.VIRTUAL_MEDIA: "the BMC's virtual drive",
    BootPath.NETWORK: "the network (iPXE)",
    BootPath.UEFI_HTTP: "the network (UEFI HTTP boot)",
}
BOND_MODES = {
    "802.3ad": "LACP (802.3ad): the switch has to be set for it",
    "active-backup": "One works, the others wait (active-backup)",
    "balance-xor": "Static (balance-xor): the switch has to be set for it",
}
_MORE = frozenset(
    {
        "time_zone", "locale", "packages", "user_data", "post_install", "network", "cards", "addresses", "gateways",
        "name_servers", "vlan", "bond_mode", "boot_path",
    }
)  # fmt: skip
_DEFAULTS = {"time_zone": "UTC", "locale": "C.UTF-8", "network": "dhcp", "bond_mode": "802.3ad"}
_INPUTS = {  # of the network's parameters
    "macs": "cards", "addresses": "addresses", "gateways": "gateways", "name_servers": "name_servers", "vlan": "vlan",
    "bond_mode": "bond_mode",
}  # fmt: skip
_HELD_BACK = "What is, or may be, a private key was not kept, and is not shown again."
_PLAINLY = {"Field required": "choose one"}
_NUMBER = re.compile(r"[0-9]{1,6}")


@dataclass(frozen=True)
class Filled:
    """The form as it is shown: what was typed, or where it begins. lists: of inputs that stand there several times."""

    texts: dict[str, str]
    lists: dict[str, list[str]]

    @property
    def holds_back(self) -> bool:
        """Whether something in the place of public keys is, or may be, private: that is never sent back."""
        return self.shown is not self

    @property
    def shown(self) -> "Filled":
        """What of it may be sent back to the browser."""
        typed = self.texts["ssh_keys"]
        kept = to_show_again(typed)
        return self if kept == typed else replace(self, texts={**self.texts, "ssh_keys": kept})

    @property
    def hidden(self) -> list[tuple[str, str]]:
        """All of it, for the page that asks once more."""
        several = [(name, value) for name, values in self.lists.items() for value in values]
        return [(name, value) for name, value in self.texts.items() if value] + several


def begun(server: str, choices: Choices) -> Filled:
    """What the form has before anything is typed: the server's name, the only image, the first disk."""
    texts = (
        dict.fromkeys(TEXTS, "")
        | _DEFAULTS
        | {
            "image": choices.images[0].name if len(choices.images) == 1 else "",
            "host_name": host_name_for(server),
            "layout": str(Layout.WHOLE_DISK),
        }
    )
    return Filled(texts, {"saved_keys": [], "disks": [disk.serial for disk in choices.hardware.disks[:1]]})


def with_disks(typed: Filled, serials: list[str]) -> Filled:
    """The same, of these disks where none was chosen."""
    if typed.lists["disks"] or typed.texts["serials"].strip():
        return typed
    return replace(typed, lists={**typed.lists, "disks": serials})


def filled(form: MultiDict[str, str]) -> Filled:
    """What was typed."""
    return Filled({name: form.get(name, "") for name in TEXTS}, {name: form.getlist(name) for name in LISTS})


def request_of(typed: Filled, saved: Sequence[SshKey]) -> dict[str, Any]:
    """As the door takes it; an empty input is one that was not given. Raises InvalidParameter for what has no sense."""
    texts = typed.texts
    chosen = [key.key for key in saved if key.id in typed.lists["saved_keys"]]
    found: dict[str, Any] = {
        "host_name": texts["host_name"].strip(),
        "ssh_keys": list(dict.fromkeys([*_lines(texts["ssh_keys"]), *chosen])),
        "root_password": texts["root_password"] == "on",  # noqa: S105  a checkbox
        "disks": typed.lists["disks"] or _words(texts["serials"]),
        "keep": _lines(texts["keep"]),
        "packages": _words(texts["packages"]),
        "network": _network(texts),
    }
    for name in ("image", "layout", "replace", "time_zone", "locale", "boot_path"):
        found |= {name: texts[name].strip()} if texts[name].strip() else {}
    for name in ("user_data", "post_install"):
        found |= {name: texts[name]} if texts[name].strip() else {}
    return found


def _network(texts: dict[str, str]) -> dict[str, Any]:
    fixed = texts["network"] == "fixed"
    if fixed and not _lines(texts["addresses"]):
        raise InvalidParameter("Give at least one address, or choose DHCP.", field="network.addresses")
    if not fixed and (texts["addresses"].strip() or texts["gateways"].strip()):
        said = "Fixed addresses stand below, and DHCP is chosen: choose fixed addresses, or empty those inputs."
        raise InvalidParameter(said, field="network")
    cards, vlan = _words(texts["cards"]), texts["vlan"].strip()
    found: dict[str, Any] = {"macs": cards, "name_servers": _words(texts["name_servers"])}
    if fixed:
        found |= {"addresses": _words(texts["addresses"]), "gateways": _words(texts["gateways"])}
    if vlan:
        found["vlan"] = int(vlan) if _NUMBER.fullmatch(vlan) else vlan
    if len(cards) > 1:
        found["bond_mode"] = texts["bond_mode"]
    return found


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[\s,]+", text) if word]


def place_of(error: OobctlError, *, staff: bool) -> tuple[str | None, str]:
    """At which input it stands (None: at none), and what it says there."""
    if "why" not in error.details:
        field = str(error.details.get("field", ""))
        said = told_error(error.code, error.message, staff=staff)
        return field if field in TEXTS or field in LISTS else _INPUTS.get(field.removeprefix("network.")), said
    said = str(error.details["why"])
    first, _, rest = str(error.details.get("field", "")).partition(".")
    if first == "network":
        return _INPUTS.get(rest.partition(".")[0], "network"), _sentence(said)
    known = first in TEXTS or first in LISTS
    return first if known else None, _sentence(said, rest if first == "ssh_keys" else "")


def complaints(place: str | None, words: str, *, held_back: bool) -> dict[str, str]:
    """By input what is wrong there; also that what was typed as keys is not shown again."""
    found = {} if place is None else {place: words}
    return {**found, "ssh_keys": f"{found.get('ssh_keys', '')} {_HELD_BACK}".strip()} if held_back else found


def shows_more(typed: Filled, field: str | None) -> bool:
    """Whether what is folded away otherwise is open: this input there is wrong, or something was typed there."""
    return field in _MORE or any(typed.texts[name] not in {"", _DEFAULTS.get(name)} for name in _MORE)


def _sentence(said: str, number: str = "") -> str:
    said = _PLAINLY.get(said.rstrip("."), said)
    if number.isdigit():
        return f"Key {int(number) + 1}: {said.rstrip('.')}."
    return f"{said[:1].upper()}{said[1:].rstrip('.')}."


def lines_in(text: str) -> int:
    """For a summary of what was typed."""
    return len(text.splitlines())


def keys_of(request: dict[str, Any]) -> Iterable[tuple[str, str]]:
    """Of each key its comment and its kind."""
    for line in request["ssh_keys"]:
        parts = line.split(None, 2)
        yield (parts[2] if len(parts) > 2 else "without a comment"), parts[0]
