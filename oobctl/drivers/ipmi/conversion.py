"""From a sensor's raw byte to a value in its unit (IPMI 2.0, section 36.3), and back-references of reading factors."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from functools import lru_cache

LINEAR, NON_LINEAR = 0x00, 0x70  # from 70h to 7Fh each raw byte has factors of its own
_LARGEST = 1e15  # nothing that a server measures is larger; a damaged record's exponents are


class Format(IntEnum):
    """How a raw byte counts (sensor units 1, bits 7:6)."""

    UNSIGNED = 0
    ONES_COMPLEMENT = 1
    TWOS_COMPLEMENT = 2
    NONE = 3  # the sensor has no number


@dataclass(frozen=True)
class Factors:
    """y = (m * x + b * 10 ** b_exponent) * 10 ** exponent."""

    m: int
    b: int
    b_exponent: int
    exponent: int


_LINEARIZATIONS: Mapping[int, Callable[[float], float]] = {
    0x01: math.log,
    0x02: math.log10,
    0x03: math.log2,
    0x04: math.exp,
    0x05: lambda x: 10.0**x,
    0x06: lambda x: 2.0**x,
    0x07: lambda x: 1 / x,
    0x08: lambda x: x * x,
    0x09: lambda x: x * x * x,
    0x0A: math.sqrt,
    0x0B: math.cbrt,
}


def known(linearization: int) -> bool:
    """Whether the standard says what it means."""
    return linearization in _LINEARIZATIONS or linearization == LINEAR or linearization >= NON_LINEAR


def factors_of(data: bytes) -> Factors:
    """Six bytes, as in a full sensor record from M on and in the answer to Get Sensor Reading Factors from M on."""
    return Factors(
        m=signed((data[1] & 0xC0) << 2 | data[0], 10),
        b=signed((data[3] & 0xC0) << 2 | data[2], 10),
        b_exponent=signed(data[5] & 0x0F, 4),
        exponent=signed(data[5] >> 4, 4),
    )


def signed(value: int, bits: int) -> int:
    """Two's complement of so many bits."""
    return value - (1 << bits) if value >> (bits - 1) & 1 else value


def count(raw: int, form: Format) -> int:
    """The number that a raw byte stands for."""
    if form is Format.ONES_COMPLEMENT:
        return -(raw ^ 0xFF) if raw & 0x80 else raw
    return signed(raw, 8) if form is Format.TWOS_COMPLEMENT else raw


@lru_cache(maxsize=65_536)  # a fleet has few kinds of sensors, and 256 bytes each
def convert(raw: int, form: Format, linearization: int, factors: Factors) -> float | None:
    """The value; None where the function has none there (the logarithm of 0), or it is too large to be one."""
    exact = (factors.m * count(raw, form) + factors.b * _ten(factors.b_exponent)) * _ten(factors.exponent)
    try:
        value = _LINEARIZATIONS.get(linearization, float)(float(exact))
    except (ValueError, ZeroDivisionError, OverflowError):
        return None
    return value if math.isfinite(value) and abs(value) <= _LARGEST else None


def _ten(exponent: int) -> Fraction:
    return Fraction(10) ** exponent
