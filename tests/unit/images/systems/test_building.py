"""What a build is made of, without building: releases, the boot code, missing programs, a program that fails."""

import re
import subprocess
import tarfile
from datetime import date
from importlib.resources import files
from pathlib import Path
from uuid import uuid4

import pytest

from oobctl.errors import ConfigurationError, InvalidParameter, WrongState
from oobctl.images.systems import building
from oobctl.images.systems.building import boot_code, disk, mirrors, programs, releases, root
from tests.systems import added

HERE = mirrors.Mirrors("http://mirror.example.org/main", "http://mirror.example.org/security")


def test_packages_come_from_where_apt_on_this_computer_has_them() -> None:
    told = (
        "Somebody\tDebian\thttp://other.example.org/\n"
        "Debian\tDebian-Security\thttp://mirror.example.org/security/\n"
        "Debian\tDebian\thttp://mirror.example.org/main/\nDebian\tDebian\thttp://second.example.org/main/\n"
    )
    assert mirrors.read(told) == HERE
    assert mirrors.read("Debian\tDebian\thttp://mirror.example.org/main\n").security.endswith("/main-security")


@pytest.mark.parametrize(
    "told", ["", "\t\t\n", "Ubuntu\tUbuntu\thttp://mirror.example.org/\n", "Debian\tDebian\tfile:/x\n"]
)
def test_an_apt_that_knows_no_mirror_of_debian_is_said(told: str) -> None:
    with pytest.raises(ConfigurationError, match="apt-get update"):
        mirrors.read(told)


@pytest.mark.parametrize("name", ["debian-12", "debian-13"])
def test_every_release_says_what_it_is_and_what_each_kernel_adds(name: str) -> None:
    release = releases.find(name)
    assert release.end_of_life > date(2028, 1, 1)
    assert {"generic", "cloud"} == set(release.kernels)
    assert {"openssh-server", "linux-image-cloud-amd64"} <= set(release.packages_with("cloud"))
    assert len(set(release.packages_with("generic"))) == len(release.packages_with("generic"))
    assert [line.split()[2] for line in release.sources(HERE)] == [
        release.codename, f"{release.codename}-updates", f"{release.codename}-security"
    ]  # fmt: skip


def test_a_release_or_kernel_that_nobody_knows_is_refused_with_those_that_there_are(home: Path) -> None:
    with pytest.raises(InvalidParameter, match="debian-12, debian-13"):
        building.build("debian-1")
    with pytest.raises(InvalidParameter, match="generic, cloud"):
        building.build("debian-13", kernel="mine")


def test_a_name_that_is_taken_is_refused_before_anything_is_built(home: Path) -> None:
    added("debian-13-cloud")
    with pytest.raises(WrongState):
        building.build("debian-13", kernel="cloud")


def test_missing_programs_are_named_by_their_packages(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(programs, "_path", lambda: str(tmp_path))
    with pytest.raises(ConfigurationError, match=re.escape("dosfstools e2fsprogs fdisk mmdebstrap mtools tar zstd")):
        building.build("debian-13")


def test_a_program_that_fails_is_named_with_its_last_lines(tmp_path: Path) -> None:
    said: list[str] = []
    with pytest.raises(ConfigurationError, match=r"failed at sh \(code 3\).*line 39 \| why"):
        programs.run(["sh", "-c", "for i in $(seq 39); do echo line $i; done; echo why >&2; exit 3"], tmp_path,
                     say=said.append)  # fmt: skip
    assert said[0] == "line 1"


def test_whatever_ends_a_build_ends_all_that_its_program_started(tmp_path: Path) -> None:
    def interrupt(line: str) -> None:
        raise KeyboardInterrupt(line)

    with pytest.raises(KeyboardInterrupt) as caught:
        programs.run(["sh", "-c", "sleep 1000 & echo $!; wait"], tmp_path, say=interrupt)
    assert not Path("/proc", str(caught.value)).exists() or "Z" in Path("/proc", str(caught.value), "stat").read_text()


def test_a_program_that_reads_no_input_is_no_failure(tmp_path: Path) -> None:
    programs.run(["true"], tmp_path, stdin="something\n")


def test_the_boot_code_leads_from_the_first_sector_to_its_partition_and_spares_the_partition_table(
    tmp_path: Path,
) -> None:
    file = tmp_path / "disk"
    file.write_bytes(b"\xaa" * 440 + b"table".ljust(72, b"\x11") + bytes(100 * 512))
    boot_code.embed(file, b"\xbb" * 512, b"\xcc" * 1024, 34, 10)
    content = file.read_bytes()
    assert content[440:512] == b"table".ljust(72, b"\x11")
    assert int.from_bytes(content[0x5C:0x64], "little") == 34
    assert content[0x66:0x68] == b"\x90\x90"
    assert int.from_bytes(content[34 * 512 + 0x1F4 : 34 * 512 + 0x1FC], "little") == 35
    assert content[36 * 512 :] == bytes(65 * 512)
    with pytest.raises(ConfigurationError, match="does not fit"):
        boot_code.embed(file, b"", bytes(6000), 34, 10)


def test_the_overlay_has_roots_own_files_and_no_folders(tmp_path: Path) -> None:
    root._write_overlay(tmp_path / "overlay.tar", 5)
    with tarfile.open(tmp_path / "overlay.tar") as tar:
        members = tar.getmembers()
    assert {(member.uid, member.gid, member.mode, member.mtime, member.isfile()) for member in members} == {
        (0, 0, 0o644, 5, True)
    }
    names = {member.name for member in members}
    assert {"./etc/cloud/cloud-init.disabled", "./etc/systemd/system.conf.d/slow-start.conf"} <= names


def test_a_root_without_what_a_disk_needs_is_said(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "root.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("./boot/vmlinuz-1"))
    with pytest.raises(ConfigurationError, match="the new root lacks boot/grub"):
        root.read(tmp_path / "root.tar")


def test_two_images_have_no_identity_in_common() -> None:
    one, other = disk.Identity(uuid4()), disk.Identity(uuid4())
    assert one.uuid("root") == one.uuid("root")
    assert len({one.uuid("root"), one.uuid("efi"), other.uuid("root"), other.uuid("efi")}) == 4
    assert re.fullmatch("[0-9a-f]{8}", one.volume)


def test_the_script_that_finishes_a_root_is_right_for_a_plain_shell() -> None:
    script = files("oobctl.images.systems.building").joinpath("finish.sh").read_text(encoding="utf-8")
    subprocess.run(["sh", "-n"], input=script, text=True, check=True)
