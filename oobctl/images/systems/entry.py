"""What the catalogue says of one image of an operating system: the content of its image.yaml."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from oobctl.constants import Firmware, ImageKind

NAME = r"[a-z0-9][a-z0-9.-]{0,62}"
NAMES_ARE = "at most 63 of a-z, 0-9, '.' and '-', a letter or digit first, and not .iso or .img at the end"
MEDIA = (".iso", ".img")
"""How the names of images for virtual drives end, which one command lists and removes too."""

ARCHITECTURE: Literal["x86_64"] = "x86_64"
_SHA256 = r"[0-9a-f]{64}"
_FILE = r"[a-z0-9][a-z0-9.-]{0,119}"
_BYTES = Annotated[int, Field(gt=0)]
_LINE = Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f]+$")]


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Form(_Closed):
    """One file of an image, in bytes. size: of the file; content_size: of what it unpacks to, as a stream.

    sha256: of the file, in hex. least_disk_bytes: of a disk that takes it. least_memory_bytes: to boot it.
    """

    kind: ImageKind
    file: str = Field(pattern=f"^{_FILE}$")
    sha256: str = Field(pattern=f"^{_SHA256}$")
    size: _BYTES
    content_size: _BYTES
    least_disk_bytes: _BYTES
    least_memory_bytes: _BYTES


class SystemImage(_Closed):
    """One image in at most one form of each kind.

    configured_by: who puts host name, keys and network in place: the installer, which writes files, or cloud-init.
    kernel: its release, where it is known. account: the id of the only account that may use it; None: all.
    """

    name: str = Field(pattern=f"^{NAME}$")
    title: _LINE
    family: _LINE
    version: _LINE
    architecture: Literal["x86_64"] = ARCHITECTURE
    firmware: tuple[Firmware, ...] = Field(min_length=1)
    configured_by: Literal["files", "cloud-init"] = "files"
    kernel: _LINE | None = None
    end_of_life: date | None = None
    retired_at: AwareDatetime | None = None
    account: str | None = Field(default=None, min_length=1, max_length=64)
    created_at: AwareDatetime
    forms: tuple[Form, ...] = Field(min_length=1)

    @field_validator("name")
    @classmethod
    def _is_no_medium(cls, name: str) -> str:
        if name.endswith(MEDIA):
            raise ValueError(f"a name is {NAMES_ARE}")
        return name

    @field_validator("firmware")
    @classmethod
    def _once(cls, firmware: tuple[Firmware, ...]) -> tuple[Firmware, ...]:
        if len(set(firmware)) != len(firmware):
            raise ValueError("a firmware stands there twice")
        return firmware

    @field_validator("forms")
    @classmethod
    def _one_of_a_kind(cls, forms: tuple[Form, ...]) -> tuple[Form, ...]:
        if len({form.kind for form in forms}) != len(forms) or len({form.file for form in forms}) != len(forms):
            raise ValueError("two forms are of one kind, or in one file")
        return forms

    def form(self, kind: ImageKind) -> Form | None:
        """The form of that kind; None where the image has none."""
        return next((form for form in self.forms if form.kind == kind), None)

    def is_maintained(self, today: date) -> bool:
        """Whether its makers maintain it, as far as is known."""
        return self.end_of_life is None or self.end_of_life >= today

    def is_offered(self, account: str, now: datetime) -> bool:
        """Whether an account may be given it now: it is not retired, and not another account's."""
        return self.account in {None, account} and (self.retired_at is None or self.retired_at > now)
