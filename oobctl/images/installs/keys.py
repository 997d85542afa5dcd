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
    """What the script of this job names, where a server starts from its network."""
    return hmac.new(secret, b"oobctl network boot " + job_id.encode(), hashlib.sha256).hexdigest()


def hashed(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def is_token(token: str) -> bool:
    """Whether an installer may have made it: 32 bytes in hex."""
    return _TOKEN.fullmatch(token) is not None
