"""Which serial line the firmware tells, and what becomes of a system's own configuration for it."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.images.installer.test_installer_scripts import shell


def table(address: int, rate: int, *, space: int = 1) -> bytes:
    """Microsoft's SPCR, revision 2: 80 bytes."""
    head = b"SPCR" + (80).to_bytes(4, "little") + bytes(28)
    where = bytes([space, 8, 0, 1]) + address.to_bytes(8, "little")
    return head + bytes([0, 0, 0, 0]) + where + bytes(6) + bytes([rate]) + bytes(21)


def told(tmp_path: Path, content: bytes) -> str:
    (tmp_path / "table").write_bytes(content)
    done = shell(tmp_path, 'port_told_by "$JOB/table"')
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("address", "rate", "says"),
    [
        (0x3F8, 7, "ttyS0,115200"),
        (0x2F8, 6, "ttyS1,57600"),
        (0x3E8, 4, "ttyS2,19200"),
        (0x2E8, 3, "ttyS3,9600"),
        (0x2F8, 0, "ttyS1,115200"),
    ],
)
def test_the_four_ports_and_their_rates_are_known(tmp_path: Path, address: int, rate: int, says: str) -> None:
    assert told(tmp_path, table(address, rate)) == says


def test_what_is_none_of_them_is_nothing(tmp_path: Path) -> None:
    assert told(tmp_path, table(0xFE034000, 7, space=0)) == ""  # in memory, as of other chips
    assert told(tmp_path, table(0x2F8 + (1 << 32), 7)) == ""
    assert told(tmp_path, table(0x2F8, 9)) == ""
    assert told(tmp_path, table(0x2F8, 7)[:58]) == ""
    assert shell(tmp_path, 'port_told_by "$JOB/missing"').stdout == ""


@given(st.binary(max_size=100))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_firmware_says_it_is_a_port_or_nothing(tmp_path: Path, content: bytes) -> None:
    said = told(tmp_path, content)
    assert said == "" or said.startswith("ttyS")
