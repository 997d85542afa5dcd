"""/api/v1/openapi.json: what flask-openapi3 collected, and the streams, which Flask does not know."""

from typing import Any

from flask import current_app
from flask_openapi3.openapi import OpenAPI

from web.api.blueprint import SECURITY, blueprint
from web.problems import MEDIA_TYPE
from web.shapes import ProblemShape
from web.streams.table import ROUTES, Route


@blueprint.get("/openapi.json", endpoint="document", doc_ui=False)
def document() -> dict[str, Any]:
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    assert isinstance(app, OpenAPI)
    described: dict[str, Any] = {**app.api_doc, "paths": {**app.api_doc["paths"]}}
    for route in ROUTES:
        described["paths"][route.template] = {route.method.lower(): _operation(route)}
    return described


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
