"""The CD image that boots the installer, by BIOS and by UEFI (with Secure Boot too), from a CD or a USB stick."""

import shutil
from importlib.resources import files
from pathlib import Path

from oobctl.images.installer import iso9660
from oobctl.images.installer.packages import Tree

JOB_BYTES = 65_536
JOB_FILE = "job.cpio"
_BIOS_MODULES = ("biosdisk", "iso9660", "search", "search_fs_file", "normal", "linux", "echo", "part_gpt", "part_msdos")
_EFI_FAT_BYTES = 6 << 20


def build(tree: Tree, kernel: Path, ramdisk: Path, target: Path, work: Path) -> None:
    """Write the image to `target`. Its job is zeros, which the kernel passes over: so it boots from disk."""
    content = work / "medium"
    grub = content / "boot" / "grub"
    grub.mkdir(parents=True)
    shutil.copyfile(kernel, content / "vmlinuz")
    shutil.copyfile(ramdisk, content / "ramdisk")
    (content / JOB_FILE).write_bytes(bytes(JOB_BYTES))
    configuration = files("oobctl.images.installer").joinpath("grub.cfg").read_bytes()
    (grub / "grub.cfg").write_bytes(configuration)
    _bios(tree, grub)
    _efi(tree, work, content / "efi.img")
    hybrid = tree.root / "usr/lib/grub/i386-pc/boot_hybrid.img"
    tree.run(
        "xorriso", "-no_rc", "-as", "mkisofs", "-quiet", "-V", "OOBCTL", "-iso-level", "3", "-R", "-o", str(target),
        "-b", "boot/grub/bios.img", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", "--grub2-boot-info",
        "--grub2-mbr", str(hybrid),
        "-eltorito-alt-boot", "-e", "efi.img", "-no-emul-boot", "-isohybrid-gpt-basdat", str(content),
    )  # fmt: skip
    iso9660.find(target, JOB_FILE)  # said now, and not when a server is to boot


def _bios(tree: Tree, grub: Path) -> None:
    prefix = ["-O", "i386-pc-eltorito", "-d", str(tree.root / "usr/lib/grub/i386-pc"), "-p", "/boot/grub"]
    tree.run("grub-mkimage", *prefix, "-o", str(grub / "bios.img"), *_BIOS_MODULES)


def _efi(tree: Tree, work: Path, image: Path) -> None:
    """A FAT image with Debian's signed loaders; theirs looks for its configuration where Debian's CDs have it."""
    image.write_bytes(bytes(_EFI_FAT_BYTES))
    tree.run("mkfs.vfat", "-n", "OOBCTL", str(image))
    (work / "efi.cfg").write_text(
        f"search --file --set=root /{JOB_FILE}\nset prefix=($root)/boot/grub\nsource $prefix/grub.cfg\n"
    )
    for folder in ("::/EFI", "::/EFI/BOOT", "::/EFI/debian"):
        tree.run("mmd", "-i", str(image), folder)
    signed = tree.root / "usr/lib"
    for source, name in (
        (signed / "shim/shimx64.efi.signed", "BOOT/BOOTX64.EFI"),
        (signed / "grub/x86_64-efi-signed/grubx64.efi.signed", "BOOT/grubx64.efi"),
        (work / "efi.cfg", "debian/grub.cfg"),
        (work / "efi.cfg", "BOOT/grub.cfg"),
    ):
        tree.run("mcopy", "-i", str(image), str(source), f"::/EFI/{name}")
