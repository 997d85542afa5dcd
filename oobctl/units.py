"""Units as people write them, for pages and the command line: readings have UCUM's (Cel, [cfm])."""

_WORDS = {"Cel": "°C", "[degF]": "°F", "RPM": "rpm", "%": "%", "kW.h": "kWh", "[cfm]": "cfm", "[cft_i]/min": "cfm"}


def unit(units: str) -> str:
    """°C for Cel; what has no other spelling stays as it is."""
    return _WORDS.get(units, units)
