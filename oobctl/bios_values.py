"""BIOS attributes as a registry describes them, and which values they take: checked before anything is sent."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any

Scalar = str | int | float | bool
_MOST_NAMED = 12
_LONGEST_NAME = 128
_SECRET = re.compile(r"passw|passphrase|secret|privatekey", re.IGNORECASE)
_LONGEST = 4096  # characters of a value, where the registry says no length
# Possessive throughout: a pattern is itself what a BMC says, and reading it must end in time as well.
_UNIT = r"(?>\[\^?+\]?+(?:\\.|[^\]\\])*+\]|\\.|[^\\()\[\]{}*+?|^$])"
_TIMES = r"(?>\{\d{1,4}+(?:,\d{0,4}+)?+\}|[*+?])?+"
_SAFE = re.compile(rf"\^?+(?>{_UNIT}{_TIMES})*+\$?+")
_REPEATED = re.compile(rf"{_UNIT}(?:\{{\d{{1,4}},\d{{0,4}}\}}|[*+?])")
_MOST_REPEATED = 3


@dataclass(frozen=True)
class BiosAttribute:
    """A BIOS attribute as the registry describes it (DSP8013). `type`: Enumeration, String, Integer, Boolean, Password.

    allowed: the values of an Enumeration, with their display names. depends_on: attributes whose values change what
    this one may be (the registry's Dependencies): the BMC decides. menu_names: how the setup itself calls each part of
    the path `menu`; empty where the registry names none of them.
    """

    name: str
    type: str
    display_name: str | None = None
    help: str | None = None
    menu: str | None = None
    allowed: tuple[tuple[str, str], ...] = ()
    lower: int | None = None
    upper: int | None = None
    increment: int | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    default: Scalar | None = None
    read_only: bool = False
    hidden: bool = False
    reset_required: bool = True
    depends_on: tuple[str, ...] = ()
    menu_names: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "BiosAttribute":
        """From what drivers.readings.as_json made of one; what it does not know is left out."""
        known = {item.name: content[item.name] for item in fields(cls) if item.name in content}
        known["allowed"] = tuple((value, shown) for value, shown in known.get("allowed") or ())
        for listed in ("depends_on", "menu_names"):
            known[listed] = tuple(known.get(listed) or ())
        return cls(**known)


def is_secret(name: str, kind: str | None) -> bool:
    """Whether an attribute holds a secret: a Password, or a text that is called one. Its type may not be known."""
    return kind == "Password" or (kind in {None, "String"} and _SECRET.search(name) is not None)


@dataclass(frozen=True)
class WrongValue:
    """Why one attribute can't be set so: a sentence that names what is allowed. It repeats no value."""

    name: str
    message: str


def check(
    attributes: Iterable[BiosAttribute],
    values: Mapping[str, Any],
    *,
    present: Iterable[str] | None = None,
    denied: Sequence[str] = (),
) -> tuple[WrongValue, ...]:
    """What is wrong with these values; empty where they may be sent.

    present: the attributes that this server's BIOS has, where the registry describes more than that. denied: regular
    expressions of names that whoever asks may not set.
    """
    known = {attribute.name: attribute for attribute in attributes}
    there = None if present is None else set(present)
    found = []
    for name, value in values.items():
        why = _wrong(known, there, denied, name, value)
        if why is not None:
            found.append(WrongValue(name, why))
    return tuple(found)


def not_scalar(values: Mapping[str, Any]) -> tuple[WrongValue, ...]:
    """Those that no attribute takes, whatever its type: null, lists and objects."""
    wrong = [name for name, value in values.items() if not isinstance(value, str | int | float)]
    return tuple(WrongValue(name, f"{name:.80} takes a text, a number, true or false.") for name in wrong)


def differing(values: Mapping[str, Any], baseline: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What a BIOS holds otherwise than a saved baseline: per attribute (in the baseline, now); None: not there."""
    names = sorted({*values, *baseline})
    return {name: (baseline.get(name), values.get(name)) for name in names if not _same(values, baseline, name)}


def _same(one: Mapping[str, Any], other: Mapping[str, Any], name: str) -> bool:
    if (name in one) is not (name in other):
        return False
    return type(one[name]) is type(other[name]) and one[name] == other[name]


def _wrong(
    known: Mapping[str, BiosAttribute], there: set[str] | None, denied: Sequence[str], name: str, value: Any
) -> str | None:
    attribute = known.get(name)
    secret = attribute is not None and is_secret(name, attribute.type)  # of which no value is told
    if attribute is None or (there is not None and name not in there and not secret):
        return f"This BIOS has no attribute {name!r:.80}.{_near(name, there if there is not None else set(known))}"
    return not_settable(attribute, denied) or _CHECKS.get(attribute.type, _any)(attribute, value)


def not_settable(attribute: BiosAttribute, denied: Sequence[str] = ()) -> str | None:
    """Why no value at all can be set: a sentence; None where some can. denied: as for `check`."""
    name = attribute.name
    if attribute.read_only:  # for everybody, so nobody is sent to ask for it
        return f"{name} is read-only: the BIOS takes no value for it."
    if any(re.search(pattern, name) for pattern in denied):
        return f"{name} is not for you to set. Ask the provider."
    if is_secret(name, attribute.type):
        return f"{name} is a secret: it can't be set like this, because what is set is recorded."
    return None


def _near(name: str, names: Iterable[str]) -> str:
    """Attributes whose names have this one in them, or are in it; else those that are spelled much like it."""
    folded = name[:_LONGEST_NAME].casefold()
    known = {other.casefold(): other for other in names}
    alike = sorted(known[other] for other in known if len(folded) > 2 and (folded in other or other in folded))
    alike = alike or [known[other] for other in get_close_matches(folded, known, n=3, cutoff=0.7)]
    return f" It has {', '.join(alike[:_MOST_NAMED])}." if alike else ""


def _enumeration(attribute: BiosAttribute, value: Any) -> str | None:
    values = [one for one, _shown in attribute.allowed]
    if isinstance(value, str) and (value in values or not values):
        return None
    listed = ", ".join(values[:_MOST_NAMED])
    more = f" and {len(values) - _MOST_NAMED} more" if len(values) > _MOST_NAMED else ""
    return f"{attribute.name} takes one of {listed}{more}." if values else f"{attribute.name} takes a text."


def _integer(attribute: BiosAttribute, value: Any) -> str | None:
    lower, upper = attribute.lower, attribute.upper
    number = isinstance(value, int) and not isinstance(value, bool)
    if number and (lower is None or value >= lower) and (upper is None or value <= upper):
        return None
    if lower is not None and upper is not None:
        return f"{attribute.name} takes a whole number from {lower} to {upper}."
    if lower is not None or upper is not None:
        bound = f"of at least {lower}" if lower is not None else f"of at most {upper}"
        return f"{attribute.name} takes a whole number {bound}."
    return f"{attribute.name} takes a whole number."


def _boolean(attribute: BiosAttribute, value: Any) -> str | None:
    return None if isinstance(value, bool) else f"{attribute.name} takes true or false."


def _string(attribute: BiosAttribute, value: Any) -> str | None:
    shortest = attribute.min_length or 0
    longest = _LONGEST if attribute.max_length is None else attribute.max_length
    if not isinstance(value, str) or not shortest <= len(value) <= longest:
        return f"{attribute.name} takes a text of {shortest} to {longest} characters."
    if any(not character.isprintable() for character in value):
        return f"{attribute.name} takes a text of one line, without control characters."
    if attribute.pattern and not _fits(attribute.pattern, value):
        return f"{attribute.name} takes a text that fits the pattern {attribute.pattern:.200}"
    return None


def _any(attribute: BiosAttribute, value: Any) -> str | None:
    """A type that DSP8013 does not know: the BMC judges it."""
    return None if isinstance(value, (str, int, float, bool)) else f"{attribute.name} takes a text, number or boolean."


_CHECKS = {"Enumeration": _enumeration, "Integer": _integer, "Boolean": _boolean, "String": _string}


def _fits(pattern: str, value: str) -> bool:
    """Whether a value fits a registry's ValueExpression.

    A pattern comes from the BMC: only one that surely ends in time is tried (units with a count each, no groups and no
    alternatives). Any other is left to the BMC to judge.
    """
    if len(pattern) > 500 or _SAFE.fullmatch(pattern) is None or len(_REPEATED.findall(pattern)) > _MOST_REPEATED:
        return True
    if len(value) > 256 and len(_REPEATED.findall(pattern)) > 1:
        return True
    try:
        return re.search(pattern, value) is not None
    except (re.error, OverflowError):
        return True
