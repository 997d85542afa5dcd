"""What the API answers of reinstalls: images, a plan, an installer at work; and of the SSH keys that users keep."""

from datetime import date

from pydantic import BaseModel, Field

from oobctl.constants import BootPath, Firmware, ImageKind
from web.shapes import Moment


class FormShape(BaseModel):
    """One form of an image. Sizes in bytes: `size` is fetched, `content_size` is what it unpacks to."""

    kind: ImageKind
    size: int
    content_size: int
    least_disk_bytes: int
    least_memory_bytes: int


class SystemImageShape(BaseModel):
    """An operating system that can be installed: `name` is what os.reinstall takes as `image`."""

    name: str
    title: str
    family: str
    version: str
    architecture: str
    firmware: list[Firmware] = Field(description="What it starts as.")
    kernel: str | None
    end_of_life: date | None = Field(description="Until when its makers maintain it.")
    maintained: bool = Field(description="Whether they still do, as far as is known.")
    forms: list[FormShape]
    sites: list[str] = Field(description="Which sites have it.")
    account: str | None = Field(description="Name of the only account that may use it; null: all.")


class SystemImagePage(BaseModel):
    items: list[SystemImageShape]
    next: str | None = None


class DiskShape(BaseModel):
    serial: str
    size: int | None = Field(description="Bytes; null: not told.")
    name: str = ""


class PlannedStepShape(BaseModel):
    name: str
    title: str
    usually_seconds: float | None = Field(description="As it took before; null: it was never done.")
    limit_seconds: float | None = Field(description="For so long it waits at most; null: as the BMC's answers take.")


class PlanShape(BaseModel):
    """What a reinstall would do; nothing was queued."""

    server: str
    steps: list[PlannedStepShape]
    boot_path: BootPath = Field(description="From where the installer starts.")
    no_return: str | None = Field(description="The step from which on it cannot be cancelled.")
    lost: list[str] = Field(description="What is lost, in sentences.")
    warnings: list[str] = Field(description="What speaks against it, in sentences; it can be done all the same.")
    image: SystemImageShape
    disks: list[DiskShape] = Field(description="What is written to; empty: the server's only disk.")


class HostKeyShape(BaseModel):
    type: str
    key: str
    fingerprint: str


class FirstBootShape(BaseModel):
    """What the new system said of itself at its first start. login: how to log in; null: not over SSH."""

    at: Moment | None
    host_name: str | None
    kernel: str | None
    host_keys: list[HostKeyShape]
    notes: list[str]
    login: str | None


class CallerShape(BaseModel):
    """Who the installer says that it runs on."""

    address: str
    system_uuid: str
    macs: list[str]
    firmware: str
    memory_mb: int
    disks: list[DiskShape]


class LogShape(BaseModel):
    """Lines of the installer's log. first: the number of the first one here; next: of the one after the last."""

    first: int
    next: int
    lines: list[str]


class InstallerShape(BaseModel):
    """How an installer goes on, in what it said last."""

    job: str
    phase: str | None = Field(description="started, writing, written, configuring, configured, refused or failed.")
    bytes_done: int
    bytes_total: int | None
    bytes_per_second: float | None
    seconds_left: float | None = Field(description="Until the image is written, at the rate so far.")
    claimed_at: Moment | None
    first_write_at: Moment | None = Field(description="From then on the old system is gone.")
    written_at: Moment | None
    heard_at: Moment | None
    reason: str | None = Field(description="Why the installer refused or failed, in its words.")
    stopped: bool = Field(description="Whether the job's key was presented twice, which stops it.")
    caller: CallerShape | None = Field(description="For staff.")
    first_boot: FirstBootShape | None
    log: LogShape


class BootScriptShape(BaseModel):
    """A script that an account keeps. script: in the answer for one alone."""

    id: str
    name: str
    sha256: str
    lines: int
    added_by: str
    created_at: Moment
    script: str | None = None


class BootScriptPage(BaseModel):
    items: list[BootScriptShape]
    next: str | None = None


class SshKeyShape(BaseModel):
    id: str
    name: str
    key: str
    fingerprint: str
    created_at: Moment


class SshKeyPage(BaseModel):
    items: list[SshKeyShape]
    next: str | None = None
