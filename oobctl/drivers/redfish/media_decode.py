"""A VirtualMedia resource as a slot (DSP2046, VirtualMedia), and what to send to put an image into it."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from oobctl.drivers.identity import clean
from oobctl.drivers.media_slots import bare
from oobctl.drivers.readings import MediaSlot
from oobctl.drivers.redfish.action_info import Offered
from oobctl.drivers.redfish.answers import text

_LONGEST = 1024


def decode(resource: Mapping[str, Any], path: str) -> MediaSlot | None:
    """None where it has no name of its own."""
    slot = clean(text(resource, "Id")) or clean(path.rstrip("/").rpartition("/")[2])
    if slot is None:
        return None
    kinds = resource.get("MediaTypes")
    image = _image(resource, "Image")
    inserted = _inserted(resource, image)
    protected = resource.get("WriteProtected")
    return MediaSlot(
        slot=slot,
        name=clean(text(resource, "Name")) or slot,
        media_types=tuple(kind for kind in map(_word, kinds if isinstance(kinds, list) else []) if kind)[:16],
        inserted=inserted,
        image=image or (_image(resource, "ImageName") if inserted else None),
        connected_via=clean(text(resource, "ConnectedVia")),
        write_protected=protected if isinstance(protected, bool) else None,
        source=path,
    )


def _image(resource: Mapping[str, Any], key: str) -> str | None:
    said = text(resource, key)
    return clean(bare(said), _LONGEST) if said else None


def _inserted(resource: Mapping[str, Any], image: str | None) -> bool | None:
    """An image counts as inserted also where the BMC calls the slot NotConnected."""
    said = resource.get("Inserted")
    if said is True or image is not None:
        return True
    if said is False or text(resource, "ConnectedVia") == "NotConnected":
        return False
    return None


def _word(value: Any) -> str | None:
    return clean(value) if isinstance(value, str) else None


def insertion(url: str, action: Offered) -> tuple[dict[str, Any], dict[str, Any]]:
    """The body of InsertMedia, and what may be added to it or taken out where the BMC asks for that.

    Without an ActionInfo it is the image alone: the rest has defaults (DSP2046, InsertMedia), and some take no more.
    """
    scheme = urlsplit(url).scheme.upper()
    wanted: dict[str, Any] = {
        "Inserted": True,
        "WriteProtected": True,
        "TransferProtocolType": _of(action, "TransferProtocolType", scheme),
        "TransferMethod": _of(action, "TransferMethod", "Stream"),
    }
    wanted = {name: value for name, value in wanted.items() if value is not None}
    return {"Image": url, **{name: value for name, value in wanted.items() if name in action.parameters}}, wanted


def _of(action: Offered, parameter: str, value: str) -> str | None:
    """The value in the spelling that the BMC lists; None where it lists others alone."""
    listed = action.parameters.get(parameter)
    if not listed:
        return value
    return next((item for item in listed if item.casefold() == value.casefold()), None)
