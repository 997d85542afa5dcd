"""The rack's passwords and identities: made at random once per rack, kept 0600 beside its state."""

import json
import os
import secrets
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

from oobctl.lab.plan import Identity

USER = "admin"
_VNC_PASSWORD_BYTES = 8  # the VNC protocol uses no more
_BMC_PASSWORD_BYTES = 16  # IPMI 2.0 takes at most 20


@dataclass(frozen=True)
class Credentials:
    """Who one server is and how to sign in to it."""

    bmc_password: str
    vnc_password: str
    system_uuid: str
    serial: str
    bmc_mac: str
    nic_mac: str

    @property
    def identity(self) -> Identity:
        return Identity(self.system_uuid, self.serial, self.bmc_mac, self.nic_mac)

    @classmethod
    def at_random(cls) -> "Credentials":
        # Every password differs: a test that greps for one finds whose it is.
        return cls(
            bmc_password=_word(_BMC_PASSWORD_BYTES),
            vnc_password=_word(_VNC_PASSWORD_BYTES),
            system_uuid=str(uuid.uuid4()),
            serial=f"SN{secrets.randbelow(10**8):08d}",
            bmc_mac=_mac(),
            nic_mac=_mac(),
        )


def _word(length: int) -> str:
    # Letters and digits alone: quotes and spaces have a meaning in ipmi_sim's configuration.
    alphabet = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
    return "".join(secrets.choice(alphabet) for _ in range(length))


def _mac() -> str:
    return ":".join(f"{byte:02x}" for byte in (0x52, 0x54, 0x00, *secrets.token_bytes(3)))


def write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner reads, whole or not at all."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    fresh.replace(path)


def load_credentials(folder: Path, names: list[str]) -> dict[str, Credentials]:
    """The credentials of these servers; what is missing or unreadable is made anew and written down."""
    path = folder / "credentials.json"
    known: dict[str, Credentials] = {}
    try:
        known = {name: Credentials(**values) for name, values in json.loads(path.read_text()).items()}
    except (FileNotFoundError, ValueError, TypeError):
        known = {}
    missing = [name for name in names if name not in known]
    if missing:
        known |= {name: Credentials.at_random() for name in missing}
        write_secret(path, json.dumps({name: asdict(values) for name, values in known.items()}, indent=2))
    return {name: known[name] for name in names}
