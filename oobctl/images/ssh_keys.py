"""SSH keys as people type them: public ones, their fingerprints, and private ones that were pasted in their place."""

import base64
import hashlib
from typing import Annotated

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from pydantic import AfterValidator

_LONGEST = 8192


def _checked(value: str) -> str:
    """One line: type, key, and a comment. Options before it are refused: they are no part of a key."""
    line = value.strip()
    shown = line[:40]
    if is_private(line):
        raise ValueError("this is a private key: give the public one, of the file that ends in .pub, and keep this one")
    if len(line) > _LONGEST or not line.isprintable():
        raise ValueError(f"{shown!r} is no SSH public key: it must be one line, as in a .pub file")
    try:
        serialization.load_ssh_public_key(line.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError(f"{shown!r} is no SSH public key that can be read: {error}") from error
    return line


SshKey = Annotated[str, AfterValidator(_checked)]


def is_private(text: str) -> bool:
    """Whether it says of itself that it is a private key, or has one in it."""
    return "PRIVATE KEY" in text


def fingerprint(key: bytes) -> str:
    """As OpenSSH prints it, of a public key's own bytes."""
    return f"SHA256:{base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip('=')}"


def fingerprint_of(line: str) -> str:
    """Of a line that was checked."""
    return fingerprint(base64.b64decode(line.split()[1]))
