"""Where the partition of cloud-init's seed goes, by the program that makes it, on disks of any size."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.unit.images.installer.test_installer_scripts import SCRIPTS, shell

MIB = 1 << 20
ENV = {"PATH": f"/usr/sbin:/sbin:{os.environ['PATH']}"}


@pytest.mark.parametrize(
    ("label", "megabytes", "start"),
    [
        ("dos", 4 << 20, (2 << 20) - 9),  # an MBR's numbers end at 2 TiB
        ("dos", 4096, 4096 - 9),
        ("gpt", 4 << 20, (4 << 20) - 9),
    ],
)
def test_the_seed_is_at_the_end_of_what_the_partition_table_reaches(
    tmp_path: Path, label: str, megabytes: int, start: int
) -> None:
    disk, block = tmp_path / "dev" / "vda", tmp_path / "block" / "vda"
    block.mkdir(parents=True)
    disk.parent.mkdir()
    (block / "size").write_text(f"{megabytes * 2048}\n")
    with disk.open("wb") as file:
        file.truncate(megabytes * MIB)
    table = f"label: {label}\nstart=2048, size=20480, type=linux\n"
    subprocess.run(["sfdisk", "-q", str(disk)], input=table, text=True, check=True, env=ENV)
    script = next(path for path in SCRIPTS if path.name == "seed.sh").read_text()
    for here, there in (("/tools/", ""), ("/dev/", f"{tmp_path}/dev/"), ("/sys/block", f"{tmp_path}/block")):
        script = script.replace(here, there)
    (tmp_path / "here.sh").write_text(script)
    (tmp_path / "mkfs.vfat").symlink_to("/bin/true")
    stubs = f"read_partitions() {{ :; }}; free_number() {{ echo 2; }}; PATH={tmp_path}:/usr/sbin:$PATH"
    done = shell(tmp_path, f'. "{tmp_path}/here.sh"; {stubs}; make_seed_partition vda')
    assert done.returncode == 0, done.stdout + done.stderr
    dump = subprocess.run(["sfdisk", "--dump", str(disk)], capture_output=True, text=True, check=True, env=ENV).stdout
    assert f"start={start * 2048}," in dump.replace(" ", "")
