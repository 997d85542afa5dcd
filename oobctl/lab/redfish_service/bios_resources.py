"""BIOS: attributes, what waits for the next boot (DSP0266 9.10), the registry that describes them, ResetBios."""

import gzip
import json
import re
from typing import Any

import flask

from oobctl.lab.bios import attributes, names_of_type
from oobctl.lab.ipmi_config import MANUFACTURER
from oobctl.lab.redfish_service.answers import (
    collection,
    failure,
    json_body,
    nothing,
    resource,
    value_not_in_list,
)
from oobctl.lab.redfish_service.hardware import BIOS_VERSION, SYSTEM
from oobctl.lab.redfish_service.rack_link import RackLink

BIOS = f"{SYSTEM}/Bios"
SETTINGS = f"{BIOS}/Settings"
REGISTRIES = "/redfish/v1/Registries"
REGISTRY_ID = "BiosAttributeRegistryOOBLab.v1_4_2"
_REGISTRY = f"{REGISTRIES}/{REGISTRY_ID}"
_REGISTRY_FILE = f"{REGISTRIES}/BiosAttributeRegistryOOBLab.json"
_APPLY_TIME = "@Redfish.SettingsApplyTime"


class BiosResources:
    """The firmware's settings; the supervisor applies them when the machine boots."""

    def __init__(self, link: RackLink) -> None:
        self._link = link

    def install(self, app: flask.Flask) -> None:
        app.add_url_rule(BIOS, "lab_bios", self.bios)
        app.add_url_rule(SETTINGS, "lab_bios_settings", self.settings)
        app.add_url_rule(SETTINGS, "lab_bios_patch", self.patch, methods=["PATCH"])
        app.add_url_rule(f"{BIOS}/Actions/Bios.ResetBios", "lab_bios_reset", self.reset, methods=["POST"])
        app.view_functions["registry_file_collection"] = lambda: flask.jsonify(
            collection(REGISTRIES, "MessageRegistryFile", [_REGISTRY])
        )
        app.add_url_rule(_REGISTRY, "lab_bios_registry", self.registry)
        app.add_url_rule(_REGISTRY_FILE, "lab_bios_registry_file", self.registry_file)

    def bios(self) -> flask.Response:
        """GET Bios: what holds. A password reads as null."""
        state = self._link.bmc("bios")
        body = _bios(BIOS, "Bios", state["current"])
        settings: dict[str, Any] = {
            "@odata.type": "#Settings.v1_3_3.Settings",
            "SettingsObject": {"@odata.id": SETTINGS},
            "SupportedApplyTimes": ["OnReset"],
        }
        if state["applied_at"]:
            settings["Time"] = state["applied_at"]
        body["@Redfish.Settings"] = settings
        body["Actions"] = {"#Bios.ResetBios": {"target": f"{BIOS}/Actions/Bios.ResetBios"}}
        return flask.jsonify(body)

    def settings(self) -> flask.Response:
        """GET Bios/Settings: only what waits for the next boot."""
        body = _bios(SETTINGS, "Settings", self._link.bmc("bios")["pending"])
        body["@Redfish.SettingsApplyTime"] = {
            "@odata.type": "#Settings.v1_3_3.PreferredApplyTime",
            "ApplyTime": "OnReset",
            "ApplyTime@Redfish.AllowableValues": ["OnReset"],
        }
        return flask.jsonify(body)

    def patch(self) -> flask.Response:
        """PATCH Bios/Settings: all attributes are checked before anything waits."""
        body = json_body()
        values = body.get("Attributes")
        if not isinstance(values, dict) or not values:
            return failure(400, "PropertyMissing", "The request has no Attributes.", "Attributes")
        apply_time = (body.get(_APPLY_TIME) or {}).get("ApplyTime", "OnReset")
        if apply_time != "OnReset":
            return value_not_in_list(apply_time, "ApplyTime")
        for name, value in values.items():
            refusal = _refusal(name, value)
            if refusal is not None:
                return refusal
        self._link.bmc("bios-set", values=values)
        return nothing()

    def reset(self) -> flask.Response:
        self._link.bmc("bios-reset")
        return nothing()

    # --- the registry -------------------------------------------------------------------------------------------

    def registry(self) -> flask.Response:
        body = resource(_REGISTRY, "MessageRegistryFile", "v1_1_0", Id=REGISTRY_ID, Name="BIOS Attribute Registry File")
        body |= {
            "Registry": REGISTRY_ID,
            "Languages": ["en"],
            "Location": [{"Language": "en", "Uri": _REGISTRY_FILE}],
        }
        return flask.jsonify(body)

    def registry_file(self) -> flask.Response:
        """GET the registry itself, compressed for who takes it."""
        system = {"ProductName": "Virtual Server 1U", "SystemId": MANUFACTURER, "FirmwareVersion": BIOS_VERSION}
        body = {
            "@odata.type": "#AttributeRegistry.v1_3_6.AttributeRegistry",
            "Id": REGISTRY_ID,
            "Name": "BIOS Attribute Registry",
            "Language": "en",
            "OwningEntity": MANUFACTURER,
            "RegistryVersion": "1.4.2",
            "SupportedSystems": [system],
            "RegistryEntries": {"Attributes": list(attributes().values()), "Dependencies": [], "Menus": _menus()},
        }
        answer = flask.Response(json.dumps(body), content_type="application/json")
        if "gzip" in flask.request.headers.get("Accept-Encoding", ""):
            answer.set_data(gzip.compress(answer.get_data()))
            answer.headers["Content-Encoding"] = "gzip"
        return answer


def _menus() -> list[dict[str, str]]:
    """Each menu as the setup's screen calls it."""
    paths = dict.fromkeys(item["MenuPath"] for item in attributes().values())
    names = [path.removeprefix("./") for path in paths]
    return [
        {"MenuName": name, "DisplayName": re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name), "MenuPath": f"./{name}"}
        for name in names
    ]


def _bios(path: str, name: str, values: dict[str, Any]) -> dict[str, Any]:
    body = resource(path, "Bios", "v1_2_0", Id=name, Name="BIOS Configuration")
    return body | {"AttributeRegistry": REGISTRY_ID, "Attributes": values}


def _refusal(name: str, value: object) -> flask.Response | None:
    """Why an attribute can't get a value; None where it can."""
    attribute = attributes().get(name)
    if attribute is None:
        return failure(400, "PropertyUnknown", f"The property {name} is not in the list of valid properties.", name)
    if attribute["ReadOnly"]:
        message = f"The property {name} is a read only property and cannot be assigned a value."
        return failure(400, "PropertyNotWritable", message, name)
    shown = "******" if name in names_of_type("Password") else str(value)
    if not _has_type(value, attribute["Type"]):
        message = f"The value {shown} for the property {name} is of a different type than the property can accept."
        return failure(400, "PropertyValueTypeError", message, shown, name)
    if attribute["Type"] == "Enumeration" and value not in [choice["ValueName"] for choice in attribute["Value"]]:
        return value_not_in_list(value, name)
    if not _fits(value, attribute):
        message = f"The value {shown} for the property {name} is not in the range of acceptable values."
        return failure(400, "PropertyValueOutOfRange", message, shown, name)
    return None


def _has_type(value: object, kind: str) -> bool:
    if kind == "Integer":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, bool if kind == "Boolean" else str)


def _fits(value: Any, attribute: dict[str, Any]) -> bool:
    if attribute["Type"] == "Integer":
        low, high, step = (attribute[name] for name in ("LowerBound", "UpperBound", "ScalarIncrement"))
        return bool(low <= value <= high and (value - low) % step == 0)
    if attribute["Type"] in ("String", "Password"):
        pattern = attribute.get("ValueExpression", "")
        return attribute["MinLength"] <= len(value) <= attribute["MaxLength"] and bool(re.search(pattern, value))
    return True
