"""The refusals of a service in Redfish's words (the Base message registry, DSP8011)."""

import flask

from oobctl.lab.redfish_service.answers import failure, nothing, value_not_in_list

__all__ = [
    "cannot_write", "exists_already", "failure", "in_wrong_state", "missing", "no_session", "not_a_parameter",
    "not_allowed", "not_here", "not_permitted", "nothing", "sessions_full", "unknown_action", "unknown_property",
    "unsupported", "value_not_in_list", "wrong_etag", "wrong_type",
]  # fmt: skip


def in_wrong_state(message: str) -> flask.Response:
    """409: the resource is not in a state in which this can be done; no word says whether it ever can be."""
    return failure(409, "ResourceInUse", message)


def not_here(path: str) -> flask.Response:
    message = f"The resource at the URI {path} was not found."
    return failure(404, "ResourceMissingAtURI", message, path)


def not_allowed(path: str, *allowed: str) -> flask.Response:
    answer = failure(405, "OperationNotAllowed", f"The HTTP method is not allowed on {path}.")
    answer.headers["Allow"] = ", ".join(("GET", "HEAD", *allowed))
    return answer


def no_session() -> flask.Response:
    answer = failure(401, "NoValidSession", "There is no valid session established with the implementation.")
    answer.headers["WWW-Authenticate"] = 'Basic realm="BMC"'
    return answer


def sessions_full() -> flask.Response:
    message = "The session establishment failed due to the number of simultaneous sessions exceeding the limit."
    return failure(503, "SessionLimitExceeded", message)


def not_permitted() -> flask.Response:
    message = "There are insufficient privileges for the account or credentials associated with the current session."
    return failure(403, "InsufficientPrivilege", message)


def wrong_etag() -> flask.Response:
    return failure(412, "PreconditionFailed", "The ETag supplied did not match the ETag required to change it.")


def unknown_property(name: str) -> flask.Response:
    message = f"The property {name} is not in the list of valid properties for the resource."
    return failure(400, "PropertyUnknown", message, name)


def cannot_write(name: str) -> flask.Response:
    message = f"The property {name} is a read-only property and cannot be assigned a value."
    return failure(400, "PropertyNotWritable", message, name)


def unsupported() -> flask.Response:
    return failure(400, "UnsupportedOperation", "The operation is not supported by the system.")


def missing(name: str) -> flask.Response:
    message = f"The property {name} is a required property and must be included in the request."
    return failure(400, "PropertyMissing", message, name)


def wrong_type(value: object, name: str) -> flask.Response:
    message = f"The value {value!r:.60} for the property {name} is of a different type than the property can accept."
    return failure(400, "PropertyValueTypeError", message, str(value)[:60], name)


def not_a_parameter(action: str, name: str) -> flask.Response:
    message = f"The action {action} was submitted with the invalid parameter {name}."
    return failure(400, "ActionParameterUnknown", message, action, name)


def no_parameter(action: str, name: str) -> flask.Response:
    message = f"The action {action} requires the parameter {name} to be present in the request body."
    return failure(400, "ActionParameterMissing", message, action, name)


def unknown_action(name: str) -> flask.Response:
    return failure(501, "ActionNotSupported", f"The action {name} is not supported by the resource.", name)


def exists_already(kind: str, name: str, value: str) -> flask.Response:
    message = f"The requested resource of type {kind} with the property {name} with the value {value} already exists."
    return failure(400, "ResourceAlreadyExists", message, kind, name, value)
