"""The installer: what a server boots to have an OS written to its disk. See docs/installer.md."""

from oobctl.images.installer.building import Installer, ensure_ramdisk, find_ramdisk
from oobctl.images.installer.media import JobIso, job_archive

__all__ = ["Installer", "JobIso", "ensure_ramdisk", "find_ramdisk", "job_archive"]
