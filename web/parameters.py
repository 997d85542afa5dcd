"""The forms of actions: made from their parameter models, so that a page offers exactly what the door takes."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from oobctl import control
from oobctl.access import Actor
from oobctl.constants import READ_CAPABILITIES, REINSTALL, STAFF_CAPABILITIES
from oobctl.images import all_images
from web.shapes import OfferShape, ServerDetail

_STAFF_ONLY = frozenset({"preempt"})
_STAFF_CHOICES = {"capabilities": STAFF_CAPABILITIES}
_CHOSEN_OF = {"capabilities": frozenset(READ_CAPABILITIES)}
"""Of a list the page takes one choice, or all of them."""
_LABELS = {
    "preempt": "End the job that has the server now",
    "timeout_seconds": "Wait for the operating system, in seconds",
    "source": "Boot from",
    "enabled": "How long",
    "mode": "Firmware mode",
    "state": "Light",
    "seconds": "For how many seconds",
    "reset_type": "Kind of restart",
    "capabilities": "What to read",
    "apply": "When it is to hold",
    "hours": "For how many hours",
    "saved": "A script that your account keeps",
    "script": "A script",
}
_CHOICES = {
    "Pxe": "Network (PXE)",
    "Cd": "CD or DVD (virtual media too)",
    "Hdd": "Hard disk",
    "BiosSetup": "BIOS setup",
    "Once": "The next boot only",
    "Continuous": "Every boot, until it is changed",
    "None": "Nothing: clear the override",
    "Lit": "On",
    "Legacy": "Legacy BIOS",
    "auto": "As needed: warm, then cold if that did not do",
    "GracefulRestart": "Warm, and no other",
    "ForceRestart": "Cold, and no other",
    "next_boot": "At the next boot",
    "now": "Now: the server is switched off and on",
    **{str(name): name.replace("_", " ").capitalize() for name in READ_CAPABILITIES},
    "bios": "BIOS settings",
    "users": "The BMC's users",
    "security": "How far the BMC is open",
}
_IMAGE, _SAVED = "image", "saved"
_NOT_OFFERED = frozenset({"Unknown", "Disabled", "UefiHttp"})
"""The last: few BMCs take it, and a page does not know which; the API has it."""
_NUMBER = re.compile(r"-?[0-9]{1,18}")  # what is no number, or longer than any that is asked for, the door refuses
_NOTHING = "None"
_MEANT_BY_NOTHING = {"source": {"enabled": "Disabled"}}
"""A page has one way to say that an override is cleared; the door takes it as two parameters."""
_HARD = "hard: the operating system is not asked"
_GROUPS = (
    ("gentle", True, "Power"),
    ("hard", True, f"Power, {_HARD}"),
    ("look", False, "Look"),
    ("gentle", False, "Gentle"),
    ("hard", False, _HARD.capitalize()),
    ("destructive", False, "Destructive: data is lost for ever"),
)
"""Danger, whether of power, title. Power is first: who comes at night with a phone comes for that."""


@dataclass(frozen=True)
class FormField:
    """One input. kind: choice, number, flag, text, or area (many lines). `value` is what was typed, or the default."""

    name: str
    label: str
    kind: str
    hint: str
    value: str
    choices: list[tuple[str, str]] = field(default_factory=list)
    least: int | None = None
    most: int | None = None


@dataclass(frozen=True)
class Page:
    """A page of its own that an action has. asks_itself: its form is there, and nowhere else."""

    endpoint: str
    words: str
    arguments: dict[str, str] = field(default_factory=dict)
    asks_itself: bool = False


_PAGES = {
    "bios.set": Page("hardware.show", "Set BIOS: on its page", {"page": "bios"}),
    REINSTALL: Page("reinstall.show", "Reinstall the operating system…", asks_itself=True),
}


@dataclass(frozen=True)
class Offer:
    """An action as a server's page shows it. `key` makes a double click one job. page: it has one of its own."""

    shape: OfferShape
    fields: list[FormField]
    key: str
    page: Page | None = None


@dataclass(frozen=True)
class Group:
    danger: str
    title: str
    offers: list[Offer]


def grouped(actor: Actor, server: ServerDetail) -> list[Group]:
    """The actions, power first, then in the order of their danger; groups without one are left out."""
    groups = []
    for danger, of_power, title in _GROUPS:
        offers = [
            Offer(shape, _fields_of(shape, actor), new_key(), _PAGES.get(shape.name))
            for shape in server.actions
            if (shape.danger, shape.name.startswith("power.")) == (danger, of_power)
        ]
        if offers:
            groups.append(Group(danger, title, offers))
    return groups


def page_of(action: str) -> Page | None:
    """The page of its own that the action has."""
    return _PAGES.get(action)


def _fields_of(shape: OfferShape, actor: Actor) -> list[FormField]:
    page = _PAGES.get(shape.name)
    if page is not None and page.asks_itself:
        return []
    return fields(control.find(shape.name).asks, actor, {})


def new_key() -> str:
    """An idempotency key for one form: sent twice, it is one job."""
    return f"form-{secrets.token_urlsafe(12)}"


def fields(model: type[BaseModel], actor: Actor, given: Mapping[str, str]) -> list[FormField]:
    """The inputs of a parameter model, those of staff for staff alone; of saved things none where nothing is saved."""
    found = []
    for name, info in model.model_fields.items():
        named = _named(name, actor)
        if (actor.is_staff or name not in _STAFF_ONLY) and (named or name != _SAVED):
            found.append(_field(name, info, given.get(name), named, staff=actor.is_staff))
    return found


def typed(model: type[BaseModel], form: Mapping[str, str]) -> dict[str, Any]:
    """What a form sent, as parameters. An empty input is one that was not given; the door checks the rest."""
    found: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        text = form.get(name, "").strip()
        if _kind(info.annotation) == "flag":
            found[name] = text == "on"
        elif text:
            value = int(text) if _kind(info.annotation) == "number" and _NUMBER.fullmatch(text) else text
            found[name] = [value] if _is_list(info.annotation) else value
    for name, meant in _MEANT_BY_NOTHING.items():
        if found.get(name) == _NOTHING:
            found |= meant
    return found


def _field(name: str, info: FieldInfo, given: str | None, named: list[str], *, staff: bool) -> FormField:
    default = "" if info.default in (None, PydanticUndefined) else str(info.default)
    if default == _NOTHING:
        default = ""  # the page begins with the first real choice
    bounds = info.metadata
    return FormField(
        name=name,
        label=_LABELS.get(name, name.replace("_", " ").capitalize()),
        kind="choice" if named else "area" if _has_lines(info) else _kind(info.annotation),
        hint="" if named or _kind(info.annotation) == "choice" else (info.description or ""),
        value=default if given is None else given,
        choices=_choices(name, info.annotation, named, staff=staff),
        least=next((bound.ge for bound in bounds if hasattr(bound, "ge")), None),
        most=next((bound.le for bound in bounds if hasattr(bound, "le")), None),
    )


def _kinds(annotation: Any) -> list[Any]:
    """The types of an annotation, None left out."""
    if get_origin(annotation) is Literal:
        return [annotation]
    return [part for part in get_args(annotation) if part is not type(None)] or [annotation]


def _kind(annotation: Any) -> str:
    first = _kinds(annotation)[0]
    if get_origin(first) is Literal or (isinstance(first, type) and issubclass(first, StrEnum)):
        return "choice"
    return {bool: "flag", int: "number"}.get(first, "text")


def _has_lines(info: FieldInfo) -> bool:
    extra = info.json_schema_extra
    return isinstance(extra, dict) and extra.get("format") == "multiline"


def _is_list(annotation: Any) -> bool:
    return get_origin(annotation) is list


def _named(name: str, actor: Actor) -> list[str]:
    """What there is to choose from by its name."""
    if name == _SAVED:
        return control.boot_script_names(actor)
    return [image.name for image in all_images()] if name == _IMAGE else []


def _choices(name: str, annotation: Any, named: list[str], *, staff: bool) -> list[tuple[str, str]]:
    first = _kinds(annotation)[0]
    if named:
        return [("", "None of them: the one below")] * (name == _SAVED) + [(one, one) for one in named]
    if _kind(annotation) != "choice":
        return []
    values = [str(value) for value in (get_args(first) if get_origin(first) is Literal else first)]
    values.sort(key=lambda value: value == _NOTHING)  # nothing comes last
    left_out = _NOT_OFFERED if staff else _NOT_OFFERED | _STAFF_CHOICES.get(name, frozenset())
    values = [value for value in values if value not in left_out and value in _CHOSEN_OF.get(name, values)]
    empty = [("", "As the server is set")] if type(None) in get_args(annotation) else []
    empty += [("", "All of it")] if _is_list(annotation) else []
    return empty + [(value, _CHOICES.get(value, value)) for value in values]
