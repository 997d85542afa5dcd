"""Our packets of an open session are what the standard says, and what others make is read; nothing forged is."""

import hashlib
import hmac
import os

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from oobctl.drivers.ipmi.packets import Codec

AES, INTEGRITY = bytes(range(16)), bytes(range(20, 40))
SUITES = [("sha1", 12), ("sha256", 16)]  # cipher suites 3 and 17
NUMBERS = st.integers(0, 2**32 - 1)
PAYLOAD = bytes.fromhex("811c63208c0100550000")


def by_the_standard(payload: bytes, session: int, sequence: int, mac: str, length: int) -> bytes:
    """A packet as IPMI 2.0, table 13-8 has it, by the library's CBC and HMAC."""
    count = -(len(payload) + 1) % 16
    vector = os.urandom(16)
    cipher = Cipher(algorithms.AES(AES), modes.CBC(vector)).encryptor()
    secret = vector + cipher.update(payload + bytes(range(1, count + 1)) + bytes((count,))) + cipher.finalize()
    packet = b"\x06\x00\xff\x07\x06\xc0" + session.to_bytes(4, "little") + sequence.to_bytes(4, "little")
    packet += len(secret).to_bytes(2, "little") + secret
    fill = -(len(packet) - 4 + 2) % 4
    packet += b"\xff" * fill + bytes((fill, 7))
    return packet + hmac.new(INTEGRITY, packet[4:], getattr(hashlib, mac)).digest()[:length]


@pytest.mark.parametrize(("mac", "length"), SUITES)
@given(
    payload=st.binary(min_size=1, max_size=255), session=st.integers(0, 2**32 - 1), sequence=st.integers(0, 2**32 - 1)
)
def test_what_the_standard_says_is_read_and_what_we_make_is_read_alike(
    mac: str, length: int, payload: bytes, session: int, sequence: int
) -> None:
    codec = Codec(AES, INTEGRITY, mac, length)
    for packet in (
        by_the_standard(payload, session, sequence, mac, length),
        codec.encode(payload, 0, session, sequence),
    ):
        assert codec.decode(packet) == (session, sequence, payload)


@pytest.mark.parametrize(("mac", "length"), SUITES)
@given(payload=st.binary(min_size=1, max_size=255))
def test_what_we_make_is_what_the_standard_says(mac: str, length: int, payload: bytes) -> None:
    packet = Codec(AES, INTEGRITY, mac, length).encode(payload, 0, 7, 9)
    assert (len(packet) - length - 4) % 4 == 0
    vector, size = packet[16:32], int.from_bytes(packet[14:16], "little")
    plain = Cipher(algorithms.AES(AES), modes.CBC(vector)).decryptor().update(packet[32 : 16 + size])
    assert plain[: len(payload)] == payload
    assert list(plain[len(payload) : -1]) == list(range(1, plain[-1] + 1))
    assert packet[-length:] == hmac.new(INTEGRITY, packet[4:-length], getattr(hashlib, mac)).digest()[:length]


@given(place=st.integers(4, 51), bit=st.integers(0, 7))
def test_a_packet_with_any_bit_changed_is_nobodys(place: int, bit: int) -> None:
    codec = Codec(AES, INTEGRITY, "sha1", 12)
    packet = bytearray(codec.encode(PAYLOAD, 0, 7, 9))
    packet[place % len(packet) if place >= 4 else 4] ^= 1 << bit
    assert codec.decode(bytes(packet)) is None


@given(st.binary(max_size=120))
def test_random_bytes_are_nobodys_packet_and_no_crash(packet: bytes) -> None:
    assert Codec(AES, INTEGRITY, "sha256", 16).decode(packet) is None
