"""Sensor data records written out byte by byte, as the tests of the decoder and of a simulated BMC need them."""

FULL, COMPACT, EVENT_ONLY, FRU = 0x01, 0x02, 0x03, 0x11
READABLE, SETTABLE, FIXED = 1, 2, 3


def name_bytes(name: str) -> bytes:
    return bytes((0xC0 | len(name),)) + name.encode("latin-1")


def record(kind: int, body: bytes, number: int = 1, version: int = 0x51) -> bytes:
    """The header, and the body behind it."""
    return number.to_bytes(2, "little") + bytes((version, kind, len(body))) + body


def ten_bits(value: int, low: int = 0) -> bytes:
    """M with its tolerance, or B with its accuracy: two bytes."""
    value &= 0x3FF
    return bytes((value & 0xFF, (value >> 8) << 6 | low))


def factors(m: int = 1, b: int = 0, b_exponent: int = 0, exponent: int = 0) -> bytes:
    return ten_bits(m) + ten_bits(b) + bytes((0, (exponent & 0x0F) << 4 | b_exponent & 0x0F))


def full(
    sensor: int,
    name: str,
    *,
    number: int = 1,
    sensor_type: int = 1,
    event_type: int = 1,
    entity: tuple[int, int] = (7, 1),
    owner: tuple[int, int] = (0x20, 0),
    access: int = SETTABLE,
    thresholds: bytes = bytes(6),  # lower caution, critical, fatal, upper caution, critical, fatal
    readable: int = 0,
    compared: tuple[int, int] = (0, 0),  # lower and upper, bit 0 caution
    mask: int = 0,
    form: int = 0,
    units: tuple[int, int, int] = (0, 1, 0),
    linearization: int = 0,
    conversion: bytes = factors(),
) -> bytes:
    """A full sensor record (IPMI 2.0, table 43-1)."""
    discrete = event_type != 1
    masks = (
        bytes(4) + mask.to_bytes(2, "little")
        if discrete
        else bytes((0, compared[0] << 4, 0, compared[1] << 4, readable, readable))
    )
    lower, upper = thresholds[:3], thresholds[3:]
    body = (
        bytes((owner[0], owner[1], sensor, *entity, 0x7F, 0x40 | access << 2, sensor_type, event_type))
        + masks
        + bytes((form << 6 | units[0], units[1], units[2], linearization))
        + conversion
        + bytes(6)
        + upper[::-1]
        + lower[::-1]
        + bytes(5)
        + name_bytes(name)
    )
    return record(FULL, body, number)


def compact(
    sensor: int,
    name: str,
    *,
    number: int = 1,
    sensor_type: int = 8,
    event_type: int = 0x6F,
    entity: tuple[int, int] = (10, 1),
    owner: tuple[int, int] = (0x20, 0),
    mask: int = 0x7FFF,
    units: int = 0xC0,
    share: tuple[int, int] = (0, 0),
) -> bytes:
    """A compact sensor record (table 43-2)."""
    body = (
        bytes((owner[0], owner[1], sensor, *entity, 0x63, 0x40, sensor_type, event_type))
        + bytes(4)
        + mask.to_bytes(2, "little")
        + bytes((units, 0, 0, *share))
        + bytes(6)
        + name_bytes(name)
    )
    return record(COMPACT, body, number)


def event_only(
    sensor: int,
    name: str,
    *,
    number: int = 1,
    sensor_type: int = 0x12,
    event_type: int = 0x6F,
    entity: tuple[int, int] = (7, 1),
    owner: tuple[int, int] = (0x20, 0),
    share: tuple[int, int] = (0, 0),
) -> bytes:
    """An event-only record (table 43-3)."""
    head = bytes((owner[0], owner[1], sensor, *entity, sensor_type, event_type, *share, 0, 0))
    return record(EVENT_ONLY, head + name_bytes(name), number)


def fru(device: int, name: str, *, number: int = 1, entity: tuple[int, int] = (10, 1), modifier: int = 2) -> bytes:
    """A FRU device locator of the BMC's own (table 43-7)."""
    body = bytes((0x20, device, 0x80, 0, 0, 0x10, modifier, *entity, 0)) + name_bytes(name)
    return record(FRU, body, number)
