"""Built images that tests and the demo share: made once of the same inputs, copied into a catalogue from there."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from tempfile import TemporaryDirectory

from oobctl.images.systems import catalogue
from oobctl.images.systems.building import programs, releases
from oobctl.images.systems.building.build import default_name, make
from oobctl.images.systems.building.programs import Progress
from oobctl.images.systems.entry import SystemImage

_ENTRY = "entry.json"


def take(release: str, kernel: str, cache: Path, progress: Progress, *, name: str | None = None) -> SystemImage:
    """Put an image into this home's catalogue from the cache; built where it has none of these inputs.

    Raises as `build` does.
    """
    name = catalogue.check_name(name or default_name(release, kernel))
    kept = _ensure(release, kernel, cache, progress)
    image = SystemImage.model_validate_json((kept / _ENTRY).read_text(encoding="utf-8"))
    folder = catalogue.draft()
    try:
        for form in image.forms:
            shutil.copyfile(kept / form.file, folder / form.file)
        return catalogue.add(image.model_copy(update={"name": name}), folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def key(release: str, kernel: str) -> str:
    """Names an image by what it is made of: all that lies here. Packages that are newer by now are no reason."""
    digest = hashlib.sha256(f"{release} {kernel}".encode())
    _add(digest, files(__package__))
    return digest.hexdigest()[:16]


def _ensure(release: str, kernel: str, cache: Path, progress: Progress) -> Path:
    """The folder of a finished image; its name is given last, so a half-built one is never used."""
    stem = f"os-{release}_{kernel}-"
    kept = cache / f"{stem}{key(release, kernel)}"
    cache.mkdir(parents=True, exist_ok=True)
    with _alone(cache / f"{stem}lock"):
        if kept.exists():
            return kept
        wanted = releases.find(release)
        programs.check(wanted.keyring)
        for old in cache.glob(f"{stem}*/"):  # of other inputs, or of a build that was killed
            shutil.rmtree(old)
        with TemporaryDirectory(dir=cache, prefix=f"{stem}building-") as folder:
            new = Path(folder, "image")
            new.mkdir(mode=0o755)
            image = make(new, wanted, kernel, default_name(release, kernel), progress)
            (new / _ENTRY).write_text(image.model_dump_json(), encoding="utf-8")
            new.rename(kept)
    return kept


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Who comes second waits, and finds it built."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _add(digest: "hashlib._Hash", folder: Traversable) -> None:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir() and entry.name != "__pycache__":
            _add(digest, entry)
        elif entry.is_file():
            digest.update(f"{entry.name}\0".encode() + entry.read_bytes())
