"""Strings as IPMI packs them, in SDR (IPMI 2.0, section 43.15) and FRU (FRU storage definition 1.0, section 13)."""

_PLAIN, _BCD_PLUS, _SIX_BIT, _EIGHT_BIT = range(4)
_BCD = "0123456789 -.:,_"


def kind_and_length(byte: int, mask: int) -> tuple[int, int]:
    """The two halves of a type/length byte. mask: 0x1F in an SDR, 0x3F in a FRU."""
    return byte >> 6, byte & mask


def sdr_text(kind: int, data: bytes) -> str:
    """The id string of a sensor data record; its type 00b is Unicode."""
    return _unicode(data) if kind == _PLAIN else _packed(kind, data)


def fru_text(kind: int, data: bytes, *, english: bool) -> str:
    """A field of a FRU area; its type 00b is binary, given as hex. Eight bits are Latin-1 in English, else UTF-16."""
    if kind == _PLAIN:
        return data.hex()
    if kind == _EIGHT_BIT and not english and len(data) % 2 == 0:
        return _unicode(data)
    return _packed(kind, data)


def _packed(kind: int, data: bytes) -> str:
    if kind == _BCD_PLUS:
        return "".join(_BCD[byte >> 4] + _BCD[byte & 0x0F] for byte in data).strip()
    if kind == _SIX_BIT:  # least significant bits first
        bits = int.from_bytes(data, "little")
        return "".join(chr(((bits >> 6 * i) & 0x3F) + 0x20) for i in range(len(data) * 8 // 6)).strip()
    return data.decode("latin-1").strip(" \0")


def _unicode(data: bytes) -> str:
    return data.decode("utf-16-le", errors="replace").strip(" \0\ufffd")
