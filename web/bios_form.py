"""The form of BIOS settings: grouped by menu, and what of it is not as it is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from oobctl.bios_values import is_secret
from web.shapes.readings import AttributeShape

PREFIX = "bios."
_ELSEWHERE = "Settings"


@dataclass(frozen=True)
class Menu:
    """One menu of the setup; `open` where a search found something in it.

    path: the registry's own path, where the title is the setup's word for it.
    """

    title: str
    path: str | None
    attributes: list[AttributeShape]
    open: bool


@dataclass(frozen=True)
class Change:
    """One setting that is to be another. Values as the door takes them.

    before: what holds now; attribute.pending: what waits for the next boot. wrong: why it can't be set so.
    """

    attribute: AttributeShape
    before: Any
    after: Any
    wrong: str | None = None


def menus(attributes: Iterable[AttributeShape], search: str) -> list[Menu]:
    """Hidden ones are left out, unless they are searched for."""
    found: dict[str, list[AttributeShape]] = {}
    folded = search.casefold()
    for one in attributes:
        text = f"{one.name} {one.display_name or ''} {one.menu or ''} {' '.join(one.menu_names)}".casefold()
        if (folded in text) if folded else not one.hidden:
            found.setdefault(_path(one.menu), []).append(one)
    return [_menu(path, group, opened=bool(folded)) for path, group in found.items()]


def _menu(path: str, group: list[AttributeShape], *, opened: bool) -> Menu:
    """Called as the setup itself calls it, where the registry tells; else by its path."""
    title = " › ".join(group[0].menu_names)
    return Menu(title or path, path if title and title != path else None, group, open=opened)


def _path(menu: str | None) -> str:
    """The registry's path of a menu, without what all have in common."""
    parts = [part for part in (menu or "").replace("./", "").split("/") if part and part != "."]
    return " › ".join(parts) or _ELSEWHERE


def shown(one: AttributeShape, value: Any) -> str:
    """A value in the words of the setup."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return next((choice.display_name for choice in one.allowed if choice.value == value), str(value))


def settable(one: AttributeShape) -> bool:
    """Whether the page has an input for it. What is sent without one is the door's to judge, and to refuse."""
    return one.settable and _takes_values(one)


def _takes_values(one: AttributeShape) -> bool:
    return not one.read_only and one.type in {"Enumeration", "String", "Integer", "Boolean"}


def changes(attributes: Iterable[AttributeShape], form: Mapping[str, str]) -> list[Change]:
    """What of the form is not what the BIOS will have."""
    found = []
    for one in attributes:
        text = form.get(PREFIX + one.name)
        if text is None or not _takes_values(one):
            continue
        coming, after = _coming(one), _typed(one, text)
        if after != coming and not (text == "" and coming is None):
            found.append(Change(one, one.value, after))
    return found


def values(attributes: Iterable[AttributeShape], form: Mapping[str, str]) -> dict[str, Any]:
    """The parameter of bios.set: what is changed, and what the page has no input for, which the door refuses by name.

    Of a password nothing is passed on: it is refused whatever it is, and a refusal is recorded.
    """
    listed = list(attributes)
    inputs = {one.name for one in listed if _takes_values(one)}
    sent = {key.removeprefix(PREFIX): text for key, text in form.items() if key.startswith(PREFIX)}
    foreign = {name: "" if is_secret(name, None) else text for name, text in sent.items() if name not in inputs}
    secret = {one.name: "" for one in listed if one.name in foreign and is_secret(one.name, one.type)}
    return {change.attribute.name: change.after for change in changes(listed, form)} | foreign | secret


def _coming(one: AttributeShape) -> Any:
    return one.value if one.pending is None else one.pending


def _typed(one: AttributeShape, text: str) -> Any:
    """As the registry's type has it; what does not fit is left to the door, which says what is allowed."""
    if one.type == "Boolean" and text in {"true", "false"}:
        return text == "true"
    if one.type == "Integer":
        try:
            return int(text)
        except ValueError:
            return text
    return text
