"""The panel's secret key: signs CSRF tokens, made once by `oobctl init`, kept outside the database."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from oobctl.errors import ConfigurationError

_LEAST_CHARACTERS = 32


def secret_path(home: Path) -> Path:
    return home / "panel.secret"


def create_secret(home: Path) -> Path:
    """Make the key, mode 0600, unless it is there; returns its path. Two callers at once make one key.

    Raises OSError where the folder cannot be written.
    """
    path = secret_path(home)
    home.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(48) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)  # fails where the key is there: the first one stays
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path


def read_secret(home: Path) -> str:
    """The key. Raises ConfigurationError where it is missing, unreadable, too short, or open to other users."""
    path = secret_path(home)
    try:
        mode = path.stat().st_mode & 0o077
        key = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        raise ConfigurationError(f"The panel's secret key {path} is missing. Run `oobctl init` once.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The panel's secret key {path} cannot be read: {error}.") from error
    if mode:
        raise ConfigurationError(f"The panel's secret key {path} is open to other users. Run `chmod 600 {path}`.")
    if len(key) < _LEAST_CHARACTERS:
        raise ConfigurationError(f"The panel's secret key {path} is damaged. Delete it and run `oobctl init`.")
    return key


def digest(home: Path, purpose: str, content: bytes) -> str:
    """Of what may be secret and easy to guess (hex): who has the database alone cannot try guesses against it.

    A panel with another key has another digest of the same. Raises as `read_secret`.
    """
    key = hmac.digest(read_secret(home).encode(), f"oobctl {purpose}".encode(), hashlib.sha256)
    return hmac.new(key, content, hashlib.sha256).hexdigest()
