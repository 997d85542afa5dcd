"""Images of operating systems for tests: real entries and files in the catalogue, of a few bytes."""

import hashlib
from typing import Any

from oobctl import clock
from oobctl.constants import Firmware, ImageKind
from oobctl.images.systems import Form, SystemImage, catalogue, published
from oobctl.store import Site, database

CONTENTS = {ImageKind.DISK_IMAGE: b"a disk", ImageKind.ROOT_ARCHIVE: b"some files"}


def form(kind: ImageKind, **changes: Any) -> Form:
    content = CONTENTS[kind]
    said = {
        "kind": kind, "file": f"{kind}.zst", "sha256": hashlib.sha256(content).hexdigest(), "size": len(content),
        "content_size": 100, "least_disk_bytes": 1000, "least_memory_bytes": 512 << 20,
    }  # fmt: skip
    return Form.model_validate(said | changes)


def entry(name: str = "debian-13", **changes: Any) -> SystemImage:
    said = {
        "name": name, "title": "Debian 13", "family": "debian", "version": "13", "firmware": tuple(Firmware),
        "created_at": clock.now(), "forms": tuple(form(kind) for kind in ImageKind),
    }  # fmt: skip
    return SystemImage.model_validate(said | changes)


def added(name: str = "debian-13", **changes: Any) -> SystemImage:
    """An image in the catalogue of this OOBCTL_HOME, with its files. Before one asks for it: `told`."""
    image, draft = entry(name, **changes), catalogue.draft()
    for one in image.forms:
        (draft / one.file).write_bytes(CONTENTS[one.kind])
    return catalogue.add(image, draft)


def told() -> None:
    """The store knows this catalogue for every site, as their boot services would tell it."""
    with database().read() as session:
        sites = [site.id for site in session.query(Site)]
    for site in sites:
        published.publish(site)
