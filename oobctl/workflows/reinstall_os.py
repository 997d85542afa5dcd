"""A new operating system on a server: started from our medium, written once, proven by its own first report."""

from dataclasses import replace
from datetime import datetime

from oobctl import clock
from oobctl.actions import boot, media, steps
from oobctl.audit.tags import Tag
from oobctl.constants import REINSTALL, BootPath, Capability, Lock, Outcome, Permission
from oobctl.errors import InstallFailed, JobCancelled, LeaseLost, OobctlError, StoreUnavailable
from oobctl.images import access
from oobctl.images.installs import claims, hardware, paths, requests, waiting
from oobctl.images.installs.orders import Orders, WantedDisk
from oobctl.images.systems import Form, all_systems
from oobctl.images.systems.verify import verify
from oobctl.jobs.action import Action, Skipped, Step
from oobctl.jobs.run import Run
from oobctl.profiles.model import InstallSettings
from oobctl.store import Install, Job, Server, database
from oobctl.workflows import new_system, starting, unwinding
from oobctl.workflows.starting import ARM

_SLOWEST_BYTES_A_SECOND = 1 << 20  # of the download
_SLOWEST_UNPACKED_BYTES_A_SECOND = 10 << 20  # of the disk
_CONFIGURE_SECONDS = 900.0
_EXTRAS_SECONDS = 3600.0  # packages and the post-install script, at the first start


def _asked(run: Run) -> requests.ReinstallParameters:
    assert isinstance(run.parameters, requests.ReinstallParameters)
    return run.parameters


def _job(run: Run) -> str:
    return run.acted.job_id


def limits(install: InstallSettings, form: Form, *, extras: bool) -> dict[str, float]:
    """For how long its steps wait, by name, in seconds; the others have the limits of a question to the BMC.

    extras: packages or a script are set up at the first start.
    """
    return {
        "ensure_off": install.shutdown_limit,
        "installer_started": install.start_limit,
        "image_written": _write_limit(form.size, form.content_size),
        "configured": _CONFIGURE_SECONDS,
        "first_boot": _first_boot_limit(install, extras=extras),
    }


def _write_limit(size: int, content_size: int) -> float:
    return 600 + size / _SLOWEST_BYTES_A_SECOND + content_size / _SLOWEST_UNPACKED_BYTES_A_SECOND


def _first_boot_limit(install: InstallSettings, *, extras: bool) -> float:
    return install.first_boot_limit + (_EXTRAS_SECONDS if extras else 0.0)


# --- before the old system is gone ----------------------------------------------------------------------------------


def _check_preconditions(run: Run) -> str:
    """The image is what it was, fits, and is offered to whose server it is; what the installer does is laid down."""
    told = waiting.told_disks(_job(run))
    asked = requests.as_told(_asked(run), told)
    with database().read() as session:
        server, job = session.get_one(Server, run.acted.server_id), session.get_one(Job, _job(run))
        found, account, uuid = hardware.inspected(session, server.id), job.account_id, server.system_uuid
        ways, macs = paths.chosen(session, server, asked.boot_path), paths.macs(session, server)
    if not asked.disks:  # none was known when it was asked for: what was read since chooses none
        found = replace(found, disks=())
    image = requests.offered(all_systems(), asked.image, account)
    form = requests.form_of(image, asked.layout)
    requests.check_disks(asked, found, run.name)
    requests.check_fits(image, form, found, asked)
    path = starting.first_way(run, requests.fitting(image, ways))
    verify(image.name, form.kind)
    disks = tuple(WantedDisk(disk.serial, disk.size or 0) for disk in requests.chosen(asked, found))
    orders = Orders(
        image=image.name,
        form=form.kind,
        size=form.size,
        sha256=form.sha256,
        content_size=form.content_size,
        layout=asked.layout,
        disks=disks,
        firmware="",
        firmwares=tuple(str(one) for one in image.firmware),
        replace=asked.replace,
        keep=tuple(asked.keep),
        configured_by=image.configured_by,
        least_disk_bytes=form.least_disk_bytes,
        least_memory_bytes=form.least_memory_bytes,
        cards=tuple(asked.network.macs) if asked.network else (),
    )
    waiting.prepare(_job(run), orders, {"system_uuid": uuid, "macs": list(macs), "disks": told}, path)
    run.saw("before", image=image.name, sha256=form.sha256, boot_path=str(path))
    where = ", ".join(disk.serial for disk in disks) or "the server's only disk"
    where += f", onto {asked.replace} alone" if asked.replace else ""
    return f"{image.title}, {form.size / 10**6:,.0f} MB, is as it came into the catalogue; it goes to {where}"


def _only(step: Step, *, from_network: bool) -> Step:
    """The step, where the server starts from its network, or from the virtual drive."""

    def done(run: Run) -> str:
        if waiting.path_of(_job(run)).from_network is from_network:
            return step.run(run)
        return Skipped(f"Not needed: it starts from {'the virtual drive' if from_network else 'the network'}")

    return replace(step, run=done)


def steps_from(path: BootPath) -> tuple[Step, ...]:
    """What is done of the workflow's steps where the server starts from there."""
    unneeded = {step.name for step in _INSERT} if path.from_network else {ARM}
    return tuple(step for step in WORKFLOW.steps if step.name not in unneeded)


def _from_installer(run: Run) -> boot.BootParameters:
    return starting.once_from(waiting.path_of(_job(run)))


def _ensure_on(run: Run) -> str:
    return starting.ensure_on(run, _from_installer(run))


def _installer_started(run: Run) -> str:
    last: list[Install] = []

    def there() -> bool:
        last[:] = [waiting.look(_job(run))]
        return last[0].claimed_at is not None

    limit = run.profile.install.start_limit
    if not run.until(there, limit, f"for the installer to start on {run.name}, {clock.limit(limit)} at most"):
        raise InstallFailed(
            f"No installer has called from {run.name} within {clock.limit(limit)}. {_why_silent(last[0])}"
        )
    by = last[0].claimed_by or {}
    run.saw("installer", **{name: by.get(name) for name in ("address", "macs", "disks", "firmware", "memory_mb")})
    return f"It runs on {run.name} (from {by.get('address')}, {by.get('firmware')})"


def _why_silent(found: Install) -> str:
    """What is known of an installer that has not called, and what to look at."""
    if found.reason:
        return f"Who asked last was refused: {found.reason}"
    reaches = "does it reach the boot service in its network? Look at its screen."
    if found.boot_path is None or not found.boot_path.from_network:
        return f"Did it start from the virtual drive, and {reaches}"
    if found.script_at is None:
        return f"It has not asked for its boot script: does it start from a network card that is known, and {reaches}"
    return f"It got its boot script at {clock.rfc3339(found.script_at)} ({found.script_to}), and {reaches}"


# --- from here on the old system is gone ----------------------------------------------------------------------------


def _image_written(run: Run) -> str:
    """The installer may write now. Where it was never told to begin, nothing was written, and the job only failed."""
    waiting.allow(_job(run), "may_write_at")
    orders = Orders.from_json(waiting.look(_job(run)).orders or {})
    size = orders.size
    limit = _write_limit(size, orders.content_size)
    began, words = clock.now(), ["for the installer to begin"]
    silence = waiting.Silence(run.profile.install.silence_limit)

    def there() -> bool:
        found = waiting.look(_job(run))
        silence.check(found)
        if found.written_at is not None:
            return True
        words[:] = [_progress(found, size)]
        return False

    try:
        if not run.until(there, limit, lambda: f"{words[0]}; {clock.limit(limit)} at most"):
            raise InstallFailed(f"The image was not written within {clock.limit(limit)}. Look at the server's screen.")
    except InstallFailed as error:
        if claims.close_unwritten(_job(run)):
            raise InstallFailed(f"{error.message} Nothing was written.", **error.details, sent=False) from error
        raise
    done = waiting.look(_job(run))
    took = _seconds(done.first_write_at or began, done.written_at or clock.now())
    run.saw("after", written=size, sha256="as the catalogue has it")
    return f"{size / 10**6:,.0f} MB in {took:.0f} s; the installer compared the SHA-256"


def _progress(found: Install, size: int) -> str:
    if found.first_write_at is None:
        return "for the installer to begin"
    seconds = max(1.0, _seconds(found.first_write_at, clock.now()))
    rate = found.bytes_done / 10**6 / seconds
    return f"for the image: {found.bytes_done / 10**6:,.0f} of {size / 10**6:,.0f} MB, {rate:,.0f} MB/s"


def _seconds(begin: datetime, end: datetime) -> float:
    return (end - begin).total_seconds()


def _configured(run: Run) -> str:
    silence = waiting.Silence(run.profile.install.silence_limit)

    def there() -> bool:
        found = waiting.look(_job(run))
        silence.check(found)
        return found.configured_at is not None

    words = f"for the installer to set the new system up, {clock.limit(_CONFIGURE_SECONDS)} at most"
    if not run.until(there, _CONFIGURE_SECONDS, words):
        raise InstallFailed("The new system was not set up in time. Look at the server's screen.")
    return "Host name, keys and network are in place"


def _detach(run: Run) -> str:
    """Before it starts anew: a server that finds the installer again would only be told to go on, but it would wait.

    The disk is good by now, so a BMC that does not do it keeps nothing up: it is asked again when the new system runs.
    """
    try:
        starting.note_kept_override(run, _from_installer(run))
        out = unwinding.disarm(run)
        return f"{out}. {boot.ensure_cleared(run)}"
    except (LeaseLost, StoreUnavailable, JobCancelled):
        raise
    except OobctlError as error:
        run.note(f"Before the new system's first start the installer could not be taken away: {error.message}")
        return f"Not done yet, and tried again at the end: {error.message}"


def _first_boot(run: Run) -> str:
    waiting.allow(_job(run), "may_reboot_at")
    asked = _asked(run)
    limit = _first_boot_limit(run.profile.install, extras=bool(asked.packages) or asked.with_post_install)

    def there() -> bool:
        return waiting.look(_job(run)).first_boot_at is not None

    if not run.until(there, limit, f"for {run.name}'s new system to report itself, {clock.limit(limit)} at most"):
        raise InstallFailed(
            f"The new system has not reported itself within {clock.limit(limit)} of its first start. Does it start "
            "from its disk, and does it reach the boot service? Look at the server's screen."
        )
    run.saw_boot()
    said = waiting.look(_job(run)).first_boot or {}
    run.saw("after", **{name: said.get(name) for name in ("host_name", "kernel", "host_keys", "notes")})
    return f"{said.get('host_name')} runs, kernel {said.get('kernel')}"


def _verified(run: Run) -> str:
    """Who reported itself had the key that was put on that disk; SSH is tried, and the BMC read once more."""
    said = claims.close(_job(run)).first_boot or {}
    chosen = _asked(run).network.addresses if _asked(run).network else ()
    found = new_system.seen(run, said, tuple(address.partition("/")[0] for address in chosen))
    out = unwinding.disarm(run)
    cleared = boot.ensure_cleared(run)
    run.outcome = Outcome.PROVEN if found.proven else Outcome.ACCEPTED
    return f"{found.words} {out}. {cleared}"


_INSERT = media.insert_steps(lambda _run: media.InsertParameters(image=access.INSTALLER))

WORKFLOW = Action(
    name=REINSTALL,
    title="Reinstall the operating system",
    consequence="All that is on the chosen disks of {server} is lost, but for partitions that you have kept, and a new "
    "operating system is put there.",
    danger="destructive",
    permission=Permission.REINSTALL,
    lock=Lock.SERVER,
    tag=Tag.SERVER_OS_REINSTALL,
    capability=Capability.BOOT,
    lacks=paths.lacks,
    request=requests.ReinstallRequest,
    parameters=requests.ReinstallParameters,
    keep=requests.keep,
    check=requests.check,
    arrange=requests.arrange,
    unwind=unwinding.unwind,
    steps=(
        steps.IDENTITY,
        Step("check_preconditions", "Check image, disks and memory", _check_preconditions),
        steps.READ,
        *(_only(step, from_network=False) for step in _INSERT),
        _only(Step(ARM, "Let it start from the network", starting.arm_network_boot), from_network=True),
        Step("ensure_off", "Shut the old system down", starting.ensure_off),
        *boot.override_steps(_from_installer),
        Step("ensure_on", "Switch on and read back", _ensure_on),
        Step("installer_started", "Wait for the installer", _installer_started),
        Step("image_written", "Write the image", _image_written),
        Step("configured", "Set the new system up", _configured),
        Step("detach", "Take the installer away, and read back", _detach),
        Step("first_boot", "Wait for the new system's first report", _first_boot),
        Step("verified", "Prove it, and read the BMC once more", _verified),
    ),
    no_return="image_written",
)
