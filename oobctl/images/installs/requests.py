"""What is asked of a reinstall, what of it is kept with the job, and how it is checked and put away at the door."""

import secrets
import subprocess
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from sqlalchemy.orm import Session

from oobctl import clock, vault
from oobctl.audit import record
from oobctl.constants import BootPath, Firmware, ImageKind
from oobctl.errors import ConfigurationError, InvalidParameter
from oobctl.images.configuring.networks import Network
from oobctl.images.configuring.options import Layout, Options, PartitionName, Serial
from oobctl.images.installs import authority, firmware, hardware, keys, paths
from oobctl.images.ssh_keys import fingerprint_of
from oobctl.images.systems import Form, SystemImage, published
from oobctl.jobs.action import wrong
from oobctl.store import Install, Job, Server
from oobctl.vault import Secret

_DISKS = {Layout.WHOLE_DISK: 1, Layout.LVM: 1, Layout.RAID1: 2, Layout.KEEP: 1}
_PASSWORD_BYTES = 15
_MOST_KEPT = 16


def _image_name(value: str) -> str:
    if not value.isprintable():
        raise ValueError("no image has such a name")
    return value


class _Place(BaseModel):
    """What of the request is no secret, and where it goes."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    image: Annotated[str, AfterValidator(_image_name)] = Field(
        min_length=1, max_length=63, description="The operating system's image, as the catalogue names it."
    )
    layout: Layout = Field(default=Layout.WHOLE_DISK, description="How the disks are divided.")
    disks: list[Serial] = Field(
        default_factory=list, max_length=2,
        description="Serial numbers; empty: the boot disk where it is known, else the disk that was inspected first.",
    )  # fmt: skip
    boot_path: BootPath | None = Field(
        default=None, description="From where the installer starts; empty: as the server can."
    )
    replace: PartitionName | None = Field(
        default=None, description="Of the layout keep: the partition that is lost, as UUID=..., LABEL=..., PARTUUID=..."
    )
    keep: list[PartitionName] = Field(
        default_factory=list, max_length=_MOST_KEPT,
        description="Of the layout keep: partitions of that disk that must be there and stay as they are; not the boot "
        "loader's, which stays anyway, and has files put into it.",
    )  # fmt: skip


class ReinstallRequest(Options, _Place):
    """All that can be chosen. What was on the disks is lost."""

    @model_validator(mode="after")
    def _as_many_disks(self) -> "ReinstallRequest":
        needs = _DISKS[self.layout]
        if self.disks and len(self.disks) != needs:
            raise wrong("disks", f"the layout {self.layout} takes {needs} disk{'s' if needs > 1 else ''}")
        if len(set(self.disks)) != len(self.disks):
            raise wrong("disks", "a disk is named twice")
        return self

    @model_validator(mode="after")
    def _what_is_kept(self) -> "ReinstallRequest":
        if self.layout is not Layout.KEEP:
            if self.replace or self.keep:
                raise wrong(
                    "layout", "partitions to keep or to replace are for the layout keep alone: all else empties disks"
                )
            return self
        if self.replace is None or not self.keep:
            raise wrong(
                "replace", "keeping partitions needs both: the one that is replaced, and at least one that is kept"
            )
        if len({self.replace, *self.keep}) != len(self.keep) + 1:
            raise wrong("keep", "a partition is named twice: it is kept, or it is replaced")
        return self


class ReinstallParameters(_Place):
    """What is kept and recorded: of keys their fingerprints, of user data and scripts that there are some."""

    host_name: str
    ssh_key_fingerprints: list[str] = Field(default_factory=list)
    root_password: bool = False
    time_zone: str = "UTC"
    locale: str = "C.UTF-8"
    packages: list[str] = Field(default_factory=list)
    with_user_data: bool = False
    with_post_install: bool = False
    network: Network = Field(default_factory=Network)


def keep(request: ReinstallRequest) -> ReinstallParameters:
    """What of the request goes into the job and its records."""
    return ReinstallParameters(
        image=request.image,
        layout=request.layout,
        disks=request.disks,
        boot_path=request.boot_path,
        replace=request.replace,
        keep=request.keep,
        host_name=request.host_name,
        ssh_key_fingerprints=[fingerprint_of(key) for key in request.ssh_keys],
        root_password=request.root_password,
        time_zone=request.time_zone,
        locale=request.locale,
        packages=request.packages,
        with_user_data=request.user_data is not None,
        with_post_install=request.post_install is not None,
        network=request.network,
    )


def kind_for(layout: Layout, image: SystemImage) -> ImageKind:
    """A whole disk takes a disk image where there is one; all else is laid out by the installer."""
    if layout is Layout.WHOLE_DISK and image.form(ImageKind.DISK_IMAGE) is not None:
        return ImageKind.DISK_IMAGE
    return ImageKind.ROOT_ARCHIVE


def check(session: Session, server: Server, by_staff: bool, request: Any) -> None:
    """What the store already knows to be wrong, of the site's images too. Raises InvalidParameter, WrongState."""
    authority.public_key_of(session, server.site_id)
    ways = paths.chosen(session, server, request.boot_path)
    found = hardware.inspected(session, server.id)
    check_disks(request, found, server.name)
    image = offered(published.of_site(session, server.site_id), request.image, record.account_of(session, server.id))
    fitting(image, ways)
    check_fits(image, form_of(image, request.layout), found, request)


def fitting(image: SystemImage, ways: Iterable[BootPath]) -> tuple[BootPath, ...]:
    """Those by which its installer can start as the image does. Raises InvalidParameter where there is none."""
    found = tuple(path for path in ways if path is not BootPath.UEFI_HTTP or Firmware.UEFI in image.firmware)
    if not found:
        raise InvalidParameter(
            f"{image.name} starts as {' and '.join(image.firmware)} alone, and UEFI HTTP boot is UEFI's. Choose "
            "another image, or another boot path.",
            field="boot_path",
        )
    return found


def offered(images: Iterable[SystemImage], name: str, account: str | None) -> SystemImage:
    """Of these the image that has the name, where the account may be given it now.

    Raises InvalidParameter, naming those that it may be given: it is not there, or not theirs.
    """
    theirs = {image.name: image for image in images if image.is_offered(account or "", clock.now())}
    if name in theirs:
        return theirs[name]
    known = ", ".join(theirs) or "none yet"
    raise InvalidParameter(f"There is no image {name} to install. There are: {known}.", field="image")


def form_of(image: SystemImage, layout: Layout) -> Form:
    """The form that the layout takes. Raises InvalidParameter."""
    kind = kind_for(layout, image)
    form = image.form(kind)
    if form is None:
        raise InvalidParameter(
            f"The image {image.name} can be written to a whole disk alone: it has no archive of its files, which the "
            f"layout {layout} needs.",
            field="layout",
        )
    return form


def check_disks(request: ReinstallRequest | ReinstallParameters, found: hardware.Hardware, server: str) -> None:
    """Disks that are named were inspected. Raises InvalidParameter naming those that were."""
    needs = _DISKS[request.layout]
    if not request.disks and 0 < len(found.disks) < needs:
        raise InvalidParameter(
            f"The layout {request.layout} takes {needs} disks, and {server} has {len(found.disks)}.", field="layout"
        )
    known = {disk.serial for disk in found.disks}
    unknown = [serial for serial in request.disks if serial not in known]
    if known and unknown:
        listed = ", ".join(f"{disk.serial} ({_size(disk.size)})" for disk in found.disks)
        raise InvalidParameter(f"{server} has no disk {unknown[0]}. It has: {listed}.", field="disks")


def check_fits(
    image: SystemImage, form: Form, found: hardware.Hardware, request: ReinstallRequest | ReinstallParameters
) -> None:
    """The image fits what was inspected of firmware, memory and disks, and what is chosen. Raises InvalidParameter."""
    firmware.check(image, found.firmware)
    if image.configured_by == "cloud-init" and request.network.name_servers and not request.network.macs:
        raise InvalidParameter(
            f"{image.name} is set up by cloud-init, which takes name servers for a network card that is named: give "
            "its MAC address too, or no name servers.",
            field="network.macs",
        )
    if found.memory is not None and found.memory < form.least_memory_bytes:
        raise InvalidParameter(
            f"{image.name} needs {_size(form.least_memory_bytes)} of memory, and the server has {_size(found.memory)}.",
            field="image",
        )
    for disk in chosen(request, found):
        if disk.size is not None and disk.size < form.least_disk_bytes:
            raise InvalidParameter(
                f"{image.name} needs a disk of {_size(form.least_disk_bytes)}, and {disk.serial} has "
                f"{_size(disk.size)}.",
                field="disks",
            )


def chosen(request: ReinstallRequest | ReinstallParameters, found: hardware.Hardware) -> tuple[hardware.KnownDisk, ...]:
    """The disks that are written to: those named, else the first that are known; none: the installer looks."""
    if not request.disks:
        return found.disks[: _DISKS[request.layout]]
    known = {disk.serial: disk for disk in found.disks}
    return tuple(known.get(serial, hardware.KnownDisk(serial, None, serial)) for serial in request.disks)


def as_told(asked: ReinstallParameters, told: Iterable[str]) -> ReinstallParameters:
    """With the disks that were the first when it was asked for, where none was named: what was read since changes none.

    told: their serial numbers; none where none was known then, and the server's only disks are meant.
    """
    return asked if asked.disks else asked.model_copy(update={"disks": list(told)})


def arrange(session: Session, server: Server, job: Job, request: ReinstallRequest) -> Secret | None:
    """Put away for the boot service what no record may have. Returns the root password, where one was asked for."""
    password = secrets.token_urlsafe(_PASSWORD_BYTES) if request.root_password else None
    phone_key = keys.new_key()
    content = {
        "options": request.model_dump(mode="json", include=set(Options.model_fields)),
        "password_hash": None if password is None else password_hash(password),
        "phone_key": phone_key,
    }
    sealed = vault.seal_content(authority.public_key_of(session, job.site_id), job.id, content)
    told = [disk.serial for disk in chosen(request, hardware.inspected(session, server.id))]
    session.add(
        Install(
            job_id=job.id, server_id=server.id, sealed=sealed, phone_hash=keys.hashed(phone_key),
            expects={"disks": told},
        )
    )  # fmt: skip
    return None if password is None else Secret("root", password)


def password_hash(password: str) -> str:
    """As /etc/shadow has it (SHA-512 crypt). Raises ConfigurationError where OpenSSL is missing."""
    command = ["openssl", "passwd", "-6", "-stdin"]
    try:
        done = subprocess.run(command, input=password, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError) as error:
        raise ConfigurationError(
            "The root password could not be hashed: the program openssl does not run. Install it with apt."
        ) from error
    return done.stdout.strip()


def _size(size: int | None) -> str:
    return "a size that its BMC does not tell" if size is None else f"{size / 10**9:,.1f} GB"
