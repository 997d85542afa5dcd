"""The images of operating systems of a site: a folder for each in OOBCTL_HOME/images/os, found by name."""

import contextlib
import os
import re
import shutil
import time
from pathlib import Path
from tempfile import mkdtemp

import structlog
import yaml
from pydantic import ValidationError

from oobctl import clock
from oobctl.config import settings
from oobctl.errors import ConfigurationError, InvalidParameter, NotFound, OobctlError, WrongState
from oobctl.images.systems.entry import MEDIA, NAME, NAMES_ARE, Form, SystemImage

log = structlog.get_logger()

_ENTRY = "image.yaml"
_MOST_ENTRY_BYTES = 16_384
_DRAFT, _GONE = ".draft-", ".gone-"
_LONGEST_SECONDS = 24 * 3600  # a large file over a slow line
_FILE_MODE, _FOLDER_MODE = 0o644, 0o755  # the boot service may be another user; nothing in an image is secret


def all_systems() -> list[SystemImage]:
    """Every image, retired ones too, by name. One whose entry is damaged is logged and left out."""
    found = []
    for name in names():
        try:
            found.append(find(name))
        except OobctlError as error:
            log.warning("an image of an operating system cannot be offered", image=name, why=error.message)
    return found


def names() -> list[str]:
    """Of all images, damaged ones too, sorted."""
    folder = settings().systems
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if _is_name(path.name) and path.is_dir())


def state() -> tuple[tuple[str, int, int], ...]:
    """Something that is another whenever an image came, went or changed."""
    found = []
    for name in names():
        with contextlib.suppress(OSError):
            said = (_folder(name) / _ENTRY).stat()
            found.append((name, said.st_ino, said.st_mtime_ns))
    return tuple(found)


def find(name: str) -> SystemImage:
    """The image of that name, which may be retired.

    Raises NotFound, naming those that there are; ConfigurationError where its entry is damaged.
    """
    if not _is_name(name) or not (_folder(name)).is_dir():
        known = ", ".join(names()) or "none yet; make one with: oobctl image build debian-13"
        raise NotFound(f"There is no image of an operating system {name[:120]!r} on this site. There are: {known}.")
    path = _folder(name) / _ENTRY
    image = _read(path)
    if image.name != name:
        raise ConfigurationError(f"The entry {path} is wrong at name: it must be the folder's name, {name!r}.")
    return image


def path_of(image: SystemImage, form: Form) -> Path:
    """Where a form's file lies. It may be gone: `verify` says so."""
    return _folder(image.name) / form.file


def check_name(name: str) -> str:
    """The name. Raises InvalidParameter where no image can have it, WrongState where one has it."""
    if not _is_name(name):
        raise InvalidParameter(f"{name[:120]!r} is no name of an operating system's image: {NAMES_ARE}.", field="name")
    if _folder(name).exists():
        raise WrongState(
            f"There is an image {name} already, and an image's files never change. Choose another name, or remove it "
            f"first (oobctl image remove {name})."
        )
    return name


def draft() -> Path:
    """A new folder beside the images, which nobody takes for one: for `add`, or to be removed.

    Raises ConfigurationError where it cannot be made.
    """
    try:
        settings().systems.mkdir(parents=True, exist_ok=True)
        for folder in (settings().images, settings().systems):
            folder.chmod(_FOLDER_MODE)
        _forget_old_drafts()
        return Path(mkdtemp(prefix=_DRAFT, dir=settings().systems))
    except OSError as error:
        raise _cannot("make a folder in", settings().systems, error) from error


def add(image: SystemImage, folder: Path) -> SystemImage:
    """Take a draft with the forms' files into the catalogue, whole or not at all: its folder is renamed last.

    Raises WrongState where the name was taken meanwhile, ConfigurationError.
    """
    check_name(image.name)
    try:
        _write(image, folder / _ENTRY)
        for form in image.forms:
            (folder / form.file).chmod(_FILE_MODE)
            _flush(folder / form.file)
        folder.chmod(_FOLDER_MODE)
        folder.rename(_folder(image.name))
        _flush(settings().systems)
    except OSError as error:
        raise _cannot("add an image to", settings().systems, error) from error
    return find(image.name)


def retire(name: str) -> SystemImage:
    """Offer an image for no more installations; one that runs goes on. Raises NotFound, ConfigurationError."""
    image = find(name)
    return image if image.retired_at else _change(image, retired_at=clock.now())


def unretire(name: str) -> SystemImage:
    """Offer it again. Raises NotFound, ConfigurationError."""
    return _change(find(name), retired_at=None)


def remove(name: str) -> None:
    """Take an image out with its files, a damaged one too. An installer that reads one of them fails.

    Raises NotFound, ConfigurationError.
    """
    if not _is_name(name) or not _folder(name).is_dir():
        find(name)
    try:
        gone = Path(mkdtemp(prefix=_GONE, dir=settings().systems))
        _folder(name).rename(gone / name)  # at once: half an image is in no list
        shutil.rmtree(gone)
    except OSError as error:
        raise _cannot("remove", _folder(name), error) from error


def _change(image: SystemImage, **changes: object) -> SystemImage:
    path = _folder(image.name) / _ENTRY
    new = path.with_name(f".{_ENTRY}.new")
    try:
        _write(image.model_copy(update=changes), new)
        new.replace(path)
    except OSError as error:
        raise _cannot("write", path, error) from error
    return find(image.name)


def _forget_old_drafts() -> None:
    """What was killed left its folder behind; what is still at work is younger."""
    for pattern in (f"{_DRAFT}*", f"{_GONE}*"):
        for folder in settings().systems.glob(pattern):
            if time.time() - folder.stat().st_mtime > _LONGEST_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


def _is_name(name: str) -> bool:
    return re.fullmatch(NAME, name) is not None and not name.endswith(MEDIA)


def _folder(name: str) -> Path:
    return settings().systems / name


def _read(path: Path) -> SystemImage:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_ENTRY_BYTES + 1)
        if len(content) > _MOST_ENTRY_BYTES:
            raise ConfigurationError(f"The entry {path} is longer than {_MOST_ENTRY_BYTES} bytes, so it is none.")
        return SystemImage.model_validate(yaml.safe_load(content))
    except OSError as error:
        raise _cannot("read", path, error) from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "its beginning"
        raise _damaged(path, f"is wrong at {key}: {first['msg']}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _damaged(path, f"is not YAML: {' '.join(str(error).split())[:300]}") from error


def _write(image: SystemImage, path: Path) -> None:
    content = image.model_dump(mode="json", exclude_none=True)
    path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
    path.chmod(_FILE_MODE)
    _flush(path)


def _flush(path: Path) -> None:
    """To the disk: a name that is there after a power cut has its content."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _damaged(path: Path, how: str) -> ConfigurationError:
    return ConfigurationError(f"The entry {path} {how}. Put it right, or remove the image and make it again.")


def _cannot(what: str, path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(f"Could not {what} {path}: {error.strerror}.")
