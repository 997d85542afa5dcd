"""The ramdisk's scripts, as far as they can be checked without a boot."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from oobctl.images import installer
from oobctl.images.installer.building import contents

SCRIPTS = sorted((Path(installer.__file__).parent / "ramdisk").iterdir())
# local names are of all files together (the parts are one program), and paths are known at boot alone
_NOT_HERE = "SC1090,SC2034,SC2153,SC2154"


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck reads them")
def test_shellcheck_has_nothing_to_say_of_the_scripts() -> None:
    done = subprocess.run(
        ["shellcheck", "-s", "dash", "-e", _NOT_HERE, *map(str, SCRIPTS)], capture_output=True, text=True, check=False
    )
    assert done.stdout == ""


def shell(tmp_path: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run by the shell that runs it in the ramdisk; $JOB and what the parts need of each other are there."""
    names = {"speak.sh", "console.sh", "hardware.sh", "orders.sh", "ask.sh", "layout.sh", "keep.sh"}
    parts = "".join(f'. "{path}"\n' for path in SCRIPTS if path.name in names)
    start = f"set -u\nJOB={tmp_path}\nLOG={tmp_path}/log\nORDERS={tmp_path}/orders\nFIRMWARE=BIOS\n{parts}\n"
    quiet = 'say() { printf "%s\\n" "$*" >>"$LOG"; }\n'
    return subprocess.run(["busybox", "sh", "-c", start + quiet + script], capture_output=True, text=True, check=False)


def disks_are(table: str, *, sectors: int = 1, sector: int = 512) -> str:
    """Shell: these disks are there, each of so many sectors of the kernel's 512 bytes, with such sectors of its own."""
    sizes = f"case $1 in *logical_block_size) echo {sector} ;; *) echo {sectors} ;; esac"
    return f'printf "{table}" >"$JOB/disks"; wait_for_wanted() {{ :; }}; cat() {{ {sizes}; }}'


def reason(tmp_path: Path) -> str:
    file = tmp_path / "reason"
    return file.read_text() if file.exists() else ""


GOOD = "form disk-image\nimage image\nimage_size 5\nimage_sha256 " + "a" * 64 + "\n"


def test_orders_are_read_and_what_is_not_known_passed_over(tmp_path: Path) -> None:
    (tmp_path / "orders").write_text(GOOD + "new one\njob j1\nmac aa:bb\nmac cc:dd\ndisk 5 A B  C\nconsole ttyS1,9600")
    done = shell(tmp_path, 'read_orders && printf "%s|%s|%s|" "$JOB_ID" "$MACS" "$CONSOLE"; cat "$JOB/wanted"')
    assert done.stdout == "j1| aa:bb cc:dd|ttyS1,9600|5 A B  C\n"


@pytest.mark.parametrize(
    "line",
    ["form iso", "layout jbod", "image ../x", "image /x", "image a b", "image $(x)", "image_size -1", "image_size 1e9",
     "layout keep", "image_size 0", "image_size " + "9" * 30, "image_sha256 abc", "content_size x"],
)  # fmt: skip
def test_orders_with_a_value_that_is_none_are_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "orders").write_text(GOOD + line + "\n")
    done = shell(tmp_path, "read_orders || echo refused")
    assert done.stdout == "refused\n"
    assert (tmp_path / "reason").read_text().startswith("The orders' ")


def test_nothing_in_orders_is_ever_carried_out(tmp_path: Path) -> None:
    hostile = f"$(touch {tmp_path}/hit) `touch {tmp_path}/hit`; touch {tmp_path}/hit"
    names = ("job", "server", "mac", "uuid", "console", "keep", "replace", "firmware", "x", "disk", hostile)
    (tmp_path / "orders").write_text(GOOD + "".join(f"{name} {hostile}\n" for name in names))
    shell(tmp_path, "read_orders; check_server; : >$JOB/disks; wait_for_wanted() { :; }; check_disks")
    assert not (tmp_path / "hit").exists()


def test_orders_that_name_neither_uuid_nor_card_are_for_nobody(tmp_path: Path) -> None:
    (tmp_path / "orders").write_text(GOOD)
    assert shell(tmp_path, "read_orders && check_server || echo refused").stdout == "refused\n"


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("disk 100 B C", "vdb"),
        ("disk 99 B C", "refused"),  # another size
        ("disk 100 B", "refused"),  # no disk has it whole
        ("disk 100 D", "refused"),  # two have it
        ("disk 100 ", "refused"),
        ("", "refused"),
    ],
)
def test_a_disk_is_the_one_with_that_serial_number_and_size(tmp_path: Path, wanted: str, found: str) -> None:
    (tmp_path / "orders").write_text(f"{GOOD}{wanted}\n")
    table = "vda\\t100\\t\\tm\\nvdb\\t100\\tB C\\tm\\nvdc\\t100\\tD\\t\\nvdd\\t100\\tD\\t\\n"
    done = shell(tmp_path, f'read_orders && {disks_are(table)} && check_disks && echo "$DISKS" || echo refused')
    assert done.stdout == f"{found}\n"


@pytest.mark.parametrize(("form", "found"), [("disk-image", "refused"), ("root-archive", "vda")])
def test_a_disk_image_goes_to_no_disk_with_other_sectors_than_its_own(tmp_path: Path, form: str, found: str) -> None:
    (tmp_path / "orders").write_text(GOOD.replace("disk-image", form) + "disk 100 A\n")
    sized = disks_are("vda\\t100\\tA\\tm\\n", sectors=9_999_999, sector=4096)
    done = shell(tmp_path, f'read_orders && {sized} && check_disks && echo "$DISKS" || echo refused')
    assert done.stdout == f"{found}\n"
    assert (form == "disk-image") == ("sectors of 4096 bytes" in reason(tmp_path))


def test_a_disk_with_several_paths_is_one(tmp_path: Path) -> None:
    for name, hidden in (("nvme0n1", "0"), ("nvme0c0n1", "1"), ("nvme1n1", None)):
        block = tmp_path / "block" / name
        (block / "device").mkdir(parents=True)
        known = {"removable": "0", "ro": "0", "size": "8", "serial": f"S-{name[4]}", "device/model": "M"}
        for file, value in (known | ({"hidden": hidden} if hidden else {})).items():
            (block / file).write_text(f"{value}\n")
    script = next(path for path in SCRIPTS if path.name == "hardware.sh").read_text()
    (tmp_path / "here.sh").write_text(script.replace("/sys/block", str(tmp_path / "block")))
    done = shell(tmp_path, f'. "{tmp_path}/here.sh"; disks')
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == ["nvme0n1", "nvme1n1"]


def test_a_uuid_is_known_in_both_byte_orders(tmp_path: Path) -> None:
    done = shell(tmp_path, "swapped 33221100-5544-7766-8899-aabbccddeeff")
    assert done.stdout.strip() == "00112233-4455-6677-8899-aabbccddeeff"


def test_what_others_say_moves_no_cursor(tmp_path: Path) -> None:
    done = shell(tmp_path, "printf 'a\\033[2Jb\\rc\\n' | plain")
    assert done.stdout == "a[2Jbc\n"


@pytest.mark.parametrize("url", ["http://192.0.2.1:8490/install", "ftp://192.0.2.1/install", ""])
def test_a_job_whose_address_is_not_https_is_not_asked_for(tmp_path: Path, url: str) -> None:
    done = shell(tmp_path, f'URL={url}; prepare_asking || cat "$JOB/reason"')
    assert done.stdout == "The job's address is not https.\n"


def test_a_job_without_a_ca_is_not_asked_for(tmp_path: Path) -> None:
    done = shell(tmp_path, 'URL=https://192.0.2.1:8490/install; prepare_asking || cat "$JOB/reason"')
    assert done.stdout == "No CA came with the job.\n"


def test_a_form_field_carries_every_byte(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(bytes(range(256)))
    done = shell(tmp_path, 'field name "$JOB/data"')
    assert done.stdout.strip() == "&name=" + "".join(f"%{byte:02x}" for byte in range(256))


def test_every_program_of_the_ramdisk_is_run_by_a_script_and_every_function_called() -> None:
    text = "\n".join(path.read_text() for path in SCRIPTS)
    programs = {name for names in contents()["programs"].values() for name in names}
    assert {name for name in programs if not re.search(rf"/tools/{re.escape(name)}\b", text)} == set()
    functions = set(re.findall(r"^([a-z_0-9]+)\(\)", text, re.MULTILINE))
    assert {name for name in functions if len(re.findall(rf"\b{name}\b", text)) == 1} == set()
