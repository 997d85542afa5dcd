"""A server that is started from something of ours: shut down, its override looked at, switched on for one job."""

from collections.abc import Sequence

from oobctl import clock
from oobctl.actions import boot, steps
from oobctl.constants import BootPath, BootSource, PowerState, ResetType
from oobctl.errors import BmcError, InstallFailed, NotSupported
from oobctl.images import serving
from oobctl.images.installs import waiting
from oobctl.jobs.run import Run

ARM = "arm_network_boot"
_SOURCES = {
    BootPath.VIRTUAL_MEDIA: BootSource.CD,
    BootPath.NETWORK: BootSource.PXE,
    BootPath.UEFI_HTTP: BootSource.UEFI_HTTP,
}
_WORDS = {
    BootPath.VIRTUAL_MEDIA: "its virtual drive",
    BootPath.NETWORK: "its network (PXE)",
    BootPath.UEFI_HTTP: "its network (UEFI HTTP boot)",
}


def first_way(run: Run, ways: Sequence[BootPath]) -> BootPath:
    """The first that the BMC takes an override for; nothing is sent. Raises NotSupported where it takes none."""
    refusals = []
    for path in ways:
        wanted = once_from(path)
        try:
            run.bmc.boot.check(wanted.source, wanted.enabled, wanted.mode)
        except NotSupported as error:
            refusals.append(f"from {_WORDS[path]}: {error.message}")
        else:
            return path
    raise NotSupported(
        f"The BMC of {run.name} cannot be told to start it once {' Nor '.join(refusals)} Choose another boot path "
        "where there is one, or change what it starts from in its BIOS settings."
    )


def once_from(path: BootPath) -> boot.BootParameters:
    """The override with which a server starts from there the next time."""
    return boot.BootParameters(source=_SOURCES[path])


def arm_network_boot(run: Run) -> str:
    """From now on the boot service answers that server; what it hands out starts nothing before the job's power-on."""
    serving.check_network()
    waiting.allow(run.acted.job_id, "armed_at")
    return "The boot service answers, and gives this server what the job has for it when it asks"


def ensure_off(run: Run) -> str:
    """Softly, as long as the profile says; then hard: a person said that it is to start anew."""
    if run.read_power("after") is PowerState.OFF:
        return "Was Off already; nothing was sent"
    try:
        run.bmc.power.set(ResetType.GRACEFUL_SHUTDOWN)
    except BmcError as error:
        run.note(f"The operating system could not be asked to shut down: {error.message}")
        return steps.ensure_off(run)
    limit = run.profile.install.shutdown_limit
    words = f"for {run.name}'s operating system to shut down, {clock.limit(limit)} at most"
    if run.until(lambda: run.read_power("after") is PowerState.OFF, limit, words):
        return "Read back: Off. The operating system shut down"
    run.note(f"The operating system did not shut down within {clock.limit(limit)}; the power was cut.")
    return steps.ensure_off(run)


def ensure_on(run: Run, wanted: boot.BootParameters) -> str:
    """Not without the override: the server would only start its old system. Raises InstallFailed, BmcError."""
    if run.bmc.power.read() is PowerState.OFF and not boot.is_waiting(run, wanted):
        raise InstallFailed(
            f"The BMC of {run.name} has forgotten the boot override: it was read back, and is gone before the start. "
            "Nothing was switched on. Restart the BMC (bmc.reset) and try again; if it stays so, update its firmware.",
            sent=False,
        )
    waiting.allow(run.acted.job_id, "may_claim_at")
    return steps.ensure_on(run)


def note_kept_override(run: Run, wanted: boot.BootParameters) -> None:
    """Where the BMC still has it after the one start that it was for: a page says so."""
    if boot.is_waiting(run, wanted):
        run.note("The BMC has kept the boot override, though it was for one boot alone and used. It is cleared.")
