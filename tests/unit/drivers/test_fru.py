"""Reading a FRU in pieces, damaged ones included."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oobctl.drivers.ipmi.fru import BOARD, CHASSIS, PRODUCT, Fru, parse, read_fru


def area(words: list[bytes], head: bytes) -> bytes:
    body = head + b"".join(bytes((0xC0 | len(word),)) + word for word in words) + b"\xc1"
    blocks = (len(body) + 2 + 1 + 7) // 8
    whole = (bytes((1, blocks)) + body).ljust(blocks * 8 - 1, b"\0")
    return whole + bytes((-sum(whole) & 0xFF,))


def fru(board: list[bytes], product: list[bytes]) -> bytes:
    first = area(board, b"\x19\0\0\0") if board else b""
    second = area(product, b"\x19") if product else b""
    header = bytes((1, 0, 0, 1 if board else 0, (1 + len(first) // 8) if product else 0, 0, 0))
    return header + bytes((-sum(header) & 0xFF,)) + first + second


def reader(content: bytes):  # type: ignore[no-untyped-def]
    return lambda offset, count: content[offset : offset + count]


BOARD_FIELDS = [b"Maker", b"Board", b"BS1", b"P1"]
PRODUCT_FIELDS = [b"Brand", b"Server 1U", b"PN", b"1.0", b"SN42"]


def test_the_products_words_are_taken_and_the_boards_where_it_has_none() -> None:
    assert read_fru(reader(fru(BOARD_FIELDS, PRODUCT_FIELDS))) == Fru("Brand", "Server 1U", "SN42", "Board")
    assert read_fru(reader(fru(BOARD_FIELDS, []))) == Fru("Maker", "Board", "BS1", "Board")
    unnumbered = [b"Brand", b"Server 1U", b"", b"", b""]
    assert read_fru(reader(fru(BOARD_FIELDS, unnumbered))) == Fru("Brand", "Server 1U", "BS1", "Board")


def test_a_board_without_a_name_has_that_of_its_part_number() -> None:
    assert read_fru(reader(fru([b"Maker", b"", b"BS1", b"P1"], PRODUCT_FIELDS))).board == "P1"


def with_product(fields: bytes, language: int = 0x19) -> bytes:
    """A FRU whose product area has these type/length bytes and texts."""
    body = bytes((language,)) + fields + b"\xc1"
    blocks = (len(body) + 2 + 1 + 7) // 8
    whole = (bytes((1, blocks)) + body).ljust(blocks * 8 - 1, b"\0")
    header = bytes((1, 0, 0, 0, 1, 0, 0))
    return header + bytes((-sum(header) & 0xFF,)) + whole + bytes((-sum(whole) & 0xFF,))


@pytest.mark.parametrize(
    ("field", "language", "text"),
    [
        (b"\xc4SN42", 25, "SN42"),
        (b"\xc3\xe9t\xe9", 0, "\xe9t\xe9"),  # 0 is English too
        (b"\x83\xb3\x4b\x49", 25, "SN42"),  # 6-bit: 33h 2Eh 14h 12h, least significant bits first
        (b"\x44\x12\x34\xa5\xb6", 25, "1234 5-6"),  # BCD plus: A is a space, B a dash
        (b"\x42\x9c\x1d", 25, "9.1:"),
        (b"\x03\x01\xab\xff", 25, "01abff"),  # binary
        (b"\xc4\x3a\x4e\x2d\x4e", 9, "\u4e3a\u4e2d"),  # two bytes a letter in other languages
        (b"\xc3abc", 9, "abc"),  # which an odd length can't be
        (b"\xc8  X1 \0\0 ", 25, "X1"),
    ],
)
def test_each_packing_of_text_is_unpacked(field: bytes, language: int, text: str) -> None:
    content = parse(reader(with_product(field, language)))
    assert (content.areas[PRODUCT]["manufacturer"], content.problems) == (text, ())


def test_a_serial_number_is_in_english_whatever_the_language() -> None:
    fields = b"\xc0\xc0\xc0\xc0" + b"\xc4SN42"
    assert parse(reader(with_product(fields, language=9))).areas[PRODUCT] == {"serial": "SN42"}


def test_the_chassis_the_boards_date_and_custom_fields_are_read() -> None:
    chassis = area([b"CP1", b"CS1"], b"\x17")
    board = area([b"Maker", b"Board", b"BS1", b"P1", b"file", b"more", b"and more"], b"\x19\x80\xc1\xc0")
    header = bytes((1, 0, 1, 1 + len(chassis) // 8, 0, 0, 0))
    content = parse(reader(header + bytes((-sum(header) & 0xFF,)) + chassis + board))
    assert content.areas[CHASSIS] == {"type": "23", "part_number": "CP1", "serial": "CS1"}
    assert content.areas[BOARD]["custom_2"] == "and more"
    assert content.made == datetime(1996, 1, 1, tzinfo=UTC) + timedelta(minutes=0xC0C180)


@pytest.mark.parametrize("watts", [750, 2200])
def test_what_a_power_supply_can_give_is_in_its_record(watts: int) -> None:
    body = (watts | 0xF000).to_bytes(2, "little") + bytes(22)  # the upper four bits are reserved
    head = bytes((0x00, 0x82, len(body), -sum(body) & 0xFF))
    record = head + bytes((-sum(head) & 0xFF,)) + body
    other = bytes((0xC0, 0x02, 2, 0xFD)) + bytes((-(0xC0 + 0x02 + 2 + 0xFD) & 0xFF,)) + b"\x01\x02"
    header = bytes((1, 0, 0, 0, 0, 1, 0))
    whole = header + bytes((-sum(header) & 0xFF,)) + other + record
    assert parse(reader(whole)).power_watts == watts
    damaged = bytearray(whole)
    damaged[-1] ^= 1
    assert parse(reader(bytes(damaged))).power_watts is None


@pytest.mark.parametrize("at", range(8, len(fru(BOARD_FIELDS, PRODUCT_FIELDS))))
def test_an_area_with_a_wrong_checksum_is_left_out_and_named_and_the_other_is_read(at: int) -> None:
    whole = fru(BOARD_FIELDS, PRODUCT_FIELDS)
    start = whole[4] * 8
    damaged = bytearray(whole)
    damaged[at] ^= 0x40
    content = parse(reader(bytes(damaged)))
    name, other = (BOARD, PRODUCT) if at < start else (PRODUCT, BOARD)
    assert name not in content.areas
    assert content.areas[other] == parse(reader(whole)).areas[other]
    assert [problem for problem in content.problems if f"{name} area" in problem]


def test_a_field_that_runs_out_of_its_area_is_no_text() -> None:
    content = parse(reader(with_product(b"\xff" + b"x" * 4)))
    assert content.areas == {}
    assert content.problems == ("has a product area that has a field that runs out of it",)


def test_a_header_with_a_wrong_checksum_counts_as_no_fru() -> None:
    content = bytearray(fru(BOARD_FIELDS, PRODUCT_FIELDS))
    content[7] ^= 0xFF
    assert read_fru(reader(bytes(content))) == Fru()
    assert parse(reader(bytes(content))).problems == ("has a header with a wrong checksum or version",)


@given(st.binary(max_size=300), st.integers(min_value=0, max_value=300))
def test_damage_is_no_failure_and_gives_no_field_that_was_not_there(noise: bytes, cut: int) -> None:
    content = fru(BOARD_FIELDS, PRODUCT_FIELDS)
    parse(reader(noise))
    parse(reader(content[:8] + noise))
    truth = parse(reader(content)).areas
    found = parse(reader(content[:cut])).areas
    assert all(found[name] == truth[name] for name in found)


@given(st.integers(min_value=0, max_value=79), st.integers(min_value=1, max_value=255))
def test_no_changed_byte_changes_a_field(at: int, change: int) -> None:
    """Each byte that a field depends on is under a checksum."""
    content = bytearray(fru(BOARD_FIELDS, PRODUCT_FIELDS))
    truth = parse(reader(bytes(content))).areas
    content[at % len(content)] ^= change
    found = parse(reader(bytes(content))).areas
    assert all(found[name] == truth[name] for name in found)
