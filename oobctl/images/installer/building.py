"""Builds what installs an OS from Debian packages, without root: a kernel, a ramdisk, a CD image that boots them."""

import fcntl
import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from oobctl.config import settings
from oobctl.errors import NotFound
from oobctl.images import caches
from oobctl.images.installer import cpio, medium, modules, packages
from oobctl.images.installer.packages import Progress, Tree

_SOURCES = ("building.py", "contents.yaml", "cpio.py", "grub.cfg", "medium.py", "modules.py", "packages.py")
_BLOCK = 512
_KERNEL, _RAMDISK, _MEDIUM, _PACKAGES = "vmlinuz", "ramdisk", "medium.iso", "packages.txt"
_FOLDERS = ("dev", "proc", "sys", "run", "tmp", "bin", "sbin", "etc", "lib", "lib64", "tools", "installer", "mnt")


@dataclass(frozen=True)
class Installer:
    """The files of one build. medium: the CD image, whose job is empty until it is served. key: names the build."""

    kernel: Path
    ramdisk: Path
    medium: Path
    key: str


def cache_folder() -> Path:
    """`.cache/installer` of the checkout when we run from one, else `boot` in OOBCTL_HOME."""
    return caches.of_checkout("installer") or settings().home / "boot"


def build_key() -> str:
    """Names the build by our sources and lists. Newer Debian packages alone make no new one: see docs/installer.md."""
    digest = hashlib.sha256()
    source = files("oobctl.images.installer")
    for file in (*(source / name for name in _SOURCES), *sorted(_scripts())):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _scripts() -> list[Path]:
    return [
        path for path in Path(str(files("oobctl.images.installer"))).joinpath("ramdisk").iterdir() if path.is_file()
    ]


def find_ramdisk() -> Installer | None:
    """The build of these sources, where there is one."""
    found = _named(build_key())
    return found if found.medium.exists() else None


def built() -> Installer:
    """As `find_ramdisk`. Raises NotFound, saying what to run, where there is none."""
    found = find_ramdisk()
    if found is None:
        raise NotFound("The installer is not built on this computer yet. Build it: oobctl image installer.")
    return found


def _named(key: str) -> Installer:
    folder = cache_folder() / key
    return Installer(folder / _KERNEL, folder / _RAMDISK, folder / _MEDIUM, key)


def ensure_ramdisk(progress: Progress) -> Installer:
    """The kernel, the ramdisk and the medium; built where the cache has none (about two minutes).

    A build gets its name last, so a half-made one is never used; two at once wait for each other.
    Raises ConfigurationError where there is no apt, or a package lacks something.
    """
    if found := find_ramdisk():
        return found
    cache, key = cache_folder(), build_key()
    cache.mkdir(parents=True, exist_ok=True)
    with _alone(cache):
        if found := find_ramdisk():
            return found
        for left in cache.glob("building-*"):
            shutil.rmtree(left, ignore_errors=True)  # of a build that was killed: nobody else builds now
        with TemporaryDirectory(dir=cache, prefix="building-") as folder:
            made = _build(Path(folder), cache, progress)
            made.replace(cache / key)
        _forget_old(cache)
    return _named(key)


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _forget_old(cache: Path) -> None:
    """Keep this build and the one before, from which a job may still be served."""
    builds = sorted((path.parent for path in cache.glob(f"*/{_MEDIUM}")), key=lambda folder: folder.stat().st_mtime)
    for old in builds[:-2]:
        shutil.rmtree(old, ignore_errors=True)


def contents() -> dict[str, Any]:
    """contents.yaml: packages, programs, modules."""
    read: dict[str, Any] = yaml.safe_load(files("oobctl.images.installer").joinpath("contents.yaml").read_text())
    return read


def _build(folder: Path, cache: Path, progress: Progress) -> Path:
    listed = contents()
    names = [listed["kernel"], *listed["programs"], *listed["tools"]]
    fetched = packages.fetch(names, cache / "packages", progress)
    progress("unpacking them (half a minute)")
    tree = packages.unpack(fetched, folder / "tree")
    made = folder / "made"
    made.mkdir()
    shutil.copyfile(next((tree.root / "boot").glob("vmlinuz-*")), made / _KERNEL)
    progress("packing the installer's ramdisk (a minute)")
    _pack(cpio.pack(_entries(tree, listed)), tree, made / _RAMDISK)
    progress("making its CD image")
    medium.build(tree, made / _KERNEL, made / _RAMDISK, made / _MEDIUM, folder)
    (made / _PACKAGES).write_text("".join(f"{path.name}\n" for path in fetched))
    return made


def _pack(archive: bytes, tree: Tree, target: Path) -> None:
    raw = target.with_name("archive")
    raw.write_bytes(archive)
    tree.run("zstd", "-q", "-19", "--no-check", "-T0", str(raw), "-o", str(target))
    with target.open("ab") as file:  # kernels look for the job's archive, which comes behind it, at a multiple of 4
        file.write(b"\0" * (-target.stat().st_size % _BLOCK))
    raw.unlink()


def _entries(tree: Tree, listed: dict[str, Any]) -> dict[str, cpio.Entry]:
    entries = {name: cpio.folder() for name in _FOLDERS}
    entries["lib/x86_64-linux-gnu"] = cpio.folder()
    entries["bin/busybox"] = cpio.program(tree.program("busybox").read_bytes())
    entries["lib64/ld-linux-x86-64.so.2"] = cpio.program(tree.loader.read_bytes())
    for program in (name for names in listed["programs"].values() for name in names):
        entries[f"tools/{program}"] = cpio.program(tree.program(program).read_bytes())
        for soname, path in tree.libraries(program).items():
            entries[f"lib/x86_64-linux-gnu/{soname}"] = cpio.program(path.read_bytes())
    for script in _scripts():
        entries["init" if script.name == "init" else f"installer/{script.name}"] = cpio.program(script.read_bytes())
    return entries | _module_entries(tree, listed["modules"])


def _module_entries(tree: Tree, groups: dict[str, list[str]]) -> dict[str, cpio.Entry]:
    kernel = next((tree.root / "lib/modules").iterdir())
    tree.run("depmod", "-b", str(tree.root), kernel.name)
    known = modules.dependencies((kernel / "modules.dep").read_text())
    in_kernel = modules.builtin((kernel / "modules.builtin").read_text())
    chosen = modules.closure([name for group in groups.values() for name in group], known, in_kernel)
    for path in kernel.rglob("*.ko"):  # what is left is what depmod then writes its tables of
        if str(path.relative_to(kernel)) not in chosen:
            path.unlink()
    tree.run("depmod", "-b", str(tree.root), kernel.name)
    base = f"lib/modules/{kernel.name}"
    entries = {"lib/modules": cpio.folder(), base: cpio.folder()}
    for name in (*chosen, "modules.dep", "modules.alias", "modules.softdep", "modules.symbols"):
        for parent in reversed(Path(name).parents[:-1]):
            entries.setdefault(f"{base}/{parent}", cpio.folder())
        entries[f"{base}/{name}"] = cpio.program((kernel / name).read_bytes())
    entries["installer/modules"] = cpio.text("".join(f"{name}\n" for name in groups["always"]))
    return entries
