"""Where a file of an ISO 9660 image's root folder lies (ECMA-119, sections 8.4 and 9.1)."""

from pathlib import Path

from oobctl.errors import ConfigurationError

_SECTOR = 2048
_PRIMARY = 16 * _SECTOR


def find(image: Path, name: str) -> tuple[int, int]:
    """The file's first byte and its length. Raises ConfigurationError where the image has no such file."""
    with image.open("rb") as file:
        file.seek(_PRIMARY)
        primary = file.read(_SECTOR)
        if primary[1:6] == b"CD001":
            start, length = _extent(primary[156:190])
            file.seek(start)
            for record in _records(file.read(length)):
                if _name(record) == name.lower():
                    return _extent(record)
    raise ConfigurationError(
        f"{image} is no installer's CD image: it has no file {name}. Remove it; it is built again."
    )


def _records(folder: bytes) -> list[bytes]:
    records, place = [], 0
    while place < len(folder):
        length = folder[place]
        if length:
            records.append(folder[place : place + length])
            place += length
        else:  # no record crosses a sector's end
            place = (place // _SECTOR + 1) * _SECTOR
    return records


def _name(record: bytes) -> str:
    """In small letters, without its version; empty of a record that is too short to have one."""
    named = record[33 : 33 + record[32]] if len(record) > 33 else b""
    return named.partition(b";")[0].lower().decode(errors="replace")


def _extent(record: bytes) -> tuple[int, int]:
    return int.from_bytes(record[2:6], "little") * _SECTOR, int.from_bytes(record[10:14], "little")
