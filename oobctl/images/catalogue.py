"""The disk images of a site: files in OOBCTL_HOME/images, found by name."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from oobctl.config import settings
from oobctl.errors import ConfigurationError, InvalidParameter, NotFound, WrongState

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}\.(iso|img)")
_NAMES_ARE = "letters, digits, '.', '_' and '-', and .iso or .img at the end"


@dataclass(frozen=True)
class Image:
    """One file. size: bytes."""

    name: str
    size: int
    path: Path


def all_images() -> list[Image]:
    """Every image, by name; nothing where the folder is not there yet. Other files are passed over."""
    folder = settings().images
    if not folder.is_dir():
        return []
    files = (path for path in folder.iterdir() if _NAME.fullmatch(path.name) and path.is_file())
    return sorted((Image(path.name, path.stat().st_size, path) for path in files), key=lambda image: image.name)


def find(name: str) -> Image:
    """The image of that name. Raises NotFound, naming those that there are."""
    for image in all_images():
        if image.name == name:
            return image
    known = ", ".join(image.name for image in all_images()) or "none yet; add one with: oobctl image add FILE"
    raise NotFound(f"There is no image {name!r} on this site. There are: {known}.")


def check_name(name: str) -> str:
    """The name. Raises InvalidParameter where no image can have it."""
    if not _NAME.fullmatch(name):
        raise InvalidParameter(f"{name[:120]!r} is no image's name: {_NAMES_ARE}.", field="image")
    return name


def add(file: Path, name: str | None = None) -> Image:
    """Copy a file into the catalogue, whole or not at all.

    Raises InvalidParameter, WrongState where the name is taken, ConfigurationError where the file can't be read or
    there is no room.
    """
    wanted = check_name(name or file.name)
    folder = settings().images
    if (folder / wanted).exists():
        raise WrongState(f"There is an image {wanted} already. Remove it first, or give another name with --name.")
    draft = folder / f".{wanted}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, draft)
        draft.rename(folder / wanted)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise ConfigurationError(f"{file} could not be copied to {folder}: {error.strerror}.") from error
    return find(wanted)


def remove(name: str) -> None:
    """Take an image out. A BMC that has it in a slot reads no more of it. Raises NotFound, ConfigurationError."""
    path = find(name).path
    try:
        path.unlink()
    except OSError as error:
        raise ConfigurationError(f"{path} could not be removed: {error.strerror}.") from error
