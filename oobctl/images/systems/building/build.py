"""From a release's name to an image in the catalogue, in both forms."""

import shutil
from datetime import UTC, datetime
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from oobctl import clock
from oobctl.constants import Firmware, ImageKind
from oobctl.images.systems import catalogue
from oobctl.images.systems.building import disk, programs, releases, root
from oobctl.images.systems.building.programs import Progress
from oobctl.images.systems.building.releases import Release
from oobctl.images.systems.entry import Form, SystemImage
from oobctl.images.systems.measuring import measure_disk, measure_root
from oobctl.images.systems.verify import sha256_of

DISK_FILE, ROOT_FILE = "disk.raw.zst", "root.tar.zst"
GENERIC = "generic"
_LEAST_MEMORY = 512 << 20
_LEVEL = "-9"  # of zstd: unpacks as fast as any; each more takes much longer for a hundredth less


def build(release: str, *, kernel: str = GENERIC, name: str | None = None, progress: Progress = print) -> SystemImage:
    """Make an image and take it into the catalogue, whole or not at all. name: the release's, and the kernel's.

    Raises InvalidParameter, WrongState where the name is taken, ConfigurationError where a program is missing, fails,
    or has no room: nothing is kept then.
    """
    wanted = releases.find(release)
    wanted.packages_with(kernel)
    name = catalogue.check_name(name or default_name(release, kernel))
    programs.check(wanted.keyring)
    folder = catalogue.draft()
    try:
        return catalogue.add(make(folder, wanted, kernel, name, progress), folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # what was added is not there any more


def default_name(release: str, kernel: str) -> str:
    return release if kernel == GENERIC else f"{release}-{kernel}"


def make(folder: Path, release: Release, kernel: str, name: str, progress: Progress) -> SystemImage:
    """Write the files of both forms into a folder, and nothing else; returns their entry. Raises ConfigurationError."""
    epoch = int(clock.now().replace(hour=0, minute=0, second=0, microsecond=0).timestamp())
    work = folder / "work"
    work.mkdir(mode=0o755)
    built = root.make(work, release, kernel, epoch, progress)
    progress("Making the disk image (BIOS and UEFI)")
    identity = disk.Identity(uuid5(NAMESPACE_URL, f"{name} {built.version} {built.kernel} {epoch}"))
    whole = disk.make(work, built, identity, epoch)
    progress("Compressing both")
    forms = tuple(
        _form(kind, source, folder / file)
        for kind, source, file in (
            (ImageKind.DISK_IMAGE, whole, DISK_FILE),
            (ImageKind.ROOT_ARCHIVE, work / root.ARCHIVE, ROOT_FILE),
        )
    )
    shutil.rmtree(work)
    return SystemImage(
        name=name, title=release.title, family=release.family, version=built.version, firmware=tuple(Firmware),
        kernel=built.kernel, end_of_life=release.end_of_life, created_at=datetime.now(UTC), forms=forms,
    )  # fmt: skip


def _form(kind: ImageKind, source: Path, target: Path) -> Form:
    with source.open("rb") as file:
        content = measure_disk(file) if kind is ImageKind.DISK_IMAGE else measure_root(file)
    programs.run(["zstd", "-q", "-T0", _LEVEL, "--rm", str(source), "-o", str(target)], target.parent)
    return Form(
        kind=kind, file=target.name, sha256=sha256_of(target), size=target.stat().st_size, content_size=content.size,
        least_disk_bytes=content.least_disk, least_memory_bytes=_LEAST_MEMORY,
    )  # fmt: skip
