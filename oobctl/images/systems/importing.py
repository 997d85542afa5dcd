"""Taking an image of an operating system in from a file or an address: checked before it is one."""

import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO, Literal

from pydantic import ValidationError

from oobctl import clock, egress
from oobctl.config import settings
from oobctl.constants import Firmware, ImageKind
from oobctl.errors import ConfigurationError, InvalidParameter
from oobctl.images.systems import catalogue
from oobctl.images.systems.building.build import DISK_FILE, ROOT_FILE
from oobctl.images.systems.entry import Form, SystemImage
from oobctl.images.systems.measuring import Content, measure_disk, measure_root
from oobctl.images.systems.partition_table import Starts
from oobctl.images.systems.verify import sha256_of

_ZSTD = b"\x28\xb5\x2f\xfd"
_LEVEL = "-9"
_WINDOW = "--memory=128MiB"  # what an installer has for unpacking, and zstd's own limit
_SHA256_DIGITS = 64
LEAST_MEMORY = 512 << 20
FILES = {ImageKind.DISK_IMAGE: DISK_FILE, ImageKind.ROOT_ARCHIVE: ROOT_FILE}


@dataclass(frozen=True)
class Description:
    """What somebody says of an image; the rest is measured. firmware: empty: as it is seen to start.

    least_memory_bytes: to boot it.
    """

    name: str
    kind: ImageKind
    title: str
    version: str
    family: str = "other"
    firmware: tuple[Firmware, ...] = ()
    configured_by: Literal["files", "cloud-init"] = "files"
    end_of_life: date | None = None
    account: str | None = None
    least_memory_bytes: int = LEAST_MEMORY


def import_file(source: str, sha256: str, said: Description) -> SystemImage:
    """Take a file of this computer, or of an https address, into the catalogue, whole or not at all.

    A raw disk image is compressed on the way in; `sha256` (hex) is of the file as it is given, and is compared first.
    Raises InvalidParameter where it is another file, or no image; WrongState where the name is taken;
    ConfigurationError.
    """
    wanted = _sha256(sha256)
    catalogue.check_name(said.name)
    folder = catalogue.draft()
    try:
        given = folder / "given"
        _fetch(source, given)
        if (found := sha256_of(given)) != wanted:
            raise InvalidParameter(
                f"{source} is not the file that was meant: its SHA-256 is {found}, and {wanted} was expected. "
                "Nothing was kept.",
                field="sha256",
            )
        form, starts = _form(given, said)
        return catalogue.add(_entry(said, form, _firmware(said.firmware, starts)), folder)
    except OSError as error:
        raise ConfigurationError(f"{source} could not be taken in: {error.strerror}. Nothing was kept.") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sha256(text: str) -> str:
    digits = text.strip().lower()
    if len(digits) != _SHA256_DIGITS or set(digits) - set("0123456789abcdef"):
        raise InvalidParameter(f"{text[:80]!r} is no SHA-256: it has 64 hexadecimal digits.", field="sha256")
    return digits


def _fetch(source: str, target: Path) -> None:
    """A copy of our own: whoever changes the file meanwhile changes nothing here."""
    most = settings().import_mb << 20
    if "://" in source:
        egress.fetch(source, target, most)
        return
    about = Path(source).stat()
    if not stat.S_ISREG(about.st_mode):
        raise InvalidParameter(f"{source} is no file: a folder or a device cannot be imported.", field="file")
    if (size := about.st_size) > most:
        raise InvalidParameter(
            f"{source} has {size >> 20} MB, and OOBCTL_IMPORT_MB allows {settings().import_mb}.", field="file"
        )
    shutil.copyfile(source, target)


def _firmware(said: tuple[Firmware, ...], starts: Starts | None) -> tuple[Firmware, ...]:
    """As which it is offered. Raises InvalidParameter where nothing would start on an emptied disk, or nobody knows."""
    if starts is None:
        return said or tuple(Firmware)
    if set(said) & set(starts.never):
        why = " and ".join(f"under {one} ({reason})" for one, reason in starts.never.items())
        raise InvalidParameter(f"It does not start {why}. Nothing was kept.", field="firmware")
    if said or starts.surely:
        return said or starts.surely
    if len(starts.never) == len(Firmware):
        raise InvalidParameter(f"Nothing starts on it: {' and '.join(starts.never.values())}.", field="file")
    raise InvalidParameter("What it starts under is not seen by its partitions. Say --firmware.", field="firmware")


def _form(given: Path, said: Description) -> tuple[Form, Starts | None]:
    """The form's file, at its name beside the given one; and as what it starts."""
    file = given.with_name(FILES[said.kind])
    with given.open("rb") as stream:
        compressed = stream.read(len(_ZSTD)) == _ZSTD
    if compressed:
        with _unpacked(given) as content:
            measured = _measured(content, said.kind)
        given.rename(file)
    elif said.kind is ImageKind.DISK_IMAGE:
        with given.open("rb") as content:
            measured = measure_disk(content)
        _zstd([_LEVEL, "-T0", "--rm", str(given), "-o", str(file)])
    else:
        raise InvalidParameter(
            "A root archive is a tar compressed with zstd, and this is not. Make one with: tar -C ROOT -c . | zstd -9",
            field="file",
        )
    form = Form(
        kind=said.kind, file=file.name, sha256=sha256_of(file), size=file.stat().st_size, content_size=measured.size,
        least_disk_bytes=measured.least_disk, least_memory_bytes=said.least_memory_bytes,
    )  # fmt: skip
    return form, measured.starts


def _measured(content: IO[bytes], kind: ImageKind) -> Content:
    return measure_disk(content) if kind is ImageKind.DISK_IMAGE else measure_root(content)


@contextmanager
def _unpacked(file: Path) -> Iterator[IO[bytes]]:
    """What a zstd file unpacks to. Raises InvalidParameter at the end where it is damaged or its end is missing."""
    with subprocess.Popen(
        [_program(), "-q", "-d", "-c", _WINDOW, str(file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        failed: InvalidParameter | None = None
        try:
            yield process.stdout
        except InvalidParameter as error:
            failed = error
        process.stdout.close()  # one that is not read to its end ends by that
        said = process.stderr.read().decode(errors="replace").strip()
    if process.returncode > 0:
        raise InvalidParameter(f"zstd cannot unpack it: {_last(said)}. Nothing was kept.", field="file") from failed
    if failed is not None:
        raise failed


def _zstd(arguments: list[str]) -> None:
    done = subprocess.run([_program(), "-q", *arguments], capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        raise ConfigurationError(f"zstd could not compress it: {_last(done.stderr)}. Nothing was kept.")


def _program() -> str:
    found = shutil.which("zstd")
    if found is None:
        raise ConfigurationError("The program zstd is missing. Install with apt: zstd.")
    return found


def _last(said: str) -> str:
    return said.strip().rpartition("\n")[2].rpartition(": ")[2][:200] or "it says nothing"


def _entry(said: Description, form: Form, firmware: tuple[Firmware, ...]) -> SystemImage:
    """Raises InvalidParameter, naming the field, where something that was said cannot be."""
    try:
        return SystemImage(
            name=said.name, title=said.title, family=said.family, version=said.version, firmware=firmware,
            configured_by=said.configured_by, end_of_life=said.end_of_life, account=said.account,
            created_at=clock.now(), forms=(form,),
        )  # fmt: skip
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0]) if first["loc"] else "name"
        raise InvalidParameter(f"The image's {key} is wrong: {first['msg']}.", field=key) from error
