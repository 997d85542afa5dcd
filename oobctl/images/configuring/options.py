"""What is chosen for a new operating system, checked as a person typed it."""

import re
from enum import StrEnum
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from oobctl.images.configuring.networks import Network
from oobctl.images.ssh_keys import SshKey
from oobctl.jobs.action import wrong

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_LOCALE = re.compile(r"C\.UTF-8|[a-z]{2,3}_[A-Z]{2}\.UTF-8(?:@[a-z]+)?")
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]{0,97}[a-z0-9+.]")  # apt takes a '-' at the end for: remove it
_NO_ZONES = {"localtime", "Factory"}  # of tzdata: whatever the computer has, and none
_PARTITION = re.compile(r"(UUID|LABEL|PARTUUID|PARTLABEL)=([\x21-\x7e](?:[\x20-\x7e]{0,70}[\x21-\x7e])?)")
_SERIAL = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,126}[\x21-\x7e])?")
_MOST_KEYS, _LONGEST_SCRIPT = 50, 65_536
_CLOUD = ("#cloud-config", "#!", "Content-Type: multipart/")


class Layout(StrEnum):
    """How the disks are divided. whole-disk: one disk. raid1: two alike. lvm: one disk, a volume group.

    keep: one partition of one disk is replaced, and all others stay as they are.
    """

    WHOLE_DISK = "whole-disk"
    RAID1 = "raid1"
    LVM = "lvm"
    KEEP = "keep"


def is_host_name(value: str) -> bool:
    return len(value) <= 253 and _HOST_NAME.fullmatch(value) is not None


def host_name_for(server: str) -> str:
    """The host name that a server's name suggests; empty where it suggests none."""
    name = server.lower().replace("_", "-")
    return name if is_host_name(name) else ""


def _host_name(value: str) -> str:
    if not is_host_name(value):
        raise ValueError("a host name has small letters, digits and '-', in labels parted by dots")
    return value


def _time_zone(value: str) -> str:
    if value not in available_timezones() - _NO_ZONES:
        raise ValueError(f"{value[:60]!r} is no time zone, as Europe/Berlin or UTC is")
    return value


def _written_as(pattern: re.Pattern[str], what: str) -> AfterValidator:
    def check(value: str) -> str:
        if pattern.fullmatch(value) is None:
            raise ValueError(f"{value[:60]!r} is no {what}")
        return value

    return AfterValidator(check)


def _user_data(value: str) -> str:
    if not value.startswith(_CLOUD):
        raise ValueError("user data begins with #cloud-config, or #! for a script")
    return _script(value)


def _post_install(value: str) -> str:
    if not value.startswith("#!"):
        raise ValueError("a script begins with #! and the program that runs it, as in #!/bin/sh")
    return _script(value)


def _script(value: str) -> str:
    if len(value.encode(errors="surrogatepass")) > _LONGEST_SCRIPT or "\0" in value:
        raise ValueError(f"it may have {_LONGEST_SCRIPT // 1024} KB at most, and no NUL")
    value.encode()  # half a character is refused here
    return value.replace("\r\n", "\n")


HostName = Annotated[str, AfterValidator(_host_name)]


class Options(BaseModel):
    """What the new system is to be like. Strings are checked so that none means anything to a shell or a template."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    host_name: HostName = Field(description="Of the new system, as web01.example.org.")
    ssh_keys: list[SshKey] = Field(
        default_factory=list, max_length=_MOST_KEYS, description="Public keys that may log in as root."
    )
    root_password: bool = Field(
        default=False,
        description="Make one, for screen and serial line: shown once, to be changed at the first log-in.",
    )
    time_zone: Annotated[str, AfterValidator(_time_zone)] = "UTC"
    locale: Annotated[str, _written_as(_LOCALE, "locale, as C.UTF-8 or de_DE.UTF-8 is")] = "C.UTF-8"
    packages: list[Annotated[str, _written_as(_PACKAGE, "name of a package")]] = Field(
        default_factory=list, max_length=100, description="Installed at the first boot."
    )
    user_data: Annotated[str, AfterValidator(_user_data)] | None = Field(default=None, description="For cloud-init.")
    post_install: Annotated[str, AfterValidator(_post_install)] | None = Field(
        default=None, description="A script, run once at the first boot."
    )
    network: Network = Field(default_factory=Network, description="How it is in the network; empty: DHCP.")

    @model_validator(mode="after")
    def _somebody_can_log_in(self) -> "Options":
        if not (self.ssh_keys or self.root_password or self.user_data):
            raise wrong("ssh_keys", "nobody could log in: give an SSH key, or ask for a root password")
        return self


def _partition(value: str) -> str:
    """As in /etc/fstab; with or without the quotes that blkid prints."""
    kind, _, name = value.strip().partition("=")
    name = name[1:-1] if len(name) > 2 and name[0] == name[-1] == '"' else name
    if _PARTITION.fullmatch(f"{kind}={name}") is None:
        raise ValueError(
            f"{value[:60]!r} names no partition. Write UUID=, LABEL=, PARTUUID= or PARTLABEL= and what blkid "
            "shows, and no /dev/ name: those change"
        )
    return f"{kind}={name}"


Serial = Annotated[str, _written_as(_SERIAL, "disk's serial number")]
PartitionName = Annotated[str, AfterValidator(_partition)]
