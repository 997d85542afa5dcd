"""Bytes that the lab makes itself: the refusal of a session, FRU data, GUIDs, the guest's archive."""

import shutil
import subprocess
from pathlib import Path

import pytest

from oobctl.images.installer import cpio
from oobctl.lab import acceleration, fru, ipmi_config
from oobctl.lab.ipmi_relay import sessions_full_answer

# RMCP, RMCP+ Open Session Request: tag 0x42, administrator, console session 0xa0a1a2a3, three algorithms
_OPEN_SESSION = bytes.fromhex("0600ff07 0610 00000000 00000000 2000 42040000 a3a2a1a0") + bytes(24)


def test_an_open_session_request_is_answered_with_no_resources_left() -> None:
    answer = sessions_full_answer(_OPEN_SESSION)
    assert answer is not None
    assert answer[:6] == bytes.fromhex("0600ff070611")
    assert int.from_bytes(answer[14:16], "little") == len(answer) - 16
    assert answer[16:] == bytes.fromhex("42010000a3a2a1a0")


@pytest.mark.parametrize("packet", [b"", b"\x06\x00\xff\x07", _OPEN_SESSION.replace(b"\x06\x10", b"\x06\xc0")])
def test_other_packets_are_left_to_the_bmc(packet: bytes) -> None:
    assert sessions_full_answer(packet) is None


def test_fru_areas_have_valid_checksums_and_hold_the_serial() -> None:
    data = fru.fru_data(manufacturer="OOBLab", product="Virtual Server 1U", part="VS-1000", serial="SN123")
    assert len(data) == fru.SIZE
    assert sum(data[:8]) % 256 == 0
    for offset in (data[2] * 8, data[3] * 8, data[4] * 8):
        area = data[offset : offset + data[offset + 1] * 8]
        assert sum(area) % 256 == 0
    assert b"SN123" in data


def test_the_fru_of_a_power_supply_has_a_valid_record() -> None:
    part = fru.FruPart(3, "OOBLab Power", "PS-500", "PP-500", "PSU-1", watts=500)
    data = fru.part_data(part)
    record = data[data[5] * 8 :]
    length = record[2]
    assert (record[0], length) == (0, 24)  # a power supply's
    assert sum(record[:5]) % 256 == 0
    assert (sum(record[5 : 5 + length]) + record[3]) % 256 == 0
    assert int.from_bytes(record[5:7], "little") == 500


def test_a_fru_field_of_one_character_is_refused_because_it_would_end_the_area() -> None:
    with pytest.raises(ValueError, match="one character"):
        fru.part_data(fru.FruPart(1, "X", "name", "part", "serial"))


def test_the_guid_goes_out_in_smbios_byte_order() -> None:
    guid = ipmi_config.guid_bytes("00112233-4455-6677-8899-aabbccddeeff")
    assert guid.hex() == "33221100554477668899aabbccddeeff"


@pytest.mark.skipif(shutil.which("cpio") is None, reason="cpio reads the archive back")
def test_the_archive_unpacks_to_what_went_in(tmp_path: Path) -> None:
    archive = cpio.pack(
        {"bin": cpio.folder(), "bin/tool": cpio.program(b"#!/bin/sh\n"), "etc": cpio.folder(),
         "etc/issue": cpio.text("hello\n"), "init": cpio.link("bin/tool")}
    )  # fmt: skip
    subprocess.run(["cpio", "-id", "--quiet"], input=archive, cwd=tmp_path, check=True)
    assert (tmp_path / "bin/tool").read_bytes() == b"#!/bin/sh\n"
    assert (tmp_path / "bin/tool").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "etc/issue").read_text() == "hello\n"
    assert (tmp_path / "init").readlink() == Path("bin/tool")


def test_the_acceleration_check_runs_its_program_in_an_emulated_guest() -> None:
    assert acceleration.runs_a_guest(["-accel", "tcg"], patience=60)


def test_the_acceleration_check_fails_where_there_is_no_guest() -> None:
    assert not acceleration.runs_a_guest(["-accel", "tcg", "-S"], patience=1)


def test_the_acceleration_check_runs_the_firmware_in_an_emulated_guest() -> None:
    assert acceleration.runs_the_firmware(["-accel", "tcg"], patience=60)


def test_the_acceleration_check_fails_where_the_firmware_stands_still() -> None:
    assert not acceleration.runs_the_firmware(["-accel", "tcg", "-S"], patience=1)
