"""What an action takes is told where it is offered and in the API's description."""

from typing import Any

from flask.testing import FlaskClient

from oobctl import control
from tests.unit.web.test_readings import Bearer, get


def test_each_offer_has_the_schema_of_its_parameters(anonymous: FlaskClient, bearer: Bearer) -> None:
    offers = {one["name"]: one["parameters"] for one in get(anonymous, "/servers/web01", bearer("owner"))["actions"]}
    assert "source" in offers["boot.set"]["required"]
    assert offers["media.insert"]["properties"]["image"]["description"]
    assert offers["power.cycle"]["additionalProperties"] is False


def test_the_openapi_has_the_parameters_of_every_action_and_each_reference_leads_somewhere(
    anonymous: FlaskClient, bearer: Bearer
) -> None:
    document = get(anonymous, "/openapi.json", bearer("owner"))
    schemas = document["components"]["schemas"]
    act = document["paths"]["/api/v1/servers/{server}/actions/{action}"]["post"]
    said = act["requestBody"]["content"]["application/json"]["schema"]["anyOf"]
    names = {one["$ref"].rpartition("/")[2] for one in said}
    assert names == {action.name for action in control.actions()}
    assert schemas["media.insert"]["required"] == ["image"]
    missing = [ref for ref in _references(document) if ref.removeprefix("#/components/schemas/") not in schemas]
    assert missing == []


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        inner = [ref for item in value.values() for ref in _references(item)]
        return inner + ([value["$ref"]] if isinstance(value.get("$ref"), str) else [])
    return [ref for item in value for ref in _references(item)] if isinstance(value, list) else []
