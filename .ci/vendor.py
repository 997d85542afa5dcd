"""Fetches the browser's libraries named in web/static/vendor.lock.json, each by exact version and sha512."""

import base64
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "web/static/vendor.lock.json"
TARGET = ROOT / "web/static/vendor"
SCRATCH = ROOT / ".cache"  # on the same file system as TARGET, so that moving into place is one rename
STAMP = ".lock-sha256"
FETCH_LIMIT_S = 300


class VendorError(Exception):
    """A library could not be fetched or is not the one that the lock names; the message says what to do."""


@dataclass(frozen=True)
class Package:
    """One npm package and the files we ship of it."""

    name: str
    version: str
    integrity: str
    files: tuple[str, ...]
    licence: str

    @property
    def spec(self) -> str:
        return f"{self.name}@{self.version}"

    @property
    def folder(self) -> str:
        """The folder below web/static/vendor: the package's name, a scope's `@` and `/` taken out."""
        return self.name.removeprefix("@").replace("/", "-")

    @property
    def shipped(self) -> tuple[str, ...]:
        return (*self.files, self.licence)


def read_lock(lock: Path) -> list[Package]:
    entries = json.loads(lock.read_text(encoding="utf-8"))["packages"]
    return [Package(**{**entry, "files": tuple(entry["files"])}) for entry in entries]


def is_complete(packages: list[Package], target: Path, digest: str) -> bool:
    stamp = target / STAMP
    if not stamp.is_file() or stamp.read_text(encoding="utf-8").strip() != digest:
        return False
    return all((target / package.folder / name).is_file() for package in packages for name in package.shipped)


def download(package: Package, into: Path) -> Path:
    """Fetches the package's archive with `npm pack`. Raises VendorError when npm is missing, fails or hangs."""
    into.mkdir()
    command = ["npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", str(into), package.spec]
    try:
        subprocess.run(command, cwd=into, check=True, capture_output=True, text=True, timeout=FETCH_LIMIT_S)
    except FileNotFoundError:
        raise VendorError("npm is not installed: install it (apt-get install npm) and try again") from None
    except subprocess.TimeoutExpired:
        raise VendorError(f"npm did not deliver {package.spec} within {FETCH_LIMIT_S} s: try again later") from None
    except subprocess.CalledProcessError as failure:
        said = (failure.stderr or failure.stdout or "").strip() or f"it ended with code {failure.returncode}"
        raise VendorError(f"npm could not fetch {package.spec}: {said}") from None
    archives = list(into.glob("*.tgz"))
    if len(archives) != 1:
        raise VendorError(f"npm fetched {package.spec} but left {len(archives)} archives where one was expected")
    return archives[0]


def verify(package: Package, archive: Path) -> None:
    """Raises VendorError unless the archive's sha512 is the lock's."""
    found = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if found != package.integrity:
        raise VendorError(
            f"{package.spec} is not the file that was locked (expected {package.integrity}, got {found}). "
            "Nothing was installed. Compare with the package's page before you change the lock."
        )


def extract(package: Package, archive: Path, into: Path) -> None:
    """Copies only the listed files out of the archive. Raises VendorError when one is missing."""
    with tarfile.open(archive) as tar:
        members = {member.name.partition("/")[2]: member for member in tar if member.isfile()}
        for name in package.shipped:
            source = tar.extractfile(members[name]) if name in members else None
            if source is None:
                raise VendorError(f"{package.spec} holds no file {name}: correct the list in {LOCK.name}")
            path = into / package.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(source.read())


def install(packages: list[Package], target: Path, digest: str, scratch: Path) -> None:
    """Builds the whole folder beside the target, then moves it into place: half a folder is never seen."""
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="vendor-", dir=scratch) as temporary:
        built = Path(temporary) / "built"
        built.mkdir()
        for number, package in enumerate(packages):
            print(f"  {package.spec}", flush=True)
            archive = download(package, Path(temporary) / str(number))
            verify(package, archive)
            extract(package, archive, built)
        (built / STAMP).write_text(digest + "\n", encoding="utf-8")
        if target.exists():
            shutil.move(target, Path(temporary) / "replaced")
        built.rename(target)


def main() -> int:
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    packages = read_lock(LOCK)
    if is_complete(packages, TARGET, digest):
        return 0
    print(f"Fetching {len(packages)} browser libraries (some seconds)", flush=True)
    try:
        install(packages, TARGET, digest, SCRATCH)
    except VendorError as error:
        print(f"Could not set up the browser libraries: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
