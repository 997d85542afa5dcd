"""Builds the guest's disk image: one FAT partition that boots under SeaBIOS (syslinux) and OVMF (grub)."""

import gzip
import hashlib
import os
import shutil
import struct
import subprocess
import time
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

from oobctl.images import caches
from oobctl.images.installer import cpio
from oobctl.lab.errors import LabError

Progress = Callable[[str], None]

_SOURCES = ("build.py", "rc", "power-button", "inittab", "syslinux.cfg", "grub.cfg")
_BUSYBOX = Path("/bin/busybox")
_MBR = Path("/usr/lib/syslinux/mbr/mbr.bin")
_GRUB_MODULES = Path("/usr/lib/grub/x86_64-efi")
_GRUB = ("part_msdos", "fat", "normal", "search", "search_fs_file", "linux", "echo", "boot", "efi_gop", "all_video")
_KERNEL_PACKAGE = "linux-image-cloud-amd64"
_MODULES = ("drivers/acpi/button.ko", "drivers/input/evdev.ko")
_BUILDING, _LONGEST_BUILD_SECONDS = "building-", 1800
_SECTOR, _FIRST_SECTOR, _PARTITION_MB = 512, 2048, 48


def cache_folder() -> Path:
    """`.cache/lab` of the checkout when we run from one, else `$XDG_CACHE_HOME/oobctl/lab`."""
    return caches.of_user("lab")


def image_key() -> str:
    """Names the image by what it is made of: our sources and the programs that go into it."""
    digest = hashlib.sha256()
    for name in _SOURCES:
        digest.update(files("oobctl.lab.image").joinpath(name).read_bytes())
    for path in (_BUSYBOX, _MBR, _GRUB_MODULES / "modinfo.sh"):
        digest.update(path.read_bytes() if path.exists() else b"absent")
    return digest.hexdigest()[:16]


def ensure_image(progress: Progress) -> tuple[Path, str]:
    """The disk image and its key; built when the cache has none. Raises LabError when something needed is missing.

    The image gets its name last, so a half-built one is never used.
    """
    key = image_key()
    cache = cache_folder()
    image = cache / f"guest-{key}.raw"
    if image.exists():
        return image, key
    _check_programs()
    cache.mkdir(parents=True, exist_ok=True)
    _forget_broken_builds(cache)
    with TemporaryDirectory(dir=cache, prefix=_BUILDING) as folder:
        _build(Path(folder), cache, progress).replace(image)
    for old in cache.glob("guest-*.raw"):
        if old != image:
            old.unlink(missing_ok=True)
    return image, key


def _forget_broken_builds(cache: Path) -> None:
    """Remove what builds that were killed left behind; one that is still at work is younger."""
    for folder in cache.glob(f"{_BUILDING}*"):
        if time.time() - folder.stat().st_mtime > _LONGEST_BUILD_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)


def _check_programs() -> None:
    packages = {
        "syslinux": "syslinux", "mcopy": "mtools", "mkfs.vfat": "dosfstools",
        "grub-mkimage": "grub-common", "dpkg-deb": "dpkg", "apt-get": "apt",
    }  # fmt: skip
    missing = [package for name, package in packages.items() if shutil.which(name, path=_path()) is None]
    needed = ((_BUSYBOX, "busybox-static"), (_MBR, "syslinux-common"), (_GRUB_MODULES, "grub-efi-amd64-bin"))
    missing += [package for path, package in needed if not path.exists()]
    if missing:
        raise LabError(f"The guest image cannot be built. Install with apt: {' '.join(missing)}.")


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def _run(command: Sequence[str], folder: Path) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, "PATH": _path()}
    )
    if done.returncode:
        raise LabError(
            f"Building the guest image failed at {command[0]}: {(done.stderr or done.stdout).strip()[-500:]}"
        )
    return done.stdout


def _build(folder: Path, cache: Path, progress: Progress) -> Path:
    kernel = _kernel(folder, cache, progress)
    progress("building the guest image (a few seconds)")
    (folder / "initrd.gz").write_bytes(_initramfs(kernel))
    vmlinuz = next(kernel.glob("boot/vmlinuz-*"))
    shutil.copyfile(vmlinuz, folder / "vmlinuz")
    _grub(folder)
    partition = _partition(folder)
    return _disk(folder, partition)


def _kernel(folder: Path, cache: Path, progress: Progress) -> Path:
    """The extracted kernel package; the package is kept, because its download is the long part."""
    package = next(iter(sorted(cache.glob("linux-image-*.deb"))), None)
    if package is None:
        progress("fetching Debian's cloud kernel, 27 MB (once)")
        depends = _run(["apt-cache", "depends", "--important", _KERNEL_PACKAGE], folder)
        names = [line.split()[-1] for line in depends.splitlines() if "Depends: linux-image-" in line]
        if not names:
            raise LabError(f"apt knows no {_KERNEL_PACKAGE}. Run apt-get update and try again.")
        _run(["apt-get", "download", names[0]], folder)
        fetched = next(folder.glob("linux-image-*.deb"))
        package = fetched.replace(cache / fetched.name)
    try:
        _run(["dpkg-deb", "-x", str(package), "kernel"], folder)
    except LabError:
        package.unlink(missing_ok=True)  # damaged: the next try fetches it again
        raise
    return folder / "kernel"


def _initramfs(kernel: Path) -> bytes:
    source = files("oobctl.lab.image")
    modules = next(kernel.glob("lib/modules/*"))
    entries = {
        name: cpio.folder()
        for name in ("bin", "sbin", "dev", "proc", "sys", "tmp", "root", "etc", "etc/acpi", "etc/acpi/PWRF", "lib",
                     "lib/modules")
    }  # fmt: skip
    entries["bin/busybox"] = cpio.program(_BUSYBOX.read_bytes())
    entries["init"] = cpio.link("/sbin/init")
    for applet in _run(["busybox", "--list-full"], kernel).split():
        parent, _, name = applet.rpartition("/")
        place = "sbin" if parent.endswith("sbin") else "bin"
        entries.setdefault(f"{place}/{name}", cpio.link("/bin/busybox"))
    for name in _MODULES:
        entries[f"lib/modules/{Path(name).name}"] = cpio.text("")
        data = (modules / "kernel" / name).read_bytes()
        entries[f"lib/modules/{Path(name).name}"] = cpio.program(data)
    entries["etc/rc"] = cpio.program(source.joinpath("rc").read_bytes())
    entries["etc/inittab"] = cpio.text(source.joinpath("inittab").read_text())
    entries["etc/acpi/PWRF/00000080"] = cpio.program(source.joinpath("power-button").read_bytes())
    entries["etc/passwd"] = cpio.text("root::0:0:root:/root:/bin/sh\n")
    entries["etc/group"] = cpio.text("root:x:0:\n")
    return gzip.compress(cpio.pack(entries), compresslevel=9, mtime=0)


def _grub(folder: Path) -> None:
    (folder / "grub.cfg").write_text(files("oobctl.lab.image").joinpath("grub.cfg").read_text())
    target = ["-O", "x86_64-efi", "-c", "grub.cfg", "-p", "/", "-o", "BOOTX64.EFI"]
    _run(["grub-mkimage", *target, *_GRUB], folder)


def _partition(folder: Path) -> Path:
    partition = folder / "partition"
    with partition.open("wb") as file:
        file.truncate(_PARTITION_MB << 20)
    (folder / "syslinux.cfg").write_text(files("oobctl.lab.image").joinpath("syslinux.cfg").read_text())
    _run(["mkfs.vfat", "-F", "32", "-h", str(_FIRST_SECTOR), "-n", "LAB", "partition"], folder)
    _run(["syslinux", "--install", "partition"], folder)
    _run(["mmd", "-i", "partition", "::/EFI", "::/EFI/BOOT"], folder)
    _run(["mcopy", "-i", "partition", "BOOTX64.EFI", "::/EFI/BOOT/BOOTX64.EFI"], folder)
    _run(["mcopy", "-i", "partition", "vmlinuz", "initrd.gz", "syslinux.cfg", "::/"], folder)
    return partition


def _disk(folder: Path, partition: Path) -> Path:
    """MBR, one active FAT32 partition (type 0x0c), nothing else."""
    disk = folder / "disk"
    sectors = _PARTITION_MB * 1024 * 1024 // _SECTOR
    entry = struct.pack("<B3sB3sII", 0x80, b"\xfe\xff\xff", 0x0C, b"\xfe\xff\xff", _FIRST_SECTOR, sectors)
    mbr = _MBR.read_bytes().ljust(440, b"\0")[:440] + b"oobc" + b"\0\0" + entry.ljust(64, b"\0") + b"\x55\xaa"
    with disk.open("wb") as file:
        file.write(mbr)
        file.seek(_FIRST_SECTOR * _SECTOR)
        file.write(partition.read_bytes())
    return disk
