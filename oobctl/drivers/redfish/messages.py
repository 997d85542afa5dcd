"""The words of a MessageId, from the message registries of the service (DSP2046, MessageRegistry)."""

import re
from typing import Any

from oobctl.drivers.redfish import registries
from oobctl.drivers.redfish.session import RedfishSession
from oobctl.drivers.redfish.tree import Tree
from oobctl.errors import BmcBadAnswer, BmcRefused, NotSupported

_MESSAGE_ID = re.compile(r"(\w+(?:\.\d+){1,3})\.(\w+)", re.ASCII)
_MOST = 8  # registries that are loaded in one reading


class Messages:
    """For the time of one reading: each registry is loaded once, when an entry without words of its own needs it."""

    def __init__(self, session: RedfishSession, tree: Tree, problems: list[str]) -> None:
        self._session, self._tree, self._problems = session, tree, problems
        self._known: dict[str, dict[str, Any]] = {}

    def words(self, message_id: str) -> str | None:
        """The message with its %1 still in it; None where no registry has it."""
        match = _MESSAGE_ID.fullmatch(message_id)
        if match is None:
            return None
        entry = self._registry(match[1]).get(match[2])
        words = entry.get("Message") if isinstance(entry, dict) else None
        return words if isinstance(words, str) else None

    def _registry(self, name: str) -> dict[str, Any]:
        key = registries.base(name)
        if key not in self._known:
            self._known[key] = self._load(name) if len(self._known) < _MOST else {}
        return self._known[key]

    def _load(self, name: str) -> dict[str, Any]:
        try:
            found = registries.load(self._session, self._tree, name) or {}
        except (BmcRefused, BmcBadAnswer, NotSupported) as error:
            self._problems.append(f"What messages of {name} mean is not known: {error.message}")
            return {}
        messages = found.get("Messages")
        return messages if isinstance(messages, dict) else {}
