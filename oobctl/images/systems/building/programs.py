"""The programs that a build runs: which are missing, and what one said that failed."""

import contextlib
import os
import shutil
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from oobctl.errors import ConfigurationError

Progress = Callable[[str], None]

_PACKAGES = {
    "mmdebstrap": "mmdebstrap", "tar": "tar", "zstd": "zstd", "mke2fs": "e2fsprogs", "mkfs.vfat": "dosfstools",
    "mmd": "mtools", "mcopy": "mtools", "sfdisk": "fdisk",
}  # fmt: skip
_NOT_ROOTS = {"fakeroot": "fakeroot", "newuidmap": "uidmap"}  # a root's files belong to root, and to others
_LAST_LINES = 15
_OTHERS_MAY_READ = 0o022  # ours is 0077, and what is built is an operating system's files


def check(keyring: Path) -> None:
    """Raises ConfigurationError, naming the Debian packages, where a build could not end well."""
    missing = {package for program, package in _PACKAGES.items() if shutil.which(program, path=_path()) is None}
    if not keyring.exists():
        missing.add("debian-archive-keyring")
    if os.geteuid() != 0:
        missing |= {package for program, package in _NOT_ROOTS.items() if shutil.which(program, path=_path()) is None}
    if missing:
        raise ConfigurationError(
            f"An image cannot be built on this computer. Install with apt: {' '.join(sorted(missing))}."
        )


def run(
    command: Sequence[str],
    folder: Path,
    *,
    say: Progress | None = None,
    environment: Mapping[str, str] | None = None,
    stdin: str = "",
) -> None:
    """Run a program in a folder to its end; `say` gets what it says, line by line.

    Raises ConfigurationError with the program's name and its last lines where it fails.
    """
    with subprocess.Popen(
        command, cwd=folder, env={**os.environ, "PATH": _path(), "LC_ALL": "C.UTF-8", **(environment or {})},
        umask=_OTHERS_MAY_READ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace", start_new_session=True,
    ) as process:  # fmt: skip
        last: deque[str] = deque(maxlen=_LAST_LINES)
        try:
            _feed(process, stdin)
            for line in process.stdout or ():
                if line.strip():
                    last.append(line.strip())
                    if say is not None:
                        say(line.strip())
        except BaseException:
            _end(process)
            raise
    if process.returncode:
        raise ConfigurationError(
            f"Building the image failed at {Path(command[0]).name} (code {process.returncode}). Nothing was kept. "
            f"Its last lines: {' | '.join(last) or 'none'}"
        )


def _end(process: subprocess.Popen[str]) -> None:
    """It and all that it started: until they are gone they write into folders that are about to be removed."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    if process.stdout is not None:
        process.stdout.read()  # its end comes when the last of them has closed it


def _feed(process: subprocess.Popen[str], stdin: str) -> None:
    """A few lines at most: they fit into the pipe, so that a program that reads none is not waited for."""
    assert process.stdin is not None
    try:
        process.stdin.write(stdin)
        process.stdin.close()
    except BrokenPipeError:
        pass  # it says why by its code


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
