"""What is put right of a reinstall that does not go on: the medium out, no override, and the power as it was."""

from collections.abc import Callable

from oobctl import clock
from oobctl.actions import boot, media, steps
from oobctl.constants import PowerState
from oobctl.errors import InstallFailed, LeaseLost, OobctlError, StoreUnavailable
from oobctl.images import access
from oobctl.images.installs import claims, waiting
from oobctl.jobs import progress
from oobctl.jobs.run import Run
from oobctl.store import Install

_OFF_AGAIN = "off_again"
"""In the evidence: that nothing of the installer's runs any more, nor of a shutdown: the server may be switched on."""


def disarm(run: Run) -> str:
    """What the installer was started from is away, read back where it can be."""
    if waiting.path_of(run.acted.job_id).from_network:
        return "From the network it is told to start from its disk"
    return media.ensure_out(run, access.INSTALLER)


def unwind(run: Run) -> str:
    """The medium out, no override; and, where nothing was written, the power as it was. What was written stays.

    Raises InstallFailed where one could not be put right.
    """
    job_id = run.acted.job_id
    if waiting.row(job_id).configured_at is not None:
        waiting.allow(job_id, "may_reboot_at")  # its disk is good: the installer is not kept from starting it
    install = claims.close(job_id)
    if not run.acted_already:
        return "Nothing was changed."
    todo = [boot.ensure_cleared] if install.first_write_at is not None else all_as_it_was()
    return put_back(run, _what_is_there(install), [disarm, *todo], _what_to_do(install))


def all_as_it_was() -> list[Callable[[Run], str]]:
    return [boot.ensure_cleared, _power_as_it_was]


def put_back(run: Run, said: str, todo: list[Callable[[Run], str]], then: str = "") -> str:
    """Each of them is tried. said, then: sentences before and after what was done. Raises InstallFailed."""
    done, wrong = _each(run, todo)
    words = " ".join([said, *(f"{one.rstrip('.')}." for one in done), then]).strip()
    if wrong:
        raise InstallFailed(f"{' '.join(wrong)} {words}")
    return words


def _each(run: Run, todo: list[Callable[[Run], str]]) -> tuple[list[str], list[str]]:
    """What was done, and what could not be. A BMC that is silent is not waited for again and again."""
    done, wrong = list[str](), list[str]()
    for what in todo:
        try:
            done.append(what(run))
        except (LeaseLost, StoreUnavailable):
            raise
        except OobctlError as error:
            wrong.append(error.message)
            if error.retryable:
                wrong.append("What came after that was not tried: medium, override and power may be left as they are.")
                break
    return done, wrong


def _what_is_there(install: Install) -> str:
    if install.first_boot_at is not None:
        return "The new system runs, and has reported itself."
    if install.configured_at is not None:
        return "The new system is on the disk and set up; the installer was told to start it."
    if install.first_write_at is not None:
        return f"The old system is gone: its disk was being written since {clock.rfc3339(install.first_write_at)}."
    return "Nothing was written."


def _what_to_do(install: Install) -> str:
    if install.first_boot_at is not None or install.first_write_at is None:
        return ""
    if install.configured_at is not None:
        return "Look at its screen; a report that comes later is kept on this page."
    return "Ask for a new reinstall, which begins from the start."


def _power_as_it_was(run: Run) -> str:
    was = run.evidence.get("before", {}).get("PowerState")
    if not run.evidence.get(_OFF_AGAIN):
        if run.position >= run.action.position_of("ensure_on"):  # it may be starting from our medium
            steps.ensure_off(run)
        elif was in {PowerState.ON, PowerState.POWERING_ON}:
            _let_it_shut_down(run)
        run.evidence[_OFF_AGAIN] = True  # what starts from now on is its own system: no later worker ends that
        progress.keep_evidence(run.acted.job_id, run.owner, run.evidence)
    if was == PowerState.OFF:
        return f"{run.name} is Off, as it was"
    if was not in {PowerState.ON, PowerState.POWERING_ON}:
        return f"{run.name} was {was or PowerState.UNKNOWN} before, and its power is left as it is"
    steps.ensure_on(run)
    return f"{run.name} is On again, and starts from its disk"


def _let_it_shut_down(run: Run) -> None:
    """A system that was asked to shut down still reads as On: switched on now, it would go off after that.

    Raises InstallFailed where it stays on: who cancels wants the old system, so its power is not cut for that.
    """
    if not progress.is_under_way(run.acted.job_id, run.action.position_of("ensure_off")):
        return
    limit = run.profile.install.shutdown_limit
    words = f"for {run.name}'s operating system to shut down, for it was asked to; then it is switched on again"
    if not run.until(lambda: run.read_power("after") is PowerState.OFF, limit, words):
        raise InstallFailed(
            f"{run.name} was asked to shut down and is still On after {limit:.0f} s. Its power was not cut. Look at "
            "its screen; should it go off later, switch it on (power.on)."
        )
