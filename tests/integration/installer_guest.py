"""A virtual machine with disks of its own that boots an installer's CD image, and the disk image that it is given."""

import io
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from oobctl.images.installer import JobIso
from oobctl.lab import qemu

MAC = "52:54:00:12:34:56"
UUID = "00112233-4455-6677-8899-aabbccddeeff"
UUID_SWAPPED = "33221100-5544-7766-8899-aabbccddeeff"  # as some BMCs tell it
OLD = b"an old system's data, to be gone ".ljust(4096, b"#")
CARD = ("-netdev", "user,id=net", "-device", f"virtio-net-pci,netdev=net,mac={MAC},romfile=")
_LIMIT_SECONDS = 600


class Guest:
    """One boot: it runs from its making until it reboots or is powered off."""

    def __init__(
        self,
        folder: Path,
        iso: JobIso | None,
        *,
        disks: Sequence[Path],
        uefi: bool = False,
        cards: Sequence[str] = CARD,
    ) -> None:
        """Without an image it starts from its first disk, with the boot entries that an earlier one here has left."""
        self.folder = folder
        self.serial = folder / ("disk.log" if iso is None else "serial.log")
        command = [
            "qemu-system-x86_64", "-machine", "pc", *qemu.processor(kvm=False), "-m", "512",
            "-uuid", UUID,
            "-display", "none", "-nodefaults", "-no-reboot", "-serial", f"file:{self.serial}",
            *cards,
        ]  # fmt: skip
        if iso is not None:
            medium = folder / "medium.iso"
            medium.write_bytes(iso.read(0, iso.size))
            command += ["-drive", f"file={medium},if=none,id=cd,format=raw,media=cdrom,readonly=on"]
            command += ["-device", "ide-cd,drive=cd,bootindex=0"]
        for number, disk in enumerate(disks):
            command += ["-drive", f"file={disk},if=none,id=d{number},format=raw,cache=unsafe"]
            command += ["-device", f"virtio-blk-pci,drive=d{number},serial=SER {number}"]
        if uefi:
            variables = folder / "vars.fd"
            if iso is not None:
                variables.write_bytes(Path("/usr/share/OVMF/OVMF_VARS_4M.fd").read_bytes())
            for file, more in ((Path("/usr/share/OVMF/OVMF_CODE_4M.fd"), ",readonly=on"), (variables, "")):
                command += ["-drive", f"if=pflash,format=raw,file={file}{more}"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def wait(self) -> None:
        """Until it reboots."""
        self.process.wait(_LIMIT_SECONDS)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()

    def said(self) -> str:
        return self.serial.read_text(errors="replace") if self.serial.exists() else ""


def old_disk(path: Path, megabytes: int) -> Path:
    """A disk full of an old system's data; of a big one the first 64 MB, the rest is empty."""
    path.write_bytes(OLD * (min(megabytes, 64) * 256))
    with path.open("r+b") as file:
        file.truncate(megabytes << 20)
    return path


def system_image(folder: Path, files: dict[str, str], megabytes: int = 12) -> bytes:
    """A disk image: GPT, and one ext4 partition that holds these files."""
    with TemporaryDirectory(dir=folder) as made:
        root = Path(made) / "root"
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
            (root / name).chmod(0o755)
        (root / "bin").mkdir(exist_ok=True)
        shutil.copy("/bin/busybox", root / "bin" / "busybox")
        image, system = Path(made) / "image", Path(made) / "system"
        for path, size in ((image, megabytes << 20), (system, (megabytes - 2) << 20)):
            with path.open("wb") as file:
                file.truncate(size)
        _run(["sfdisk", "-q", str(image)], "label: gpt\nstart=2048, size=20480, type=linux\n")
        _run(["mke2fs", "-q", "-t", "ext4", "-d", str(root), str(system)])
        content = bytearray(image.read_bytes())
        content[1 << 20 : (megabytes - 1) << 20] = system.read_bytes()
        return bytes(content)


def read_file(disk: Path, name: str, start: int = 1 << 20) -> bytes:
    """A file of the ext4 file system that begins at this byte."""
    command = ["debugfs", "-R", f"cat {name}", f"{disk}?offset={start}"]
    return subprocess.run(command, capture_output=True, check=True, env=_PATH).stdout


def debugfs(disk: Path, request: str, start: int) -> str:
    command = ["debugfs", "-R", request, f"{disk}?offset={start}"]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=_PATH).stdout


def raid_data(disk: Path, start: int) -> int:
    """Where the data of a RAID member begins (its superblock, version 1.2, at 4 KB; data_offset in sectors)."""
    with disk.open("rb") as file:
        file.seek(start + 4096)
        superblock = file.read(256)
    assert superblock[:4] == bytes.fromhex("fc4e2ba9")
    assert int.from_bytes(superblock[72:76], "little") == 1  # RAID1
    return start + int.from_bytes(superblock[128:136], "little") * 512


def root_archive(files: dict[str, bytes]) -> bytes:
    """A tar of a root with a shell, these files, and an extended attribute on each of them."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in {**files, "bin/busybox": Path("/bin/busybox").read_bytes()}.items():
            entry = tarfile.TarInfo(f"./{name}")
            entry.size, entry.mode = len(data), 0o755
            entry.pax_headers = {"SCHILY.xattr.user.kept": "yes"}
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


_PATH = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


def _run(command: list[str], text: str = "") -> None:
    subprocess.run(command, input=text, text=True, check=True, capture_output=True, env=_PATH)


def packed(content: bytes) -> bytes:
    return subprocess.run(["zstd", "-q", "-c"], input=content, check=True, capture_output=True).stdout
