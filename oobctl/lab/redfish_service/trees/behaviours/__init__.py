"""The named behaviours: ways in which BMCs differ, any set of them at once; names as profiles.quirks has them."""

from oobctl.lab.errors import LabError
from oobctl.lab.redfish_service.trees.behaviours import access, boot, events, faults, media, power, shapes
from oobctl.lab.redfish_service.trees.behaviours.behaviour import Behaviour

_MODULES = (access, boot, events, faults, media, power, shapes)
BEHAVIOURS: dict[str, type[Behaviour]] = {
    str(behaviour.name): behaviour for module in _MODULES for behaviour in module.BEHAVIOURS
}


def make(wanted: str) -> Behaviour:
    """A behaviour by its name, or `name=number` where it has a number. Raises LabError where there is no such."""
    name, _, number = wanted.partition("=")
    if name not in BEHAVIOURS:
        raise LabError(f"There is no behaviour {name!r}. There are: {', '.join(sorted(BEHAVIOURS))}.")
    try:
        return BEHAVIOURS[name](float(number) if number else None)
    except ValueError as error:
        raise LabError(f"{wanted!r}: {number!r} is no number.") from error
