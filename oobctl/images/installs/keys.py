"""Keys of a reinstall: one that the medium carries, the installer's own, and the new operating system's.

The key that the medium carries is derived from the one in the medium's address, so that it lies nowhere: whoever
fetches the medium by its address gets it, and the store knows its hash alone.
"""

import hashlib
import hmac
import re
import secrets

_BYTES = 32
_TOKEN = re.compile(r"[0-9a-f]{64}")


def new_key() -> str:
    return secrets.token_urlsafe(_BYTES)


def claim_key(address_key: str) -> str:
    """What the medium that is fetched by this key carries, for the claim."""
    return hmac.new(address_key.encode(), b"oobctl installer claim", hashlib.sha256).hexdigest()


def network_key(secret: bytes, job_id: str) -> str:
    """In the place of an address's key, where a server starts from its network. It is in no address."""
    return hmac.new(secret, b"oobctl network boot " + job_id.encode(), hashlib.sha256).hexdigest()


def ticket(network_key: str) -> str:
    """What a script names of it: iPXE shows addresses on screens and serial lines, and this one opens no claim."""
    return hmac.new(network_key.encode(), b"oobctl installer ticket", hashlib.sha256).hexdigest()[:32]


def is_ticket(said: str, network_key: str) -> bool:
    return hmac.compare_digest(said.encode(), ticket(network_key).encode())


def hashed(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def is_token(token: str) -> bool:
    """Whether an installer may have made it: 32 bytes in hex."""
    return _TOKEN.fullmatch(token) is not None
