"""Which logs of a Redfish service hold hardware events of our system, and what they are called."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from oobctl.drivers.redfish.answers import link, text
from oobctl.drivers.redfish.tree import Member
from oobctl.drivers.redfish.walk import Walk
from oobctl.errors import NotSupported

_LONGEST_NAME = 64  # as the store's column
_OTHER_IDS = re.compile(r"journal|dump|post-?_?codes?|audit|debugtoken|hostlogger|telemetry|diagnostic", re.IGNORECASE)
_OTHER_NAMES = re.compile(r"\b(journal|dump|post codes?|audit|security|telemetry|debug token)\b", re.IGNORECASE)
_OF_EVENTS = frozenset({"Event", "SEL"})
_OTHER_PURPOSES = frozenset({"Security", "Telemetry"})


@dataclass(frozen=True)
class LogService:
    """One log. name: unique in the service and the same each time. entries None: it says that there are none."""

    name: str
    path: str
    entries: str | None


def find(walk: Walk, skipped: Sequence[str]) -> list[LogService]:
    """The logs of our system, its controllers and its chassis; those in `skipped` left out.

    Raises NotSupported where there are no log services at all.
    """
    members: list[Member] = []
    for owner in [walk.ours(), *(member.resource for member in [*walk.managers(), *walk.chassis()])]:
        members += walk.members(owner, "LogServices", "list its logs")
    if not members and not walk.problems:
        raise NotSupported("This BMC's Redfish service has no logs of our system.")
    found: dict[str, LogService] = {}
    for member in members:
        if member.path and of_events(member.resource, member.path, skipped):
            key = member.path.rstrip("/").casefold()
            found.setdefault(key, LogService(name_of(member.path), member.path, link(member.resource, "Entries")))
    return list(found.values())


def of_events(resource: Mapping[str, Any], path: str, skipped: Sequence[str]) -> bool:
    """Whether a log holds hardware events.

    Not where the profile says so (by its id or its path), nor where it is named as what BMCs keep besides: a journal,
    dumps, POST codes, an audit trail. Its LogEntryType outweighs its title alone (DSP2046, LogService).
    """
    log_id = text(resource, "Id") or path.rstrip("/").rpartition("/")[2]
    if any(re.search(pattern, log_id) or re.search(pattern, path.rstrip("/")) for pattern in skipped):
        return False
    if _OTHER_IDS.search(log_id):
        return False
    purposes = resource.get("LogPurposes")
    named = {item for item in purposes if isinstance(item, str)} if isinstance(purposes, list) else set()
    if named and named <= _OTHER_PURPOSES:
        return False
    return text(resource, "LogEntryType") in _OF_EVENTS or not _OTHER_NAMES.search(text(resource, "Name") or "")


def name_of(path: str) -> str:
    """Systems/1/SEL for /redfish/v1/Systems/1/LogServices/SEL; a long one is cut, and still nobody else's."""
    name = re.sub(r"^/redfish/v\d+/|/LogServices(?=/)", "", path.rstrip("/"), flags=re.IGNORECASE)
    if len(name) <= _LONGEST_NAME:
        return name
    mark = hashlib.sha256(name.encode(errors="replace")).hexdigest()[:12]
    return f"{name[: _LONGEST_NAME - 13]}~{mark}"
