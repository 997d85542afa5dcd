"""A LogEntry as an entry of the event log (DSP2046, LogEntry): dates, odd severities, messages with their arguments."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from oobctl.constants import Health
from oobctl.drivers.identity import clean
from oobctl.drivers.readings import EventLogEntry
from oobctl.drivers.redfish.answers import link, text
from oobctl.drivers.redfish.dates import moment
from oobctl.profiles.model import Profile

_LONGEST_ID, _LONGEST_MESSAGE, _LONGEST_COMPONENT, _LONGEST_RAW = 128, 2000, 256, 4000
_ARGUMENT = re.compile(r"%(\d{1,2})")
_REPAIRED = "repaired"
_SEVERITIES = {
    Health.OK: ("ok", "normal", "informational", "information", "info", "notice", "debug", "good", _REPAIRED),
    Health.WARNING: ("warning", "caution", "minor", "noncritical", "non-critical", "degraded"),
    Health.CRITICAL: ("critical", "major", "fatal", "error", "emergency", "alert", "severe", "failed", "nonrecoverable",
                      "non-recoverable"),
}  # fmt: skip
_BY_WORD = {word: health for health, words in _SEVERITIES.items() for word in words}
_ASSERTED = {"assert": True, "state asserted": True, "deassert": False, "state deasserted": False}

Lookup = Callable[[str], str | None]
"""The words of a MessageId from its registry, %1 still in them; None where there are none."""


def entry_id(resource: Mapping[str, Any], path: str | None) -> str | None:
    """Its id in its log, of bounded length; else the end of its path."""
    said = resource.get("Id")
    said = str(said) if isinstance(said, int) and not isinstance(said, bool) else said
    found = clean(said, _LONGEST_ID) if isinstance(said, str) else None
    return found or clean((path or "").rstrip("/").rpartition("/")[2], _LONGEST_ID)


def created_text(resource: Mapping[str, Any]) -> str | None:
    """When it was made, as the BMC wrote it."""
    return clean(text(resource, "Created") or text(resource, "EventTimestamp"))


def decode(
    resource: Mapping[str, Any], log: str, path: str | None, profile: Profile, lookup: Lookup
) -> EventLogEntry | None:
    """None where it has no id."""
    number = entry_id(resource, path)
    if number is None:
        return None
    severity, repaired = _severity(resource)
    return EventLogEntry(
        log=log,
        entry_id=number,
        created=moment(created_text(resource), profile),
        severity=severity,
        message=_message(resource, lookup),
        raw=_raw(resource),
        message_id=clean(_scalar(resource.get("MessageId")), _LONGEST_ID),
        component=_component(resource),
        asserted=_asserted(resource),
        repaired=repaired,
    )


def _scalar(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _oem(resource: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """What makers add, whoever they are."""
    oem = resource.get("Oem")
    return (part for part in (oem.values() if isinstance(oem, dict) else ()) if isinstance(part, dict))


def _severity(resource: Mapping[str, Any]) -> tuple[Health, bool | None]:
    """The severity, and whether what it tells of is repaired. An unknown word is Unknown."""
    places = [resource, *_oem(resource)]
    words = [word.casefold() for place in places for word in [text(place, "Severity")] if word]
    flags = [place[key] for place in places for key in ("Repaired", "Resolved") if isinstance(place.get(key), bool)]
    repaired = True if True in flags or _REPAIRED in words else False if flags else None
    return next((_BY_WORD[word] for word in words if word in _BY_WORD), Health.UNKNOWN), repaired


def _asserted(resource: Mapping[str, Any]) -> bool | None:
    return _ASSERTED.get((text(resource, "EntryCode") or "").casefold())


def _component(resource: Mapping[str, Any]) -> str | None:
    """The sensor's kind and number, and the part that it happened to, as far as the BMC tells them."""
    kind = text(resource, "SensorType")
    if kind is None or kind.casefold() == "oem":
        kind = text(resource, "OemSensorType") or kind
    number = resource.get("SensorNumber")
    known = kind and isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 0xFF  # 0xFF is none
    origin = link(resource, "Links", "OriginOfCondition") or link(resource, "OriginOfCondition")
    return clean(", ".join(filter(None, [f"{kind} {number:#04x}" if known else kind, origin])), _LONGEST_COMPONENT)


def _arguments(resource: Mapping[str, Any]) -> list[str]:
    listed = resource.get("MessageArgs")
    return [str(item) for item in listed[:32]] if isinstance(listed, list) else []


def _message(resource: Mapping[str, Any], lookup: Lookup) -> str:
    """The entry's own words with its arguments in them; else its registry's; else what it is called."""
    arguments, name = _arguments(resource), text(resource, "MessageId")
    words = text(resource, "Message")
    if words is None and name is not None:
        words = lookup(name)
    said = clean(filled(words, arguments), _LONGEST_MESSAGE) if words else None
    if said is None and name is not None:
        said = clean(f"{name} ({', '.join(arguments)})" if arguments else name, _LONGEST_MESSAGE)
    return said or clean(text(resource, "Description") or text(resource, "Name"), _LONGEST_MESSAGE) or "(no message)"


def filled(words: str, arguments: list[str]) -> str:
    """%1, %2 ... replaced (DSP0266, section 9.5.11.2); one for which there is no argument stays."""

    def of(found: re.Match[str]) -> str:
        number = int(found[1])
        return arguments[number - 1] if 0 < number <= len(arguments) else found[0]

    return _ARGUMENT.sub(of, words)


def _raw(resource: Mapping[str, Any]) -> str:
    """The entry as the BMC gave it, in bounded length."""
    try:
        written = json.dumps(resource, separators=(",", ":"))
    except RecursionError:
        return ""
    return written if len(written) <= _LONGEST_RAW else written[: _LONGEST_RAW - 1] + "\N{HORIZONTAL ELLIPSIS}"
