"""What an installer is told to do, in lines that a shell reads safely: a name, a space, a value."""

from dataclasses import asdict, dataclass
from typing import Any

from oobctl.constants import ImageKind
from oobctl.errors import ConfigurationError


@dataclass(frozen=True)
class PlannedDisk:
    """A disk that is written to. size: bytes."""

    serial: str
    size: int


@dataclass(frozen=True)
class Plan:
    """As it is kept with the install. Sizes in bytes; sha256 of the file as it is fetched.

    replace, keep: of the layout keep, names of partitions as in /etc/fstab.
    configured_by: files, or cloud-init, which finds its seed on the disk.
    firmwares: as which the image starts; firmware: the one of them as which the server has; empty until it is known.
    """

    image: str
    form: ImageKind
    size: int
    sha256: str
    content_size: int
    layout: str
    disks: tuple[PlannedDisk, ...]
    firmware: str
    firmwares: tuple[str, ...]
    replace: str | None = None
    keep: tuple[str, ...] = ()
    configured_by: str = "files"

    @property
    def disk_count(self) -> int:
        """On how many disks it goes."""
        return 2 if self.layout == "raid1" else 1

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> "Plan":
        disks = tuple(PlannedDisk(**disk) for disk in kept["disks"])
        lists = {"disks": disks, "firmwares": tuple(kept["firmwares"]), "keep": tuple(kept.get("keep", ()))}
        return cls(**{**kept, "form": ImageKind(kept["form"]), **lists})


def told(plan: Plan, *, job: str, server: str, system_uuid: str | None, macs: tuple[str, ...]) -> str:
    """The plan as an installer reads it. Raises ConfigurationError where a value has more than one line in it."""
    lines = [
        ("job", job),
        ("server", server),
        *([("uuid", system_uuid)] if system_uuid else []),
        *(("mac", mac) for mac in macs),
        ("form", str(plan.form)),
        ("image", "image"),
        ("image_size", str(plan.size)),
        ("image_sha256", plan.sha256),
        ("content_size", str(plan.content_size)),
        ("layout", plan.layout),
        ("configured_by", plan.configured_by),
        *(("disk", f"{disk.size} {disk.serial}") for disk in plan.disks),
        *([("replace", plan.replace)] if plan.replace else []),
        *(("keep", name) for name in plan.keep),
        ("firmware", plan.firmware),
        ("console", "ttyS0,115200"),
    ]
    for name, value in lines:
        if not value.isprintable():
            raise ConfigurationError(f"The {name} {value!r} cannot be given to an installer.")
    return "".join(f"{name} {value}\n" for name, value in lines)
