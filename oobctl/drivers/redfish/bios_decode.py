"""BIOS values, and an attribute registry as attributes (DSP8013, DSP2046 Bios and AttributeRegistry)."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeGuard

from oobctl.bios_values import BiosAttribute, Scalar, is_secret
from oobctl.drivers.identity import clean

_MOST = 5000
_LONGEST_NAME, _LONGEST_VALUE, _LONGEST_TEXT, _LONGEST_PATTERN = 256, 1024, 2000, 2000
_MOST_ALLOWED, _MOST_DEPENDENCIES = 1000, 32
_LARGEST = 2**64


def values(resource: Mapping[str, Any], problems: list[str]) -> dict[str, Scalar | None]:
    """The attributes of a Bios resource or of its settings, as the BMC spells them; passwords still among them."""
    listed = resource.get("Attributes")
    if listed is None:
        return {}
    if not isinstance(listed, dict):
        problems.append("The BMC's BIOS Attributes are no JSON object.")
        return {}
    found: dict[str, Scalar | None] = {}
    for name, value in list(listed.items())[:_MOST]:
        if "@" in name:  # an annotation
            continue
        if _is_name(name) and _is_value(value):
            found[name] = value
        else:
            problems.append(f"The value of the BIOS attribute {clean(name, 80)} is no text, number or boolean.")
    if len(listed) > _MOST:
        problems.append(f"The BIOS has {len(listed)} attributes; the first {_MOST} were read.")
    return found


def _is_name(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME and value.isprintable()


def _is_value(value: Any) -> bool:
    if isinstance(value, str):
        return _is_text(value)
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, bool) or (isinstance(value, int) and abs(value) <= _LARGEST)


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # half a character, which no database takes
        return False
    return len(value) <= _LONGEST_VALUE and "\0" not in value


def without_passwords(
    found: Mapping[str, Scalar | None], attributes: tuple[BiosAttribute, ...]
) -> dict[str, Scalar | None]:
    """What may be shown and kept: no passwords, and no text that is called a secret and says one."""
    kinds = {attribute.name: attribute.type for attribute in attributes}
    return {
        name: value
        for name, value in found.items()
        if kinds.get(name) != "Password" and (value in {None, ""} or not is_secret(name, kinds.get(name)))
    }


def inferred(found: Mapping[str, Scalar | None]) -> tuple[BiosAttribute, ...]:
    """Where there is no registry: what can be said of attributes from their values alone, which is their type."""
    return tuple(BiosAttribute(name, _kind(value)) for name, value in found.items() if value is not None)


def _kind(value: Scalar) -> str:
    if isinstance(value, bool):
        return "Boolean"
    return "Integer" if isinstance(value, int) else "String" if isinstance(value, str) else "Number"


def attributes(
    registry: Mapping[str, Any], now: Mapping[str, Scalar | None], problems: list[str]
) -> tuple[BiosAttribute, ...]:
    """What a registry describes. `now`: the values that hold; they tell which of two spellings this BMC uses."""
    entries = registry.get("RegistryEntries")
    listed = entries.get("Attributes") if isinstance(entries, dict) else None
    if not isinstance(listed, list):
        problems.append("The BIOS attribute registry of this BMC describes no attributes.")
        return ()
    found: dict[str, dict[str, Any]] = {}
    for item in listed[:_MOST]:
        name = item.get("AttributeName") if isinstance(item, dict) else None
        if _is_name(name) and isinstance(item.get("Type"), str):
            found.setdefault(name, item)
        else:
            problems.append(f"An entry of the BIOS attribute registry has no name or no type: {item!s:.80}")
    shown = _shows_display_names(found, now)
    depends = _dependencies(entries.get("Dependencies") if isinstance(entries, dict) else None)
    called = _menus(entries.get("Menus") if isinstance(entries, dict) else None)
    return tuple(
        replace(
            _attribute(name, item, now.get(name), shown),
            depends_on=tuple(depends.get(name, ())),
            menu_names=_menu_names(item.get("MenuPath"), called),
        )
        for name, item in found.items()
    )


def _menus(listed: Any) -> dict[tuple[str, ...], str]:
    """The display name of each menu by the parts of its path (DSP8013, RegistryEntries.Menus)."""
    found: dict[tuple[str, ...], str] = {}
    for item in (listed if isinstance(listed, list) else [])[:_MOST]:
        path, shown = (item.get("MenuPath"), item.get("DisplayName")) if isinstance(item, dict) else (None, None)
        name = _text(shown, _LONGEST_NAME)
        if isinstance(path, str) and name:
            found.setdefault(_parts(path), name)
    return found


def _menu_names(path: Any, called: Mapping[tuple[str, ...], str]) -> tuple[str, ...]:
    """How the setup calls each part of a path, its own word where it has no other; empty where it has none at all."""
    parts = _parts(path) if isinstance(path, str) else ()
    ways = [parts[: end + 1] for end in range(len(parts))]
    if not any(way in called for way in ways):
        return ()
    return tuple(called.get(way) or clean(way[-1], _LONGEST_NAME) or "" for way in ways)


def _parts(path: str) -> tuple[str, ...]:
    return tuple(part for part in path[:_LONGEST_NAME].split("/") if part not in {"", "."})


def _attribute(name: str, item: Mapping[str, Any], now: Scalar | None, shown: bool) -> BiosAttribute:
    default = item.get("DefaultValue")
    pattern = item.get("ValueExpression")
    lower, upper = _bounds(item, "LowerBound", "UpperBound")
    shortest, longest = _bounds(item, "MinLength", "MaxLength")
    return BiosAttribute(
        name=name,
        type=clean(item["Type"], 32) or "String",
        display_name=_text(item.get("DisplayName"), _LONGEST_NAME),
        help=_text(item.get("HelpText"), _LONGEST_TEXT),
        menu=_text(item.get("MenuPath"), _LONGEST_NAME),
        allowed=_allowed(item, now, shown),
        lower=lower,
        upper=upper,
        increment=_whole(item.get("ScalarIncrement")),
        min_length=shortest,
        max_length=longest,
        pattern=pattern if _is_name(pattern) or _is_pattern(pattern) else None,
        default=default if default is not None and _is_value(default) and item["Type"] != "Password" else None,
        read_only=item.get("ReadOnly") is True or item.get("Immutable") is True,
        hidden=item.get("Hidden") is True,
        reset_required=item.get("ResetRequired") is not False,
    )


def _is_pattern(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_PATTERN and value.isprintable()


def _text(value: Any, longest: int) -> str | None:
    return clean(value, longest) if isinstance(value, str) else None


def _whole(value: Any) -> int | None:
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        value = int(value)
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return value if is_whole and abs(value) <= _LARGEST else None


def _bounds(item: Mapping[str, Any], least: str, most: str) -> tuple[int | None, int | None]:
    """Both, or neither where nothing is between them: some write 2^64 - 1 as -1."""
    lower, upper = _whole(item.get(least)), _whole(item.get(most))
    return (None, None) if lower is not None and upper is not None and lower > upper else (lower, upper)


def _spellings(item: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(ValueName, ValueDisplayName) of each value; one that lacks one of them has the other for both."""
    listed = item.get("Value")
    found = []
    for value in (listed if isinstance(listed, list) else [])[:_MOST_ALLOWED]:
        if isinstance(value, dict):
            name, shown = value.get("ValueName"), value.get("ValueDisplayName")
            name, shown = (word if isinstance(word, str) and _is_value(word) else None for word in (name, shown))
            if name or shown:
                found.append((str(name or shown), str(shown or name)))
    return found


def _allowed(item: Mapping[str, Any], now: Scalar | None, shown: bool) -> tuple[tuple[str, str], ...]:
    """The values as this BMC spells them, each with its display name.

    They are to be ValueNames; some BMCs tell and take display names instead.
    """
    spellings = _spellings(item)
    for said in (now, item.get("DefaultValue")):
        which = _which(spellings, said)
        if which is not None:
            shown = which
            break
    return tuple((display if shown else name, clean(display, _LONGEST_NAME) or name) for name, display in spellings)


def _which(spellings: list[tuple[str, str]], said: Any) -> bool | None:
    """Whether it is a display name (True) or a value name (False) alone; None where that can't be told."""
    named = any(said == name for name, _display in spellings)
    shown = any(said == display for _name, display in spellings)
    return None if named is shown else shown


def _shows_display_names(found: Mapping[str, Mapping[str, Any]], now: Mapping[str, Scalar | None]) -> bool:
    """What most attributes of this BMC do."""
    votes = Counter(_which(_spellings(item), now.get(name)) for name, item in found.items())
    return votes[True] > votes[False]


def _dependencies(listed: Any) -> dict[str, list[str]]:
    """Per attribute those that it depends on: MapToAttribute and the MapFromAttributes of each map."""
    found: dict[str, list[str]] = {}
    for item in (listed if isinstance(listed, list) else [])[: 4 * _MOST]:
        one = item.get("Dependency") if isinstance(item, dict) else None
        sources = one.get("MapFrom") if isinstance(one, dict) else None
        target = one.get("MapToAttribute") if isinstance(one, dict) else None
        if not _is_name(target) or not isinstance(sources, list):
            continue
        names = found.setdefault(target, [])
        for source in sources:
            name = source.get("MapFromAttribute") if isinstance(source, dict) else None
            if _is_name(name) and name != target and name not in names and len(names) < _MOST_DEPENDENCIES:
                names.append(name)
    return found
