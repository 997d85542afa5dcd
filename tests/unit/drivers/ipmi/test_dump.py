"""A FRU for a bug report: what names a product stays, what tells one from another is masked, checksums hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oobctl.drivers.ipmi.dump import masked
from oobctl.drivers.ipmi.fru import read_fru
from tests.unit.drivers.test_fru import fru, reader

BOARD = [b"Maker", b"X11 board", b"BOARDSERIAL", b"PART-1", b"", b"custom words"]
PRODUCT = [b"Brand", b"Server 1U", b"PN-2", b"1.0", b"PRODSERIAL", b"ASSET-9", b"", b"custom"]
WHOLE = fru(BOARD, PRODUCT)


def test_what_names_the_product_stays_and_the_rest_is_masked() -> None:
    left = masked(WHOLE)
    assert len(left) == len(WHOLE)
    for told in (b"Maker", b"X11 board", b"PART-1", b"Brand", b"Server 1U", b"PN-2", b"1.0"):
        assert told in left
    for telling in (b"BOARDSERIAL", b"PRODSERIAL", b"ASSET-9", b"custom"):
        assert telling in WHOLE
        assert telling not in left


def test_a_masked_fru_is_read_like_the_one_it_was() -> None:
    before, after = read_fru(reader(WHOLE)), read_fru(reader(masked(WHOLE)))
    assert (after.manufacturer, after.product, after.board) == (before.manufacturer, before.product, before.board)
    assert after.serial == "X" * len("PRODSERIAL")


def test_the_checksum_of_each_area_holds() -> None:
    left = masked(WHOLE)
    for place in (3, 4):
        start = left[place] * 8
        assert sum(left[start : start + left[start + 1] * 8]) & 0xFF == 0


def test_what_stands_outside_of_the_areas_becomes_zeros() -> None:
    assert masked(WHOLE + b"SECRET MULTI-RECORD")[len(WHOLE) :] == bytes(19)


@given(st.binary(max_size=300), st.integers(min_value=0, max_value=300))
def test_damage_is_no_failure(noise: bytes, cut: int) -> None:
    assert len(masked(noise)) == len(noise)
    masked(WHOLE[:8] + noise)
    masked(WHOLE[:cut])


@pytest.mark.parametrize("serial", [b"Z", b"0123456789" * 6])
def test_a_serial_of_any_length_is_masked(serial: bytes) -> None:
    assert serial not in masked(fru([b"Maker", b"Board", serial, b"PN"], []))
