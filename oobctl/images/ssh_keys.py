"""SSH keys as people type them: public ones, their fingerprints, and private ones that were pasted in their place."""

import base64
import hashlib
import re
from typing import Annotated

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from pydantic import AfterValidator

_LONGEST = 8192
_PRIVATE = re.compile(r"PRIVATE KEY|PuTTY-User-Key-File|Private-Lines:|b3BlbnNzaC1rZXktdjE")
"""The last is how OpenSSH's begin, below their first line."""
_PUBLIC = re.compile(r"(?:ssh|ecdsa|sk)-[A-Za-z0-9@.-]+ ")
_KEY_MATERIAL = re.compile(r"[A-Za-z0-9+/=]{16}|-----")


def _checked(value: str) -> str:
    """One line: type, key, and a comment. Options before it are refused: they are no part of a key.

    What was typed is not repeated: it may be a piece of a private key.
    """
    line = value.strip()
    if is_private(line):
        raise ValueError("this is a private key: give the public one, of the file that ends in .pub, and keep this one")
    if len(line) > _LONGEST or not line.isprintable():
        raise ValueError("this is no SSH public key: it must be one line, as in a .pub file")
    kind, _, rest = line.partition(" ")
    if kind == "ssh-dss" or "-cert-" in kind:
        raise ValueError("SSH servers let nobody in by a key of this kind: give one of ssh-ed25519, ecdsa or ssh-rsa")
    try:
        serialization.load_ssh_public_key(line.encode())
        (key,) = rest.split(maxsplit=1)[:1]
        inner = _kind_in(base64.b64decode(key, validate=True))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("this is no SSH public key that can be read") from error
    if inner != kind:
        raise ValueError("this is no SSH public key that can be read: it is of another kind than it says")
    return line


def _kind_in(key: bytes) -> str:
    """What a public key's own bytes begin with (RFC 4253, 6.6): a length of four bytes, then the kind."""
    return key[4 : 4 + int.from_bytes(key[:4])].decode(errors="replace")


def is_public(line: str) -> bool:
    """Whether it is an SSH public key, as in a .pub file."""
    try:
        _checked(line)
    except ValueError:
        return False
    return True


SshKey = Annotated[str, AfterValidator(_checked)]


def is_private(text: str) -> bool:
    """Whether it says of itself that it is a private key, or has one in it: OpenSSH's, PEM, PuTTY's."""
    return _PRIVATE.search(text) is not None


def to_show_again(text: str) -> str:
    """What was typed as public keys, a line each, without what is, or could be a piece of, a private one.

    A private key's lines look like nothing but letters, so where there are such all goes that is not a public key's.
    """
    lines = [line.strip() for line in text.splitlines()]
    public = [line for line in lines if _PUBLIC.match(line) and not is_private(line)]
    others = [line for line in lines if line not in public]
    if is_private(text) or any(_KEY_MATERIAL.search(line) for line in others):
        return "\n".join(public)
    return text


def fingerprint(key: bytes) -> str:
    """As OpenSSH prints it, of a public key's own bytes."""
    return f"SHA256:{base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip('=')}"


def fingerprint_of(line: str) -> str:
    """Of a line that was checked."""
    return fingerprint(base64.b64decode(line.split()[1]))
