"""The named ways in which BMCs differ from their standards; a profile says which it has, why, and in which firmware."""

import re
from dataclasses import dataclass
from enum import StrEnum

_VERSION = re.compile(r"(?<![\d.])\d+(?:\.\d+)+")
_NUMBER = re.compile(r"\d+")
_BOUND = re.compile(r"(>=|<=|==|>|<)\s*(\d+(?:\.\d+)*)")
ALL = "all"
"""A quirk's firmware where none is known to be without it: a profile says so, and leaves nothing to guess."""


class Quirk(StrEnum):
    """Each is read in one place: the file of the capability that it is about."""

    SAME_STATE_409 = "same-state-409"  # a reset type that changes nothing is refused with 409
    ETAG_REQUIRED = "etag-required"  # a PATCH without If-Match is refused with 412 or 428
    RESET_VALUES_IN_ACTION_INFO = "reset-values-only-in-action-info"
    PASSWORD_CHANGE_REQUIRED = "password-change-required"  # noqa: S105 - after a login all else is 403
    POST_BUSY_400 = "post-busy-400"  # while the firmware starts, settings are refused with 400
    BOOT_NEEDS_FULL_TRIPLE = "boot-needs-full-triple"  # Target, Enabled and Mode in each PATCH
    BOOT_MODE_READ_ONLY = "boot-mode-read-only"  # BootSourceOverrideMode may not be sent
    BOOT_ONCE_ONLY = "boot-once-only"  # Continuous is not taken
    BOOT_VIRTUAL_CD_IS_USB = "boot-virtual-cd-is-usb-cd"  # Cd is a real drive; an inserted image boots as UsbCd
    BOOT_VIRTUAL_CD_IN_ATTRIBUTES = "boot-virtual-cd-in-attributes"  # Cd is a real drive; the controller's attributes
    BOOT_CLEAR_NEEDS_TARGET = "boot-clear-needs-target"  # Disabled is refused beside the target None
    BOOT_OVERRIDE_REFUSED = "boot-override-refused"  # an override is listed, and refused as unsupported
    BOOT_IN_SETTINGS = "boot-in-settings"  # the override is set at the system's @Redfish.Settings
    MEDIA_WITHOUT_ACTIONS = "media-without-actions"  # Image and Inserted are changed by PATCH
    MEDIA_IMAGE_ONLY = "media-image-only"  # InsertMedia takes Image and refuses any other parameter
    MEDIA_UNDER_MANAGERS = "media-under-managers"  # the slots of the manager are the ones that work
    TASK_DELETED_ON_READ = "task-deleted-on-read"  # the monitor of a finished task can be read once
    BARE_STRING_MEMBERS = "bare-string-members"  # a collection's Members are strings
    BAD_DATES = "bad-dates"  # 0000-00-00, zones without colon
    REDIRECT_308 = "308-on-trailing-slash"
    GZIP_ONLY_REGISTRIES = "gzip-only-registries"  # 406 where gzip is not accepted
    SESSIONS_AT_ROOT = "sessions-at-root"  # the sessions are at /redfish/v1/Sessions
    ACCOUNT_SLOTS_FIXED = "account-slots-fixed"  # users are made by PATCH of an empty account
    BIOS_SETTINGS_UNLINKED = "bios-settings-unlinked"  # Bios/SD or Bios/Settings exists, and is not linked
    BIOS_NEEDS_JOB = "bios-needs-job"  # pending settings are applied by a job of the manager, which has to be made
    JOB_PENDING_REFUSED = "job-pending-refused"  # settings are refused while a configuration job waits
    STORAGE_CHASSIS_UNSAFE = "storage-chassis-unsafe"  # a GET of a RAID or enclosure chassis can restart the BMC
    FORCE_RESTART_HANGS = "force-restart-hangs"  # a reset is done as off, dwell, on
    IPMI_UEFI_DISK_0X24 = "ipmi-uefi-disk-0x24"  # the UEFI disk is boot device 0x24


@dataclass(frozen=True)
class QuirkNote:
    """Why a profile has a quirk, who says so, and for which firmware (ALL, or ">=6.00, <7.10")."""

    why: str
    source: str
    firmware: str

    def holds_for(self, firmware: str | None) -> bool:
        """Whether that firmware has it; one that is not known has."""
        return self.firmware == ALL or in_range(firmware, self.firmware)


def in_range(firmware: str | None, wanted: str) -> bool:
    """Whether the version in `firmware` is within all of the bounds; a firmware without one is.

    The version is the first number with dots ("BMC 5 v2.72" is 2.72), else the first number.
    """
    found = _VERSION.search(firmware or "") or _NUMBER.search(firmware or "")
    if found is None:
        return True
    version = _numbers(found[0])
    return all(_within(version, sign, _numbers(bound)) for sign, bound in _BOUND.findall(wanted))


def _numbers(version: str) -> tuple[int, ...]:
    numbers = [int(part) for part in version.split(".")]
    while len(numbers) > 1 and not numbers[-1]:  # 6.0 is 6
        numbers.pop()
    return tuple(numbers)


def _within(version: tuple[int, ...], sign: str, bound: tuple[int, ...]) -> bool:
    return {
        ">=": version >= bound,
        "<=": version <= bound,
        "==": version == bound,
        ">": version > bound,
        "<": version < bound,
    }[sign]
