"""Where Debian's packages come from: as apt on this computer has it, for the build and for the image."""

import subprocess
from dataclasses import dataclass

from oobctl.errors import ConfigurationError

_ASKED = ("apt-get", "indextargets", "--format", "$(ORIGIN)\t$(LABEL)\t$(REPO_URI)", "Created-By: Packages")
_SECONDS = 60


@dataclass(frozen=True)
class Mirrors:
    """Addresses without a slash at the end."""

    main: str
    security: str


def of_apt() -> Mirrors:
    """Raises ConfigurationError where apt is not here, or knows no mirror of Debian."""
    try:
        told = subprocess.run(_ASKED, capture_output=True, text=True, check=True, timeout=_SECONDS).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise ConfigurationError(
            f"apt-get does not say where Debian's packages come from ({type(error).__name__}). Images are built on a "
            "Debian computer."
        ) from error
    return read(told)


def read(told: str) -> Mirrors:
    """From lines of origin, label and address, parted by tabs. The first of each counts. Raises ConfigurationError."""
    found: dict[str, str] = {}
    for line in told.splitlines():
        origin, _, rest = line.partition("\t")
        label, _, address = rest.partition("\t")
        if origin == "Debian" and address.startswith(("http://", "https://")) and " " not in address.strip():
            found.setdefault(label, address.strip().rstrip("/"))
    if "Debian" not in found:
        raise ConfigurationError(
            "apt on this computer knows no mirror of Debian, from which an image could be built. Run apt-get update; "
            "if it stays so, name one in its sources."
        )
    return Mirrors(found["Debian"], found.get("Debian-Security", f"{found['Debian']}-security"))
