"""The ramdisk's scripts, as far as they can be checked without a boot."""

import shutil
import subprocess
from pathlib import Path

import pytest

from oobctl.images import installer

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
    names = {"speak.sh", "hardware.sh", "orders.sh", "ask.sh", "layout.sh", "keep.sh"}
    parts = "".join(f'. "{path}"\n' for path in SCRIPTS if path.name in names)
    start = f"set -u\nJOB={tmp_path}\nLOG={tmp_path}/log\nORDERS={tmp_path}/orders\nFIRMWARE=BIOS\n{parts}\n"
    quiet = 'say() { printf "%s\\n" "$*" >>"$LOG"; }\n'
    return subprocess.run(["busybox", "sh", "-c", start + quiet + script], capture_output=True, text=True, check=False)


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
    table = (
        "vda\\t100\\t\\tm\\t\\t0\\nvdb\\t100\\tB C\\tm\\t\\t0\\nvdc\\t100\\tD\\t\\t\\t1\\nvdd\\t100\\tD\\t\\t\\t1\\n"
    )
    sized = f'printf "{table}" >"$JOB/disks"; wait_for_wanted() {{ :; }}; cat() {{ echo 1; }}'
    done = shell(tmp_path, f'read_orders && {sized} && check_disks && echo "$DISKS" || echo refused')
    assert done.stdout == f"{found}\n"


def test_a_uuid_is_known_in_both_byte_orders(tmp_path: Path) -> None:
    done = shell(tmp_path, "swapped 33221100-5544-7766-8899-aabbccddeeff")
    assert done.stdout.strip() == "00112233-4455-6677-8899-aabbccddeeff"


def test_what_others_say_moves_no_cursor(tmp_path: Path) -> None:
    done = shell(tmp_path, "printf 'a\\033[2Jb\\rc\\n' | plain")
    assert done.stdout == "a[2Jbc\n"


def test_a_form_field_carries_every_byte(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(bytes(range(256)))
    done = shell(tmp_path, 'field name "$JOB/data"')
    assert done.stdout.strip() == "&name=" + "".join(f"%{byte:02x}" for byte in range(256))
