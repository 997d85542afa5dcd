"""Is this the BMC and the system that was enrolled? Comparing what a BMC says with the row, placeholders left out."""

import re
import uuid
from collections.abc import Iterable, Sequence
from itertools import islice

from oobctl.drivers.interfaces import Identity
from oobctl.errors import BmcBusy, NotFound, WrongServer
from oobctl.store import Bmc, Server, database

_LONGEST = 128  # as the columns are
_MOST_PARTS = 16
_VERSIONS = ({4}, {1, 5}, {2, 3})  # of UUIDs, the likely ones first: nobody makes 2, hardly anybody 3
_PLACEHOLDER_UUIDS = frozenset(
    {
        "03000200-0400-0500-0006-000700080009",
        "12345678-1234-5678-90ab-cddeefaabbcc",
        "00010203-0405-0607-0809-0a0b0c0d0e0f",
    }
)
_PLACEHOLDER_SERIALS = frozenset(
    {
        "0123456789",
        "123456789",
        "1234567890",
        "default string",
        "n/a",
        "na",
        "none",
        "not available",
        "not specified",
        "null",
        "serial number",
        "system serial number",
        "chassis serial number",
        "to be filled by o.e.m.",
        "unknown",
        "unspecified",
    }
)


def check(found: Identity, server_id: str) -> None:
    """Compare what a BMC says with what was enrolled for the server; passes where nothing was ever enrolled.

    Raises WrongServer (detail `staff`: what was `expected` and `found`) where another server answers, BmcBusy where the
    BMC says nothing that can be compared, NotFound where there is no such server.
    """
    with database().read() as tx:
        server = tx.get(Server, server_id)
        if server is None:
            raise NotFound("There is no such server.")
        bmc = tx.get(Bmc, server.bmc_id)
        enrolled = Identity(
            system_uuid=server.system_uuid,
            serial=server.serial,
            bmc_guid=bmc.guid if bmc else None,
            bmc_mac=bmc.mac if bmc else None,
        )
    compare(found, enrolled, server.name)


def compare(found: Identity, enrolled: Identity, name: str) -> None:
    """The rule behind `check`. The system's UUID and serial decide, where they can be compared: each must agree.
    Where neither can, the BMC's GUID and MAC do: they belong to the BMC, which may serve several systems."""
    expected, said = _comparable(enrolled), _comparable(found)
    if not expected:
        return
    for keys in (("system_uuid", "serial"), ("bmc_guid", "bmc_mac")):
        common = [key for key in keys if key in expected and key in said]
        differing = [key for key in common if not _agree(key, expected[key], said[key])]
        if differing:
            raise _wrong(name, expected, said, differing)
        if common:
            return
    raise BmcBusy(
        f"The BMC at the address of {name} says nothing about itself just now that can be compared with what was "
        f"enrolled ({', '.join(map(_words, expected))}), so nothing was changed there. It may still be starting: try "
        "again in a minute. If it stays so, look at the server and enroll it again.",
        staff={"expected": expected, "found": said},
    )


def _wrong(name: str, expected: dict[str, str], said: dict[str, str], differing: Sequence[str]) -> WrongServer:
    """What the other server says is another customer's: it stands in the details for staff alone."""
    others = " and another ".join(map(_words, differing))
    return WrongServer(
        f"Another server answers at the address of {name}: it has another {others} than was enrolled. Nothing was "
        "changed there. Check the BMC's address and cabling, then enroll the server again.",
        staff={"expected": expected, "found": said},
    )


def told(
    *,
    system_uuid: str | bytes | None = None,
    serial: str | None = None,
    bmc_guid: str | bytes | None = None,
    bmc_mac: str | None = None,
    manufacturer: str | None = None,
    model: str | None = None,
    board: str | None = None,
    bmc_firmware: str | None = None,
    bmc_model: str | None = None,
    root_vendor: str | None = None,
    root_product: str | None = None,
    oem: Iterable[str] = (),
    bios_version: str | None = None,
    ipmi_manufacturer: int | None = None,
    ipmi_product: int | None = None,
) -> Identity:
    """What a BMC told of itself, as it may be stored and shown: normalised, without placeholders, of bounded length."""
    parts = dict.fromkeys(part for part in map(clean, islice(oem, _MOST_PARTS)) if part)
    return Identity(
        system_uuid=normalise_uuid(system_uuid),
        serial=normalise_serial(serial),
        bmc_guid=normalise_uuid(bmc_guid),
        bmc_mac=normalise_mac(bmc_mac),
        manufacturer=clean(manufacturer),
        model=clean(model),
        board=clean(board),
        bmc_firmware=clean(bmc_firmware),
        bmc_model=clean(bmc_model),
        root_vendor=clean(root_vendor),
        root_product=clean(root_product),
        oem=tuple(parts),
        bios_version=clean(bios_version),
        ipmi_manufacturer=ipmi_manufacturer,
        ipmi_product=ipmi_product,
    )


def clean(value: str | None, longest: int = _LONGEST) -> str | None:
    """One line of at most `longest` printable characters; None where nothing is left.

    BMCs say NUL, line ends and half characters, which no database or page takes.
    """
    printable = "".join(character if character.isprintable() else " " for character in value or "")
    return " ".join(printable.split())[:longest].rstrip() or None


def _comparable(identity: Identity) -> dict[str, str]:
    """What is left without placeholders."""
    values = {
        "system_uuid": normalise_uuid(identity.system_uuid),
        "serial": normalise_serial(identity.serial),
        "bmc_guid": normalise_uuid(identity.bmc_guid),
        "bmc_mac": normalise_mac(identity.bmc_mac),
    }
    return {key: value for key, value in values.items() if value is not None}


def _agree(key: str, one: str, other: str) -> bool:
    if key in {"system_uuid", "bmc_guid"}:
        return same_uuid(one, other)
    return one.casefold() == other.casefold()


def _words(key: str) -> str:
    return {"system_uuid": "system UUID", "serial": "serial number", "bmc_guid": "BMC GUID", "bmc_mac": "BMC MAC"}[key]


def normalise_uuid(value: str | bytes | None) -> str | None:
    """RFC 4122 text in lower case, from text or from 16 bytes as sent, in whichever order these are. None for what is
    no UUID, and for a known placeholder."""
    try:
        parsed = _ordered(value) if isinstance(value, bytes) else uuid.UUID(str(value).strip())
    except ValueError:
        return None
    if len(set(parsed.bytes)) == 1:  # all zeros, all ones, and the like
        return None
    if orders(parsed) & _PLACEHOLDER_UUIDS:
        return None
    return str(parsed)


def _ordered(said: bytes) -> uuid.UUID:
    """16 bytes as the operating system reads the UUID: BMCs send them in the order of RFC 4122, of SMBIOS (first three
    fields swapped) or of IPMI 2.0, section 20.8 (all of it backwards). The variant and the version (RFC 4122, section
    4.1) tell which, the usual versions first; where two orders fit alike, or none, it stays as it was sent."""
    sent = uuid.UUID(bytes=said)
    ways = {sent, uuid.UUID(bytes_le=said), uuid.UUID(bytes=said[::-1])}
    for versions in _VERSIONS:
        fitting = [one for one in ways if one.version in versions]
        if fitting:
            return fitting[0] if len(fitting) == 1 else sent
    return sent


def same_uuid(one: str, other: str) -> bool:
    """Equal in some byte order: RFC 4122's, SMBIOS's (first three fields swapped), or IPMI's (all of it backwards)."""
    return str(uuid.UUID(one)) in orders(uuid.UUID(other))


def orders(value: uuid.UUID) -> frozenset[str]:
    """All that comes of `value` by swapping and turning round, in any sequence: which of them was sent is not known."""
    turned = {way[::-1] for way in (value.bytes, value.bytes_le)}
    turned |= {uuid.UUID(bytes=way).bytes_le for way in turned}
    return frozenset(str(uuid.UUID(bytes=way)) for way in turned | {way[::-1] for way in turned})


def normalise_serial(value: str | None) -> str | None:
    """The serial number, cleaned; None for an empty one or a known placeholder."""
    text = clean(value)
    if text is None or len(set(text)) == 1 or text.casefold() in _PLACEHOLDER_SERIALS:
        return None
    return text


def normalise_mac(value: str | None) -> str | None:
    """Six bytes in lower case with colons; None for what is no MAC address, or all zeros or ones."""
    digits = re.sub(r"[^0-9a-f]", "", (value or "").lower())
    if len(digits) != 12 or digits in {"0" * 12, "f" * 12}:
        return None
    return ":".join(digits[i : i + 2] for i in range(0, 12, 2))
