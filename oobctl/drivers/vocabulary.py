"""Words that tell no server from another, though somebody may have given them to a server or a user as its name."""

import re
from collections.abc import Iterator
from typing import Any

WORDS = frozenset(
    """
    absent account accounts action actions active adapter alert array asset attribute attributes audit backup
    battery bios board boot build bus cable cache card chassis clear client clock cluster collection component
    configuration console control controller cooling core create critical data database date debug delete detail
    device devices disk domain drive drives email enclosure entry error ethernet event events factory failed fan
    fans file firmware function gateway group guest hardware health heater identity image info input intel interface
    inventory ipmi ipv4 ipv6 item job jobs key lab label lan language legacy license link list local location log
    logs mail main maintenance management master media member memory message metric mode model module monitor name
    network node normal number object oem off open option output owner panel parent part pcie physical platform pool
    port ports power processor product production profile protocol public rack raid read ready record redfish
    redundancy registry remote report reset resource role room root router rule sensor sensors serial service
    services session sessions setting settings setup slot software staging standard start state static status
    storage store subsystem supply support switch table task tasks temperature test thermal time tools type unit
    update usb value vendor version virtual volume warning web zone
    """.split()  # noqa: SIM905 - as a list of strings it has 250 lines
)
"""Words of Redfish's resources and of makers' messages."""

_TELLS_KIND = re.compile(r"^(vendor|manufacturer|product|model|@odata\.type|roleid|partnumber)$", re.IGNORECASE)
_SEVERAL = re.compile(r"(?:[A-Z]+[a-z0-9]+){2,}")  # a property's name of several words is nobody's own
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[A-Za-z0-9]+")


def is_of_kind(key: str) -> bool:
    """Whether a property says what kind of thing it is: alike in all servers of that kind."""
    return _TELLS_KIND.search(key) is not None


def of_text(text: str) -> Iterator[str]:
    """A maker, a model or a profile as a whole, and its words, in lower case."""
    yield text.strip().casefold()
    yield from (word.casefold() for word in re.findall(r"[A-Za-z0-9]+", text))
    yield from (word.casefold() for word in _WORD.findall(text))


def of_property(key: str, value: Any) -> Iterator[str]:
    """The words that a property of a resource shows to be nobody's name."""
    if _SEVERAL.fullmatch(key):
        yield from (word.casefold() for word in _WORD.findall(key))
    if isinstance(value, str) and is_of_kind(key):
        yield from of_text(value)
