"""The new operating system reports itself, once, with a key that its installer put there."""

import base64
import re
from dataclasses import dataclass

from sqlalchemy import select

from oobctl import clock
from oobctl.drivers.identity import clean
from oobctl.errors import NotFound
from oobctl.images.installs import keys
from oobctl.images.ssh_keys import fingerprint, is_public
from oobctl.store import Install, database

_HOST_KEY = re.compile(r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)) ([A-Za-z0-9+/]{16,2000}={0,2})(?: .*)?")
_MOST_KEYS, _MOST_NOTES = 8, 16


@dataclass(frozen=True)
class FirstBoot:
    """What a new operating system says of itself; host_keys: as in its .pub files, one a line."""

    host_name: str
    kernel: str
    host_keys: str
    notes: str = ""
    address: str = ""


@dataclass(frozen=True)
class Kept:
    """again_as_another: one was kept before, which told other host keys: its disk, and this key, were copied."""

    job_id: str
    again_as_another: bool


def phone_home(key: str, said: FirstBoot) -> Kept:
    """Keep it, once: who comes again is told the same, and changes nothing. One that was set up may come after its job.

    A system that runs was set up, whether or not its installer was heard to the end.
    Raises NotFound for a key of no install, of one that was not written, or that ended before its system was set up.
    """
    told = host_keys(said.host_keys)
    with database().write() as session:
        install = session.scalar(select(Install).where(Install.phone_hash == keys.hashed(key)).with_for_update())
        if install is None or install.written_at is None or (install.closed_at and not install.configured_at):
            raise NotFound("No install waits for this operating system.")
        if install.first_boot_at is not None:
            return Kept(install.job_id, again_as_another=_is_another(install, told))
        install.first_boot_at = clock.now()
        install.configured_at = install.configured_at or install.first_boot_at
        install.first_boot = {
            "host_name": clean(said.host_name, 253),
            "kernel": clean(said.kernel),
            "host_keys": told,
            "notes": [note for line in said.notes.splitlines()[:_MOST_NOTES] if (note := clean(line, 200))],
            "address": said.address,
        }
        return Kept(install.job_id, again_as_another=False)


def _is_another(install: Install, told: list[dict[str, str]]) -> bool:
    """Whether a later report tells none of the host keys of the first. One that had none yet has these."""
    first = install.first_boot or {}
    if not first.get("host_keys"):
        install.first_boot = {**first, "host_keys": told}
        return False
    return bool(told) and not any(one in first["host_keys"] for one in told)


def host_keys(text: str) -> list[dict[str, str]]:
    """The public keys of an SSH server: {type, key, fingerprint}, as OpenSSH prints fingerprints; others are left."""
    found = []
    for line in text.splitlines():
        match = _HOST_KEY.fullmatch(line.strip())
        if match is not None and is_public(f"{match[1]} {match[2]}"):
            found.append({"type": match[1], "key": match[2], "fingerprint": fingerprint(base64.b64decode(match[2]))})
    return found[:_MOST_KEYS]
