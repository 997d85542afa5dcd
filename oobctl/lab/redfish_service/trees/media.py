"""Virtual media: an image is put in and taken out by an action or by PATCH; nothing is fetched."""

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import flask

from oobctl.lab.redfish_service.trees import refusals

if TYPE_CHECKING:
    from oobctl.lab.redfish_service.trees.state import State

_SCHEMES = frozenset({"http", "https", "nfs", "cifs", "ftp", "sftp"})
_PARAMETERS = frozenset(
    {"Image", "Inserted", "WriteProtected", "TransferMethod", "TransferProtocolType", "UserName", "Password",
     "MediaType"}
)  # fmt: skip
_EMPTY = {"Image": None, "ImageName": None, "Inserted": False, "ConnectedVia": "NotConnected"}


def insert(state: "State", path: str, body: dict[str, Any]) -> flask.Response:
    """POST VirtualMedia.InsertMedia."""
    for name in body:
        if name not in _PARAMETERS:
            return refusals.not_a_parameter("VirtualMedia.InsertMedia", name)
    if not body.get("Image"):
        return refusals.no_parameter("VirtualMedia.InsertMedia", "Image")
    return _put_in(state, path, body, "VirtualMedia.InsertMedia")


def eject(state: "State", path: str, body: dict[str, Any]) -> flask.Response:
    """POST VirtualMedia.EjectMedia."""
    if not state.resources.at(path).get("Inserted"):
        return refusals.in_wrong_state("There is no media in this slot.")
    return _take_out(state, path, body, "VirtualMedia.EjectMedia")


def patch(state: "State", path: str, body: dict[str, Any]) -> flask.Response:
    """PATCH Image and Inserted: an image with or without Inserted puts it in, none or Inserted false takes it out."""
    found = state.resources.at(path)
    for name in body:
        if name not in _PARAMETERS:
            return refusals.cannot_write(name) if name in found else refusals.unknown_property(name)
    if body.get("Image") and body.get("Inserted", True):
        return _put_in(state, path, body, "PATCH")
    if body.get("Inserted") is False or ("Image" in body and not body["Image"]):
        return _take_out(state, path, body, "PATCH")
    return refusals.missing("Image")


def _put_in(state: "State", path: str, body: dict[str, Any], name: str) -> flask.Response:
    found, image = state.resources.at(path), body["Image"]
    if not isinstance(image, str) or urlsplit(image).scheme not in _SCHEMES:
        return refusals.value_not_in_list(image, "Image")
    if found.get("Inserted"):
        return refusals.in_wrong_state("There is media in this slot already.")
    state.did(name, path, body)
    now = {
        "Image": image,
        "ImageName": PurePosixPath(urlsplit(image).path).name,
        "Inserted": True,
        "ConnectedVia": "URI",
        "WriteProtected": body.get("WriteProtected", True),
        "TransferProtocolType": urlsplit(image).scheme.upper(),
    }
    found.update({key: value for key, value in now.items() if key in found})
    return refusals.nothing()


def _take_out(state: "State", path: str, body: dict[str, Any], name: str) -> flask.Response:
    state.did(name, path, body)
    found = state.resources.at(path)
    found.update({key: value for key, value in _EMPTY.items() if key in found})
    return refusals.nothing()
