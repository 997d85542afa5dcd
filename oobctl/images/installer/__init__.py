"""The installer: what a server boots to have an OS written to its disk. See docs/installer.md."""

from oobctl.images.installer.building import Installer, built, ensure_ramdisk
from oobctl.images.installer.media import JobIso, job_archive

__all__ = ["Installer", "JobIso", "built", "ensure_ramdisk", "job_archive"]
