"""The packets of an open RMCP+ session, encrypted and signed (IPMI 2.0, sections 13.6, 13.28 and 13.29).

The IPMI library makes and takes them too, and a fleet spends most of its time there: AES and HMAC are set up anew for
each packet. Here that is done once a session. The key is used with ECB underneath, and chained as CBC wants it.
"""

import hmac
import os
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_BLOCK = 16
_RMCP = b"\x06\x00\xff\x07"  # version 1.0, no acknowledge, class IPMI
_AUTHTYPE = 0x06  # RMCP+
_ENCRYPTED, _AUTHENTICATED = 0x80, 0x40
_HEADER = struct.Struct("<4sBBIIH")
SECURED = _RMCP + bytes((_AUTHTYPE, _ENCRYPTED | _AUTHENTICATED))  # how a packet with an IPMI message in it begins
SECURED_LINE = SECURED[:-1] + bytes((SECURED[-1] | 0x01,))  # the same with a packet of Serial over LAN
_BMC, _US = 0x20, 0x81  # addresses in a message (IPMI 2.0, section 13.8); software id 0x81 is a remote console
_SHORTEST_ANSWER = 8
_PADS = [bytes(range(1, count + 1)) + bytes((count,)) for count in range(_BLOCK)]  # 1, 2, 3 ... and how many they are
_FILLS = [b"\xff" * count + bytes((count, 0x07)) for count in range(4)]  # up to 4 bytes, its length, next header


def message(netfn: int, lun: int, number: int, command: int, data: bytes) -> bytes:
    """A request (IPMI 2.0, section 13.8). number: 6 bits, by which its answer is known."""
    head = bytes((_BMC, netfn << 2 | lun))
    body = bytes((_US, number << 2, command)) + data
    return head + bytes((-sum(head) & 0xFF,)) + body + bytes((-sum(body) & 0xFF,))


def answered(payload: bytes, netfn: int, number: int, command: int) -> tuple[int, bytes] | None:
    """The completion code and the data, where this answers that request. Its own checksums add nothing to the hash."""
    if len(payload) < _SHORTEST_ANSWER or payload[5] != command:
        return None
    if payload[4] >> 2 != number or payload[1] >> 2 != netfn | 1:
        return None
    return payload[6], payload[7:-1]


class Codec:
    """One session's. `mac`: the name of the hash for the integrity check, of which `length` bytes are sent."""

    def __init__(self, aes_key: bytes, integrity_key: bytes, mac: str, length: int) -> None:
        cipher = Cipher(algorithms.AES(aes_key), modes.ECB())  # noqa: S305 (chained below)
        self._encrypt, self._decrypt = cipher.encryptor().update, cipher.decryptor().update
        self._key, self._mac, self._length = integrity_key, mac, length

    def encode(self, payload: bytes, payload_type: int, session_id: int, sequence: int) -> bytes:
        """A packet to the BMC. session_id: the BMC's."""
        plain = payload + _PADS[-(len(payload) + 1) % _BLOCK]
        vector = os.urandom(_BLOCK)
        pieces, last = [vector], vector
        for start in range(0, len(plain), _BLOCK):
            last = self._encrypt(_xor(plain[start : start + _BLOCK], last))
            pieces.append(last)
        secret = b"".join(pieces)
        kind = payload_type | _ENCRYPTED | _AUTHENTICATED
        packet = _HEADER.pack(_RMCP, _AUTHTYPE, kind, session_id, sequence, len(secret)) + secret
        packet += _FILLS[-(len(packet) - 2) % 4]
        return packet + hmac.digest(self._key, packet[4:], self._mac)[: self._length]

    def decode(self, packet: bytes) -> tuple[int, int, bytes] | None:
        """Our session id, the BMC's sequence number and the payload; None where it is not signed by our BMC."""
        if len(packet) < _HEADER.size + 2 * _BLOCK + 2 + self._length:
            return None
        signed, said = packet[4 : -self._length], packet[-self._length :]
        if not hmac.compare_digest(said, hmac.digest(self._key, signed, self._mac)[: self._length]):
            return None
        _, _, _, session_id, sequence, size = _HEADER.unpack_from(packet)
        secret = packet[_HEADER.size : _HEADER.size + size]
        if size < 2 * _BLOCK or size % _BLOCK or len(secret) < size:
            return None
        plain = _xor(self._decrypt(secret[_BLOCK:]), secret[:-_BLOCK])
        padding = plain[-1] + 1
        return (session_id, sequence, plain[:-padding]) if padding <= len(plain) else None


def _xor(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one, "little") ^ int.from_bytes(other, "little")).to_bytes(len(one), "little")
