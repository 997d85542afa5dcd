"""Debian packages, fetched with apt and unpacked into a folder; their programs run from there, none is installed."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from oobctl.errors import ConfigurationError

Progress = Callable[[str], None]

_LOADER = Path("lib64/ld-linux-x86-64.so.2")
_PROGRAM_FOLDERS = ("usr/bin", "bin", "usr/sbin", "sbin")
_LIBRARY_FOLDERS = ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu")
# apt plans as for a computer with nothing on it, so that all libraries are named, and leaves its cache as it is.
_NOTHING_INSTALLED = (
    "-o",
    "Dir::State::status=/dev/null",
    "-o",
    "Dir::Cache::pkgcache=",
    "-o",
    "Dir::Cache::srcpkgcache=",
)


class Tree:
    """The folder that packages were unpacked into."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    def program(self, name: str) -> Path:
        """Where the program is. Raises ConfigurationError where no package brought it."""
        for folder in _PROGRAM_FOLDERS:
            path = self._inside(self.root / folder / name)
            if path.exists():
                return path
        raise ConfigurationError(f"None of the packages that were fetched has a program {name}. Run apt-get update.")

    def libraries(self, name: str) -> dict[str, Path]:
        """The shared libraries that a program is loaded with: soname to file. Raises ConfigurationError."""
        found = {}
        for line in run([*self._loading(), "--list", str(self.program(name))]).splitlines():
            soname, arrow, rest = line.strip().partition(" => ")
            path = Path(rest.partition(" (")[0])
            if not arrow:
                continue
            if not path.is_relative_to(self.root):
                raise ConfigurationError(
                    f"{name} needs {soname}, which no package brought ({rest}). Run apt-get update."
                )
            found[soname] = path
        return found

    def _inside(self, path: Path) -> Path:
        """Where a link leads within the tree: an absolute one would lead out of it."""
        while path.is_symlink():
            target = path.readlink()
            path = self.root / target.relative_to("/") if target.is_absolute() else path.parent / target
        return path

    @property
    def loader(self) -> Path:
        return self.root / _LOADER

    def run(self, name: str, *arguments: str, cwd: Path | None = None) -> str:
        """Run one of the programs with the libraries that came with it; what it prints. Raises ConfigurationError."""
        return run([*self._loading(), "--argv0", name, str(self.program(name)), *arguments], cwd)

    def _loading(self) -> list[str]:
        path = ":".join(str(self.root / folder) for folder in _LIBRARY_FOLDERS)
        return [str(self.loader), "--inhibit-cache", "--library-path", path]


def fetch(names: Sequence[str], into: Path, progress: Progress) -> list[Path]:
    """Download the packages and the libraries that they depend on; others in the folder are removed.

    apt checks each against its signed lists. Raises ConfigurationError where there is no apt or it cannot.
    """
    for program in ("apt-get", "dpkg-deb", "tar"):
        if shutil.which(program) is None:
            raise ConfigurationError(f"The installer is built from Debian packages, and there is no {program} here.")
    plan = run(["apt-get", "-s", *_NOTHING_INSTALLED, "--no-install-recommends", "install", *names])
    planned = [line.split()[1] for line in plan.splitlines() if line.startswith("Inst ")]
    wanted = [name for name in planned if name in names or _is_library(name) or name.startswith("linux-image-")]
    progress(f"fetching {len(wanted)} Debian packages, about 110 MB (once)")
    into.mkdir(parents=True, exist_ok=True)
    before = {path.name for path in into.glob("*.deb")}
    run(["apt-get", "-q", "download", *wanted], into)
    return _of_names(into, wanted, before)


def _of_names(folder: Path, names: Iterable[str], before: set[str]) -> list[Path]:
    """The packages' files; of several versions the newest, the others are removed."""
    known, found = set(names), dict[str, Path]()
    for path in sorted(folder.glob("*.deb"), key=lambda path: (path.name not in before, path.stat().st_mtime)):
        name = path.name.partition("_")[0]
        for old in (found.pop(name, None), path if name not in known else None):
            if old is not None:
                old.unlink()
        if path.exists():
            found[name] = path
    return sorted(found.values())


def _is_library(package: str) -> bool:
    return (package.startswith("lib") or package == "zlib1g") and not package.endswith("-perl")


def unpack(packages: Iterable[Path], root: Path) -> Tree:
    """Unpack the packages into one folder. Raises ConfigurationError; a damaged one is removed, to be fetched anew."""
    root.mkdir(parents=True, exist_ok=True)
    for package in packages:
        try:
            run(["dpkg-deb", "-x", str(package), str(root)])
        except ConfigurationError:
            package.unlink(missing_ok=True)
            raise
    return Tree(root)


def run(command: Sequence[str], cwd: Path | None = None) -> str:
    """What the program prints. Raises ConfigurationError with the end of what it said where it fails."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    environment = {**os.environ, "PATH": path, "LC_ALL": "C", "MTOOLS_SKIP_CHECK": "1", "SOURCE_DATE_EPOCH": "1"}
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-500:]
        name = Path(command[command.index("--argv0") + 1] if "--argv0" in command else command[0]).name
        raise ConfigurationError(f"Building the installer failed at {name}, which ended with {done.returncode}: {said}")
    return done.stdout
