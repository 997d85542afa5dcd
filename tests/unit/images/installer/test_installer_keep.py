"""Which partition is replaced and whether it may be, as the ramdisk's script decides it from what is on a disk."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.images.installer.test_installer_scripts import shell

BIOS_BOOT, ESP = "21686148-6449-6e6f-744e-656564454649", "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
LINUX = "0fc63daf-8483-4772-8e79-3d69d8477de4"
GIB = 1 << 30
# number, device, bytes, first sector, kind in the table, kind of the content, UUID, LABEL, PARTUUID, PARTLABEL
BOOT = ("1", "vda1", "1048576", "34", BIOS_BOOT, "", "", "", "P-1", "BIOS boot")
ROOT = ("3", "vda3", str(8 * GIB), "4096", LINUX, "ext4", "0A-root", "root", "P-3", "old root")
SRV = ("4", "vda4", str(9 * GIB), "99999", LINUX, "xfs", "0a-srv", "srv", "P-4", "data")


def decided(tmp_path: Path, *partitions: tuple[str, ...], replace: str = "UUID=0a-ROOT", keep: str = "LABEL=srv",
            table: str = "gpt", content: int = GIB) -> str:  # fmt: skip
    """The partition that is replaced, or why none is."""
    (tmp_path / "partitions").write_text("".join("\t".join(one) + "\n" for one in partitions))
    (tmp_path / "kept").write_text(f"{keep}\n" if keep else "")
    (tmp_path / "reason").unlink(missing_ok=True)
    (tmp_path / "replace").write_text(replace)
    done = run(tmp_path, f"probed_table() {{ echo {table}; }}\nCONTENT_SIZE={content}\n")
    reason = (tmp_path / "reason").read_text().strip() if (tmp_path / "reason").exists() else ""
    return reason or done.stdout.strip()


def run(tmp_path: Path, script: str) -> subprocess.CompletedProcess[str]:
    given = 'list_partitions() { :; }\nDISKS=vda LAYOUT=keep REPLACE=$(cat "$JOB/replace")\n'
    return shell(tmp_path, f'{script}{given}check_keep && printf "%s" "$REPLACED"')


@pytest.mark.parametrize("name", ["UUID=0a-ROOT", "LABEL=root", "PARTUUID=p-3", "PARTLABEL=old root"])
def test_a_partition_is_found_by_each_of_its_names(tmp_path: Path, name: str) -> None:
    assert decided(tmp_path, BOOT, ROOT, SRV, replace=name) == "vda3"


@pytest.mark.parametrize(
    ("replace", "keep", "says"),
    [
        ("LABEL=Root", "LABEL=srv", "No partition of the disk is LABEL=Root. There are: 1: 1 MB PARTUUID=P-1"),
        ("LABEL=root", "LABEL=home", "No partition of the disk is LABEL=home"),
        ("LABEL=root", "UUID=0a-root", "is to be kept, and is the partition that is to be replaced"),
        ("LABEL=root", "", "name no partition to keep"),
        ("LABEL=", "LABEL=srv", "No partition of the disk is LABEL="),
        ("/dev/vda3", "LABEL=srv", "No partition of the disk is /dev/vda3"),
        ("PARTLABEL=BIOS boot", "LABEL=srv", "cannot be replaced"),
        ("LABEL=root", "PARTLABEL=BIOS boot", "PARTLABEL=BIOS boot cannot be kept byte for byte"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_is_there(tmp_path: Path, replace: str, keep: str, says: str) -> None:
    assert says in decided(tmp_path, BOOT, ROOT, SRV, replace=replace, keep=keep)


def test_a_name_that_two_have_is_none(tmp_path: Path) -> None:
    second = (*SRV[:7], "root", *SRV[8:])
    assert "More than one partition" in decided(tmp_path, BOOT, ROOT, second, replace="LABEL=root", keep="UUID=0a-srv")


@pytest.mark.parametrize("kind", ["LVM2_member", "linux_raid_member", "zfs_member"])
def test_a_part_of_something_larger_is_not_replaced(tmp_path: Path, kind: str) -> None:
    member = (*ROOT[:5], kind, *ROOT[6:])
    assert "a part of something larger" in decided(tmp_path, BOOT, member, SRV)


def test_a_partition_that_is_too_small_is_refused_with_both_sizes(tmp_path: Path) -> None:
    assert f"has {8 * GIB} bytes, and the image needs" in decided(tmp_path, BOOT, ROOT, SRV, content=8 * GIB)


def test_a_bios_needs_a_place_for_boot_code(tmp_path: Path) -> None:
    assert "no BIOS boot partition" in decided(tmp_path, ROOT, SRV)
    assert "begins at sector 63" in decided(tmp_path, (*ROOT[:3], "63", *ROOT[4:]), SRV, table="dos")
    assert decided(tmp_path, ROOT, SRV, table="dos") == "vda3"


def test_uefi_needs_its_system_partition(tmp_path: Path) -> None:
    (tmp_path / "partitions").write_text("".join("\t".join(one) + "\n" for one in (ROOT, SRV)))
    shell(tmp_path, "find_esp")
    assert "no EFI system partition" in (tmp_path / "reason").read_text()


def test_nobody_is_promised_that_the_partition_of_the_boot_loader_stays_as_it_is(tmp_path: Path) -> None:
    system = ("2", "vda2", str(GIB), "2082", ESP, "vfat", "1234-ABCD", "", "P-2", "EFI")
    (tmp_path / "partitions").write_text("".join("\t".join(one) + "\n" for one in (BOOT, system, ROOT, SRV)))
    (tmp_path / "replace").write_text("LABEL=root")
    for named, firmware, is_fine in (
        ("UUID=1234-abcd", "UEFI", False),
        ("UUID=1234-abcd", "BIOS", True),
        ("PARTLABEL=BIOS boot", "UEFI", True),
    ):
        (tmp_path / "kept").write_text(f"LABEL=srv\n{named}\n")
        ways = "find_esp() { ESP=vda2; }\ncheck_bios_way() { :; }\n"
        done = run(tmp_path, f"{ways}FIRMWARE={firmware} CONTENT_SIZE={GIB}\n")
        assert (done.stdout == "vda3") == is_fine, (named, firmware, done)
    assert "UUID=1234-abcd cannot be kept byte for byte" in (tmp_path / "reason").read_text()


@given(name=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_in_a_name_means_anything_to_the_shell(tmp_path: Path, name: str) -> None:
    hostile = f"LABEL=x{name}$(touch {tmp_path}/hit)x"
    label = hostile.removeprefix("LABEL=")
    assert decided(tmp_path, BOOT, (*ROOT[:7], label, *ROOT[8:]), SRV, replace=hostile) == "vda3"
    assert not (tmp_path / "hit").exists()
