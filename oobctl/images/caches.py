"""Where what takes long to build is kept, to be taken from there again: beside the sources, or in the user's cache."""

import os
from pathlib import Path


def of_checkout(name: str) -> Path | None:
    """`.cache/NAME` of the checkout, where we run from one that we may write to."""
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "pyproject.toml").exists() and os.access(checkout, os.W_OK):
        return checkout / ".cache" / name
    return None


def of_user(name: str) -> Path:
    """As `of_checkout`; elsewhere `$XDG_CACHE_HOME/oobctl/NAME`."""
    return of_checkout(name) or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "oobctl" / name


def systems() -> Path:
    """Built images of operating systems, that homes share."""
    return of_user("images")
