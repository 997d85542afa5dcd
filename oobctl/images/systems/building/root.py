"""The root filesystem that both forms hold: one run of mmdebstrap, our files in it, and nothing of this computer."""

import io
import shlex
import tarfile
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from oobctl.errors import ConfigurationError
from oobctl.images.systems.building import mirrors
from oobctl.images.systems.building.programs import Progress, run
from oobctl.images.systems.building.releases import Release

ARCHIVE = "root.tar"
BIOS_CORE, BIOS_BOOT, EFI_CORE = (
    f"boot/grub/{name}" for name in ("i386-pc/core.img", "i386-pc/boot.img", "x86_64-efi/core.efi")
)
_OVERLAY, _SOURCES, _GRUB, _FINISH = "overlay.tar", "debian.list", "grub.cfg", "finish.sh"
_FILE_MODE = 0o644
# A tenth of the root. Who wants them on a server installs the package again.
_LEFT_OUT = ("doc", "man", "info", "locale")


@dataclass(frozen=True)
class Built:
    """What a root says of itself. files: those that a disk's boot code is made of, by name."""

    version: str
    kernel: str
    files: dict[str, bytes]


def make(folder: Path, release: Release, kernel: str, epoch: int, progress: Progress) -> Built:
    """Write root.tar into the folder. epoch: seconds since 1970; no file in it is younger.

    Raises ConfigurationError where apt knows no mirror or mmdebstrap fails, InvalidParameter of an unknown kernel.
    """
    packages = release.packages_with(kernel)
    sources = "".join(f"{line}\n" for line in release.sources(mirrors.of_apt()))
    _write_overlay(folder / _OVERLAY, epoch)
    (folder / _SOURCES).write_text(sources, encoding="utf-8")
    for name in (_GRUB, _FINISH):
        (folder / name).write_bytes(_source(name).read_bytes())
        (folder / name).chmod(_FILE_MODE)
    progress(f"Fetching and unpacking {len(packages)} packages and what they need of {release.title}")
    run(
        _command(folder, release, packages), folder, say=lambda line: _tell(line, progress),
        environment={"SOURCE_DATE_EPOCH": str(epoch), "DEBIAN_FRONTEND": "noninteractive"},
        stdin=sources,
    )  # fmt: skip
    return read(folder / ARCHIVE)


def read(archive: Path) -> Built:
    """What an archive is. Raises ConfigurationError where something is not in it."""
    wanted = {BIOS_CORE, BIOS_BOOT, EFI_CORE, "etc/debian_version"}
    found, kernels = {}, []
    with tarfile.open(archive) as tar:
        for member in tar:
            name = member.name.removeprefix("./")
            if name in wanted and (file := tar.extractfile(member)) is not None:
                found[name] = file.read()
            if member.isfile() and name.startswith("boot/vmlinuz-"):
                kernels.append(name.removeprefix("boot/vmlinuz-"))
    if wanted - found.keys() or len(kernels) != 1:
        lacks = ", ".join(sorted(wanted - found.keys())) or f"one kernel (it has {len(kernels)})"
        raise ConfigurationError(f"Building the image failed: the new root lacks {lacks}. Nothing was kept.")
    return Built(found["etc/debian_version"].decode().strip(), kernels[0], found)


def _command(folder: Path, release: Release, packages: tuple[str, ...]) -> list[str]:
    names = (_OVERLAY, _SOURCES, _GRUB, _FINISH)
    overlay, sources, grub, finish = (shlex.quote(str(folder / name)) for name in names)
    left_out = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in _LEFT_OUT]
    return [
        "mmdebstrap", "--variant=minbase", "--architectures=amd64", "--format=tar",
        f"--keyring={release.keyring}", f"--include={','.join(packages)}",
        *left_out, "--dpkgopt=path-include=/usr/share/doc/*/copyright",
        # Before the packages that read them: the initramfs is made once.
        f"--essential-hook=tar-in {overlay} /",
        f"--customize-hook=upload {sources} /etc/apt/sources.list.d/{_SOURCES}",
        f"--customize-hook=upload {finish} /tmp/{_FINISH}",
        f'--customize-hook=chroot "$1" /bin/sh /tmp/{_FINISH}',
        # After the kernel: its package runs update-grub where this file is, and a chroot has no disk to write of.
        f"--customize-hook=upload {grub} /boot/grub/{_GRUB}",
        release.codename, ARCHIVE, "-",
    ]  # fmt: skip


def _tell(line: str, progress: Progress) -> None:
    """mmdebstrap's own words about where it is; apt's and dpkg's thousand lines are kept for an error alone."""
    if line.startswith("I: ") and " is now a symlink " not in line:
        progress(f"  {line.removeprefix('I: ').rstrip('.')}")


def _write_overlay(path: Path, epoch: int) -> None:
    """Files alone, root's: folders that packages bring keep their modes."""
    with tarfile.open(path, "w") as tar:
        _add(tar, _source("overlay"), "", epoch)


def _add(tar: tarfile.TarFile, folder: Traversable, place: str, epoch: int) -> None:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            _add(tar, entry, f"{place}/{entry.name}", epoch)
            continue
        content = entry.read_bytes()
        member = tarfile.TarInfo(f".{place}/{entry.name}")
        member.size, member.mode, member.mtime = len(content), _FILE_MODE, epoch
        tar.addfile(member, io.BytesIO(content))


def _source(name: str) -> Traversable:
    return files(__package__).joinpath(name)
