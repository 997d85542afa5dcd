"""What an EventService and its subscriptions look like, and which one is refused (DSP2046, EventDestination)."""

from typing import Any
from urllib.parse import urlsplit

import flask

from oobctl.lab.redfish_service.answers import failure, resource, value_not_in_list
from oobctl.lab.redfish_service.event_delivery import RETRY_ATTEMPTS, RETRY_SECONDS, Destination

SERVICE = "/redfish/v1/EventService"
SUBSCRIPTIONS, STREAM = f"{SERVICE}/Subscriptions", f"{SERVICE}/SSE"
MOST_SUBSCRIPTIONS = 4
_TEXTS = ("Destination", "Protocol", "Context", "SubscriptionType", "EventFormatType", "Name")
_LISTS = ("EventTypes", "RegistryPrefixes", "ResourceTypes")
_LONGEST_CONTEXT = 256


def service() -> dict[str, Any]:
    """The EventService itself."""
    body = resource(SERVICE, "EventService", "v1_10_0", Id="EventService", Name="Event Service")
    return body | {
        "ServiceEnabled": True,
        "DeliveryRetryAttempts": RETRY_ATTEMPTS,
        "DeliveryRetryIntervalSeconds": RETRY_SECONDS,
        "EventFormatTypes": ["Event"],
        "ServerSentEventUri": STREAM,
        "Subscriptions": {"@odata.id": SUBSCRIPTIONS},
        "Status": {"State": "Enabled", "Health": "OK"},
    }


def described(path: str, body: dict[str, Any]) -> dict[str, Any]:
    """A subscription as it is read back."""
    number = path.rpartition("/")[2]
    made = resource(path, "EventDestination", "v1_14_0", Id=number, Name=body.get("Name", f"Subscription {number}"))
    return made | {"Context": "", "SubscriptionType": "RedfishEvent", "Status": {"State": "Enabled"}, **body}


def destination(resource: dict[str, Any]) -> Destination:
    return Destination(str(resource["Destination"]), str(resource.get("Context") or ""))


def refusal(body: dict[str, Any], taken: int) -> flask.Response | None:
    """Why a new subscription is refused; None where it is taken. taken: how many there are."""
    return _wrong_properties(body) or _wrong_destination(body) or (_full() if taken >= MOST_SUBSCRIPTIONS else None)


def _wrong_properties(body: dict[str, Any]) -> flask.Response | None:
    for name in ("Destination", "Protocol"):
        if name not in body:
            return failure(400, "PropertyMissing", f"The property {name} is required and must be included.", name)
    for name, value in body.items():
        if name not in (*_TEXTS, *_LISTS):
            return failure(400, "PropertyUnknown", f"The property {name} is not valid for the resource.", name)
        listed = isinstance(value, list) and all(isinstance(item, str) for item in value)
        if not (listed if name in _LISTS else isinstance(value, str)):
            return failure(400, "PropertyValueTypeError", f"The property {name} is of a different type.", name)
    if body["Protocol"] != "Redfish":
        return value_not_in_list(body["Protocol"], "Protocol")
    if len(body.get("Context", "")) > _LONGEST_CONTEXT:
        return failure(400, "StringValueTooLong", f"The property Context takes {_LONGEST_CONTEXT} characters.")
    return None


def _wrong_destination(body: dict[str, Any]) -> flask.Response | None:
    try:
        parts = urlsplit(body["Destination"])
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    message = "The property Destination is no address that events can be sent to."
    return None if good else failure(400, "PropertyValueFormatError", message, "Destination")


def _full() -> flask.Response:
    message = "The event subscription failed due to the number of simultaneous subscriptions exceeding the limit."
    return failure(503, "EventSubscriptionLimitExceeded", message)
