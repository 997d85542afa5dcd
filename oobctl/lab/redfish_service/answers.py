"""Redfish answers: resources, and errors with extended information (DSP0266, section 8.6)."""

import json
from typing import Any

import flask

_REGISTRY = "Base.1.8"


def resource(odata_id: str, kind: str, version: str, **members: Any) -> dict[str, Any]:
    """A resource with its type and address; `version` as in v1_5_0."""
    return {"@odata.id": odata_id, "@odata.type": f"#{kind}.{version}.{kind}", **members}


def collection(odata_id: str, kind: str, members: list[str]) -> dict[str, Any]:
    """A collection of the resources at these addresses."""
    return {
        "@odata.id": odata_id,
        "@odata.type": f"#{kind}Collection.{kind}Collection",
        "Name": f"{kind} Collection",
        "Members@odata.count": len(members),
        "Members": [{"@odata.id": member} for member in members],
    }


def failure(status: int, message_id: str, message: str, *arguments: str) -> flask.Response:
    """An error answer; `message_id` is a message of the Base registry."""
    full_id = f"{_REGISTRY}.{message_id}"
    information = {
        "@odata.type": "#Message.v1_1_1.Message",
        "MessageId": full_id,
        "Message": message,
        "MessageArgs": list(arguments),
        "Severity": "Critical" if status >= 500 else "Warning",
    }
    body = {"error": {"code": full_id, "message": message, "@Message.ExtendedInfo": [information]}}
    return flask.Response(json.dumps(body), status, content_type="application/json")


def value_not_in_list(value: object, name: str) -> flask.Response:
    """400: a property or parameter has a value that is not allowed."""
    message = f"The value {value!r} for the property {name} is not in the list of acceptable values."
    return failure(400, "PropertyValueNotInList", message, str(value), name)


def in_wrong_state(message: str) -> flask.Response:
    """409: the server is not in a state in which this can be done."""
    return failure(409, "ActionNotSupported", message)


def nothing() -> flask.Response:
    """204: done, and nothing to say."""
    return flask.Response(status=204)


def json_body() -> dict[str, Any]:
    """The request's JSON object; an empty one when there is none."""
    body = flask.request.get_json(silent=True)
    return body if isinstance(body, dict) else {}
