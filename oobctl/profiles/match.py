"""Which profile fits a BMC: judged by what the BMC says about itself, never by what somebody typed."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from oobctl.constants import Protocol
from oobctl.errors import ConfigurationError
from oobctl.profiles.criteria import WEIGHTS, Criterion, Described
from oobctl.profiles.load import load_all
from oobctl.profiles.model import Profile


@dataclass(frozen=True)
class Rejected:
    """A profile that came near: it asks for something that the BMC says, and was not taken. because: in words.

    A version alone brings none near: makers count alike.
    """

    profile: str
    because: str


@dataclass(frozen=True)
class Match:
    """A profile, and why it was taken, in words for a person. rejected: the nearest first."""

    profile: Profile
    reason: str
    rejected: tuple[Rejected, ...] = ()


@dataclass(frozen=True)
class _Judged:
    """One profile, and the alternative of its that comes nearest."""

    profile: Profile
    criteria: tuple[Criterion, ...]

    @property
    def fits(self) -> bool:
        return all(criterion.met for criterion in self.criteria)

    @property
    def met(self) -> int:
        """How much of what it asks for the BMC says."""
        return sum(criterion.weight for criterion in self.criteria if criterion.met)

    @property
    def order(self) -> tuple[bool, int, int, str]:
        """The best is the least: one that fits, of which most is said, of which least is not said, and by name."""
        missing = sum(criterion.weight for criterion in self.criteria if not criterion.met)
        return not self.fits, -self.met, missing, self.profile.name


def match(described: Described, protocols: Collection[Protocol], profiles: Iterable[Profile] | None = None) -> Match:
    """The profile that asks for most of what this BMC says; else the generic one of the protocols it has.

    Raises ConfigurationError where not even a generic profile fits.
    """
    candidates = list(profiles if profiles is not None else load_all().values())
    reachable = [profile for profile in candidates if set(profile.protocols) & set(protocols)]
    judged = sorted((_nearest(profile, described) for profile in reachable if not profile.generic), key=_order)
    if judged and judged[0].fits:
        best = judged[0]
        return Match(best.profile, f"The BMC says {_met(best)}.", _rejected(judged[1:], best))
    generic = _generic(reachable, described, protocols)
    rejected = _rejected(judged, None)
    return Match(generic, f"{generic_note(generic, said_by(described))}{_near(rejected)}", rejected)


def generic_note(profile: Profile, said: str) -> str:
    """Why a BMC has a generic profile. said: what it calls itself."""
    return f"No profile knows {said}, so it has a generic one: {profile.name} fits any BMC that speaks its protocol."


def said_by(described: Described) -> str:
    """What a BMC calls itself, in a line."""
    return said_in(described.manufacturer, described.model, described.bmc_model, described.bmc_firmware)


def said_in(*said: str | None) -> str:
    """The words that there are; where there is none, it says nothing at all."""
    return ", ".join(dict.fromkeys(word for word in said if word)) or "a BMC that says nothing of its maker and model"


def _order(judged: _Judged) -> tuple[bool, int, int, str]:
    return judged.order


def _nearest(profile: Profile, described: Described) -> _Judged:
    """The alternative that fits or of which most is said; of several the first, which is the best known sign."""
    judged = (_Judged(profile, criteria.judged(described)) for criteria in profile.any_of)
    return min(judged, key=lambda one: (not one.fits, -one.met))


def _generic(reachable: Iterable[Profile], described: Described, protocols: Collection[Protocol]) -> Profile:
    generic = [profile for profile in reachable if profile.generic]
    if not generic:
        spoken = ", ".join(sorted(protocols)) or "nothing"
        raise ConfigurationError(
            f"No hardware profile fits a BMC that speaks {spoken}: {said_by(described)}. "
            "Restore hwprofiles/generic-ipmi.yaml and hwprofiles/generic-redfish.yaml, or add a profile for it."
        )
    return min(generic, key=lambda profile: (_rank(profile, protocols), profile.name))


def _rank(profile: Profile, protocols: Collection[Protocol]) -> int:
    """Redfish says more than IPMI: where a BMC has both, the generic profile of Redfish is taken."""
    return 0 if Protocol.REDFISH in profile.protocols and Protocol.REDFISH in protocols else 1


def _met(judged: _Judged) -> str:
    return ", ".join(criterion.words for criterion in judged.criteria if criterion.met)


def _rejected(judged: Iterable[_Judged], best: _Judged | None) -> tuple[Rejected, ...]:
    near = [one for one in judged if any(item.met and item.weight > WEIGHTS["bmc_firmware"] for item in one.criteria)]
    return tuple(Rejected(one.profile.name, _because(one, best)) for one in near)


def _because(judged: _Judged, best: _Judged | None) -> str:
    if judged.fits and best is not None:
        less = "less" if judged.met < best.met else "no more"
        return f"it fits by {_met(judged)}, and asks for {less} than {best.profile.name} does"
    return "it asks for " + "; and for ".join(one.refusal for one in judged.criteria if not one.met)


def _near(rejected: tuple[Rejected, ...]) -> str:
    return f" The nearest was {rejected[0].profile}: {rejected[0].because}." if rejected else ""
