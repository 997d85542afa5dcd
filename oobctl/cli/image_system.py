"""`oobctl image`: what concerns images of operating systems alone: build, import, verify, retire."""

import signal
import sys
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer
from sqlalchemy import or_, select

from oobctl.constants import Firmware, ImageKind
from oobctl.errors import NotFound, OobctlError
from oobctl.images import caches
from oobctl.images.installer import ensure_ramdisk
from oobctl.images.systems import all_systems, building, catalogue, verify
from oobctl.images.systems.building.cache import take
from oobctl.images.systems.importing import LEAST_MEMORY, Description, import_file
from oobctl.store import Account, database
from oobctl.store.migrate import check

Name = Annotated[str, typer.Argument(help="The image's name, as `oobctl image list` has it.")]


class ConfiguredBy(StrEnum):
    """Who puts host name, keys and network in place."""

    FILES = "files"
    CLOUD_INIT = "cloud-init"


def build(
    release: Annotated[str, typer.Argument(help="debian-12 or debian-13.")],
    kernel: Annotated[
        str, typer.Option(help="generic, or cloud: for virtual machines alone, and smaller.")
    ] = "generic",
    name: Annotated[str | None, typer.Option(help="Another name than the release's.")] = None,
) -> None:
    """Build an image of an operating system from its distribution's packages, for BIOS and UEFI."""
    _tidy_when_ended()
    image = building.build(release, kernel=kernel, name=name, progress=lambda line: print(line, flush=True))
    print(f"Built {image.name}: {image.title}, {image.version}, Linux {image.kernel}. It can be installed now.")


def installer() -> None:
    """Build what servers start to be reinstalled: a kernel, a ramdisk, a CD image of them."""
    _tidy_when_ended()
    built = ensure_ramdisk(_say)
    size = built.ramdisk.stat().st_size / 2**20
    print(f"The installer is there: {built.medium} (its ramdisk {size:,.1f} MB). The boot service serves it.")


def provide(
    release: Annotated[str, typer.Argument(help="debian-12 or debian-13.")],
    kernel: Annotated[str, typer.Option(help="generic, or cloud: for virtual machines alone.")] = "generic",
) -> None:
    """Have the installer and an image of a release there; nothing is done where they are. The demo uses this."""
    _tidy_when_ended()
    ensure_ramdisk(_say)
    if release not in {image.name for image in all_systems()}:
        take(release, kernel, caches.systems(), _say, name=release)
    print(f"Servers can be reinstalled with {release}.", flush=True)


def _tidy_when_ended() -> None:
    """A SIGTERM ends what was begun, its programs and folders too, as a Ctrl-C does."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def _say(line: str) -> None:
    print(line, flush=True)


def take_in(
    source: Annotated[str, typer.Argument(help="A file, or an https:// address.")],
    sha256: Annotated[str, typer.Option(help="The SHA-256 that the file is said to have.")],
    name: Annotated[str, typer.Option(help="What it is called here: a-z, 0-9, '.' and '-'.")],
    version: Annotated[str, typer.Option(help="The operating system's version.")],
    title: Annotated[str | None, typer.Option(help="What people read. Else the name.")] = None,
    family: Annotated[str, typer.Option(help="debian, rocky, freebsd ...")] = "other",
    kind: Annotated[
        ImageKind, typer.Option(help="disk-image: raw, as it is or .zst. root-archive: tar.zst.")
    ] = ImageKind.DISK_IMAGE,
    firmware: Annotated[
        list[Firmware] | None, typer.Option(help="What it boots under; more than once. Else what is seen on it.")
    ] = None,
    configured_by: Annotated[
        ConfiguredBy, typer.Option(help="Who sets it up: files that the installer writes, or its own cloud-init.")
    ] = ConfiguredBy.FILES,
    end_of_life: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="When its support ends.")] = None,
    account: Annotated[str | None, typer.Option(help="The only account that may use it: its name or id.")] = None,
    least_memory_mb: Annotated[int, typer.Option(min=1, help="What a server needs for it.")] = LEAST_MEMORY >> 20,
) -> None:
    """Take in an image of an operating system that was made elsewhere."""
    said = Description(
        name=name, kind=kind, title=title or name, version=version, family=family,
        firmware=tuple(firmware or ()), configured_by=configured_by.value,
        end_of_life=end_of_life.date() if end_of_life else None, account=_account(account),
        least_memory_bytes=least_memory_mb << 20,
    )  # fmt: skip
    form = import_file(source, sha256, said).forms[0]
    print(f"Imported {name} ({kind}): it needs a disk of {form.least_disk_bytes / 2**30:,.1f} GB.")


def check_files(
    name: Annotated[str | None, typer.Argument(help="The image's name.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every image of an operating system.")] = False,
) -> None:
    """Compare an image's files with what came into the catalogue. Fails where one was changed."""
    if every == (name is not None):
        raise typer.BadParameter("Say one image's name, or --all.")
    damaged = 0
    for one in [name] if name else catalogue.names():
        try:
            image = verify.verify(one)
        except OobctlError as error:  # also an entry that cannot be read
            if name:
                raise
            damaged += 1
            print(f"DAMAGED: {error.message}")
        else:
            print(f"{image.name}: {len(image.forms)} files are as they came.")
    if damaged:
        raise typer.Exit(1)


def retire(name: Name) -> None:
    """Offer an image of an operating system for no more installations. Its files stay."""
    catalogue.retire(name)
    print(f"{name} is not offered any more. To offer it again: oobctl image unretire {name}")


def unretire(name: Name) -> None:
    """Offer a retired image again."""
    catalogue.unretire(name)
    print(f"{name} is offered again.")


def rows() -> list[tuple[str, str, str, str, str]]:
    """For the list: name, what it is, firmware, size, state."""
    return [
        (
            image.name,
            f"{image.title}, {image.version}: {', '.join(form.kind for form in image.forms)}",
            ", ".join(image.firmware),
            f"{sum(form.size for form in image.forms) / 2**20:,.1f} MB",
            "retired" if image.retired_at else "one account's" if image.account else "",
        )
        for image in all_systems()
    ]


def _account(name: str | None) -> str | None:
    if name is None:
        return None
    check(database())
    with database().read() as session:
        found = session.scalar(select(Account).where(or_(Account.id == name, Account.name == name)))
    if found is None:
        raise NotFound(f"There is no account {name!r}. See: oobctl account list")
    return found.id
