"""PATCH of plain properties: which a service lets be changed, and the check of all of them before any changes."""

from collections.abc import Collection
from typing import Any

import flask

from oobctl.lab.redfish_service.trees import refusals

_ALLOWABLE = "@Redfish.AllowableValues"
_OVERRIDE = "Boot.BootSourceOverride"

WRITABLE: dict[str, frozenset[str]] = {
    "ComputerSystem": frozenset(
        {
            f"{_OVERRIDE}Target", f"{_OVERRIDE}Enabled", f"{_OVERRIDE}Mode", "Boot.UefiTargetBootSourceOverride",
            "Boot.HttpBootUri", "Boot.BootOrder", "IndicatorLED", "LocationIndicatorActive", "AssetTag", "HostName",
        }
    ),
    "Chassis": frozenset({"IndicatorLED", "LocationIndicatorActive", "AssetTag"}),
    "Drive": frozenset({"IndicatorLED", "LocationIndicatorActive"}),
    "Manager": frozenset({"DateTime", "DateTimeLocalOffset", "LocationIndicatorActive"}),
    "ManagerNetworkProtocol": frozenset(
        f"{protocol}.{name}"
        for protocol in ("HTTP", "HTTPS", "IPMI", "SSH", "SNMP", "Telnet", "SSDP", "KVMIP", "NTP", "VirtualMedia")
        for name in ("ProtocolEnabled", "Port")
    ),
    "DellAttributes": frozenset({"Attributes.ServerBoot.1.FirstBootDevice", "Attributes.ServerBoot.1.BootOnce"}),
    "HostInterface": frozenset({"InterfaceEnabled"}),
    "SessionService": frozenset({"SessionTimeout"}),
    "AccountService": frozenset({"AccountLockoutThreshold", "AccountLockoutDuration", "MinPasswordLength"}),
}  # fmt: skip
"""Per kind of resource. A property that the tree does not hold can't be changed either."""

_VALUES = {
    "IndicatorLED": ("Lit", "Blinking", "Off"),
    "BootSourceOverrideEnabled": ("Disabled", "Once", "Continuous"),
    "BootSourceOverrideMode": ("Legacy", "UEFI"),
    "ServerBoot.1.FirstBootDevice": ("Normal", "vFDD", "VCD-DVD"),
    "ServerBoot.1.BootOnce": ("Enabled", "Disabled"),
}
_BOOLEANS = frozenset({"LocationIndicatorActive", "ProtocolEnabled", "InterfaceEnabled"})


def refusal(
    resource: dict[str, Any], body: dict[str, Any], writable: Collection[str], above: str = ""
) -> flask.Response | None:
    """Why a PATCH is refused; None where all of it can be done."""
    for name, value in body.items():
        if name.startswith("@"):
            continue  # an annotation
        path = f"{above}{name}"
        if name not in resource:
            return refusals.unknown_property(name)
        inside = resource[name]
        if path not in writable and isinstance(value, dict) and isinstance(inside, dict):
            refused = refusal(inside, value, writable, f"{path}.")
        else:
            refused = _one(resource, name, value, path in writable)
        if refused is not None:
            return refused
    return None


def _one(resource: dict[str, Any], name: str, value: Any, writable: bool) -> flask.Response | None:
    if not writable:
        return refusals.cannot_write(name)
    allowed = resource.get(f"{name}{_ALLOWABLE}") or _VALUES.get(name)
    if allowed is not None and value not in allowed:
        return refusals.value_not_in_list(value, name)
    now = resource[name]
    is_wrong = type(value) is not type(now) if now is not None and value is not None else False
    if is_wrong or (name in _BOOLEANS and not isinstance(value, bool)):
        return refusals.wrong_type(value, name)
    return None


def apply(resource: dict[str, Any], body: dict[str, Any]) -> None:
    """Change what was checked before; both properties of one light follow each other."""
    for name, value in body.items():
        if name.startswith("@"):
            continue
        if isinstance(value, dict) and isinstance(resource[name], dict):
            apply(resource[name], value)
        else:
            resource[name] = value
    if "LocationIndicatorActive" in body and "IndicatorLED" in resource:
        resource["IndicatorLED"] = "Lit" if body["LocationIndicatorActive"] else "Off"
    if "IndicatorLED" in body and "LocationIndicatorActive" in resource:
        resource["LocationIndicatorActive"] = body["IndicatorLED"] != "Off"
