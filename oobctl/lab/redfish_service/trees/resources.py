"""The resources of a tree as they are now: found by path and kind, with ETags and the targets of actions."""

import copy
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from oobctl.lab.redfish_service.trees.load import ROOT, Tree

_ALLOWABLE = "@Redfish.AllowableValues"


@dataclass(frozen=True)
class Action:
    """An action of a resource: its name (ComputerSystem.Reset) and the resource's path."""

    name: str
    owner: str


class Resources:
    """One place for each resource, also where a capture has it under two paths."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._aliases = dict(_doubles(tree))

    def canonical(self, path: str) -> str:
        """The path without a slash at its end, and the resource's own where it is known under another one too."""
        path = path.rstrip("/") or "/"
        return self._aliases.get(path, path)

    def get(self, path: str | None) -> dict[str, Any] | None:
        """The resource itself, to be changed."""
        found = self._tree.get(self.canonical(path)) if path else None
        return found if isinstance(found, dict) else None

    def at(self, path: str) -> dict[str, Any]:
        """A resource that is there."""
        found = self.get(path)
        assert found is not None, path
        return found

    def content(self, path: str) -> Any:
        """What a GET answers: a copy, its own ETag in it where it holds one."""
        found = copy.deepcopy(self._tree.get(self.canonical(path)))
        if isinstance(found, dict) and "@odata.etag" in found:
            found["@odata.etag"] = self.etag(path)
        return found

    def __contains__(self, path: str) -> bool:
        return self.canonical(path) in self._tree

    def paths(self) -> list[str]:
        return list(self._tree)

    def put(self, path: str, resource: dict[str, Any]) -> None:
        self._tree[path] = resource

    def remove(self, path: str) -> None:
        """Take a resource out, and all that is below it."""
        path = self.canonical(path)
        for found in [found for found in self._tree if found == path or found.startswith(f"{path}/")]:
            del self._tree[found]

    def move(self, old: str, new: str) -> None:
        """Put a resource somewhere else, with all that is below it."""
        for path in [path for path in self._tree if path == old or path.startswith(f"{old}/")]:
            self.put(new + path[len(old) :], renamed(self._tree[path], old, new))
        self.remove(old)

    def kind(self, path: str) -> str:
        """The type without its version: ComputerSystem. Empty where it says none."""
        found = self.get(path) or {}
        return str(found.get("@odata.type") or "").lstrip("#").partition(".")[0]

    def of_kind(self, kind: str) -> list[str]:
        return [path for path in self._tree if self.kind(path) == kind and path not in self._aliases]

    def linked(self, path: str | None, *keys: str) -> str | None:
        """The path that a link of a resource leads to, whether anything is there or not."""
        value: Any = self.get(path)
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        found = value.get("@odata.id") if isinstance(value, dict) else None
        return self.canonical(found) if isinstance(found, str) else None

    def members(self, path: str | None) -> list[str]:
        """The paths of a collection's members."""
        found = self.get(path) or {}
        listed = found.get("Members")
        return [
            self.canonical(item["@odata.id"])
            for item in (listed if isinstance(listed, list) else [])
            if isinstance(item, dict) and isinstance(item.get("@odata.id"), str)
        ]

    def list_members(self, path: str, members: list[str]) -> None:
        """Make these the members of a collection."""
        found = self.at(path)
        found["Members"] = [{"@odata.id": member} for member in members]
        found["Members@odata.count"] = len(members)

    def etag(self, path: str) -> str:
        content = self._tree.get(self.canonical(path))
        if isinstance(content, dict):
            content = {key: value for key, value in content.items() if key != "@odata.etag"}
        text = json.dumps(content, sort_keys=True).encode()
        return f'"{hashlib.sha256(text).hexdigest()[:16]}"'

    def action(self, target: str) -> Action | None:
        """The action that has this target."""
        wanted = self.canonical(target)
        for path in self._tree:
            for name, action in _actions(self.get(path) or {}):
                if self.canonical(action["target"]) == wanted and path not in self._aliases:
                    return Action(name, path)
        return None

    def allowable(self, action: Action, parameter: str) -> list[str] | None:
        """What an action says that its parameter takes, by itself or by its ActionInfo; None: it says nothing."""
        described = dict(_actions(self.at(action.owner)))[action.name]
        values = described.get(f"{parameter}{_ALLOWABLE}")
        if values is None:
            info = described.get("@Redfish.ActionInfo")
            for item in (self.get(info) or {}).get("Parameters", []):
                if item.get("Name") == parameter:
                    values = item.get("AllowableValues")
        return list(values) if isinstance(values, list) else None

    @property
    def root(self) -> dict[str, Any]:
        return self.at(ROOT)


def renamed(value: Any, old: str, new: str) -> Any:
    """A copy of a resource in which each path at or below `old` stands at or below `new`."""
    if isinstance(value, dict):
        return {key: renamed(inside, old, new) for key, inside in value.items()}
    if isinstance(value, list):
        return [renamed(item, old, new) for item in value]
    if isinstance(value, str) and (value == old or value.startswith(f"{old}/")):
        return new + value[len(old) :]
    return value


def _actions(resource: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    actions = resource.get("Actions")
    for name, action in actions.items() if isinstance(actions, dict) else ():
        if isinstance(action, dict) and isinstance(action.get("target"), str):
            yield name.lstrip("#"), action


def _doubles(tree: Tree) -> Iterator[tuple[str, str]]:
    """The paths that hold a copy of a resource which names another path as its own, and is there as well."""
    for path, resource in tree.items():
        own = resource.get("@odata.id") if isinstance(resource, dict) else None
        if isinstance(own, str) and own.rstrip("/") != path and tree.get(own.rstrip("/")) == resource:
            yield path, own.rstrip("/")
