"""iPXE scripts: the first one, one that boots the installer for a job, one that boots from disk."""

import re

_BASE = re.compile(
    r"https?://(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~-]{1,128}){0,16}"
)
_PATH = re.compile(r"[A-Za-z0-9._~-]{1,128}(?:/[A-Za-z0-9._~-]{1,128}){0,16}")
_ARGUMENTS = "console=tty0 console=ttyS0,115200 loglevel=5 panic=30"
_FROM_DISK = {"BIOS": "sanboot --no-describe --drive 0x80 || exit 1", "UEFI": "exit 0"}
_FROM_ITS_DISK = f"iseq ${{platform}} efi && {_FROM_DISK['UEFI']} ||\n{_FROM_DISK['BIOS']}\n"


def first_script(base_url: str) -> str:
    """Asks for the script of the machine that runs it, by the card that it starts from and its UUID.

    Where that is not answered the machine boots from its disk. Raises ValueError as `job_script`.
    """
    return f"""#!ipxe
chain {checked_base(base_url)}/script?mac=${{netX/mac}}&uuid=${{uuid}}&platform=${{platform}} || goto disk
exit 0
:disk
echo oobctl: the boot service did not say what to boot. Booting from disk.
{_FROM_ITS_DISK}"""


def job_script(base_url: str, archive_path: str) -> str:
    """Loads `vmlinuz` and `ramdisk` from below the base, and the job's archive as a further ramdisk.

    Where something does not load the server boots from its disk. Raises ValueError for a URL or a path that holds
    anything but plain letters: it would be read as more of the script.
    """
    base = checked_base(base_url)
    archive = _checked(_PATH, archive_path, "archive path")
    return f"""#!ipxe
echo oobctl: loading the installer ...
kernel {base}/vmlinuz initrd=ramdisk initrd=job.cpio {_ARGUMENTS} || goto disk
initrd --name ramdisk {base}/ramdisk || goto disk
initrd --name job.cpio {base}/{archive} || goto disk
boot || goto disk
:disk
echo oobctl: the installer could not be loaded. Booting from disk.
sleep 5
{_FROM_ITS_DISK}"""


def disk_script(firmware: str) -> str:
    """Boots from disk, and says so. firmware: BIOS or UEFI; raises ValueError for another.

    UEFI goes on with its next boot entry by itself; a BIOS often takes the end of network boot for a failure.
    """
    if firmware not in _FROM_DISK:
        raise ValueError(f"{firmware!r} is no firmware: {' or '.join(_FROM_DISK)}.")
    said = "oobctl: nothing is to be installed on this server. Booting from disk."
    return f"#!ipxe\necho {said}\n{_FROM_DISK[firmware]}\n"


def checked_base(url: str) -> str:
    """The URL, if a script can hold it. Raises ValueError."""
    return _checked(_BASE, url, "base URL")


def _checked(pattern: re.Pattern[str], value: str, what: str) -> str:
    if not pattern.fullmatch(value) or "/../" in f"{value}/" or "/./" in f"{value}/":
        raise ValueError(f"{value[:200]!r} is no {what} that an iPXE script can hold.")
    return value
