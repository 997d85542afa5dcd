"""A job's own CD image: the base's bytes with the job laid over them."""

import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oobctl.errors import ConfigurationError, InvalidParameter
from oobctl.images.installer import cpio, iso9660
from oobctl.images.installer.media import JobIso, job_archive

_SECTOR = 2048
_START, _ROOM = 20 * _SECTOR, 4 * _SECTOR


def _record(name: bytes, sector: int, size: int) -> bytes:
    head = struct.pack("<IIII", sector, 0, size, 0)
    record = b"\0\0" + head[:4] + bytes(4) + head[8:12] + bytes(4) + bytes(14) + bytes([len(name)]) + name
    record = record + bytes(len(record) % 2)
    return bytes([len(record)]) + record[1:]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image of 30 sectors: a volume descriptor, a root folder of two sectors, and a place for a job."""
    image = bytearray(bytes(range(256)) * (30 * _SECTOR // 256))
    primary = bytearray(b"\x01CD001\x01".ljust(_SECTOR, b"\0"))
    root = _record(b"\0", 17, 2 * _SECTOR)
    primary[156 : 156 + len(root)] = root
    image[16 * _SECTOR : 17 * _SECTOR] = primary
    first = _record(b"\0", 17, 2 * _SECTOR) + _record(b"VMLINUZ.;1", 24, 5)
    image[17 * _SECTOR : 19 * _SECTOR] = first.ljust(_SECTOR, b"\0") + _record(b"JOB.CPIO;1", 20, _ROOM).ljust(
        _SECTOR, b"\0"
    )
    path = tmp_path_factory.mktemp("base") / "medium.iso"
    path.write_bytes(image)
    return path


@given(
    job=st.binary(max_size=_ROOM),
    offset=st.integers(0, 31 * _SECTOR) | st.integers(_START - 3, _START + _ROOM + 3),
    length=st.integers(0, 31 * _SECTOR) | st.integers(0, 8),
)
@settings(max_examples=300)
def test_any_range_equals_that_of_the_image_as_one_file(base: Path, job: bytes, offset: int, length: int) -> None:
    whole = bytearray(base.read_bytes())
    whole[_START : _START + _ROOM] = job.ljust(_ROOM, b"\0")
    iso = JobIso(base, job)
    assert iso.size == len(whole)
    assert iso.read(offset, length) == whole[offset : offset + length]


def test_a_job_that_does_not_fit_is_refused(base: Path) -> None:
    with pytest.raises(InvalidParameter, match="fit"):
        JobIso(base, bytes(_ROOM + 1))
    with pytest.raises(InvalidParameter, match="65536"):
        job_archive({"ca.pem": bytes(65_536)})


def test_a_file_that_is_no_installer_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.iso"
    other.write_bytes(bytes(40 * _SECTOR))
    with pytest.raises(ConfigurationError, match=r"job\.cpio"):
        JobIso(other, b"")


@given(st.binary(max_size=3 * _SECTOR))
def test_a_damaged_folder_of_an_image_is_not_read_for_ever(base: Path, damage: bytes) -> None:
    image = bytearray(base.read_bytes())
    image[17 * _SECTOR : 17 * _SECTOR + len(damage)] = damage
    path = base.with_name("damaged.iso")
    path.write_bytes(image)
    try:
        iso9660.find(path, "job.cpio")
    except ConfigurationError:
        return


@pytest.mark.parametrize("name", ["../ca.pem", "/url", "a/b", "", "A", "url\0", "-x", "x" * 65])
def test_a_jobs_file_keeps_to_its_folder(name: str) -> None:
    with pytest.raises(InvalidParameter):
        job_archive({name: b""})


@pytest.mark.skipif(shutil.which("cpio") is None, reason="cpio reads the archive back")
def test_the_jobs_files_are_for_root_alone(tmp_path: Path) -> None:
    archive = job_archive({"url": b"https://10.0.2.2/install", "key": b"k"})
    assert len(archive) % 512 == 0
    subprocess.run(["cpio", "-id", "--quiet"], input=archive, cwd=tmp_path, check=True)
    assert (tmp_path / "oobctl/url").read_bytes() == b"https://10.0.2.2/install"
    assert (tmp_path / "oobctl/key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "oobctl").stat().st_mode & 0o777 == 0o700


@given(st.dictionaries(st.text("abc/", min_size=1, max_size=8), st.binary(max_size=64)))
def test_every_record_of_an_archive_begins_at_a_multiple_of_four(files: dict[str, bytes]) -> None:
    archive = cpio.pack({name: cpio.secret(data) for name, data in files.items()})
    assert len(archive) % 4 == 0
    place = 0
    for name, data in [*files.items(), ("TRAILER!!!", b"")]:
        assert archive[place : place + 6] == b"070701"
        length, named = int(archive[place + 54 : place + 62], 16), int(archive[place + 94 : place + 102], 16)
        assert archive[place + 110 : place + 110 + named - 1] == name.encode()
        place += (110 + named + 3) // 4 * 4
        assert archive[place : place + length] == data
        place += (length + 3) // 4 * 4
