"""What an action takes: the parameters that its ActionInfo or its annotations tell (DSP0266, section 7.6.3.2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from oobctl.drivers.redfish.answers import Reply, link
from oobctl.drivers.redfish.session import RedfishSession
from oobctl.errors import BmcBadAnswer, BmcRefused, NotSupported

_ALLOWABLE = "@Redfish.AllowableValues"
_MISSING = ("parametermissing", "propertymissing", "missing", "required")
_NOT_TAKEN = (
    "unknown",
    "notsupported",
    "not supported",
    "notwritable",
    "readonly",
    "read-only",
    "notinlist",
    "invalid",
)


@dataclass(frozen=True)
class Offered:
    """An action's target, and per parameter that it tells the values it takes (None: any).

    `told` says whether there is an ActionInfo, which is all that it takes; without one there may be more.
    """

    target: str
    parameters: Mapping[str, tuple[str, ...] | None]
    told: bool


def offered(session: RedfishSession, resource: Mapping[str, Any], name: str) -> Offered | None:
    """The action of a resource by its name (VirtualMedia.InsertMedia); None where it has none.

    Raises BmcBadAnswer where its target leads out of the service.
    """
    actions = resource.get("Actions")
    action = actions.get(f"#{name}") if isinstance(actions, dict) else None
    target = action.get("target") if isinstance(action, dict) else None
    if not isinstance(action, dict) or not isinstance(target, str):
        return None
    if link({"it": target}, "it") is None:
        raise BmcBadAnswer(f"The target of the BMC's action {name} is no path of its service.")
    inline = {key.removesuffix(_ALLOWABLE): _texts(value) for key, value in action.items() if key.endswith(_ALLOWABLE)}
    info = link(action, "@Redfish.ActionInfo")
    parameters = _parameters(session, info) if info else None
    return Offered(target, inline if parameters is None else {**parameters, **inline}, parameters is not None)


def _parameters(session: RedfishSession, path: str) -> dict[str, tuple[str, ...] | None] | None:
    try:
        listed = session.resource(path, what="say what its actions take").get("Parameters")
    except (BmcRefused, BmcBadAnswer, NotSupported):  # a broken link: as if it told nothing
        return None
    if not isinstance(listed, list):
        return None
    named = [item for item in listed if isinstance(item, dict) and isinstance(item.get("Name"), str)]
    return {item["Name"]: _texts(item.get("AllowableValues")) for item in named}


def _texts(value: Any) -> tuple[str, ...] | None:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else None


def adjusted(body: Mapping[str, Any], reply: Reply, more: Mapping[str, Any]) -> dict[str, Any] | None:
    """The body as the BMC asked for it when it refused this one with 400: with one of `more` that it misses, or without
    one of them that it does not take. None where it asked for nothing of the kind.
    """
    if reply.status != 400:
        return None
    for name, value in more.items():
        if name not in body and reply.mentions(name) and reply.says(*_MISSING):
            return {**body, name: value}
    for name in more:
        if name in body and reply.mentions(name) and reply.says(*_NOT_TAKEN):
            return {key: value for key, value in body.items() if key != name}
    return None
