"""VirtualMedia: a CD slot whose image is fetched and put into the machine's CD drive."""

import json
import secrets
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import flask
from cryptography import x509

from oobctl.lab.credentials import write_secret
from oobctl.lab.errors import LabError
from oobctl.lab.redfish_service.answers import collection, failure, json_body, nothing, resource
from oobctl.lab.redfish_service.configuration import Configuration
from oobctl.lab.redfish_service.hardware import SYSTEM
from oobctl.lab.redfish_service.image_download import ImageRefused, Source, check_url, fetch
from oobctl.lab.redfish_service.rack_link import RackLink
from oobctl.lab.redfish_service.tasks import TaskFailed, Tasks

MEDIA = f"{SYSTEM}/VirtualMedia"
SLOT = "Cd"
_PATH = f"{MEDIA}/{SLOT}"
_CERTIFICATES = f"{_PATH}/Certificates"
_ACTION = "VirtualMedia.InsertMedia"


class VirtualMedia:
    """One slot. What is in it outlasts resets of server and BMC; the rack's end empties it."""

    def __init__(self, configuration: Configuration, link: RackLink, tasks: Tasks) -> None:
        folder = configuration.ready.parent
        self._images = folder / "media"
        self._settings = folder / "media.json"
        self._authority, self._address = configuration.authority, configuration.address
        self._link = link
        self._tasks = tasks
        self._lock = threading.Lock()  # one insertion at a time

    def install(self, app: flask.Flask) -> None:
        """In place of sushy-tools' routes, which know neither the machine's drive nor a limit."""
        views: dict[str, Callable[..., flask.Response]] = {
            "resource": lambda: flask.jsonify(self.describe()),
            "patch": self.patch,
            "insert": self.insert,
            "eject": self.eject,
            "certificates": self.certificates,
            "add_certificate": self.add_certificate,
            "get_certificate": self.certificate,
            "delete_certificate": self.delete_certificate,
        }
        members = collection(MEDIA, "VirtualMedia", [_PATH])
        prefix = "VirtualMedia.virtual_media"
        app.view_functions[f"{prefix}_collection_resource"] = lambda identity: flask.jsonify(members)
        for name, view in views.items():
            app.view_functions[f"{prefix}_{name}"] = _of_slot(view)

    def describe(self) -> dict[str, Any]:
        media = self._link.view()["media"] or {}
        body = resource(_PATH, "VirtualMedia", "v1_5_0", Id=SLOT, Name="Virtual CD", MediaTypes=["CD", "DVD"])
        return body | {
            "Image": media.get("image"),
            "ImageName": media.get("name"),
            "Inserted": bool(media),
            "WriteProtected": True,
            "ConnectedVia": "URI" if media else "NotConnected",
            "TransferMethod": "Upload" if media else None,
            "UserName": media.get("user") or None,
            "Password": None,
            "VerifyCertificate": self._read()["verify"],
            "Certificates": {"@odata.id": _CERTIFICATES},
            "Actions": {
                "#VirtualMedia.InsertMedia": {"target": f"{_PATH}/Actions/VirtualMedia.InsertMedia"},
                "#VirtualMedia.EjectMedia": {"target": f"{_PATH}/Actions/VirtualMedia.EjectMedia"},
            },
        }

    def patch(self) -> flask.Response:
        """PATCH VerifyCertificate: whether the certificate of an https image's server is checked."""
        verify = json_body().get("VerifyCertificate")
        if not isinstance(verify, bool):
            message = "The slot takes VerifyCertificate, true or false."
            return failure(400, "PropertyValueTypeError", message, str(verify), "VerifyCertificate")
        self._write(self._read() | {"verify": verify})
        return nothing()

    def insert(self) -> flask.Response:
        """POST InsertMedia: the answer comes when the image is in the drive, or refers to a task after 5 s."""
        body = json_body()
        if "Image" not in body:
            message = f"The action {_ACTION} requires the parameter Image to be present in the request body."
            return failure(400, "ActionParameterMissing", message, _ACTION, "Image")
        if body.get("Inserted") is False or body.get("WriteProtected") is False:
            name = "Inserted" if body.get("Inserted") is False else "WriteProtected"
            message = f"The parameter {name} for the action {_ACTION} takes true alone on this service."
            return failure(400, "ActionParameterValueNotInList", message, "false", name, _ACTION)
        try:
            url = check_url(body["Image"])
        except ImageRefused as refusal:
            return failure(400, refusal.message_id, refusal.message, *refusal.arguments)
        settings = self._read()
        user, password = str(body.get("UserName") or ""), str(body.get("Password") or "")
        authorities = (self._authority.read_text(), *settings["certificates"].values())
        source = Source(url, settings["verify"], authorities, user, password, self._address)
        return self._tasks.run("Insert virtual media", lambda: self._put_in(source), nothing)

    def _put_in(self, source: Source) -> None:
        if not self._lock.acquire(blocking=False):
            raise TaskFailed(409, "ResourceInUse", "An image is being inserted already.")
        try:
            if self._link.view()["media"]:
                message = "The change to the requested resource failed: something is inserted. Eject it first."
                raise TaskFailed(409, "ResourceInUse", message)
            image = self._images / f"{secrets.token_hex(8)}.img"
            fetch(source, image)
            name = Path(urlsplit(source.url).path).name
            self._attach(image, image=source.url, name=name, user=source.user)
        except ImageRefused as refusal:
            raise TaskFailed(400, refusal.message_id, refusal.message, *refusal.arguments) from refusal
        finally:
            self._lock.release()

    def _attach(self, file: Path, **media: str) -> None:
        attached = False
        try:
            self._link.command("insert-medium", file=str(file), **media)
            attached = True
        except LabError as error:
            raise TaskFailed(500, "GeneralError", error.message) from error
        finally:
            if not attached:
                file.unlink(missing_ok=True)

    def eject(self) -> flask.Response:
        """POST EjectMedia; an empty slot is ejected with success, as most BMCs do."""
        self._link.command("eject-medium")
        return nothing()

    # --- whom the slot trusts -----------------------------------------------------------------------------------

    def certificates(self) -> flask.Response:
        members = [f"{_CERTIFICATES}/{number}" for number in self._read()["certificates"]]
        return flask.jsonify(collection(_CERTIFICATES, "Certificate", members))

    def add_certificate(self) -> flask.Response:
        """POST a PEM certificate whose servers are trusted from now on."""
        body = json_body()
        pem = body.get("CertificateString")
        if body.get("CertificateType") != "PEM" or not isinstance(pem, str) or not _is_pem(pem):
            return failure(400, "PropertyValueFormatError", "The slot takes PEM certificates.", "CertificateString")
        settings = self._read()
        number = str(max((int(known) for known in settings["certificates"]), default=0) + 1)
        settings["certificates"][number] = pem
        self._write(settings)
        answer = flask.jsonify(_certificate(number, pem))
        answer.status_code = 201
        answer.headers["Location"] = f"{_CERTIFICATES}/{number}"
        return answer

    def certificate(self, number: str) -> flask.Response:
        pem = self._read()["certificates"].get(number)
        return _unknown("Certificate", number) if pem is None else flask.jsonify(_certificate(number, pem))

    def delete_certificate(self, number: str) -> flask.Response:
        settings = self._read()
        if settings["certificates"].pop(number, None) is None:
            return _unknown("Certificate", number)
        self._write(settings)
        return nothing()

    # --- inside -------------------------------------------------------------------------------------------------

    def _read(self) -> dict[str, Any]:
        try:
            kept = json.loads(self._settings.read_text())
            return {"verify": bool(kept["verify"]), "certificates": dict(kept["certificates"])}
        except (FileNotFoundError, ValueError, KeyError):
            return {"verify": True, "certificates": {}}

    def _write(self, settings: dict[str, Any]) -> None:
        write_secret(self._settings, json.dumps(settings))


def _of_slot(view: Callable[..., flask.Response]) -> Callable[..., flask.Response]:
    """As sushy-tools calls it; a slot that there is not is unknown."""

    def answer(identity: str, device: str, **certificate: str) -> flask.Response:
        return view(*certificate.values()) if device == SLOT else _unknown("VirtualMedia", device)

    return answer


def _certificate(number: str, pem: str) -> dict[str, Any]:
    path = f"{_CERTIFICATES}/{number}"
    body = resource(path, "Certificate", "v1_2_0", Id=number, Name=f"Certificate {number}")
    return body | {"CertificateType": "PEM", "CertificateString": pem}


def _is_pem(text: str) -> bool:
    try:
        x509.load_pem_x509_certificate(text.encode("ascii"))
    except ValueError:
        return False
    return True


def _unknown(kind: str, name: str) -> flask.Response:
    return failure(
        404, "ResourceNotFound", f"The requested resource of type {kind} named {name} was not found.", kind, name
    )
