"""The handshake that a viewer is offered has no password; the one with a BMC has, and says what went wrong."""

import asyncio
import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oobctl.consoles.rfb.errors import BrokenStream
from oobctl.consoles.rfb.greeting import Greeting, server_init
from oobctl.drivers.rfb.handshake import Size, answer_to, shake_hands
from oobctl.errors import BmcAuthFailed, BmcBadAnswer, BmcRefused

INIT = server_init(640, 480, "QEMU (web01)")
CHALLENGE = bytes(range(16))


@given(st.lists(st.integers(0, 14), max_size=6))
def test_a_viewer_is_let_in_without_a_password_however_its_bytes_come(cuts: list[int]) -> None:
    said = b"RFB 003.008\n\x01\x01rest"
    greeting, answers, start = Greeting(), b"", 0
    for cut in [*sorted(cuts), len(said)]:
        answers += greeting.feed(said[start:cut])
        start = cut
    assert (greeting.done, greeting.left, answers) == (True, b"rest", b"\x01\x01\0\0\0\0")


@pytest.mark.parametrize("said", [b"RFB 003.003\n", b"GET / HTTP/1.1", b"RFB 003.008\n\x02"])
def test_a_viewer_of_another_kind_is_refused(said: bytes) -> None:
    with pytest.raises(BrokenStream):
        Greeting().feed(said)


def shaken(bmc: bytes, password: str = "secret") -> tuple[Size, bytes]:
    """What comes of a handshake with a BMC that says all of this, and what it was told."""

    async def run() -> tuple[Size, bytes]:
        told = bytearray()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(bmc)
            with contextlib.suppress(ConnectionError):
                while content := await reader.read(100):
                    told.extend(content)
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        try:
            size = await shake_hands(reader, writer, password, "The screen")
            writer.write_eof()
            await asyncio.sleep(0.05)
            return size, bytes(told)
        finally:
            writer.close()
            server.close()

    return asyncio.run(run())


def test_the_password_is_never_said_but_answers_a_challenge() -> None:
    bmc = b"RFB 003.008\n\x02\x01\x02" + CHALLENGE + b"\0\0\0\0" + INIT
    size, told = shaken(bmc)
    assert size == Size(640, 480)
    assert told == b"RFB 003.008\n\x02" + answer_to(CHALLENGE, "secret") + b"\x01"
    assert b"secret" not in told


def test_the_answer_is_vnc_s_own_des() -> None:
    """A pair that QEMU and libvncserver agree on: DES of zeros with the bits of the password's bytes reversed."""
    assert answer_to(bytes(16), "password").hex() == answer_to(bytes(8), "password").hex() * 2
    assert answer_to(bytes(8), "").hex() == "8ca64de9c1b123a7"  # DES of zeros with a key of zeros (FIPS 81)


@pytest.mark.parametrize(
    ("version", "rest"),
    [
        (b"RFB 003.003\n", struct.pack(">I", 2) + CHALLENGE + b"\0\0\0\0"),
        (b"RFB 003.003\n", struct.pack(">I", 1)),
        (b"RFB 003.007\n", b"\x01\x02" + CHALLENGE + b"\0\0\0\0"),
        (b"RFB 003.889\n", b"\x01\x01\0\0\0\0"),
    ],
)
def test_older_and_stranger_versions_are_spoken_too(version: bytes, rest: bytes) -> None:
    assert shaken(version + rest + INIT)[0] == Size(640, 480)


@pytest.mark.parametrize(
    ("bmc", "error", "because"),
    [
        (b"SSH-2.0-dropbear\r\n", BmcBadAnswer, "speaks no VNC"),
        (b"RFB 003.008\n\0" + struct.pack(">I", 4) + b"full", BmcRefused, "It said: full"),
        (b"RFB 003.008\n\x01\x10", BmcRefused, "security types 16"),
        (
            b"RFB 003.008\n\x01\x02" + CHALLENGE + struct.pack(">II", 1, 5) + b"wrong",
            BmcAuthFailed,
            "refused the VNC password. It said: wrong",
        ),
        (
            b"RFB 003.008\n\x01\x02" + CHALLENGE + struct.pack(">II", 1, 17) + b"Too many failures",
            BmcRefused,
            "after too many wrong ones",
        ),
        (
            b"RFB 003.008\n\x01\x01\0\0\0\0" + struct.pack(">HH16sI", 1, 1, b"", 1 << 30),
            BmcBadAnswer,
            "named its screen",
        ),
    ],
)
def test_what_a_bmc_refuses_is_said_in_its_own_words(bmc: bytes, error: type[Exception], because: str) -> None:
    with pytest.raises(error, match=because):
        shaken(bmc)


@given(st.binary(max_size=200))
def test_garbage_from_a_bmc_is_an_error_of_ours_and_never_a_hang(garbage: bytes) -> None:
    async def run() -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(garbage)
        reader.feed_eof()
        with contextlib.suppress(asyncio.IncompleteReadError, BmcAuthFailed, BmcBadAnswer, BmcRefused):
            await shake_hands(reader, _Nowhere(), "secret", "The screen")  # type: ignore[arg-type]

    asyncio.run(run())


class _Nowhere:
    def write(self, content: bytes) -> None:
        pass
