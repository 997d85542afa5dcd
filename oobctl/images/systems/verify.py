"""Whether an image's files are what came into the catalogue."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from oobctl import clock
from oobctl.constants import ImageKind
from oobctl.errors import DamagedImage
from oobctl.images.systems.catalogue import find, path_of
from oobctl.images.systems.entry import Form, SystemImage

_PIECE = 1 << 20


def verify(name: str, kind: ImageKind | None = None) -> SystemImage:
    """Read an image's files, or that of one form alone, and compare size and SHA-256.

    Raises DamagedImage, saying which file differs and when it was last changed; NotFound, ConfigurationError.
    """
    image = find(name)
    for form in image.forms:
        if kind in {None, form.kind}:
            _compare(image, form)
    return image


def sha256_of(path: Path) -> str:
    """In hex. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _compare(image: SystemImage, form: Form) -> None:
    path = path_of(image, form)
    try:
        size, changed = path.stat().st_size, datetime.fromtimestamp(path.stat().st_mtime, UTC)
        if size != form.size:
            raise _differs(image, form, f"it has {size} bytes where it came with {form.size}", changed)
        found = sha256_of(path)
    except OSError as error:
        raise DamagedImage(f"The file {path} of the image {image.name} cannot be read: {error.strerror}. "
                           "Remove the image and make it again.", form=form.kind) from error  # fmt: skip
    if found != form.sha256:
        raise _differs(image, form, f"its SHA-256 is {found} where it came with {form.sha256}", changed)


def _differs(image: SystemImage, form: Form, how: str, changed: datetime) -> DamagedImage:
    when = f"It was last changed at {clock.rfc3339(changed)}"
    when += f", after it came ({clock.rfc3339(image.created_at)})" if changed > image.created_at else ""
    return DamagedImage(
        f"The file {path_of(image, form)} of the image {image.name} is not what came into the catalogue: {how}. "
        f"{when}. Remove the image and make it again.",
        form=form.kind,
    )
