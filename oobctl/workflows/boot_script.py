"""One start from an iPXE script that somebody brings: given to the server's firmware once, then its own matter."""

from oobctl import clock
from oobctl.actions import boot, steps
from oobctl.audit.tags import Tag
from oobctl.constants import Capability, Lock, Outcome, Permission
from oobctl.errors import InstallFailed
from oobctl.images.installs import claims, paths, scripts, waiting
from oobctl.jobs.action import Action, Step
from oobctl.jobs.run import Run
from oobctl.store import Server, database
from oobctl.workflows import starting, unwinding


def _from_network(run: Run) -> boot.BootParameters:
    return starting.once_from(waiting.path_of(run.acted.job_id))


def _check_preconditions(run: Run) -> str:
    """The server can start from its network, and is known there."""
    with database().read() as session:
        server = session.get_one(Server, run.acted.server_id)
        ways = paths.network(session, server)
        uuid, macs = server.system_uuid, paths.macs(session, server)
    path = starting.first_way(run, ways)
    waiting.prepare(run.acted.job_id, None, {"system_uuid": uuid, "macs": list(macs)}, path)
    asked = run.parameters
    assert isinstance(asked, scripts.ScriptParameters)
    which = "A script" if asked.saved is None else f"The script {asked.saved}"
    return f"{which} of {asked.lines} lines waits for its card {', '.join(macs) or f'with the UUID {uuid}'}"


def _ensure_on(run: Run) -> str:
    return starting.ensure_on(run, _from_network(run))


def _script_given(run: Run) -> str:
    """Given once. What the script does from here on no controller sees."""

    def given() -> bool:
        return waiting.row(run.acted.job_id).script_at is not None

    limit = run.profile.install.start_limit
    if not run.until(given, limit, f"for {run.name} to ask for its script"):
        found = waiting.row(run.acted.job_id)
        why = found.reason or "Does it start from a network card that is known, and does it reach the boot service?"
        raise InstallFailed(f"{run.name} has not asked for its script within {clock.limit(limit)}. {why}")
    run.saw_boot()
    found = claims.close(run.acted.job_id)
    assert found.script_at is not None
    run.saw("after", script_given_at=clock.rfc3339(found.script_at), script_given_to=found.script_to)
    return f"{found.script_to} got it at {clock.rfc3339(found.script_at)}"


def _cleared(run: Run) -> str:
    starting.note_kept_override(run, _from_network(run))
    said = boot.ensure_cleared(run)
    run.outcome = Outcome.ACCEPTED  # the firmware took the script; what that did is not seen
    return said


def _unwind(run: Run) -> str:
    """No override; and the power as it was, unless the script was given."""
    install = claims.close(run.acted.job_id)
    if not run.acted_already:
        return "Nothing was changed."
    if install.script_at is None:
        return unwinding.put_back(run, "The script was given to nobody.", unwinding.all_as_it_was())
    said = f"The script was given at {clock.rfc3339(install.script_at)}: what it does goes on."
    return unwinding.put_back(run, said, [boot.ensure_cleared])


WORKFLOW = Action(
    name="boot.script",
    title="Start once from an iPXE script",
    consequence="{server} is shut down and started anew. What the script does there is its own matter.",
    danger="hard",
    permission=Permission.REINSTALL,
    lock=Lock.SERVER,
    tag=Tag.SERVER_BOOT_SCRIPT,
    capability=Capability.BOOT,
    lacks=paths.lacks_network,
    request=scripts.ScriptRequest,
    parameters=scripts.ScriptParameters,
    complete=scripts.complete,
    keep=scripts.keep,
    check=scripts.check,
    arrange=scripts.arrange,
    unwind=_unwind,
    steps=(
        steps.IDENTITY,
        Step("check_preconditions", "Check that it can start from its network", _check_preconditions),
        steps.READ,
        Step(starting.ARM, "Let it start from the network", starting.arm_network_boot),
        Step("ensure_off", "Shut the system down", starting.ensure_off),
        *boot.override_steps(_from_network),
        Step("ensure_on", "Switch on and read back", _ensure_on),
        Step("script_given", "Wait until it asks for its script", _script_given),
        Step("cleared", "Clear the override and read back", _cleared),
    ),
    no_return="cleared",
)
