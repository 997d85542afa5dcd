"""Registries of a Redfish service, found through its Registries (DSP2046, MessageRegistryFile)."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from oobctl.drivers.redfish.answers import link, text
from oobctl.drivers.redfish.session import RedfishSession
from oobctl.drivers.redfish.tree import Tree
from oobctl.errors import BmcBadAnswer, BmcRefused, NotSupported
from oobctl.profiles.quirks import Quirk

_VERSION = re.compile(r"[._#-]*v?\d+(?:[._]\d+)*(?:\.json)?$", re.IGNORECASE)
_MOST_FILES = 100
_EXACT, _SAME, _NONE = 2, 1, 0


def load(session: RedfishSession, tree: Tree, wanted: str) -> dict[str, Any] | None:
    """The registry of that name (BiosAttributeRegistry.v1_0_3), in English where there is a choice.

    None where the service has none of that name, whatever its version. Raises BmcError's subclasses where it has and
    does not give it.
    """
    for file in _files(session, tree, wanted):
        uri = _place(file)
        if uri is not None:
            return _content(session, uri)
        if "RegistryEntries" in file:  # the registry itself, where only its place belongs
            return file
    return None


def _content(session: RedfishSession, uri: str) -> dict[str, Any]:
    gzip = session.login.profile.has(Quirk.GZIP_ONLY_REGISTRIES)
    return session.get(uri, what="give a registry", gzip=gzip).resource()


def _files(session: RedfishSession, tree: Tree, wanted: str) -> Iterator[dict[str, Any]]:
    """The registry files that may be it, the best first; those whose path says so are read before all others."""
    collection = link(session.open(), "Registries")
    if collection is None:
        return
    paths = tree.paths(collection, "list its registries")[:_MOST_FILES]
    by_path = sorted(((_likeness(path.rstrip("/").rpartition("/")[2], wanted), path) for path in paths), reverse=True)
    for likeness, path in by_path:
        try:
            file = session.resource(path, what="describe a registry")
        except (BmcRefused, BmcBadAnswer, NotSupported):
            continue
        if likeness or any(_likeness(text(file, key), wanted) for key in ("Registry", "Id")):
            yield file


def _likeness(name: str | None, wanted: str) -> int:
    """Exact, or the same without its version: BMCs tell one version here and another there."""
    if not name:
        return _NONE
    if name.casefold() == wanted.casefold():
        return _EXACT
    return _SAME if base(name) == base(wanted) else _NONE


def base(name: str) -> str:
    """A registry's name without its version and without case."""
    return _VERSION.sub("", name).casefold()


def _place(file: Mapping[str, Any]) -> str | None:
    """The path of the registry in English, else in whatever language there is first."""
    places = file.get("Location")
    found = []
    for place in places if isinstance(places, list) else []:
        uri = place.get("Uri") if isinstance(place, dict) else None
        if isinstance(uri, dict):  # an older form
            uri = uri.get("extref")
        if isinstance(uri, str) and link({"it": uri}, "it"):
            found.append((_rank(place.get("Language")), uri))
    return min(found, key=lambda item: item[0])[1] if found else None


def _rank(language: Any) -> int:
    word = language.casefold() if isinstance(language, str) else ""
    return 0 if word == "en" else 1 if word.startswith("en") else 2 if word in {"default", ""} else 3
