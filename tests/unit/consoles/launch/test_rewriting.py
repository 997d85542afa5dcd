"""What a BMC says about its own address, as a browser gets it."""

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from oobctl.consoles.launch.rewriting import Rewriter, is_text, is_wide, names_wide

ORIGIN = "https://c-1.consoles.example:8443"
V4 = Rewriter("10.0.0.5", 443, ORIGIN, ["Sesame-1234"])
V6 = Rewriter("fd00::5", 443, ORIGIN)
NAME = Rewriter("bmc7.rack.example", 8443, "http://c-1.consoles.localhost:8480")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b'location="https://10.0.0.5/a"', b'location="https://c-1.consoles.example:8443/a"'),
        (b"wss://10.0.0.5:443/kvm", b"wss://c-1.consoles.example:8443/kvm"),
        (rb'"u":"https:\/\/10.0.0.5\/a"', rb'"u":"https:\/\/c-1.consoles.example:8443\/a"'),
        (b"url=https%3A%2F%2F10.0.0.5%3A443%2Fa", b"url=https%3A%2F%2Fc-1.consoles.example:8443%2Fa"),
        (b"ip=%2010.0.0.5&", b"ip=%20c-1.consoles.example:8443&"),
        (rb'"text":"at\n10.0.0.5."', rb'"text":"at\nc-1.consoles.example:8443."'),
        (b"10.0.0.5:5900", b"c-1.consoles.example:5900"),
        (b"10.0.0.5", b"c-1.consoles.example:8443"),
        (b"10.0.0.50 110.0.0.5 10.0.0.5.1 1.10.0.0.5", b"10.0.0.50 110.0.0.5 10.0.0.5.1 1.10.0.0.5"),
        (b'pwd="Sesame-1234"', b'pwd="******"'),
        (b"10&#46;0&#46;0&#46;5", b"c-1.consoles.example:8443"),
        (rb"10\u002e0\u002e0\u002e5", b"c-1.consoles.example:8443"),
        (b"10%2e0%2e0%2e5", b"c-1.consoles.example:8443"),
    ],
)
def test_its_address_becomes_the_browsers_in_whatever_way_it_is_written(said: bytes, told: bytes) -> None:
    assert V4.whole(said) == told


@pytest.mark.parametrize("written", [b"[fd00::5]", b"fd00::5", b"%5Bfd00::5%5D", b"FD00::5"])
def test_so_does_one_of_ipv6(written: bytes) -> None:
    assert V6.whole(b"https://" + written + b"/a") == b"https://c-1.consoles.example:8443/a"
    assert V6.whole(b"fd00::51") == b"fd00::51"


def test_so_does_a_name() -> None:
    assert NAME.whole(b"wss://bmc7.rack.example:8443/") == b"ws://c-1.consoles.localhost:8480/"
    assert NAME.whole(b"xbmc7.rack.example bmc7.rack.examples") == b"xbmc7.rack.example bmc7.rack.examples"


_PARTS = [b"https://", b"10.0.0.5", b":443", b":5900", b"Sesame-1234", b"0", b".", b"x", rb"\n", b"%3A443", b"%20"]
said = st.lists(st.sampled_from(_PARTS) | st.binary(max_size=3), max_size=12).map(b"".join)


@given(said, st.lists(st.integers(0, 80), max_size=8))
@example(b"x" * 60 + b"110.0.0.5", [61])
def test_in_pieces_it_is_what_it_is_as_a_whole(content: bytes, cuts: list[int]) -> None:
    padded = content + b"-" * 40 + content
    edges = sorted({0, len(padded), *(min(cut, len(padded)) for cut in cuts)})
    pieces = V4.piecewise()
    found = b"".join(pieces.add(padded[a:b]) for a, b in itertools.pairwise(edges))
    assert found + pieces.end() == V4.whole(padded)


@given(said)
def test_neither_address_nor_secret_is_left_where_they_stand_by_themselves(content: bytes) -> None:
    told = V4.whole(b'"' + content + b'" "https://10.0.0.5/" Sesame-1234')
    assert b"Sesame-1234" not in told
    assert b'"https://10.0.0.5/"' not in told


@pytest.mark.parametrize(
    ("kind", "is_one"),
    [
        ("text/html; charset=utf-8", True), ("application/json", True), ("application/problem+json", True),
        ("Application/X-JavaScript", True), ("image/svg+xml", True), (None, True), ("image/png", False),
        ("application/octet-stream", False), ("application/wasm", False),
    ],
)  # fmt: skip
def test_texts_are_told_by_their_type(kind: str | None, is_one: bool) -> None:
    assert is_text(kind) is is_one


@pytest.mark.parametrize(
    "said", [b"p&amp;s&lt;s&quot;1", b'p&s<s"1', b"p%26s%3Cs%221", rb"p&s<s\"1", b'p&amp;s&lt;s"1']
)
def test_a_secret_is_found_as_pages_and_addresses_write_it(said: bytes) -> None:
    assert Rewriter("10.0.0.5", 443, ORIGIN, ['p&s<s"1']).whole(b"<" + said + b">") == b"<******>"


@pytest.mark.parametrize(
    ("kind", "wide"),
    [("text/html; charset=UTF-16", True), ('text/html;charset="utf-32le"', True), ("text/html; charset=utf-8", False)],
)
def test_what_cannot_be_looked_through_is_told_by_its_type_or_its_beginning(kind: str, wide: bool) -> None:
    assert names_wide(kind) is wide
    assert is_wide("\ufeffhtml".encode("utf-16-le"))
    assert not is_wide(b"<html>")
