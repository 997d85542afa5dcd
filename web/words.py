"""What pages say: states, outcomes, times and danger in the words of people."""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Flask, g, url_for
from markupsafe import Markup

from oobctl import clock
from oobctl.constants import ConsoleKind, Contact, Evidence, Health, JobState, Outcome, PowerState, StepState
from oobctl.errors import OobctlError
from oobctl.profiles.model import SECURITY_FACTS
from oobctl.readings import known_users
from oobctl.readings.drift import said
from web import bios_form, hardware_words
from web.discretion import told_error
from web.record_words import by, sentence
from web.shapes import JobHeadShape, JobShape, Moment, OfferShape, ServerShape, StepShape

_ACTION = re.compile(r"[a-z_]+\.[a-z_]+")
_ELSEWHERE = frozenset({"installer"})
"""Evidence that its job's page shows in a part of its own."""
STATIC = Path(__file__).parent / "static"

JOB_STATES = {
    JobState.SCHEDULED: "Scheduled",
    JobState.QUEUED: "Queued",
    JobState.RUNNING: "Running",
    JobState.WAITING: "Waiting",
    JobState.CANCELLING: "Cancelling",
    JobState.SUCCEEDED: "Done",
    JobState.FAILED: "Failed",
    JobState.CANCELLED: "Cancelled",
    JobState.NEEDS_ATTENTION: "Needs attention",
}
OUTCOMES = {
    Outcome.PROVEN: ("Proven", "The hardware was read back and agrees."),
    Outcome.ACCEPTED: ("Accepted", "The BMC took it. This cannot be read back from the hardware."),
    Outcome.PENDING: ("Pending", "It is set, and waits for the next boot."),
}
EVIDENCE = {
    Evidence.CAPTURED: "tried on a captured BMC of its kind",
    Evidence.SIMULATED: "tried on a simulator",
    Evidence.DOCUMENTED: "from documents alone",
}
HARDWARE_PAGES = (
    ("health", "Health"),
    ("over-time", "Over time"),
    ("event-log", "Event log"),
    ("parts", "Parts"),
    ("bios", "BIOS"),
    ("bmc", "BMC"),
)
CONSOLE_KINDS = {
    ConsoleKind.GRAPHICAL: "Screen",
    ConsoleKind.SERIAL: "Serial line",
    ConsoleKind.OEM: "BMC's own console",
}
STEP_STATES = {
    StepState.PENDING: "To do",
    StepState.RUNNING: "Now",
    StepState.SUCCEEDED: "Done",
    StepState.FAILED: "Failed",
    StepState.SKIPPED: "Not run",
}
HEALTHS = {
    Health.OK: ("OK", "good"),
    Health.WARNING: ("Warning", "bad"),
    Health.CRITICAL: ("Critical", "bad"),
    Health.UNKNOWN: ("Not known", ""),
}
"""What is said of a health, and the class that colours the word."""
POWER_STATES = {
    PowerState.ON: "On",
    PowerState.OFF: "Off",
    PowerState.POWERING_ON: "Powering on",
    PowerState.POWERING_OFF: "Powering off",
    PowerState.PAUSED: "Paused",
    PowerState.UNKNOWN: "Not read yet",
}


def moment(value: datetime | str | None, form: str = "time") -> Markup:
    """A <time> in UTC that the browser turns into its own zone. form: time, date (both), or age ("12 s ago")."""
    if value is None:
        return Markup("")
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    at = at.astimezone(UTC)
    text = age(at) if form == "age" else at.strftime("%H:%M:%S UTC" if form == "time" else "%d %b %Y, %H:%M:%S UTC")
    if form == "time" and at.date() != clock.now().date():
        text = at.strftime("%d %b, %H:%M:%S UTC")
    return Markup('<time datetime="{0}" title="{1}" data-form="{2}">{3}</time>').format(
        clock.rfc3339(at), at.strftime("%Y-%m-%d %H:%M:%S UTC"), form, text
    )


def age(at: datetime) -> str:
    seconds = max(0, int((clock.now() - at).total_seconds()))
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size or (unit == "min" and seconds >= size):
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


def took(step: StepShape | JobShape) -> str:
    """How long it took, or has been taking; nothing before it began."""
    if step.started_at is None:
        return ""
    return duration((step.finished_at or clock.now()) - step.started_at)


def duration(span: timedelta) -> str:
    seconds = span.total_seconds()
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds // 60:.0f} min {seconds % 60:02.0f} s"
    return f"{seconds // 3600:.0f} h {seconds % 3600 // 60:02.0f} min"


def seconds(count: float) -> str:
    """A duration that nobody measured to the tenth."""
    return duration(timedelta(seconds=count)) if count >= 10 else f"{count:.0f} s"


def tone(shape: JobShape | StepShape) -> str:
    """The class that colours a state: nothing else on a page chooses colour."""
    return {
        "running": "busy",
        "waiting": "busy",
        "cancelling": "busy",
        "queued": "busy",
        "failed": "bad",
        "needs_attention": "bad" if not getattr(shape, "resolved_at", None) else "calm",
        "succeeded": "good",
    }.get(shape.state, "calm")


def readings(shape: JobShape) -> list[tuple[str, list[tuple[str, Moment | str | None]]]]:
    """What was read from the hardware, with the time: before, each reading back, and what else was read."""
    lines = []
    for when, values in (shape.evidence or {}).items():
        if when in _ELSEWHERE:
            continue
        found = values if isinstance(values, list) else [values]
        read = [(_read(one), one["read_at"]) for one in found if isinstance(one, dict) and "read_at" in one]
        read = [(text, at) for text, at in read if text]
        if read:
            lines.append((_spaced(when), read))
    if any(label == "read back" for label, _ in lines):
        lines = [(label, read) for label, read in lines if label != "after"]  # the last reading back says the same
    return lines


def asked_by(shape: JobShape | JobHeadShape) -> str:
    """Who asked for a job, and which token did it for them."""
    return by(shape.requested_by, shape.requested_by_kind, shape.requested_by_token)


def _read(values: Mapping[str, Any]) -> str:
    found = [(name, value) for name, value in values.items() if name != "read_at" and not _is_structure(value)]
    return ", ".join(str(value) if name == "PowerState" else f"{_spaced(name)} {_said(value)}" for name, value in found)


def _is_structure(value: Any) -> bool:
    """Nothing, or what is for programs: keys and disks with all that belongs to each."""
    return value in (None, []) or (isinstance(value, list) and any(isinstance(one, dict) for one in value))


def _said(value: Any) -> str:
    """A value of the evidence in words; settings each with its name."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_said(one)}" for name, one in value.items())
    if isinstance(value, list):
        return ", ".join(map(_said, value))
    return "not set" if value is None else {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def notes(evidence: Mapping[str, Any] | None, key: str) -> list[str]:
    found = (evidence or {}).get(key, [])
    return [str(line) for line in found] if isinstance(found, list) else [str(found)]


def _spaced(name: str) -> str:
    """BootSourceOverrideTarget and not_confirmed as words."""
    known = {"IndicatorLED": "identify light", "BootSourceOverrideTarget": "boot from"}
    known |= {"bios": "BIOS", "bios_pending": "pending for the next boot"}
    known |= {"BootSourceOverrideEnabled": "override", "BootSourceOverrideMode": "mode", "LastResetTime": "last reset"}
    return known.get(name, name.replace("_", " "))


def said_parameters(parameters: Mapping[str, Any]) -> str:
    """Parameters that were chosen, in one line."""
    parameters = {**parameters, **({"network": _chosen(parameters["network"])} if "network" in parameters else {})}
    return ", ".join(f"{name.replace('_', ' ')} {text}" for name, value in parameters.items() if (text := _flat(value)))


def _chosen(network: Any) -> Any:
    """Without how cards are bonded where none are: that is a default, and nobody chose it."""
    bonded = isinstance(network, dict) and len(network.get("macs") or ()) > 1
    return network if bonded or not isinstance(network, dict) else {**network, "bond_mode": None}


def reinstalled(shape: JobShape) -> str:
    """What a reinstall was asked to make of a server, in one line."""
    asked = shape.parameters
    keys = len(asked.get("ssh_key_fingerprints") or ())
    disks = asked.get("disks") or ["the first disk"]
    said = [
        f"{asked.get('image')} as {asked.get('host_name')}",
        f"on {' and '.join(disks)} ({asked.get('layout')})",
        f"onto {asked['replace']}, keeping {' and '.join(asked.get('keep') or ())}" if asked.get("replace") else "",
        f"{keys} SSH key{'s' if keys != 1 else ''}" if keys else "",
        "a root password" if asked.get("root_password") else "",
        f"packages {', '.join(asked['packages'])}" if asked.get("packages") else "",
        "user data" if asked.get("with_user_data") else "",
        "a script" if asked.get("with_post_install") else "",
    ]
    return ", ".join(filter(None, said))


def _flat(value: Any) -> str:
    """Lists and objects as the words in them; what was not chosen is left out."""
    if isinstance(value, dict):
        return " ".join(filter(None, map(_flat, value.values())))
    if isinstance(value, list):
        return ", ".join(filter(None, map(_flat, value)))
    return "" if value in (None, False, "") else str(value)


def differences(drift: Sequence[Mapping[str, Any]]) -> str:
    """How a BMC differs from what its profile asks for, in words."""
    meanings = {**SECURITY_FACTS, known_users.FACT: "users of the BMC that nobody here made or acknowledged"}
    return "; ".join(f"{said([one])}: {meanings.get(one['fact'], 'asked for by its profile')}" for one in drift)


def stands(server: ServerShape) -> str | None:
    """In which rack, and where in it."""
    if server.rack is None:
        return None
    return f"rack {server.rack}" if server.rack_unit is None else f"rack {server.rack}, unit {server.rack_unit}"


def is_silent(server: ServerShape) -> bool:
    """Whether its BMC gives no readings, in whichever way."""
    return server.silent_since is not None


def of_contact(contact: Contact) -> str:
    """How a BMC gives no readings, as the visitor is told it: whose password it is is no customer's to mend."""
    visitor = g.get("visitor")
    if contact is Contact.REFUSES_US and not (visitor is not None and visitor.actor.is_staff):
        return "BMC does not let us in"
    return f"BMC {contact.replace('_', ' ')}"


@lru_cache(maxsize=64)
def _digest(name: str, changed: float) -> str:
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]


def static_url(name: str) -> str:
    """The address of a static file; another one whenever its content is another."""
    return url_for("static", filename=name, v=_digest(name, (STATIC / name).stat().st_mtime))


def linked(text: str) -> Markup:
    """A sentence with the action names in it set apart."""
    words = (Markup("<code>{}</code>").format(word) if _ACTION.fullmatch(word) else word for word in text.split(" "))
    return Markup(" ").join(words)


def to_visitor(error: OobctlError) -> str:
    """An error's sentence as the visitor is told it."""
    visitor = g.get("visitor")
    return told_error(error.code, error.message, staff=visitor is not None and visitor.actor.is_staff)


def why_not(offer: OfferShape, server: ServerShape) -> str:
    """Why an action is not to be had now, beside its button: the server's state is said once, at the top."""
    if offer.reason.startswith(f"{server.name} is {server.lifecycle}:"):
        return f"Not while the server is {server.lifecycle}."
    reason = offer.reason.removesuffix(" Nothing was sent.")
    reason = reason if reason.startswith(server.name) else upper_first(reason)  # a name stays as it is
    return reason if reason.endswith(".") else f"{reason}."


def tried_on(server: ServerShape) -> list[str]:
    """What the profile's claims rest on: "tried on a simulator: boot, power", the best first."""
    said = []
    for word, words in EVIDENCE.items():
        capabilities = [name.replace("_", " ") for name in sorted(server.evidence) if server.evidence[name] == word]
        said += [f"{words}: {', '.join(capabilities)}"] if capabilities else []
    return said


def lower_first(text: str) -> str:
    """For the middle of a sentence; names in capitals stay as they are."""
    return text if text[:2].isupper() else text[:1].lower() + text[1:]


def upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]


def register(app: Flask) -> None:
    """Make the words known to the templates."""
    functions: list[Callable[..., Any]] = [age, asked_by, duration, is_silent, linked, moment, notes]
    functions += [differences, readings, said_parameters, sentence, static_url, to_visitor, took, tone]
    functions += [clock.limit, of_contact, reinstalled, seconds, stands, tried_on, why_not]
    functions += [hardware_words.file_name, hardware_words.limits, hardware_words.number]
    functions += [hardware_words.memory_of, hardware_words.size_of]
    app.jinja_env.globals.update(
        bios_settable=bios_form.settable,
        bios_shown=bios_form.shown,
        fact_words=hardware_words.fact,
        part_about=hardware_words.about,
        part_numbers=hardware_words.numbers_of,
        sensor_value=hardware_words.value,
    )
    app.jinja_env.filters["lower_first"] = lower_first
    app.jinja_env.filters["upper_first"] = upper_first
    app.jinja_env.globals.update(now=lambda: clock.rfc3339(clock.now()), iso=clock.rfc3339)
    app.context_processor(lambda: {"visitor": g.get("visitor")})
    app.jinja_env.globals.update({function.__name__: function for function in functions})
    app.jinja_env.globals.update(
        CONSOLE_KINDS=CONSOLE_KINDS,
        HEALTHS=HEALTHS,
        JOB_STATES=JOB_STATES,
        EVIDENCE=EVIDENCE,
        HARDWARE_PAGES=HARDWARE_PAGES,
        OUTCOMES=OUTCOMES,
        STEP_STATES=STEP_STATES,
        POWER_STATES=POWER_STATES,
    )
