"""An installer's orders, in lines that a shell reads safely: a name, a space, a value."""

from dataclasses import asdict, dataclass
from typing import Any

from oobctl.constants import ImageKind
from oobctl.errors import ConfigurationError


@dataclass(frozen=True)
class WantedDisk:
    """A disk that is to be written to. size: bytes."""

    serial: str
    size: int


@dataclass(frozen=True)
class Orders:
    """As it is kept with the install. Sizes in bytes; sha256 of the file as it is fetched.

    replace, keep: of the layout keep, names of partitions as in /etc/fstab.
    configured_by: files, or cloud-init, which finds its seed on the disk.
    least_disk_bytes, least_memory_bytes: of the server; cards: MAC addresses that it has to have. These three are
    compared when an installer claims the job, and not told to it.
    firmwares: as which the image starts; firmware: the one of them as which the server has; empty until it is known.
    """

    image: str
    form: ImageKind
    size: int
    sha256: str
    content_size: int
    layout: str
    disks: tuple[WantedDisk, ...]
    firmware: str
    firmwares: tuple[str, ...]
    replace: str | None = None
    keep: tuple[str, ...] = ()
    configured_by: str = "files"
    least_disk_bytes: int = 0
    least_memory_bytes: int = 0
    cards: tuple[str, ...] = ()

    @property
    def disk_count(self) -> int:
        """On how many disks it goes."""
        return 2 if self.layout == "raid1" else 1

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> "Orders":
        disks = tuple(WantedDisk(**disk) for disk in kept["disks"])
        lists = {name: tuple(kept.get(name, ())) for name in ("firmwares", "keep", "cards")}
        return cls(**{**kept, "form": ImageKind(kept["form"]), "disks": disks, **lists})


def told(orders: Orders, *, job: str, server: str, system_uuid: str | None, macs: tuple[str, ...]) -> str:
    """The orders as an installer reads it. Raises ConfigurationError where a value has more than one line in it."""
    lines = [
        ("job", job),
        ("server", server),
        *([("uuid", system_uuid)] if system_uuid else []),
        *(("mac", mac) for mac in macs),
        ("form", str(orders.form)),
        ("image", "image"),
        ("image_size", str(orders.size)),
        ("image_sha256", orders.sha256),
        ("content_size", str(orders.content_size)),
        ("layout", orders.layout),
        ("configured_by", orders.configured_by),
        *(("disk", f"{disk.size} {disk.serial}") for disk in orders.disks),
        *([("replace", orders.replace)] if orders.replace else []),
        *(("keep", name) for name in orders.keep),
        ("firmware", orders.firmware),
        ("console", "ttyS0,115200"),
    ]
    for name, value in lines:
        if not value.isprintable():
            raise ConfigurationError(f"The {name} {value!r} cannot be given to an installer.")
    return "".join(f"{name} {value}\n" for name, value in lines)
