"""A raw byte becomes a value as IPMI 2.0, section 36.3, says: computed by hand here, and as properties."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oobctl.drivers.ipmi.conversion import Factors, Format, convert, count, factors_of, known, signed
from tests.sdr_records import factors

UNSIGNED, ONES, TWOS = Format.UNSIGNED, Format.ONES_COMPLEMENT, Format.TWOS_COMPLEMENT
PLAIN = Factors(1, 0, 0, 0)


@pytest.mark.parametrize(
    ("raw", "form", "held", "value"),
    [
        (45, UNSIGNED, Factors(1, 0, 0, 0), 45.0),
        (42, UNSIGNED, Factors(100, 0, 0, 0), 4200.0),
        (60, UNSIGNED, Factors(2, 0, 0, -1), 12.0),  # 60 * 2 / 10
        (57, UNSIGNED, Factors(2, 0, 0, -1), 11.4),
        (64, UNSIGNED, Factors(195, 0, 0, -4), 1.248),  # 64 * 195 = 12480
        (10, UNSIGNED, Factors(1, 5, 2, 0), 510.0),  # 10 + 5 * 100
        (200, UNSIGNED, Factors(4, -40, 1, -1), 40.0),  # (800 - 400) / 10
        (0, UNSIGNED, Factors(4, -40, 1, -1), -40.0),
        (5, UNSIGNED, Factors(-1, 0, 0, 0), -5.0),
        (1, UNSIGNED, Factors(1, 1, -8, 0), 1.00000001),
        (255, UNSIGNED, Factors(511, 511, 7, 4), 51101303050000.0),  # (130305 + 5110000000) * 10000
        (0xFB, TWOS, PLAIN, -5.0),
        (0x80, TWOS, PLAIN, -128.0),
        (0x7F, TWOS, PLAIN, 127.0),
        (0xFA, ONES, PLAIN, -5.0),
        (0xFF, ONES, PLAIN, 0.0),
        (0x80, ONES, PLAIN, -127.0),
        (0xFE, TWOS, Factors(5, 10, 0, -1), 0.0),  # (-2 * 5 + 10) / 10
    ],
)
def test_a_linear_sensor_reads_what_the_formula_gives_by_hand(
    raw: int, form: Format, held: Factors, value: float
) -> None:
    assert convert(raw, form, 0, held) == value


@pytest.mark.parametrize(
    ("linearization", "raw", "form", "value"),
    [
        (0x01, 1, UNSIGNED, 0.0),  # ln
        (0x02, 100, UNSIGNED, 2.0),  # log10
        (0x03, 8, UNSIGNED, 3.0),  # log2
        (0x04, 0, UNSIGNED, 1.0),  # e to the power of x
        (0x05, 2, UNSIGNED, 100.0),
        (0x05, 0xFE, TWOS, 0.01),
        (0x06, 10, UNSIGNED, 1024.0),
        (0x07, 4, UNSIGNED, 0.25),
        (0x08, 12, UNSIGNED, 144.0),
        (0x09, 0xFB, TWOS, -125.0),
        (0x0A, 144, UNSIGNED, 12.0),
        (0x0B, 27, UNSIGNED, 3.0),
        (0x0B, 0xE5, TWOS, -3.0),
        (0x01, 0, UNSIGNED, None),  # has no logarithm
        (0x02, 0xFF, TWOS, None),
        (0x0A, 0xFF, TWOS, None),
        (0x07, 0, UNSIGNED, None),
        (0x05, 255, UNSIGNED, None),  # no server measures 10 to the power of 255
        (0x04, 255, UNSIGNED, None),
    ],
)
def test_a_linearized_sensor_reads_the_function_of_the_formula(
    linearization: int, raw: int, form: Format, value: float | None
) -> None:
    found = convert(raw, form, linearization, PLAIN)
    assert found == (None if value is None else pytest.approx(value, rel=1e-12))


def test_the_function_comes_after_the_exponent() -> None:
    assert convert(20, UNSIGNED, 0x08, Factors(1, 0, 0, -1)) == 4.0  # (20 / 10) squared, and not 20 squared / 10


def test_a_sensor_that_is_not_linear_is_converted_by_its_own_factors_alone() -> None:
    assert convert(20, UNSIGNED, 0x70, Factors(3, 0, 0, 0)) == 60.0


def test_the_standards_linearizations_are_known_and_no_others() -> None:
    assert [code for code in range(0x80) if known(code)] == [*range(0x0C), *range(0x70, 0x80)]


TEN = st.integers(min_value=-512, max_value=511)
FOUR = st.integers(min_value=-8, max_value=7)
BYTE = st.integers(min_value=0, max_value=255)


@given(TEN, TEN, FOUR, FOUR)
def test_factors_are_read_as_they_were_packed(m: int, b: int, b_exponent: int, exponent: int) -> None:
    assert factors_of(factors(m, b, b_exponent, exponent)) == Factors(m, b, b_exponent, exponent)


@given(BYTE, TEN, TEN, FOUR, FOUR)
def test_a_linear_value_is_the_nearest_number_to_the_exact_one(
    raw: int, m: int, b: int, b_exponent: int, exponent: int
) -> None:
    exact = (m * raw + b * Fraction(10) ** b_exponent) * Fraction(10) ** exponent
    found = convert(raw, UNSIGNED, 0, Factors(m, b, b_exponent, exponent))
    assert found == (float(exact) if abs(exact) <= 10**15 else None)  # no server measures more


@given(BYTE, BYTE, TEN, FOUR, st.sampled_from([UNSIGNED, TWOS]))
def test_a_larger_count_never_reads_less_where_m_is_positive(
    one: int, other: int, m: int, exponent: int, form: Format
) -> None:
    low, high = sorted((one, other), key=lambda raw: count(raw, form))
    held = Factors(abs(m), 0, 0, exponent)
    values = [convert(raw, form, 0, held) for raw in (low, high)]
    assert values == sorted(value for value in values if value is not None)


@given(st.integers(min_value=1, max_value=127))
def test_both_complements_of_a_number_count_as_its_negative(number: int) -> None:
    assert count(~number & 0xFF, ONES) == -number
    assert count(-number & 0xFF, TWOS) == -number


@given(st.integers(min_value=-512, max_value=511))
def test_ten_bits_keep_their_sign(number: int) -> None:
    assert signed(number & 0x3FF, 10) == number
