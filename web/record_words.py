"""What pages say of records: who did what, and what came of it, as a sentence."""

from functools import lru_cache

from markupsafe import Markup

from oobctl import control
from oobctl.audit.tags import Tag
from oobctl.constants import Ending, Outcome
from web.shapes import AuditShape

ENDINGS: dict[str, str] = {
    Outcome.PROVEN: "proven",
    Outcome.ACCEPTED: "accepted",
    Outcome.PENDING: "pending",
    Ending.FAILED: "failed",
    Ending.CANCELLED: "cancelled",
    Ending.NEEDS_ATTENTION: "needs attention",
    Ending.INTERRUPTED: "interrupted",
}
EVENTS: dict[str, str] = {
    Tag.SERVER_ADD: "added the server",
    Tag.SERVER_ENROLL: "enrolment",
    Tag.SERVER_ASSIGN: "assigned the server",
    Tag.SERVER_CONSOLE_OPEN: "opened a console",
    Tag.SERVER_CONSOLE_CLOSED: "left a console",
    Tag.SERVER_CONSOLE_END: "ended a console",
    Tag.SERVER_CONSOLE_SHARE: "shared a console",
    Tag.SERVER_CONSOLE_RECORDED: "kept what a console showed",
    Tag.SERVER_CONSOLE_WATCH: "watched a recording, or read the serial log",
    Tag.SERVER_CONSOLE_SET: "said what is recorded",
    Tag.SERVER_RECORDING_REMOVED: "removed a recording",
    Tag.ACCOUNT_RECORD_CONSOLES: "said whose consoles are recorded",
    Tag.SERVER_PLACE: "said where the server stands",
    Tag.SERVER_BOOT_MACS: "said from which network cards it starts",
    Tag.SERVER_QUARANTINE: "quarantined the server",
    Tag.SERVER_QUARANTINE_END: "ended the quarantine",
    Tag.SERVER_ENDPOINT_SET: "changed how the BMC is reached",
    Tag.SERVER_ENDPOINT_REMOVE: "removed a way to the BMC",
    Tag.SERVER_RETIRE: "retired the server",
    Tag.SERVER_LEFT: "something of the last tenant could not be cleared",
    Tag.SERVER_PROFILE_READ: "read the BMC for a hardware profile",
    Tag.SERVER_SECURITY_DRIFT: "the BMC's security changed",
    Tag.SERVER_BMC_USER_ACKNOWLEDGE: "acknowledged a user of the BMC",
    Tag.SERVER_BMC_USER_DOUBT: "took back that a user of the BMC is right",
    Tag.SERVER_IMAGE_REMOVED: "removed an image that was in a virtual drive",
    Tag.SERVER_BIOS_BASELINE_REMOVE: "removed saved BIOS settings",
    Tag.SERVER_BIOS_BASELINE: "saved the BIOS settings",
    Tag.SERVER_BOOT_OVERRIDE_CLEARED: "cleared the boot override",
    Tag.JOB_CANCEL: "asked to cancel the job",
    Tag.JOB_RESOLVE: "resolved the job",
    Tag.ACCOUNT_ADD: "added an account",
    Tag.ACCOUNT_SUSPEND: "suspended an account",
    Tag.ACCOUNT_RESUME: "ended the suspension of an account",
    Tag.ACCOUNT_USER_ADD: "added a user",
    Tag.ACCOUNT_USER_DISABLE: "disabled a user",
    Tag.ACCOUNT_USER_ENABLE: "let a disabled user in again",
    Tag.ACCOUNT_USER_PASSWORD: "changed a user's password",
    Tag.ACCOUNT_MEMBERSHIP_END: "ended a membership",
    Tag.ACCOUNT_GRANT_ADD: "granted a permission",
    Tag.ACCOUNT_GRANT_REVOKE: "ended a grant",
    Tag.ACCOUNT_TOKEN_ADD: "made a token",
    Tag.ACCOUNT_TOKEN_REVOKE: "ended a token",
    Tag.ACCOUNT_SSH_KEY_ADD: "added an SSH key",
    Tag.ACCOUNT_SSH_KEY_REMOVE: "removed an SSH key",
    Tag.ACCOUNT_BOOT_SCRIPT_ADD: "added a boot script",
    Tag.ACCOUNT_BOOT_SCRIPT_REMOVE: "removed a boot script",
    Tag.ACCOUNT_SIGN_IN: "signed in",
    Tag.ACCOUNT_SIGN_OUT: "signed out",
    Tag.SITE_ADD: "added a site",
}


def sentence(row: AuditShape) -> Markup:
    """A record as a sentence: who did what, and what came of it."""
    what = _title_of(row.tag)
    who = by(row.actor, row.actor_kind, row.actor_token)
    if row.kind == "intent":
        return Markup("<b>{}</b> asked for <b>{}</b>").format(who, what)
    if row.kind == "outcome":
        word = ENDINGS.get(row.outcome or "", row.outcome or "")
        shade = "good" if row.outcome in set(Outcome) else ("calm" if row.outcome == Ending.CANCELLED else "bad")
        return Markup('<b>{}</b>, asked for by <b>{}</b>: <span class="word {}">{}</span>').format(
            what, who, shade, word
        )
    if row.kind == "refusal":
        return Markup('<b>{}</b> was <span class="word bad">refused</span> <b>{}</b>').format(who, what)
    return Markup("<b>{}</b>: {}").format(who, what)


@lru_cache(maxsize=128)
def _title_of(tag: str) -> str:
    titles = {str(action.tag): action.title for action in control.actions()}
    return titles.get(tag) or EVENTS.get(tag, tag)


def by(name: str, kind: str, token: str | None) -> str:
    """A user as they are; a token never looks like one."""
    if kind == "anonymous":
        return f"Somebody as {name}"
    if kind != "token":
        return name
    return f"{name} (token {token})" if token and token != name else f"the token {name}"
