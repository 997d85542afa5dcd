"""Secrets of a site: anybody can seal one to its key, only its own processes can open it."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox

from oobctl.errors import ConfigurationError


@dataclass(frozen=True)
class Secret:
    """A user and a password, held in memory alone. It prints as nothing."""

    user: str = field(repr=False)
    password: str = field(repr=False)


def make_key(path: Path) -> bytes:
    """Make a site's key pair: the private half goes to `path` (0600, never overwritten), the public half is returned.

    Raises ConfigurationError where the file exists or cannot be written.
    """
    key = PrivateKey.generate()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key.encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ConfigurationError(f"The site's key could not be written to {path}: {error.strerror}.") from error
    return key.public_key.encode()


def read_key(path: Path) -> PrivateKey:
    """A site's private key.

    Raises ConfigurationError where the file is missing, unreadable, open to others, or no key.
    """
    try:
        mode = path.stat().st_mode & 0o777
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"The site's key {path} cannot be read: {error.strerror}. Without it no BMC password can be opened; "
            "restore the file from your backup."
        ) from error
    if mode & 0o077:
        raise ConfigurationError(f"The site's key {path} is open to others (mode {mode:04o}). Run: chmod 600 {path}")
    if len(content) != PrivateKey.SIZE:
        raise ConfigurationError(
            f"The site's key {path} is damaged ({len(content)} bytes). Restore it from your backup."
        )
    return PrivateKey(content)


def seal(public_key: bytes, endpoint_id: str, address: str, secret: Secret) -> bytes:
    """Seal a credential to a site. The endpoint and its address are inside: a moved address voids it."""
    content = {"endpoint": endpoint_id, "address": address, "user": secret.user, "password": secret.password}
    return SealedBox(PublicKey(public_key)).encrypt(json.dumps(content).encode())


def unseal(key: PrivateKey, endpoint_id: str, address: str, sealed: bytes) -> Secret:
    """Open a credential for the endpoint and address it was sealed for.

    Raises ConfigurationError where the key is another one, or the credential was sealed for somewhere else.
    """
    try:
        content = json.loads(SealedBox(key).decrypt(sealed))
    except (CryptoError, ValueError) as error:
        raise ConfigurationError("The BMC's password was sealed to another key. Enter it again.") from error
    if content["endpoint"] != endpoint_id or content["address"] != address:
        raise ConfigurationError(
            "The BMC's address was changed after its password was entered. Enter the password again."
        )
    return Secret(content["user"], content["password"])


def seal_content(public_key: bytes, purpose: str, content: dict[str, Any]) -> bytes:
    """Seal what only a site's boot service may read (JSON). purpose: whose it is (a job's id); it is inside."""
    return SealedBox(PublicKey(public_key)).encrypt(json.dumps({"of": purpose, "content": content}).encode())


def unseal_content(key: PrivateKey, purpose: str, sealed: bytes) -> dict[str, Any]:
    """What seal_content sealed for the purpose. Raises ConfigurationError: it was sealed to another key or purpose."""
    try:
        opened = json.loads(SealedBox(key).decrypt(sealed))
    except (CryptoError, ValueError) as error:
        raise ConfigurationError(
            "What the reinstall needs was sealed to another key than this boot service has. All boot services of a "
            "site share one key file; ask for the reinstall again."
        ) from error
    if opened.get("of") != purpose:
        raise ConfigurationError("What the reinstall needs was sealed for another job.")
    return dict(opened["content"])


def seal_key(public_key: bytes, purpose: str, key: bytes) -> bytes:
    """Seal the key of one file to a site. purpose: what it is the key of (a recording's id); it is inside."""
    return SealedBox(PublicKey(public_key)).encrypt(json.dumps({"key_of": purpose, "key": key.hex()}).encode())


def unseal_key(key: PrivateKey, purpose: str, sealed: bytes) -> bytes:
    """What seal_key sealed for the purpose. Raises ConfigurationError where it was sealed to another key or purpose."""
    try:
        content = json.loads(SealedBox(key).decrypt(sealed))
    except (CryptoError, ValueError) as error:
        raise ConfigurationError(
            "The recording was sealed to another key than this site has. Restore the site's key from your backup."
        ) from error
    if content.get("key_of") != purpose:
        raise ConfigurationError("The recording's key was sealed for another recording.")
    return bytes.fromhex(content["key"])
