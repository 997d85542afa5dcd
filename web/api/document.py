"""/api/v1/openapi.json: what flask-openapi3 collected, and the streams, which Flask does not know."""

from typing import Any

from flask import current_app
from flask_openapi3.openapi import OpenAPI

from oobctl import control
from web.api.blueprint import SECURITY, blueprint
from web.problems import MEDIA_TYPE
from web.shapes import ProblemShape
from web.streams.table import ROUTES, Route

_REF = "#/components/schemas/"
_ACT = "/api/v1/servers/{server}/actions/{action}"


@blueprint.get("/openapi.json", endpoint="document", doc_ui=False)
def document() -> dict[str, Any]:
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    assert isinstance(app, OpenAPI)
    described: dict[str, Any] = {**app.api_doc, "paths": {**app.api_doc["paths"]}}
    schemas = _parameters()
    described["components"] = {**app.api_doc["components"]}
    described["components"]["schemas"] = {**app.api_doc["components"].get("schemas", {}), **schemas}
    described["paths"][_ACT] = _with_parameters(described["paths"][_ACT])
    for route in ROUTES:
        described["paths"][route.template] = {route.method.lower(): _operation(route)}
    return described


def _parameters() -> dict[str, Any]:
    """The schema of each action's parameters under its name; what a schema refers to under that name and its own."""
    found: dict[str, Any] = {}
    for action in control.actions():
        schema = action.asks.model_json_schema(ref_template=f"{_REF}{action.name}.{{model}}")
        found |= {f"{action.name}.{name}": inner for name, inner in schema.pop("$defs", {}).items()}
        found[action.name] = {**schema, "title": action.title}
    return found


def _with_parameters(path: dict[str, Any]) -> dict[str, Any]:
    """The body of an action is what one of the actions takes."""
    any_of = [{"$ref": f"{_REF}{action.name}"} for action in control.actions()]
    body = {**path["post"]["requestBody"], "content": {"application/json": {"schema": {"anyOf": any_of}}}}
    return {**path, "post": {**path["post"], "requestBody": body}}


def _operation(route: Route) -> dict[str, Any]:
    problem = {"content": {MEDIA_TYPE: {"schema": ProblemShape.model_json_schema()}}}
    return {
        "tags": [route.tag],
        "summary": route.summary,
        "description": route.description,
        "operationId": route.name,
        "security": SECURITY,
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in route.parameters
        ],
        "responses": {
            "200": {"description": "A stream of events", "content": {route.media_type: {"schema": {"type": "string"}}}},
            "401": {"description": "Nobody is signed in, or the token is not valid", **problem},
            "404": {"description": "Unknown, or not yours", **problem},
        },
    }
