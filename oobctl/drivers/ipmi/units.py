"""Units of sensors as UCUM writes them, and what they measure (IPMI 2.0, table 43-15 and sensor units 1 to 3)."""

from oobctl.constants import ReadingType

_BASES = (
    "", "Cel", "[degF]", "K", "V", "A", "W", "J", "C", "V.A", "nit", "lm", "lx", "cd", "kPa", "[psi]", "N", "[cfm]",
    "RPM", "Hz", "us", "ms", "s", "min", "h", "d", "wk", "mil", "[in_i]", "[ft_i]", "[cin_i]", "[cft_i]", "mm", "cm",
    "m", "cm3", "m3", "L", "[foz_us]", "rad", "sr", "{rev}", "{cycle}", "[g]", "[oz_av]", "[lb_av]",
    "[ft_i].[lb_av]", "[oz_av].[in_i]", "G", "Gb", "H", "mH", "F", "uF", "Ohm", "S", "mol", "Bq", "[ppm]", "", "dB",
    "dB[A]", "dB[C]", "Gy", "Sv", "K{colour}", "bit", "kbit", "Mbit", "Gbit", "By", "kBy", "MBy", "GBy", "{word}",
    "{dword}", "{qword}", "{line}", "{hit}", "{miss}", "{retry}", "{reset}", "{overrun}", "{underrun}",
    "{collision}", "{packet}", "{message}", "{character}", "{error}", "{correctable error}",
    "{uncorrectable error}", "{fatal error}", "g",
)  # fmt: skip
_RATES = ("", "/us", "/ms", "/s", "/min", "/h", "/d", "")
_DIVIDED, _MULTIPLIED = 1, 2
_PERCENTAGE = 0x01
_KINDS = {
    "Cel": ReadingType.TEMPERATURE,
    "[degF]": ReadingType.TEMPERATURE,
    "K": ReadingType.TEMPERATURE,
    "V": ReadingType.VOLTAGE,
    "A": ReadingType.CURRENT,
    "W": ReadingType.POWER,
    "RPM": ReadingType.ROTATIONAL,
    "Hz": ReadingType.FREQUENCY,
    "[cfm]": ReadingType.AIR_FLOW,
    "kPa": ReadingType.PRESSURE,
    "[psi]": ReadingType.PRESSURE,
    "%": ReadingType.PERCENT,
}


def known(base: int, modifier: int) -> bool:
    """Whether the standard has these units."""
    return base < len(_BASES) and modifier < len(_BASES)


def ucum(units: int, base: int, modifier: int) -> str | None:
    """The unit that a record's three unit bytes say; None where they say none."""
    unit = _BASES[base]
    how = units >> 1 & 0x03
    if how == _DIVIDED and _BASES[modifier]:
        unit = f"{unit or '1'}/{_BASES[modifier]}"
    elif how == _MULTIPLIED and _BASES[modifier]:
        unit = f"{unit}.{_BASES[modifier]}" if unit else _BASES[modifier]
    if units & _PERCENTAGE:
        unit = "%"
    rate = _RATES[units >> 3 & 0x07]
    return unit + rate if unit else None


def kind_of(unit: str | None) -> ReadingType:
    """What is measured in that unit."""
    return _KINDS.get(unit or "", ReadingType.OTHER)
