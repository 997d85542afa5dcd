"""Operations that a BMC carries out later: waiting for their task (DSP0266, section 12)."""

from collections.abc import Mapping
from typing import Any

from oobctl.drivers.identity import clean
from oobctl.drivers.redfish.answers import Reply, link, said, text
from oobctl.drivers.redfish.redirects import path_of
from oobctl.drivers.redfish.session import RedfishSession
from oobctl.drivers.redfish.waiting import tries
from oobctl.errors import BmcBadAnswer, BmcRefused, NotSupported, StateNotReached
from oobctl.profiles.quirks import Quirk

_ACCEPTED = 202
_ENDED_WELL = frozenset({"Completed"})
_ENDED_BADLY = frozenset({"Exception", "Killed", "Cancelled", "Interrupted"})
LIMIT = 180.0  # seconds


def finish(session: RedfishSession, reply: Reply, what: str, limit: float = LIMIT) -> None:
    """Wait until what was accepted with 202 has ended; any other good answer means that it has.

    With the quirk task-deleted-on-read the task is read and never its monitor, which can be read once. Raises
    BmcRefused with the task's messages where it failed, StateNotReached where it has not ended after `limit` seconds,
    BmcBadAnswer where the BMC lost it.
    """
    if reply.status != _ACCEPTED:
        return
    monitor, task = path_of(reply.headers.get("location")), _task_of(reply)
    if task is not None and session.login.profile.has(Quirk.TASK_DELETED_ON_READ):
        monitor = None
    if monitor is None and task is None:
        return  # nothing tells of it but what it changes
    for _ in tries(limit):
        if monitor is not None:
            seen = _read(session, monitor, what)
            if seen.status == _ACCEPTED:
                continue
            monitor, task = None, task or _task_of(seen)
        if task is None or _ended(_read(session, task, what).resource(), what):
            return
    raise StateNotReached(
        f"The BMC at {session.where} accepted to {what}, and has not ended it after {limit:.0f} s. Look at it there.",
        wanted="Completed",
    )


def _task_of(reply: Reply) -> str | None:
    """The path of the task that the answer describes, where it describes one."""
    try:
        content = reply.resource() if reply.body else {}
    except BmcBadAnswer:
        return None
    return link(content, "@odata.id") if "TaskState" in content or "TaskMonitor" in content else None


def _read(session: RedfishSession, path: str, what: str) -> Reply:
    """The task or its monitor. Raises the operation's own refusal where the monitor ends with one."""
    try:
        return session.get(path, what=what)
    except NotSupported as error:
        raise BmcBadAnswer(
            f"The BMC at {session.where} lost the task in which it was to {what}: nobody knows how it ended."
        ) from error


def _ended(task: Mapping[str, Any], what: str) -> bool:
    """Whether it ended well. Raises BmcRefused where it ended otherwise."""
    state = text(task, "TaskState")
    if state in _ENDED_BADLY or (state in _ENDED_WELL and task.get("TaskStatus") == "Critical"):
        messages = task.get("Messages")
        words = " ".join(
            said(item) for item in (messages if isinstance(messages, list) else []) if isinstance(item, dict)
        )
        because = clean(words, 300) or f"its task ended as {state}"
        raise BmcRefused(f"The BMC was asked to {what} and could not: {because}")
    return state in _ENDED_WELL
