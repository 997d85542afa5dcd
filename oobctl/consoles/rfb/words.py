"""The numbers of RFB 3.8 (RFC 6143) and of its registered extensions, and the one form of pixels that is used."""

import struct
from enum import IntEnum


class ServerMessage(IntEnum):
    """RFC 6143, section 7.6."""

    FRAMEBUFFER_UPDATE = 0
    SET_COLOUR_MAP_ENTRIES = 1
    BELL = 2
    SERVER_CUT_TEXT = 3


class ClientMessage(IntEnum):
    """RFC 6143, section 7.5, and what is registered beside them."""

    SET_PIXEL_FORMAT = 0
    SET_ENCODINGS = 2
    FRAMEBUFFER_UPDATE_REQUEST = 3
    KEY_EVENT = 4
    POINTER_EVENT = 5
    CLIENT_CUT_TEXT = 6
    ENABLE_CONTINUOUS_UPDATES = 150
    CLIENT_FENCE = 248
    XVP = 250
    SET_DESKTOP_SIZE = 251
    QEMU = 255


class Encoding(IntEnum):
    """RFC 6143, section 7.7, and what is registered beside them. Negative ones are told, not drawn."""

    RAW = 0
    TIGHT = 7
    TIGHT_PNG = -260
    DESKTOP_SIZE = -223
    LAST_RECT = -224
    CURSOR = -239
    COMPRESS_LEVEL_1 = -255
    QEMU_EXTENDED_KEY_EVENT = -258


ASKED_FOR = (
    Encoding.TIGHT_PNG,
    Encoding.RAW,
    Encoding.CURSOR,
    Encoding.DESKTOP_SIZE,
    Encoding.LAST_RECT,
    Encoding.QEMU_EXTENDED_KEY_EVENT,
    Encoding.COMPRESS_LEVEL_1,
)
"""What a BMC is asked to send: each rectangle draws what it draws whatever was drawn before it. So whoever joins needs
one whole picture and no history (no CopyRect, and none of the encodings whose zlib streams go on)."""

RAW_ASKED_FOR = tuple(one for one in ASKED_FOR if one is not Encoding.TIGHT_PNG)
"""The same while a picture is taken, whose pixels we read."""

PIXEL_BYTES = 4
PIXEL_FORMAT = struct.pack(">BBBBHHHBBBxxx", 32, 24, 0, 1, 255, 255, 255, 0, 8, 16)
"""32 bits, little-endian, red in the first byte: what noVNC draws without a conversion. All viewers get this one."""

LARGEST_SIDE = 8192
"""Of a screen, in pixels."""
