"""What a firmware asks by DHCP before it starts from its network (RFC 4578): a program that takes no address."""

import json
import os
import socket
import struct
import subprocess
import sys

_COOKIE, _END, _PATIENCE_SECONDS = b"\x63\x82\x53\x63", b"\xff", 4.0
_DISCOVER = (53, b"\x01")
_WANTED = (55, bytes([1, 3, 43, 54, 60, 66, 67]))
_BINDTODEVICE = 25  # setsockopt(2)


def offered(computer: str, mac: str, architecture: int) -> dict[str, str] | None:
    """What a firmware on that computer is offered: `address`, `vendor`, `file`; None where nobody answers in 4 s."""
    asking = [sys.executable, __file__, mac, str(architecture)]
    told = subprocess.run(["ip", "netns", "exec", computer, *asking], capture_output=True, check=True, timeout=30)
    found: dict[str, str] | None = json.loads(told.stdout)
    return found


def _question(mac: str, architecture: int, number: bytes) -> bytes:
    kind = "HTTPClient" if architecture == 16 else "PXEClient"
    vendor = f"{kind}:Arch:{architecture:05}:UNDI:003016".encode()
    options = (_DISCOVER, _WANTED, (60, vendor), (93, struct.pack("!H", architecture)), (97, bytes(17)))
    card = bytes.fromhex(mac.replace(":", ""))
    head = struct.pack("!BBBB4sHH16x16s192x", 1, 1, 6, 0, number, 0, 0x8000, card)
    return head + _COOKIE + b"".join(bytes([code, len(said)]) + said for code, said in options) + _END


def _read(answer: bytes) -> dict[str, str]:
    options, at = {}, 240
    while at < len(answer) and answer[at] != 255:
        code, length = answer[at], answer[at + 1] if answer[at] else -1
        options[code] = answer[at + 2 : at + 2 + length]
        at += 2 + length
    file = options.get(67) or answer[108:236]
    return {
        "address": socket.inet_ntoa(answer[16:20]),
        "vendor": options.get(60, b"").decode(),
        "file": file.rstrip(b"\0").decode(),
    }


def _ask(mac: str, architecture: int) -> dict[str, str] | None:
    number = os.urandom(4)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as card:
        card.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        card.setsockopt(socket.SOL_SOCKET, _BINDTODEVICE, b"eth0\0")
        card.bind(("", 68))
        card.settimeout(_PATIENCE_SECONDS)
        card.sendto(_question(mac, architecture, number), ("255.255.255.255", 67))
        try:
            while True:
                answer = card.recv(4096)
                if answer[4:8] == number and answer[0] == 2:
                    return _read(answer)
        except TimeoutError:
            return None


if __name__ == "__main__":
    print(json.dumps(_ask(sys.argv[1], int(sys.argv[2]))))
